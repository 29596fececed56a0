"""Who grants a token: from inputs to a credential, every secret in custody before the next request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

from nomad_token.clients.http import Connection, Place
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.vault import VaultPlace
from nomad_token.clock import Clock, Deadline
from nomad_token.credential import Credential
from nomad_token.custody import Custody
from nomad_token.declared import Declared, Lookup
from nomad_token.errors import Cancelled, Error, Temporary
from nomad_token.secret import SecretStr
from nomad_token.signals import Signals


class Unclear(Exception):
    """A token may have been made that nobody holds. Once that is undone, the issuer may be asked again."""

    def __init__(self, error: Error) -> None:
        """Keep the *error* that is reported when it isn't tried again."""
        super().__init__(error.what)
        self.error = error


@dataclass(frozen=True, slots=True)
class Means:
    """What an issuer works with."""

    connect: Callable[[Place], Connection]
    vault: VaultPlace | None
    """The Vault that the issuer named, with its TLS."""
    nomad: NomadPlace | None
    """The Nomad that was named, with its TLS."""
    mint: str
    """The mint's own id, for names that nobody else chooses."""
    id_token: Callable[[str], SecretStr]
    """Get the platform's id token for an audience, masked already."""
    advice: Callable[[str], str]
    """What the platform knows of an address that can't be reached."""
    custody: Custody
    signals: Signals
    clock: Clock
    deadline: Deadline

    def refuse_when_late(self) -> None:
        """Raise `Temporary` where the time is up, before a request is begun; `Cancelled` where a signal got lost."""
        if self.signals.first is not None:
            raise Cancelled(self.signals.first)
        if not self.deadline.left():
            raise Temporary(
                "The time is up (`timeout`), and no token was handed on.",
                why="A server was slow, or was asked again and again.",
                fix="Run the job again, or give it more time with `timeout`.",
            )


class Issuer(Protocol):
    """One way to be granted a token: an `InputGroup` of the inputs that only it reads, and what it makes of them."""

    # the inputs, none of them secret, that tell that this issuer is meant where `issuer` does not
    told_by: ClassVar[tuple[str, ...]]

    # read the issuer's own inputs, and those of what it uses; raises InputError
    @classmethod
    def read(cls, lookup: Lookup) -> Self: ...  # noqa: D102

    # list its own inputs, for the pages
    @classmethod
    def declared(cls) -> list[Declared]: ...  # noqa: D102

    # where Vault is, for an issuer that has one
    def vault(self) -> VaultPlace | None: ...  # noqa: D102

    # the user's own credential that an undo needs, by its input's name; it is never saved
    def lent(self) -> tuple[str, SecretStr | None]: ...  # noqa: D102

    # be granted a token for a variable, or several, all or none: what was made before a failure is in custody;
    # raises Error, or Unclear where one may have been made that nobody holds
    def issue(self, env_name: str, means: Means) -> tuple[Credential, ...]: ...  # noqa: D102
