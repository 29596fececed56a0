"""The state file under act, which hands its post-steps no `STATE_*` (seen with 0.2.89).

Each line is `MINT FACT`; a line `MINT` alone says that a post-step has taken that mint.
"""

from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Final, Self

from nomad_token.platforms.files import append

_RUN: Final = PurePosixPath("/var/run/act")


class ActState:
    """One file for all steps of a job, readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        """Keep the state at *path*."""
        self._path = path

    @classmethod
    def beside(cls, github_state: str) -> Self | None:
        """Return the state beside the file that `GITHUB_STATE` names; None where that is not act's.

        Not told by `ACT=true`, which anybody can set.
        """
        if _RUN not in PurePosixPath(github_state).parents:
            return None
        return cls(Path(github_state).parent / "nomad-token.state")

    def keep(self, mint: str, line: str) -> None:
        """Append *line* to what is known of *mint*. Raises `OSError`."""
        append(self._path, f"{mint} {line}\n")

    def take(self) -> list[str]:
        """Take the last mint that no post-step has taken: they run in the reverse order of the mints."""
        untaken = self._untaken()
        if not untaken:
            return []
        mint = list(untaken)[-1]
        with suppress(OSError):  # to revoke twice is better than not at all
            append(self._path, f"{mint}\n")
        return untaken[mint]

    def remove_when_taken(self) -> None:
        """Remove the file once no mint is left in it."""
        with suppress(OSError):
            if not self._untaken():
                self._path.unlink(missing_ok=True)

    def _untaken(self) -> dict[str, list[str]]:
        untaken: dict[str, list[str]] = {}
        if not self._path.is_file():
            return untaken
        # Not `splitlines`: a value may hold what else Unicode takes for the end of a line.
        for entry in self._path.read_text("utf-8", errors="replace").split("\n"):
            mint, _, line = entry.partition(" ")
            if line:
                untaken.setdefault(mint, []).append(line)
            elif mint:
                untaken.pop(mint, None)
        return untaken
