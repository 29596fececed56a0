"""GitHub Actions and the runners that speak its protocol: act, and Gitea's and Forgejo's, which are act."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final, TextIO
from urllib.parse import parse_qsl, urlsplit

from actions_toolkit.command import Command
from actions_toolkit.file_command import prepare_key_value_message
from pydantic import SecretStr

from nomad_token.clients.github import request_id_token
from nomad_token.clients.http import Connection, Failure, Place, Refusal
from nomad_token.clock import Clock, Deadline
from nomad_token.declared import Declared, Found
from nomad_token.errors import Error, InputError, NoIdentity, Temporary
from nomad_token.platforms.act import ActState
from nomad_token.platforms.base import Export, Level
from nomad_token.platforms.files import append, overwrite
from nomad_token.platforms.proxies import proxy_for
from nomad_token.retry import of_repeatable, patiently
from nomad_token.text import shown

_STATE_PREFIX: Final = "nomad_token_"
_STATE_END: Final = "nomad_token_end"
_MOST_ENTRIES: Final = 100
_IN_CONTAINER: Final = "/github/workspace"
_LEFT_BEHIND: Final = ("save_state_", "set_env_", "set_output_")
_LONGEST_LINE: Final = 4000
_SKIP: Final = (
    "Skip the step for them: if: github.actor != 'dependabot[bot]' && "
    "(!github.event.pull_request || github.event.pull_request.head.repo.full_name == github.repository)"
)
# Of the plain environment only places are read: any earlier step can set the rest (design §4).
_PLACES: Final = frozenset(
    {"VAULT_ADDR", "VAULT_SERVER_URL", "VAULT_NAMESPACE", "NOMAD_ADDR", "NOMAD_REGION", "NOMAD_NAMESPACE"}
)


class GitHub:
    """A step of a GitHub workflow."""

    def __init__(
        self, environ: Mapping[str, str], out: TextIO, *, clock: Clock, connect: Callable[[Place], Connection]
    ) -> None:
        """Run in *environ*, print to *out*; *connect* opens a connection."""
        self._environ = environ
        self._out = out
        self._clock = clock
        self._connect = connect
        self._count = 0
        self._act = ActState.beside(environ.get("GITHUB_STATE", ""))

    @staticmethod
    def is_here(environ: Mapping[str, str]) -> bool:
        """Tell whether *environ* is that of a workflow's step."""
        return environ.get("GITHUB_ACTIONS") == "true"

    def lookup(self, declared: Declared) -> Found | None:
        """Find an input under `with:` (an empty one is not given), a place in the environment too."""
        if value := self._environ.get(_spelt(declared.name), "").strip():
            return Found(value, f"the input `{declared.name}`")
        for name in declared.environment:
            if name in _PLACES and (value := self._environ.get(name, "").strip()):
                return Found(value, name)
        return None

    def read_file(self, path: str) -> str:
        """Read a file of the workspace: the container sees no other of the runner's. Raises `InputError`."""
        inside = self._environ.get("GITHUB_WORKSPACE") == _IN_CONTAINER
        if inside and path.startswith("/") and not path.startswith("/github/"):
            raise InputError(
                f"`{shown(path)}` is a path of the runner, which this container does not see.",
                fix="Give a path in the workspace, relative to it, or the text itself.",
            )
        try:
            return Path(self._environ.get("GITHUB_WORKSPACE", "."), path).read_text("utf-8")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise InputError(
                f"`{shown(path)}` can't be read: {reason}.",
                why="A value that is neither PEM nor base64 of it is taken for a file of the workspace.",
                fix="Check out the repository before this step, and give the path relative to it.",
            ) from None

    def proxy(self, address: str) -> str:
        """Return the proxy that the runner's environment names for *address*."""
        return proxy_for(address, self._environ)

    def given_names(self) -> list[str]:
        """List the names under `with:`, in lower case as the runner leaves no other."""
        return [
            name.removeprefix("INPUT_").lower()
            for name, value in self._environ.items()
            if name.startswith("INPUT_") and value.strip()
        ]

    def preflight(self) -> None:
        """Raise `InputError` where the runner would lose what is saved, or the export."""
        for name in ("GITHUB_STATE", "GITHUB_ENV", "GITHUB_OUTPUT"):
            path = Path(self._environ.get(name, ""))
            if not path.is_file():
                raise InputError(
                    f"{name} does not name a file in this container: nothing was minted.",
                    why="Without it the token could not be handed on, or not be revoked. act's host mode "
                    "(-P …=-self-hosted) gives container actions paths that exist on the host only.",
                    fix="Under act, choose an image: act -P ubuntu-latest=IMAGE.",
                )
            if not os.access(path, os.W_OK):
                raise InputError(
                    f"{name} can't be written to: nothing was minted.",
                    why="The runner's files belong to another user, or the disk is read-only.",
                    fix="Run the action as root, as the runner does, and check the runner's disk.",
                )
        self._refuse_lost_volumes()

    def id_token(self, audience: str, deadline: Deadline) -> SecretStr:
        """Ask the runner for an id token; raises `NoIdentity`, `Temporary`."""
        url = self._environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
        bearer = SecretStr(self._environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", ""))
        if not url or not bearer.get_secret_value():
            raise self._no_identity()
        parts = urlsplit(url)
        connection = self._connect(Place(address=f"{parts.scheme}://{parts.netloc}"))
        query = dict(parse_qsl(parts.query)) | {"audience": audience}
        try:
            return patiently(
                lambda: request_id_token(connection, parts.path, query, bearer),
                of_repeatable,
                clock=self._clock,
                deadline=deadline,
            )
        except Failure as failure:
            raise _no_id_token(failure) from None

    def withheld(self) -> str:
        """Explain why this job has neither an id token nor secrets: GitHub gives none to code from elsewhere."""
        if self._environ.get("GITHUB_ACTOR") == "dependabot[bot]":
            return "Workflows that Dependabot starts get no id token and none of the repository's secrets."
        if self._from_fork():
            return "This is a pull request from a fork: GitHub gives its jobs neither an id token nor secrets."
        return ""

    def mask(self, secret: SecretStr) -> None:
        """Have the runner hide *secret*. Flushed: a mask that is still in a buffer hides nothing."""
        self._command("add-mask", secret.get_secret_value())

    def keep(self, mint: str, line: str) -> None:
        """Append to the state of this step; each line is an entry of its own, so a torn last one loses only itself."""
        self._append("GITHUB_STATE", prepare_key_value_message(f"{_STATE_PREFIX}{self._count:03}", line))
        self._count += 1
        if self._act:
            self._act.keep(mint, line)

    def kept_all(self) -> None:
        """Save how much was kept: what other steps add to the environment comes after it, and is not read."""
        with suppress(OSError):
            self._append("GITHUB_STATE", prepare_key_value_message(_STATE_END, str(self._count)))

    def take_kept(self) -> list[str]:
        """Return what the main step kept.

        Any step can put more `STATE_…` into the environment. The runner sets those of this step last, so none is
        replaced (`ActionRunner.cs`), and what lies beyond the end is somebody else's.
        """
        kept: list[str] = []
        end = self._environ.get(f"STATE_{_STATE_END}", "")
        most = int(end) if end.isascii() and end.isdigit() else _MOST_ENTRIES
        while len(kept) < most and (line := self._environ.get(f"STATE_{_STATE_PREFIX}{len(kept):03}")) is not None:
            kept.append(line)
        return kept or (self._act.take() if self._act else [])

    def export(self, export: Export) -> None:
        """Write to `GITHUB_ENV` and `GITHUB_OUTPUT`."""
        for name, values in (("GITHUB_ENV", export.variables), ("GITHUB_OUTPUT", export.outputs)):
            lines = [prepare_key_value_message(key, _plain(value)) for key, value in values.items()]
            if lines:
                self._append(name, "\n".join(lines))

    def scrub(self, secrets: Iterable[SecretStr]) -> None:
        """Overwrite *secrets* in the files of earlier steps, which the runner keeps until the job ends."""
        needles = [secret.get_secret_value().encode() for secret in secrets]
        folder = Path(self._environ.get("GITHUB_STATE") or "/nowhere/state").parent
        with suppress(OSError):
            for path in folder.iterdir():
                if path.name.startswith(_LEFT_BEHIND):
                    with suppress(OSError):
                        overwrite(path, needles)
        if self._act:
            self._act.remove_when_taken()

    def say(self, line: str) -> None:
        """Print one line of the log, which the runner can't take for a command."""
        self._out.write(f"{shown(line, _LONGEST_LINE).lstrip(':')}\n")
        self._out.flush()

    def trace(self, line: str) -> None:
        """Print a debug line, where the job is debugged (`ACTIONS_STEP_DEBUG`); a broken log breaks nothing else."""
        if self._environ.get("RUNNER_DEBUG") == "1":
            with suppress(OSError):
                self._command("debug", line)

    def annotate(self, level: Level, title: str, text: str) -> None:
        """Print a message that the job's page shows on top."""
        self._command(level.value, text, title=title)

    def summarise(self, markdown: str) -> None:
        """Append to the job's summary, where there is one; a summary is not worth a failure."""
        with suppress(OSError):
            self._append("GITHUB_STEP_SUMMARY", markdown)

    def unreachable(self, address: str) -> str:
        """Explain why a host's address may not work in a container. Under act it does: the network is the job's."""
        if self._act or self._environ.get("GITHUB_WORKSPACE") != _IN_CONTAINER:
            return ""
        host = urlsplit(address).hostname or ""
        if host == "localhost" or host.startswith("127.") or host == "::1":
            return (
                f"The action runs in a container, and there {host} is the container itself, not the runner: give an "
                "address that the runner's Docker network reaches."
            )
        return (
            "The action runs in a container, whose DNS and routes may differ from the runner's: names of a VPN or of a "
            "split DNS are often unknown there. Give an address that the runner's Docker network reaches."
        )

    def _command(self, name: str, message: str, **properties: str) -> None:
        self._out.write(f"{Command(name, properties, message)}\n")
        self._out.flush()

    def _append(self, variable: str, text: str) -> None:
        path = self._environ.get(variable)
        if not path:
            raise OSError(f"{variable} is not set")
        append(Path(path), f"{text}\n")

    def _refuse_lost_volumes(self) -> None:
        """Refuse ARC's no-volume mode: the step's pod is deleted with all its files (runner-container-hooks#302)."""
        if "KUBERNETES_SERVICE_HOST" not in self._environ:
            return
        mounts: list[str] = []
        with suppress(OSError):
            mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text("utf-8").splitlines()]
        state = PurePosixPath(self._environ["GITHUB_STATE"])
        nearest = max((mount for mount in mounts if PurePosixPath(mount) in state.parents), key=len, default="/")
        if nearest in {"/", "/github"}:
            raise InputError(
                "This runner drops what a container action saves: nothing was minted.",
                why="It looks like the Kubernetes mode without volumes, which copies nothing back from the step's pod: "
                "the token could neither be handed on nor be revoked (actions/runner-container-hooks#302).",
                fix="Use the Kubernetes mode with a volume claim, or Docker-in-Docker.",
            )

    def _no_identity(self) -> NoIdentity:
        what = "There is no id token: the runner offers none to this job."
        if self._act:
            return NoIdentity(
                what,
                why="act has no OIDC of its own.",
                fix="Give one: `id-token: ${{ secrets.ID_TOKEN }}` under `with:`, and act --secret-file FILE with a "
                "line ID_TOKEN=….",
            )
        if why := self.withheld():
            return NoIdentity(what, why=why, fix=_SKIP)
        return NoIdentity(
            what,
            why="The job lacks the permission `id-token: write`.",
            fix="Add it to the job, and for a reusable workflow to the job that calls it too:\n"
            "  permissions:\n    contents: read\n    id-token: write",
        )

    def _from_fork(self) -> bool:
        if self._environ.get("GITHUB_EVENT_NAME") == "pull_request_target":
            return False  # runs with the repository's own rights
        with suppress(OSError, ValueError, KeyError, TypeError):
            event = json.loads(Path(self._environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))
            repo = event["pull_request"]["head"]["repo"] or {}  # null: the fork was deleted
            return bool(repo.get("full_name") != self._environ["GITHUB_REPOSITORY"])
        return False


def _spelt(name: str) -> str:
    """Spell an input as the runner does: upper case, spaces become `_`, hyphens stay."""
    return f"INPUT_{name.upper().replace(' ', '_')}"


def _plain(value: SecretStr | str) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _no_id_token(failure: Failure) -> Error:
    said = shown(failure.said) if isinstance(failure, Refusal) else ""
    what = f"GitHub gave no id token: {shown(failure.reason)}" + (f" ({said})" if said else "")
    if isinstance(failure, Refusal) and failure.status in {401, 403}:
        return NoIdentity(
            what,
            why="Its token service refused the job's own request token, which ends with the job.",
            fix="Run the job again. In a job of several hours, use the action shortly before the token is needed.",
        )
    return Temporary(
        what,
        why="Its token service could not be reached, or is in trouble.",
        fix="Run the job again; if it lasts, look at the runner's way out and at www.githubstatus.com.",
    )
