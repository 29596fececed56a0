"""A step of a GitHub workflow that uses the action: inputs are `INPUT_*`, and the runner keeps the state."""

import errno
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final, TextIO

from nomad_token.clients.http import Connection, Place
from nomad_token.clock import Clock
from nomad_token.declared import Declared, Found
from nomad_token.errors import InputError
from nomad_token.platforms.act import ActState
from nomad_token.platforms.base import Export, Kept, OfJob
from nomad_token.platforms.files import read_given
from nomad_token.platforms.github import IN_CONTAINER, GitHubJob
from nomad_token.platforms.host_paths import INPUT, HostPaths
from nomad_token.platforms.proxies import proxy_for
from nomad_token.platforms.state_file import GONE
from nomad_token.secret import SecretStr
from nomad_token.text import shown

_STATE_PREFIX: Final = "nomad_token_"
_STATE_END: Final = "nomad_token_end"


class Action(OfJob):
    """The action's two steps."""

    def __init__(
        self, environ: Mapping[str, str], out: TextIO, *, clock: Clock, connect: Callable[[Place], Connection]
    ) -> None:
        """Run in *environ*, print to *out*; *connect* opens a connection."""
        self._job = GitHubJob(environ, out, clock=clock, connect=connect)
        super().__init__(self._job)
        self._environ = environ
        self._count = 0
        self._mint = ""
        self._act = ActState.beside(environ)
        self._host = HostPaths.of_step(environ, under_act=self._act is not None)

    @staticmethod
    def is_here(environ: Mapping[str, str]) -> bool:
        """Tell whether *environ* is that of a workflow's step."""
        return GitHubJob.is_here(environ)

    def lookup(self, declared: Declared) -> Found | None:
        """Find an input under `with:` (an empty one is not given), a place in the environment too."""
        if value := self._environ.get(_spelt(declared.name), "").strip():
            return Found(value, f"the input `{declared.name}`")
        for name in declared.places:
            if value := self._environ.get(name, "").strip():
                return Found(value, name, variable=True)
        return None

    def read_file(self, path: str) -> str:
        """Read a file of the workspace: the container sees no other of the runner's. Raises `InputError`."""
        inside = self._environ.get("GITHUB_WORKSPACE") == IN_CONTAINER
        if inside and path.startswith("/") and not path.startswith("/github/"):
            raise InputError(
                f"`{shown(path)}` is a path of the runner, which this container does not see.",
                fix="Give a path in the workspace, relative to it, or the text itself.",
            )
        return read_given(
            Path(self._environ.get("GITHUB_WORKSPACE", "."), path),
            path,
            taken_for="a file of the workspace",
            fix="Check out the repository before this step, and give the path relative to it.",
        )

    def host_path(self, path: str) -> str | None:
        """Return the path of a file of the workspace on the runner."""
        return self._host.seen(path)

    def place(self, mint: str, name: str, text: SecretStr | str) -> str | None:
        """Write a file beside the runner's own, which the next steps see. Raises `OSError`."""
        return self._host.place(mint, name, text)

    def paths_untold(self, variables: Sequence[str]) -> str:
        """Say how a step names a file of the workspace."""
        lines = "\n".join(f"  {variable}: ${{{{ github.workspace }}}}/FILE" for variable in variables)
        return (
            f"{', '.join(variables)}: not exported. The action runs in a container, and which path the next steps have "
            f"for the file can't be known here. Name it in those steps:\nenv:\n{lines}"
        )

    def clear(self, mint: str) -> None:
        """Remove what was placed."""
        self._host.clear(mint)

    def given_names(self) -> list[str]:
        """List the names under `with:`, in lower case as the runner leaves no other."""
        return [
            name.removeprefix("INPUT_").lower()
            for name, value in self._environ.items()
            if name.startswith("INPUT_") and value.strip() and name != _spelt(INPUT)
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

    def proxy(self, address: str) -> str:
        """Return the proxy that the runner's environment names for *address*."""
        return proxy_for(address, self._environ)

    def keep(self, mint: str, line: str) -> None:
        """Append to the state of this step; each line is an entry of its own, so a torn last one loses only itself.

        How many there are is saved with each, and before it: a step that is killed has no time to say where it ended.
        The runner keeps the last value of a name (`FileCommandManager.cs`).
        """
        count = self._count + 1
        self._job.append("GITHUB_STATE", {_STATE_END: str(count), f"{_STATE_PREFIX}{self._count:03}": line})
        self._count = count
        if self._act:
            self._act.keep(mint, line)
        self._mint = mint

    def keep_more(self, _kept: Kept, _line: str) -> None:
        """Do nothing: there is one post-step."""

    def let_go(self) -> None:
        """Do nothing: nobody revokes before the job's end."""

    def kept_all(self) -> None:
        """Do nothing: how much was kept is said with each entry."""

    def take_kept(self) -> list[Kept]:
        """Return what the main step kept.

        Any step can put more `STATE_…` into the environment. The runner sets those of this step last, so none is
        replaced (`ActionRunner.cs`), and what lies beyond the end, or comes without one, is somebody else's. act sets
        none, so there the file comes first.
        """
        if self._act and (of_act := self._act.take()):
            return of_act
        kept: list[str] = []
        end = self._environ.get(f"STATE_{_STATE_END}", "")
        most = int(end) if re.fullmatch("[0-9]{1,4}", end) else 0
        while len(kept) < most and (line := self._environ.get(f"STATE_{_STATE_PREFIX}{len(kept):03}")) is not None:
            kept.append(line)
        return [Kept("", kept)] if kept else []

    def export(self, export: Export) -> None:
        """Write to `GITHUB_ENV` and `GITHUB_OUTPUT`; not where what was kept is gone, so that nothing revokes it."""
        self._check_kept()
        self._job.hand_over(export)

    def exported_as(self, names: Sequence[str]) -> str:
        """Name the variables of the next steps."""
        return f"Exported as {', '.join(names)}"

    def revoked_when(self) -> str:
        """Say that there is a post-step."""
        return "when the job ends"

    def scrub(self, _kept: Kept, secrets: Iterable[SecretStr], *, undone: bool) -> None:  # noqa: ARG002 - it comes once
        """Overwrite *secrets* in the files of earlier steps, which the runner keeps until the job ends."""
        self._job.scrub(secrets)
        if self._act:
            self._act.remove_when_taken()

    def _check_kept(self) -> None:
        """Raise `OSError` where the files lack what was kept in them: they were removed, or replaced, meanwhile."""
        if not self._count:
            return
        file = Path(self._environ["GITHUB_STATE"])
        text = file.read_text("utf-8") if file.is_file() else ""
        if not all(f"{_STATE_PREFIX}{number:03}<<" in text for number in range(self._count)):
            raise OSError(errno.ENOENT, GONE, "GITHUB_STATE")
        if self._act:
            self._act.check(self._mint)

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


def _spelt(name: str) -> str:
    """Spell an input as the runner does: upper case, spaces become `_`, hyphens stay."""
    return f"INPUT_{name.upper().replace(' ', '_')}"
