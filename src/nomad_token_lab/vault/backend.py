"""The contract of what is mounted in Vault: path patterns, each with its operations."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol, runtime_checkable

from nomad_token_lab.vault.tokens import Token

# The names that Vault's SDK takes (api-contract 1.1): word characters, inside also `-` and `.`.
NAME: Final = r"(?P<name>\w(?:[\w.-]*\w)?)"


class Operation(Enum):
    """What is done; the value is the capability that it needs."""

    READ = "read"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    LIST = "list"


@dataclass(frozen=True)
class Peer:
    """Who is at the other end: its address, whether it speaks TLS, and the certificate that it has shown (DER)."""

    address: str = ""
    is_tls: bool = False
    certificate: bytes | None = None


@dataclass(frozen=True)
class Call:
    """A request that has passed the gate. `path` is whole within its namespace, `token` None only on open paths.

    `namespace` is the path of the namespace, empty for the root.
    """

    path: str
    data: Mapping[str, Any]
    token: Token | None
    name: str = ""
    mount: str = ""
    namespace: str = ""
    peer: Peer = Peer()

    @property
    def caller(self) -> Token:
        """The token that asks."""
        if self.token is None:
            raise TypeError("an open path has no caller")
        return self.token


@dataclass(frozen=True)
class Secret:
    """A credential to be leased; lives in seconds, `ttl` 0 for the system's."""

    data: Mapping[str, Any] = field(repr=False)
    internal: Mapping[str, str]
    ttl: int
    max_ttl: int


class Renewed(Protocol):
    """A lease, as far as an answer shows it."""

    id: str
    # The life in seconds that the answer is about.
    granted: int


@dataclass(frozen=True)
class Reply:
    """What a handler answers: data, a secret to be leased, a token, a renewed lease, or nothing but a status."""

    data: Mapping[str, Any] | None = field(default=None, repr=False)
    secret: Secret | None = None
    token: Token | None = None
    lease: "Renewed | None" = None
    warnings: tuple[str, ...] = ()
    status: int = 200


DONE: Final = Reply(status=204)

Handler = Callable[[Call], Reply | Awaitable[Reply]]


@dataclass(frozen=True)
class Path:
    """A pattern (whole match, `name` being handed on) and what can be done there.

    `exists` decides whether a write is a create or an update; without it every write is an update. `open` paths ask
    for no token; `sudo` ones for that capability too.
    """

    pattern: str
    operations: Mapping[Operation, Handler]
    exists: Callable[[str], bool] | None = None
    open: bool = False
    sudo: bool = False

    def match(self, path: str) -> str | None:
        """Return the name in *path* (empty when the pattern has none), None when it does not fit."""
        match = re.fullmatch(self.pattern, path)
        return None if match is None else match.groupdict().get("name", "")


class Backend(Protocol):
    """A secrets engine, an auth method, or a part of Vault itself."""

    # What `sys/mounts` calls it.
    type: str

    @property
    def paths(self) -> Sequence[Path]:
        """The patterns, looked through in order; the first that fits is taken."""
        ...


@runtime_checkable
class Leasing(Protocol):
    """A secrets engine whose secrets end with a lease."""

    async def revoke(self, internal: Mapping[str, str]) -> None:
        """End what was issued; raises `UpstreamError`."""
        ...

    def max_ttl(self) -> int:
        """Return the longest life in seconds that a renewal may reach, counted from the issue."""
        ...
