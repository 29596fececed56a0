"""How a job logs in to Vault: from inputs to a login request, without sending it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, Self

from pydantic import SecretStr

from nomad_token.clients.http import Refusal
from nomad_token.declared import Declared, Lookup
from nomad_token.errors import Error


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A login that is ready to be sent."""

    path: str
    """Below `/v1/`."""
    body: dict[str, SecretStr | str] = field(repr=False)
    explain: Callable[[Refusal], Error | None]
    """Turn the method's own refusals into an error; None for one that any login can meet."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a method may need beyond its own inputs."""

    vault_addr: str
    auth_path: str
    """Where the method is mounted below `auth/`."""
    auth_role: str
    """The role of the login; empty leaves the choice to the server's `default_role`."""
    id_token: Callable[[str], SecretStr]
    """Get the platform's id token for an audience, masked already. Raises `NoIdentity`, `Temporary`."""


class VaultAuth(Protocol):
    """One way to log in: an `InputGroup` of the inputs that only it reads, and what it makes of them."""

    # read the method's own inputs; raises InputError
    @classmethod
    def read(cls, lookup: Lookup) -> Self: ...  # noqa: D102

    # list them, for the pages
    @classmethod
    def declared(cls) -> list[Declared]: ...  # noqa: D102

    # make the login request; raises NoIdentity where the job can't prove who it is
    def login_request(self, circumstances: Circumstances) -> LoginRequest: ...  # noqa: D102
