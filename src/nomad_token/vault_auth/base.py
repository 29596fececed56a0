"""How a job logs in to Vault: from inputs to a login request, without sending it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from nomad_token.clients.failures import Refusal
from nomad_token.declared import Declared, Lookup
from nomad_token.errors import Error
from nomad_token.inputs import InputGroup, declare
from nomad_token.readers import line
from nomad_token.secret import SecretStr
from nomad_token.text import pasted


@dataclass(frozen=True, slots=True)
class LoginRequest:
    """A login that is ready to be sent."""

    path: str
    """Below `/v1/`."""
    body: Mapping[str, object] = field(repr=False)
    explain: Callable[[Refusal], Error | None]
    """Turn the method's own refusals into an error; None for one that any login can meet."""
    terms: str
    """Where the terms of the login's token are (`token_type`, `token_num_uses`), as far as that is known from here."""
    locks_out: bool = False
    """Whether a few failed logins lock the user out (api-contract 3.3): then one more try is the most."""


@dataclass(frozen=True, slots=True)
class Borrowed:
    """A token that is there already, and is not ours to revoke."""

    token: SecretStr


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a method may need beyond its own inputs."""

    vault_addr: str
    auth_path: str
    """Where the method is mounted below `auth/`."""
    id_token: Callable[[str], SecretStr]
    """Get the platform's id token for an audience, masked already. Raises `NoIdentity`, `Temporary`."""
    read_file: Callable[[Path], str]
    """Read a file that holds a secret. Raises `OSError`."""

    def login(self, last: str = "") -> str:
        """Return the path of the login below `/v1/`, with *last* behind it where the method names the user there."""
        return "/".join(part for part in ("auth", self.auth_path, "login", last) if part)


class OfRole(InputGroup):
    """The input of the methods whose logins are roles of theirs."""

    vault_auth_role: str = declare(
        line,
        "",
        environment=["VAULT_AUTH_ROLE"],
        about="The role of the login. Without it: the auth method's `default_role`, where it has one.",
    )

    @property
    def pasted_role(self) -> str:
        """The role as a command names it; a placeholder where none is given."""
        return pasted(self.vault_auth_role) if self.vault_auth_role else "ROLE"


class VaultAuth(Protocol):
    """One way to log in: an `InputGroup` of the inputs that only it reads, and what it makes of them."""

    # read the method's own inputs; raises InputError
    @classmethod
    def read(cls, lookup: Lookup) -> Self: ...  # noqa: D102

    # list them, for the pages
    @classmethod
    def declared(cls) -> list[Declared]: ...  # noqa: D102

    # make the login request, or lend a token; raises NoIdentity where the job can't prove who it is
    def login_request(self, circumstances: Circumstances, /) -> LoginRequest | Borrowed: ...  # noqa: D102
