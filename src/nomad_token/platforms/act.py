"""act, which hands its post-steps no `STATE_*` (seen with 0.2.89): state goes to a file beside its own."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final, Self

from nomad_token.platforms.base import Kept
from nomad_token.platforms.state_file import StateFile

_RUN: Final = PurePosixPath("/var/run/act")


def is_act(environ: Mapping[str, str]) -> bool:
    """Tell whether the runner's files are act's; not told by `ACT=true`, which anybody can set."""
    return _RUN in PurePosixPath(environ.get("GITHUB_STATE", "")).parents


class ActState(StateFile):
    """One file for all steps of a job."""

    @classmethod
    def beside(cls, environ: Mapping[str, str]) -> Self | None:
        """Return the state beside the file that `GITHUB_STATE` names; None where that is not act's."""
        return cls(Path(environ["GITHUB_STATE"]).parent / "nomad-token.state") if is_act(environ) else None

    def take(self) -> list[Kept]:
        """Take the last mint that no post-step has taken: they run in the reverse order of the mints.

        Where it can't be said that it is taken, all are.
        """
        kept = self.kept()
        for newest in kept[:1]:
            self.taken(newest.mint)
            if self.kept()[:1] == [newest]:  # it can't be marked, and every post-step would find it, and no other
                return kept
        return kept[:1]
