"""A job of GitHub Actions, or of a runner that speaks its protocol: act, and Gitea's and Forgejo's."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import parse_qsl, urlsplit

from actions_toolkit.command import Command
from actions_toolkit.file_command import prepare_key_value_message

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.github import request_id_token
from nomad_token.clients.http import Connection, Place
from nomad_token.clock import Clock, Deadline
from nomad_token.errors import Error, NoIdentity, Temporary
from nomad_token.platforms.act import is_act
from nomad_token.platforms.base import Export, Level, WithoutTemplate, plain
from nomad_token.platforms.files import append, overwrite
from nomad_token.platforms.proxies import on_this_host
from nomad_token.retry import of_repeatable, patiently
from nomad_token.secret import SecretStr
from nomad_token.text import lines, said, shown

IN_CONTAINER: Final = "/github/workspace"
_LEFT_BEHIND: Final = ("save_state_", "set_env_", "set_output_")
_SKIP: Final = (
    "Skip the step for them: if: github.actor != 'dependabot[bot]' && "
    "(!github.event.pull_request || github.event.pull_request.head.repo.full_name == github.repository)"
)


class GitHubJob(WithoutTemplate):
    """A job of a GitHub workflow: the runner's id tokens, its log, and its files."""

    def __init__(
        self, environ: Mapping[str, str], out: TextIO, *, clock: Clock, connect: Callable[[Place], Connection]
    ) -> None:
        """Run in *environ*, print to *out*; *connect* opens a connection."""
        self._environ = environ
        self._out = out
        self._clock = clock
        self._connect = connect
        self._act = is_act(environ)

    @staticmethod
    def is_here(environ: Mapping[str, str]) -> bool:
        """Tell whether *environ* is that of a workflow's step."""
        return environ.get("GITHUB_ACTIONS") == "true"

    def state_file(self) -> Path | None:
        """Return the file for the mints of this job's `run:` steps; the runner empties its folder with each job."""
        folder = self._environ.get("RUNNER_TEMP")
        return Path(folder, "nomad-token.state") if folder else None

    def hands_over(self) -> bool:
        """Tell whether the runner's files are there."""
        return bool(self._environ.get("GITHUB_ENV") and self._environ.get("GITHUB_OUTPUT"))

    def hand_over(self, export: Export) -> None:
        """Write to `GITHUB_ENV` and `GITHUB_OUTPUT`."""
        self.append("GITHUB_ENV", export.variables)
        self.append("GITHUB_OUTPUT", export.outputs)

    def scrub(self, secrets: Iterable[SecretStr]) -> None:
        """Overwrite *secrets* in the files of earlier steps, which the runner keeps until the job ends."""
        needles = [secret.get_secret_value().encode() for secret in secrets]
        folder = Path(self._environ.get("GITHUB_STATE") or "/nowhere/state").parent
        with suppress(OSError):
            for path in folder.iterdir():
                if path.name.startswith(_LEFT_BEHIND):
                    with suppress(OSError):
                        overwrite(path, needles)

    def append(self, variable: str, values: Mapping[str, object]) -> None:
        """Append *values* to the runner's file that *variable* names, in the form that no value can break out of."""
        if values:
            self._append(
                variable, "\n".join(prepare_key_value_message(key, plain(each)) for key, each in values.items())
            )

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

    def say(self, line: str) -> None:
        """Print one line of the log, which the runner can't take for a command."""
        self._out.write(f"{said(line)}\n")
        self._out.flush()

    def trace(self, line: str) -> None:
        """Print a debug line, where the job is debugged (`ACTIONS_STEP_DEBUG`); a broken log breaks nothing else."""
        if self._environ.get("RUNNER_DEBUG") == "1":
            with suppress(OSError):
                self._command("debug", said(line))

    def annotate(self, level: Level, title: str, text: str) -> None:
        """Print a message that the job's page shows on top."""
        self._command(level.value, "\n".join(lines(text)), title=shown(title))

    def summarise(self, markdown: str) -> None:
        """Append to the job's summary, where there is one; a summary is not worth a failure."""
        with suppress(OSError):
            self._append("GITHUB_STEP_SUMMARY", markdown)

    def unreachable(self, address: str) -> str:
        """Explain why a host's address may not work in a container. Under act it does: the network is the job's."""
        if self._act or self._environ.get("GITHUB_WORKSPACE") != IN_CONTAINER:
            return ""
        host = urlsplit(address).hostname or ""
        if on_this_host(host):
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
        try:
            append(Path(path), f"{text}\n")
        except OSError as error:
            raise OSError(error.errno, error.strerror, variable) from None

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


def _no_id_token(failure: Failure) -> Error:
    words = shown(failure.said) if isinstance(failure, Refusal) else ""
    what = f"GitHub gave no id token: {shown(failure.reason)}" + (f" ({words})" if words else "")
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
