"""A project with a runner of one shell, a lab that trusts its jobs, and what must not be left of them."""

import base64
import contextlib
import re
import shutil
import sysconfig
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from container.leaks import secrets_in
from gitlab.runner import Ran, Runner, Shell, Stop
from gitlab.template import Jobs, included, merged
from jobs import nothing_lives
from nomad_token_lab import Lab

SHELLS: Final = ("bash", "dash", "ash")
ENDINGS: Final = ("success", "failure", "cancel", "timeout")
TRACES: Final = ("quiet", "set -x", "CI_DEBUG_TRACE")
STATUS: Final = {"success": "success", "failure": "failed", "cancel": "canceled", "timeout": "failed"}
NOMAD_TOKEN: Final = Path(sysconfig.get_path("scripts"), "nomad-token")
_APPLETS: Final = ("chmod", "date", "env", "grep", "mkdir", "mv", "rm", "sh", "sha256sum", "sleep", "touch", "wget")
_WORD: Final = re.compile(rb"[A-Za-z0-9+/_-]{20,}")


def shell(name: str, folder: Path, tool: Path | None = NOMAD_TOKEN) -> Shell:
    """Return a shell and its programs: busybox's alone for `ash`; *tool* is `nomad-token` there, if it is at all."""
    program = shutil.which("busybox" if name == "ash" else name)
    if program is None:
        pytest.fail(f"no {'busybox' if name == 'ash' else name} here: its shell is one of three", pytrace=False)
    programs = folder / "programs"
    programs.mkdir(parents=True)
    if tool:
        (programs / "nomad-token").symlink_to(tool)
    if name == "ash":
        for applet in _APPLETS:
            (programs / applet).symlink_to(program)
        return Shell((program, "ash"), str(programs))
    return Shell((program,), f"{programs}:/usr/bin:/bin")


class Site:
    """A project on the lab."""

    def __init__(self, folder: Path, shell: Shell, *labs: Lab, variables: Mapping[str, str] | None = None) -> None:
        """Run in *folder*; each of *labs* is a cluster, whose issuer makes the id tokens for its own addresses."""
        self.labs = labs
        self.folder = folder
        self.witness = folder / "witness"
        self.ready = folder / "ready"
        self.runner = Runner(folder, shell, self._id_token, variables)
        self.rans: list[Ran] = []

    @property
    def lab(self) -> Lab:
        """The first cluster."""
        return self.labs[0]

    def template(self, lab: Lab | None = None, /, **inputs: str) -> Jobs:
        """Include the template with the inputs of the quick start."""
        one = lab or self.lab
        plain = {
            "vault_addr": one.vault.addr,
            "nomad_addr": one.nomad.addr,
            "role": "deployer",
            "vault_auth_role": "deploy-app",
        }
        return included(**plain | inputs)

    def script(self, ending: str, trace: str = "quiet") -> list[str]:
        """Return a script that uses the token, and ends in one of the four ways, or waits to be ended."""
        last = {"success": "true", "failure": "exit 3"}.get(ending, f"touch {self.ready}; sleep 60")
        # Not `$NOMAD_TOKEN`: what a user's own trace prints of it is the user's.
        return [*(["set -x"] if trace == "set -x" else []), f"env >>{self.witness}", last]

    def stop(self, ending: str) -> Stop | None:
        """Return what ends a script that waits."""
        how = {"cancel": "canceled", "timeout": "timedout", "kill": "killed"}.get(ending)
        return Stop(how, self.ready.exists) if how else None

    def run(self, name: str, *files: Jobs, stop: Stop | None = None) -> Ran:
        """Run one job of a pipeline."""
        ran = self.runner.job(name, merged(*files)[name], stop=stop)
        self.rans.append(ran)
        return ran

    def pipeline(self, *files: Jobs, stops: Mapping[str, Stop | None] | None = None) -> dict[str, Ran]:
        """Run a whole pipeline."""
        wanted = {name: stop for name, stop in (stops or {}).items() if stop}
        ran = self.runner.pipeline(merged(*files), wanted)
        self.rans += ran.values()
        return ran

    @property
    def witnessed(self) -> list[dict[str, str]]:
        """The variables of each script that came to use its token."""
        if not self.witness.exists():
            return []
        found: list[dict[str, str]] = []
        for line in self.witness.read_text("utf-8").splitlines():
            name, _, value = line.partition("=")
            if not found or name in found[-1]:
                found.append({})
            found[-1][name] = value
        return found

    @property
    def tokens(self) -> list[str]:
        """The tokens that scripts had, by any name."""
        values = (value for seen in self.witnessed for name, value in seen.items() if name.endswith("NOMAD_TOKEN"))
        return list(dict.fromkeys(values))

    def alive(self) -> bool:
        """Tell whether anything that was made lives at any cluster."""
        return not all(nothing_lives(lab) for lab in self.labs)

    def printed(self, *rans: Ran) -> list[str]:
        """List the secrets that a log, or a command line, shows in any form."""
        return [
            found for ran in rans or self.rans for text in (ran.log, *ran.argv) for found in self._in(text.encode())
        ]

    def on_disk(self) -> dict[str, list[str]]:
        """Return the secrets in each file of the work tree, of the folder beside it, and of the home."""
        folders = (self.runner.project, self.runner.temporary, self.folder / "home")
        files = [path for each in folders for path in each.rglob("*")]
        found = {path.name: self._in(path.read_bytes()) for path in files if path.is_file()}
        return {name: secrets for name, secrets in found.items() if secrets}

    def left(self) -> list[str]:
        """Return what is left beside the work tree, but the tool and what is the runner's own."""
        return sorted(
            path.name
            for path in self.runner.temporary.iterdir()
            if path.name != "gitlab_runner_env" and not re.fullmatch(r"nomad-token-[0-9a-f]{64}", path.name)
        )

    def _in(self, data: bytes) -> list[str]:
        text = b"\n".join(_readings(data)).decode("latin-1")
        known = [token for token in self.tokens if token in text]
        return [*known, *(found for found in secrets_in(text, self.lab) if not self._public(found))]

    def _public(self, found: str) -> bool:
        """Tell an accessor of another cluster."""
        deleted = [each.path.rpartition("/")[2] for lab in self.labs for each in lab.requests]
        return found in deleted or any(found in lab.nomad.tokens for lab in self.labs)

    def _id_token(self, audience: str) -> str:
        lab = next((lab for lab in self.labs if audience in {lab.vault.addr, lab.nomad.addr}), self.lab)
        return lab.github.id_token(audience).get_secret_value()


def _readings(data: bytes) -> Iterator[bytes]:
    """Yield *data*, and what its words say that may be base64, compressed or not."""
    yield data
    for word in _WORD.findall(data):
        plain = word.replace(b"+", b"-").replace(b"/", b"_")
        for start in range(4):
            whole = plain[start:]
            with contextlib.suppress(ValueError):
                read = base64.urlsafe_b64decode(whole[: len(whole) // 4 * 4])
                yield read
                with contextlib.suppress(zlib.error):
                    yield zlib.decompressobj().decompress(read)


def job(extends: str | Sequence[str], script: Sequence[Any], **keywords: Any) -> Jobs:  # noqa: ANN401 - YAML
    """Return a deploy job."""
    return {"deploy": {"stage": "deploy", "extends": extends, "script": list(script), **keywords}}
