"""A plain shell: no CI, no identity of its own, and a log that is somebody's terminal."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from nomad_token.clients.http import Connection, Place
from nomad_token.clock import Clock, Deadline
from nomad_token.errors import NoIdentity
from nomad_token.platforms.base import Export, Level, WithoutTemplate
from nomad_token.secret import SecretStr
from nomad_token.text import lines, said, shown


class LocalJob(WithoutTemplate):
    """A shell of a person's, or of a CI that is not known."""

    def __init__(
        self,
        environ: Mapping[str, str],  # noqa: ARG002 - as for every job
        out: TextIO,
        *,
        clock: Clock,  # noqa: ARG002
        connect: Callable[[Place], Connection],  # noqa: ARG002
    ) -> None:
        """Print to *out*; nothing else is needed."""
        self._out = out

    @staticmethod
    def is_here(_environ: Mapping[str, str]) -> bool:
        """Tell that it is what is left."""
        return True

    def state_file(self) -> Path | None:
        """Return none: nothing says which mints of this machine belong together."""
        return None

    def hands_over(self) -> bool:
        """Tell that there is no next step."""
        return False

    def hand_over(self, export: Export) -> None:
        """Do nothing."""

    def scrub(self, secrets: Iterable[SecretStr]) -> None:
        """Do nothing: no file here is the job's."""

    def id_token(self, _audience: str, _deadline: Deadline) -> SecretStr:
        """Raise `NoIdentity`."""
        raise NoIdentity(
            "A plain shell has none.",
            why="`vault-auth-method: jwt`, the default, and `nomad-auth-method` log in with one, which a CI gives "
            "to its jobs.",
            fix="Give one as `id-token`, or take a way without: `vault-auth-method: token` with `vault-token`, or "
            "`policies` with `nomad-management-token`.",
        )

    def withheld(self) -> str:
        """Return nothing: a shell is given what its user gives it."""
        return ""

    def mask(self, secret: SecretStr) -> None:
        """Do nothing: nobody reads along but the user."""

    def say(self, line: str) -> None:
        """Print one line."""
        self._print(said(line))

    def trace(self, line: str) -> None:
        """Do nothing: `--verbose` asks for it."""

    def annotate(self, level: Level, title: str, text: str) -> None:
        """Print a message, its further lines set in."""
        first, *rest = lines(text)
        self._print("\n".join([f"{level.value}: {shown(title)}: {first}", *(f"  {line}" for line in rest)]))

    def summarise(self, markdown: str) -> None:
        """Do nothing: what it says was printed."""

    def unreachable(self, _address: str) -> str:
        """Return nothing: what the shell reaches, its user knows best."""
        return ""

    def _print(self, text: str) -> None:
        with suppress(OSError):  # a log that nobody can read breaks nothing else
            self._out.write(f"{text}\n")
            self._out.flush()
