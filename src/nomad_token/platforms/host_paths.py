"""Files that this step and the job's next ones both see, each side under a path of its own.

A container action has the runner's folders mounted below `/github`. What it is given is rewritten to those paths where
it begins with one of the runner's, and what it exports is not rewritten back (actions/runner
`ContainerActionHandler.cs`). So an input's default, which the runner evaluates, tells the runner's own paths, behind a
word that keeps them from being rewritten. The next steps see them even in a job's container: its paths are rewritten
as the step starts (`StepHost.cs`).
"""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from nomad_token.platforms.files import named
from nomad_token.secret import SecretStr

INPUT: Final = "host-paths"
# A colon separates: Docker mounts no folder with one in its name.
DEFAULT: Final = "host:${{ github.workspace }}:${{ runner.temp }}"
ABOUT: Final = "Set by the runner: where it keeps the workspace and its temporary files. Not to be given."

_WORKSPACE: Final = Path("/github/workspace")
# Below the runner's temporary folder (`ContainerActionHandler.cs`).
_OF_TEMP: Final = {
    "/github/runner_temp": "",
    "/github/home": "_github_home",
    "/github/workflow": "_github_workflow",
    "/github/file_commands": "_runner_file_commands",
}


class HostPaths:
    """What the next steps see of the files here, and what is placed for them."""

    def __init__(self, workspace: Path, folder: Path | None, shared: Mapping[Path, Path] | None) -> None:
        """Read relative paths from *workspace*, and place files in *folder*, if there is one.

        *shared* are the folders that the next steps see, and their paths there; with None they see all as it is here.
        """
        self._workspace = workspace
        self._folder = folder
        self._shared = shared

    @classmethod
    def of_step(cls, environ: Mapping[str, str], *, under_act: bool) -> Self:
        """Return those of a workflow's step in *environ*.

        Files are placed beside `GITHUB_STATE`: every runner mounts that folder, and act as well; `RUNNER_TEMP` is
        mounted since September 2025 alone.
        """
        workspace = Path(environ.get("GITHUB_WORKSPACE") or ".")
        folder = Path(state).parent if (state := environ.get("GITHUB_STATE")) else None
        if under_act:  # which mounts its volumes at the same paths everywhere
            return cls(workspace, folder, {each: each for each in (workspace, folder) if each})
        if workspace == _WORKSPACE:
            return cls(workspace, folder, _of_runner(environ.get(f"INPUT_{INPUT.upper()}", "")))
        return cls(workspace, folder, None)

    def seen(self, path: str | Path) -> str | None:
        """Return *path* as the next steps see it; None where they don't, or where that can't be known."""
        here = Path(os.path.abspath(self._workspace / path))  # noqa: PTH100 - it takes `..` away too
        if self._shared is None:
            return str(here)
        found = (there / here.relative_to(each) for each, there in self._shared.items() if here.is_relative_to(each))
        return next(map(str, found), None)

    def place(self, mint: str, name: str, text: SecretStr | str) -> str | None:
        """Write *text* into a file, a secret one for the runner's user alone, and return its path for the next steps.

        None where they would not see it: then nothing is written. Raises `OSError`.
        """
        if self._folder is None or (seen := self.seen(_placed(mint, self._folder) / name)) is None:
            return None
        file = _placed(mint, self._folder) / name
        data, mode = (text.get_secret_value(), 0o600) if isinstance(text, SecretStr) else (text, 0o644)
        with named(file):
            if not file.parent.is_dir():
                file.parent.mkdir(mode=0o755)  # whatever the umask: nobody else is to change what is in it
                self._hand_to_runner(file.parent)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(f"{data.strip()}\n")
            self._hand_to_runner(file)
        return seen

    def clear(self, mint: str) -> None:
        """Remove what was placed for *mint*, as far as it is there."""
        if self._folder is not None and re.fullmatch(r"[0-9a-f]+", mint):
            shutil.rmtree(_placed(mint, self._folder), ignore_errors=True)

    def _hand_to_runner(self, path: Path) -> None:
        """Give *path* to whom the folder around it belongs: in a container we are root, and the runner is not."""
        if self._shared is not None:
            around = path.parent.stat()
            with suppress(PermissionError):  # not root, then
                os.chown(path, around.st_uid, around.st_gid, follow_symlinks=False)


def _placed(mint: str, folder: Path) -> Path:
    return folder / f"nomad-token-{mint}"


def _of_runner(told: str) -> dict[Path, Path]:
    """Return the runner's folders as they are mounted here, with its own paths; none where it did not tell them."""
    word, _, paths = told.partition(":")
    workspace, _, temp = paths.partition(":")
    if word != "host" or not (workspace.startswith("/") and temp.startswith("/")):
        return {}
    return {_WORKSPACE: Path(workspace)} | {Path(here): Path(temp, name) for here, name in _OF_TEMP.items()}
