"""What a format is, and what all of them say of the secrets, none of which is in any."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from nomad_token.clients.vault import VaultPlace
from nomad_token.errors import InputError
from nomad_token.setup.objects import Kind, Object

ANEW: Final = (
    "For servers that have none of this yet. It ends at a mount that is there already, but a policy or a role of the "
    "same name is replaced: `nomad-token setup plan` tells what is there."
)


@dataclass(frozen=True, slots=True)
class Namespaces:
    """The namespaces of Vault, both empty where there are none."""

    engine: str = ""
    login: str = ""

    @property
    def below(self) -> str:
        """Where the engine's is below that of the login, as a policy writes it."""
        return VaultPlace(address="", namespace=self.engine, auth_namespace=self.login).below

    def of(self, wanted: Object) -> str:
        """Return the one that an object is in."""
        return self.login if wanted.of_auth else self.engine


class Format(Protocol):
    """Writes objects as text for people and tools."""

    # the text, with a line break at its end; raises InputError where the format can't say it, or has nothing to say
    def __call__(self, objects: Sequence[Object], namespaces: Namespaces, /) -> str: ...  # noqa: D102


def of_server(objects: Sequence[Object], server: str) -> list[Object]:
    """Return those of *objects* that are on *server*. Raises `InputError` where there are none."""
    found = [one for one in objects if one.server == server]
    if not found:
        raise InputError(f"The file wants nothing of {server.capitalize()}.", fix="Choose another --format.")
    return found


def accesses(objects: Sequence[Object]) -> Iterator[Object]:
    """Yield the accesses among *objects*: each needs a management token of its own."""
    return (one for one in objects if one.kind is Kind.ACCESS)


def token_file(access: Object) -> str:
    """Return the file that holds an access's token between the two programs' commands.

    No mount has a `+`, so that no two have one file.
    """
    return f"access-{access.name.replace('/', '+')}.token"


def token_name(access: Object) -> str:
    """Return what that token is called in Nomad, which takes 256 bytes (api-contract 2.3).

    It begins as the name that `setup apply` gives, which ends with the mount's accessor: nobody knows that here.
    """
    return f"nomad-token setup: vault {access.name}"[:256]
