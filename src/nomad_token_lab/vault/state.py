"""Vault's state and rules, without HTTP: mounts, policies, the tree of tokens and leases."""

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Final

from nomad_token_lab import ids
from nomad_token_lab.clock import Clock
from nomad_token_lab.vault import policies
from nomad_token_lab.vault.backend import Call, Leasing, Reply, Secret
from nomad_token_lab.vault.errors import Refusal
from nomad_token_lab.vault.leases import Lease, Leases
from nomad_token_lab.vault.namespaces import Namespace, Namespaces
from nomad_token_lab.vault.policies import Acl
from nomad_token_lab.vault.quotas import Quotas
from nomad_token_lab.vault.tokens import SYSTEM_TTL, Terms, Token, Tokens, capped, end_of, secret_for
from nomad_token_lab.vault.upstream import Upstream

# How long revoke-self waits for the leases that it has queued: they are mostly gone when a real server answers, too,
# but a Nomad that is slow does not delay it (api-contract 3.2).
_QUEUE_SECONDS: Final = 1.0


class Dialect(Enum):
    """Whose words are spoken where Vault and OpenBao differ (api-contract 1.7, 3.1)."""

    VAULT = "vault"
    OPENBAO = "openbao"


class Vault:
    """One server. Its switches may be turned at any time: those that are plain values below.

    `required_header` is the name and value that the proxy in front of it demands; `directory` holds the passwords of
    the users that its ldap auth method knows; what is `unregistered` is missing in its plugin catalog. `namespaces` are
    OpenBao's; Vault's community edition has only the root.
    """

    def __init__(self, clock: Clock) -> None:
        """Begin initialised and unsealed, with a root token and nothing mounted."""
        self.addr = ""
        self.clock = clock
        self.dialect = Dialect.VAULT
        self.sealed = False
        self.required_header: tuple[str, str] | None = None
        self.directory: dict[str, str] = {}
        self.unregistered: set[str] = set()
        self.namespaces = Namespaces()
        self.tokens = Tokens(clock)
        self.leases = Leases(clock)
        self.quotas = Quotas(clock)
        self.upstream = Upstream()
        self.root = self._made(Terms((policies.ROOT,)), "root", "auth/token/root")
        self._before_mark: set[str] = set()
        self._settling: set[asyncio.Task[None]] = set()
        self._entities: dict[tuple[str, str], str] = {}

    @property
    def is_openbao(self) -> bool:
        """Whether OpenBao's words are spoken."""
        return self.dialect is Dialect.OPENBAO

    def mark(self) -> None:
        """Leave the tokens that live now out of `live_tokens` from here on."""
        self._before_mark = {token.id for token in self.tokens}

    def live_tokens(self) -> list[Token]:
        """Return the tokens that were made since the mark and that Vault would accept now."""
        ended = {token.id for token in self.tokens.ended()}
        return [token for token in self.tokens if token.id not in self._before_mark | ended]

    def live_leases(self) -> list[Lease]:
        """Return the leases whose secrets have not been revoked, those that are overdue included."""
        return list(self.leases)

    def acl(self, token: Token) -> Acl:
        """Return what *token* may do."""
        home = self.namespaces.find(token.namespace)
        written = home.policies if home else {}
        known = [policies.parse(written[name], below=token.namespace) for name in token.policies if name in written]
        return Acl(known, is_root=policies.ROOT in token.policies)

    def _missing(self, namespace: Namespace, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = [name for name in names if name not in namespace.policies and name != policies.ROOT]
        return tuple(f'Policy "{name}" does not exist' for name in unknown)

    def _made(  # noqa: PLR0913 - each is a field of the token
        self,
        terms: Terms,
        display_name: str,
        path: str,
        *,
        parent: Token | None = None,
        metadata: Mapping[str, str] | None = None,
        entity_id: str = "",
        namespace: Namespace | None = None,
    ) -> Token:
        now = self.clock()
        home = namespace or self.namespaces.root
        forever = policies.ROOT in terms.policies and not (terms.ttl or terms.period or terms.explicit_max_ttl)
        granted = 0 if forever else terms.granted()[0]
        token = Token(
            id=secret_for(terms.type, is_openbao=self.is_openbao, namespace_id=home.id),
            accessor="" if terms.type == "batch" else ids.base62(24),
            terms=terms,
            display_name=display_name,
            path=path,
            created=now,
            expires=None if forever else end_of(now, granted),
            granted=granted,
            parent=parent.id if parent else None,
            metadata=metadata,
            entity_id=entity_id,
            uses_left=terms.num_uses,
            namespace=home.path,
        )
        self.tokens.add(token)
        return token

    def login(
        self,
        call: Call,
        terms: Terms,
        user: str,
        metadata: Mapping[str, str],
        *,
        alias: str = "",
        late: bool = False,
    ) -> Reply:
        """Make the orphan token of a login at `auth/<mount>/login`.

        *user* becomes part of the display name, *alias* (or it) is who it is. A method that is *late* leaves it to the
        first use of the token to find that its terms do not admit the caller's address.

        Raises:
            Refusal: 403, the terms do not admit the caller's address.
        """
        if not late and not terms.admits(call.peer.address):
            raise Refusal(403, "permission denied")
        mount = call.namespace + call.mount
        display_name = f"{mount.strip('/').removeprefix('auth/').replace('/', '-')}-{user}".rstrip("-")
        entity_id = self._entities.setdefault((mount, alias or user), ids.guid())
        home = self.namespaces.find(call.namespace)
        token = self._made(terms, display_name, call.path, metadata=metadata, entity_id=entity_id, namespace=home)
        return Reply(token=token, warnings=terms.granted()[1])

    def child(self, call: Call, terms: Terms, display_name: str, *, orphan: bool) -> Reply:
        """Make a token of `auth/token/create`."""
        name = f"token-{display_name}".rstrip("-")
        home = self.namespaces.find(call.namespace) or self.namespaces.root
        token = self._made(terms, name, call.path, parent=None if orphan else call.caller, namespace=home)
        warnings = () if token.expires is None else terms.granted()[1]
        return Reply(token=token, warnings=(*warnings, *self._missing(home, terms.all_policies)))

    def lease(self, call: Call, engine: Leasing, secret: Secret) -> tuple[Lease, tuple[str, ...]]:
        """Put *secret* under a lease of the caller's token; return it with the warnings of a capped life.

        A batch token can't own leases, so its lease lives no longer than it; a service token's may be said to, but
        ends with it (api-contract 1.5).
        """
        now, token = self.clock(), call.caller
        granted, warnings = capped(secret.ttl or min(SYSTEM_TTL, secret.max_ttl), secret.max_ttl)
        if token.type == "batch":
            granted = min(granted, token.ttl(now))
        home = self.namespaces.find(call.namespace) or self.namespaces.root
        lease = Lease(
            id=f"{call.path}/{ids.base62(24)}" + (f".{home.id}" if home.id else ""),
            token=None if token.type == "batch" else token.id,
            engine=engine,
            internal=secret.internal,
            namespace=home.path,
            issued=now,
            expires=end_of(now, granted),
            granted=granted,
        )
        self.leases.add(lease)
        return lease, warnings

    def renewed(self, lease: Lease, increment: int) -> tuple[str, ...]:
        """Lengthen *lease* by *increment* seconds from now, capped from its issue; return the warnings."""
        now = self.clock()
        latest = end_of(lease.issued, lease.engine.max_ttl())
        left = int((latest - now).total_seconds())
        granted, warnings = capped(increment or lease.granted, left)
        lease.expires, lease.last_renewal, lease.granted = end_of(now, granted), now, granted
        return warnings if increment else ()

    def revoke_token(self, token: Token) -> None:
        """Revoke *token* and all that descend from it, and queue their leases."""
        fallen = {gone.id: gone.namespace for gone in self.tokens.fell(token)}
        for lease in self.leases:
            # OpenBao 2.7.2 keeps a lease of a namespace below its token's, until the lease's own end.
            if lease.token in fallen and fallen[lease.token] == lease.namespace:
                self.leases.end(lease)

    def expire(self) -> None:
        """Revoke the tokens that have met their end."""
        for token in self.tokens.ended():
            self.revoke_token(token)

    async def settle(self) -> None:
        """Do what a real server does in the background: expire tokens, revoke leases that are due."""
        self.expire()
        await self.leases.revoke_due()

    async def settle_soon(self) -> None:
        """Do the same, but wait for a slow Nomad only so long; the rest goes on."""
        settling = asyncio.create_task(self.settle())
        self._settling.add(settling)
        settling.add_done_callback(self._settling.discard)
        await asyncio.wait({settling}, timeout=_QUEUE_SECONDS)

    def authenticated(self, secret: str, address: str) -> Token:
        """Return the token of a request that comes from *address*.

        Raises:
            Refusal: 403 in the words of the dialect; without any token both say the same (api-contract 3.1).
        """
        token = self.tokens.find(secret)
        if token is None:
            if secret and not self.is_openbao:
                raise Refusal(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
            raise Refusal(403, "permission denied")
        if not token.terms.admits(address):
            raise Refusal(403, "permission denied")
        return token
