"""What is measured: our steps, as processes and in Docker, and what people use in their place, doing the same."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from container.runner import Job, Use
from nomad_token_lab import Lab
from nomad_token_lab.runner import MINT, REVOKE, Step

MANY: Final = 20
_MEASURED: Final = Path(__file__).with_name("measured.py")
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Took:
    """What one run took: one process, or several one after the other."""

    seconds: float
    peak: float
    """The peak of resident memory, in MiB; of several, the largest."""
    printed: str = ""


@dataclass(frozen=True)
class Contender:
    """Something that is run once in each round."""

    name: str
    run: Callable[[Path], Took]
    """Given a new folder."""


class Failed(Exception):
    """What was to be measured did not do its work."""


def measured(*words: str | Path, environ: Mapping[str, str] | None = None, given: str = "") -> Took:
    """Run *words* with nothing but *environ*, and *given* on standard input.

    Raises:
        Failed: where it ends with another exit code than 0.
    """
    done = subprocess.run(
        [sys.executable, "-ISB", _MEASURED, *words],
        env={"PATH": _PATH, **(environ or {})},
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads(done.stdout)
    if figures["code"]:
        raise Failed(f"{words[0]} ended with {figures['code']}:\n{done.stderr}")
    return Took(figures["seconds"], figures["peak"], done.stderr)


class Ours:
    """Our two steps as processes, from an environment that holds what the image holds."""

    def __init__(self, lab: Lab, scripts: Path) -> None:
        """Run the executables in *scripts* against *lab*."""
        self._lab = lab
        self._scripts = scripts
        self._step: Step

    def contenders(self) -> Iterator[Contender]:
        """Each mint, and the revoke of what it made."""
        plain = inputs(self._lab)
        proven = plain | {"nomad-addr": self._lab.nomad.addr}
        many = proven | {"role": "\n".join(f"deployer | TOKEN_{number}" for number in range(MANY))}
        for name, given in (("", plain), (", proven at Nomad", proven), (f" of {MANY} tokens, proven at Nomad", many)):
            yield Contender(f"mint{name}", lambda folder, given=given: self._mint(folder, given))  # type: ignore[misc]
            yield Contender(f"revoke{name}", self._revoke)

    def _mint(self, folder: Path, given: Mapping[str, str]) -> Took:
        self._step = Step(folder, self._lab.github.environ(), scripts=self._scripts)
        took = self._run(MINT, given)
        self._step.read(MINT, 0, took.printed)
        return took

    def _revoke(self, _folder: Path) -> Took:
        return self._run(REVOKE, {})

    def _run(self, executable: str, given: Mapping[str, str]) -> Took:
        return measured(self._scripts / executable, environ=self._step.environment(executable, given))


class InDocker:
    """The same steps, as GitHub's runner starts them."""

    def __init__(self, lab: Lab, image: str) -> None:
        """Run *image* against *lab*."""
        self._lab = lab
        self._image = image
        self._use: Use

    def contenders(self) -> Iterator[Contender]:
        """A container that does nothing, and the two steps."""
        yield Contender("docker run IMAGE true", self._nothing)
        yield Contender("mint in Docker, proven at Nomad", self._mint)
        yield Contender("revoke in Docker, proven at Nomad", self._revoke)

    def _nothing(self, _folder: Path) -> Took:
        return measured("docker", "run", "--rm", "--network", "host", "--entrypoint", "true", self._image)

    def _mint(self, folder: Path) -> Took:
        self._use = Use(Job(folder, self._image, self._lab.github.environ()))
        return self._step("main")

    def _revoke(self, _folder: Path) -> Took:
        return self._step("post")

    def _step(self, name: str) -> Took:
        given = inputs(self._lab) | {"nomad-addr": self._lab.nomad.addr}
        call = self._use.prepared(name, given)
        took = measured(*call.words, environ=call.environ)
        self._use.read(name, call.files, 0, took.printed)
        return took


def vault_action(lab: Lab, checkout: Path) -> Contender:
    """Return hashicorp/vault-action, reading the same token with the same login; its *checkout* holds `dist/`."""
    node = shutil.which("node") or "node"
    declared: dict[str, Any] = yaml.safe_load((checkout / "action.yml").read_text("utf-8"))
    given = {name: str(about.get("default", "")) for name, about in declared["inputs"].items()} | {
        "url": lab.vault.addr,
        "method": "jwt",
        "role": "deploy-app",
        "jwtGithubAudience": lab.vault.addr,
        "secrets": "nomad/creds/deployer secret_id | NOMAD_TOKEN ;\nnomad/creds/deployer accessor_id | NOMAD_ACCESSOR",
    }

    def run(folder: Path) -> Took:
        files = {f"GITHUB_{name}": folder / name for name in ("ENV", "OUTPUT", "STATE", "STEP_SUMMARY", "PATH")}
        folder.mkdir()
        for file in files.values():
            file.touch()
        environ = {f"INPUT_{name.upper()}": value for name, value in given.items()} | lab.github.environ()
        environ |= {name: str(file) for name, file in files.items()} | {"GITHUB_ACTIONS": "true"}
        took = measured(node, checkout / declared["runs"]["main"], environ=environ)
        if "NOMAD_TOKEN" not in files["GITHUB_ENV"].read_text("utf-8"):
            raise Failed(f"vault-action exported nothing:\n{took.printed}")
        return took

    return Contender("vault-action, the same", run)


def bao(lab: Lab) -> Contender:
    """Return OpenBao's own command, called twice; the id token is given to it, and does not count."""
    program = Path(sys.executable).with_name("bao")

    def run(folder: Path) -> Took:
        folder.mkdir()
        environ = {"BAO_ADDR": lab.vault.addr, "HOME": str(folder)}
        login = ("write", "-field=token", "auth/jwt/login", "role=deploy-app", "jwt=-")
        first = measured(program, *login, environ=environ, given=lab.github.id_token(lab.vault.addr).get_secret_value())
        environ["BAO_TOKEN"] = first.printed.strip()
        second = measured(program, "read", "-field=secret_id", "nomad/creds/deployer", environ=environ)
        return Took(first.seconds + second.seconds, max(first.peak, second.peak))

    return Contender("two calls of bao, the same", run)


def python(scripts: Path, name: str, code: str = "pass") -> Contender:
    """Return Python itself, running *code*."""
    return Contender(name, lambda _folder: measured(scripts / "python", "-I", "-c", code))


def inputs(lab: Lab) -> dict[str, str]:
    """Return what a mint has to be given, and no more."""
    return {"vault-addr": lab.vault.addr, "role": "deployer", "vault-auth-role": "deploy-app"}


def docker_is_here() -> bool:
    """Tell whether a Docker Engine answers."""
    return shutil.which("docker") is not None and os.system("docker info >/dev/null 2>&1") == 0  # noqa: S605, S607
