"""A job of GitLab CI: id tokens are variables, and the log masks nothing that is made in a job."""

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO
from urllib.parse import urlsplit

from nomad_token.clients.http import Connection, Place
from nomad_token.clock import Clock, Deadline
from nomad_token.errors import NoIdentity
from nomad_token.platforms.base import Export, Level
from nomad_token.platforms.proxies import on_this_host
from nomad_token.secret import SecretStr
from nomad_token.text import lines, said, shown

ADD_MASK: Final = "NOMAD_TOKEN_ADD_MASK"
"""Says that the runner understands `::add-mask::`; one that doesn't would print what it is to hide (gitlab 3)."""
_SHORTEST_MASK: Final = 8
"""Of a shorter line, a bracket of JSON's, the letters would vanish from the whole log."""
_MOST_VARIABLES: Final = 20
_COLOURS: Final = {Level.WARNING: "33", Level.ERROR: "31"}


class GitLabJob:
    """A job's script, or its after_script, which is another shell."""

    def __init__(
        self,
        environ: Mapping[str, str],
        out: TextIO,
        *,
        clock: Clock,  # noqa: ARG002 - as for every job
        connect: Callable[[Place], Connection],  # noqa: ARG002
    ) -> None:
        """Run in *environ*, print to *out*."""
        self._environ = environ
        self._out = out

    @staticmethod
    def is_here(environ: Mapping[str, str]) -> bool:
        """Tell whether *environ* is that of a job; gitlab-ci-local says `GITLAB_CI=false`."""
        return "GITLAB_CI" in environ and bool(environ.get("CI_JOB_ID"))

    def state_file(self) -> Path | None:
        """Return a file that script and after_script share, beside the work tree: no artifact is there.

        A runner may keep that folder for the project's next jobs, those of any branch: none of them knows the job's
        token, so none can leave a state there for this one to believe.
        """
        folder = self._environ.get("RUNNER_TEMP_PROJECT_DIR") or f"{self._environ.get('CI_PROJECT_DIR', '.')}.tmp"
        token = self._environ.get("CI_JOB_TOKEN", "")
        unknown = f"-{hashlib.sha256(token.encode()).hexdigest()[:16]}" if token else ""
        return Path(folder, f"nomad-token-{self._environ['CI_JOB_ID']}{unknown}.state")

    def hands_over(self) -> bool:
        """Tell that the shell goes on without what is made in it: it has to source a file."""
        return False

    def hand_over(self, export: Export) -> None:
        """Do nothing."""

    def scrub(self, secrets: Iterable[SecretStr]) -> None:
        """Do nothing: what GitLab keeps of a report can't be reached from a job."""

    def has_template(self) -> bool:
        """Tell that inputs are those of an included file."""
        return True

    def dotenv_bytes(self) -> int:
        """Return what a report may be long: GitLab refuses one of its limit, 5 KiB where nobody changed it."""
        return 5 * 1024 - 1

    def remarks(self, variables: Collection[str], sinks: Collection[str]) -> list[str]:
        """Say what about this job may spoil what is handed over: *variables*, to *sinks*."""
        found = []
        if self._environ.get("CI_DEBUG_TRACE") == "true":
            found.append(
                "CI_DEBUG_TRACE is on: the shell prints each command with its values, and GitLab masks nothing that is "
                "made in a job. Source the file in a block that begins with { set +x; } 2>/dev/null, as the template "
                "does."
            )
        taken = [name for name in variables if name in self._environ and "dotenv" in sinks]
        found += [
            f"{shown(name)} is a variable of the project, the group or the pipeline: for later jobs it wins over the "
            "one in the dotenv report. Delete it, or choose another `env-name`."
            for name in taken
        ]
        if "dotenv" in sinks and len(variables) > _MOST_VARIABLES:
            found.append(
                f"The dotenv report has {len(variables)} variables: GitLab takes {_MOST_VARIABLES} where nobody "
                "changed that, and 50 on gitlab.com."
            )
        if self._environ.get("CI_COMMIT_REF_PROTECTED") == "false":
            found.append(
                "This ref is not protected: whoever may push to it can have such a token. Bind ref_protected to true "
                "in the role of the login, unless that is meant."
            )
        return found

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Fold what is printed until the block's end into a section of the log."""
        self._section("start", name, f"nomad-token {name}")
        try:
            yield
        finally:
            self._section("end", name, "")

    def id_token(self, audience: str, _deadline: Deadline) -> SecretStr:
        """Raise `NoIdentity`: one that is there was read as an input."""
        raise NoIdentity(
            "There is no id token: this job is given none.",
            why="GitLab makes id tokens for the jobs that name them, and for the audience that is named there.",
            fix=f"Add to the job, or take over with extends: .nomad-token\n  id_tokens:\n    VAULT_ID_TOKEN:\n"
            f"      aud: {audience}\n(NOMAD_ID_TOKEN for a login at Nomad itself)",
        )

    def withheld(self) -> str:
        """Explain why this job is given no secrets: protected variables are for protected refs."""
        source = self._environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "")
        if source and source != self._environ.get("CI_PROJECT_ID", source):
            return "This is a merge request from a fork: GitLab gives its jobs none of the project's variables."
        if self._environ.get("CI_COMMIT_REF_PROTECTED") == "false":
            return "This ref is not protected: GitLab gives its jobs no protected variables."
        return ""

    def mask(self, secret: SecretStr) -> None:
        """Have the runner hide *secret*, where it is said that it can: line by line, since a command is one line."""
        if self._environ.get(ADD_MASK) == "true":
            for line in secret.get_secret_value().splitlines():
                if len(part := line.strip()) >= _SHORTEST_MASK:
                    self._print(f"::add-mask::{part}")

    def say(self, line: str) -> None:
        """Print one line of the log."""
        self._print(said(line))

    def trace(self, line: str) -> None:
        """Do nothing: `--verbose` asks for it."""

    def annotate(self, level: Level, title: str, text: str) -> None:
        """Print a message in colour, its further lines set in."""
        first, *rest = lines(text)
        head = f"\033[{_COLOURS[level]};1m{level.value}: {shown(title)}:\033[0m {first}"
        self._print("\n".join([head, *(f"  {line}" for line in rest)]))

    def summarise(self, markdown: str) -> None:
        """Do nothing: GitLab has no summary of a job."""

    def unreachable(self, address: str) -> str:
        """Explain why a host's address may not work in a job that has an image."""
        host = urlsplit(address).hostname or ""
        if not self._environ.get("CI_JOB_IMAGE") or not on_this_host(host):
            return ""
        return (
            f"The job runs in a container, and there {host} is the container itself: give an address that it reaches."
        )

    def _section(self, what: str, name: str, header: str) -> None:
        self._print(f"\033[0Ksection_{what}:{time.time():.0f}:nomad_token_{name}\r\033[0K{header}")

    def _print(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()
