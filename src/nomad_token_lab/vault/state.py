"""Vault's state and rules, without HTTP: mounts, policies, the tree of tokens and leases."""

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import Final

from nomad_token_lab import ids
from nomad_token_lab.clock import Clock
from nomad_token_lab.vault import policies
from nomad_token_lab.vault.backend import Backend, Call, Leasing, Reply, Secret
from nomad_token_lab.vault.errors import Refusal
from nomad_token_lab.vault.leases import Lease, Leases
from nomad_token_lab.vault.policies import Acl
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
    """One server. Its switches may be turned at any time: `sealed`, `dialect`."""

    def __init__(self, clock: Clock) -> None:
        """Begin initialised and unsealed, with a root token and nothing mounted."""
        self.addr = ""
        self.clock = clock
        self.dialect = Dialect.VAULT
        self.sealed = False
        self.mounts: dict[str, Backend] = {}
        self.policies: dict[str, str] = {"default": policies.DEFAULT}
        self.tokens = Tokens(clock)
        self.leases = Leases(clock)
        self.upstream = Upstream()
        self.root = self._made(Terms((policies.ROOT,)), "token", "auth/token/root", forever=True)
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
        known = [policies.parse(self.policies[name]) for name in token.policies if name in self.policies]
        return Acl(known, is_root=policies.ROOT in token.policies)

    def missing(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return the warnings about policies that don't exist."""
        unknown = [name for name in names if name not in self.policies and name != policies.ROOT]
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
        forever: bool = False,
    ) -> Token:
        now = self.clock()
        granted = 0 if forever else capped(terms.ttl, terms.cap)[0]
        token = Token(
            id=secret_for(terms.type, is_openbao=self.is_openbao),
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
        )
        self.tokens.add(token)
        return token

    def login(self, call: Call, terms: Terms, user: str, metadata: Mapping[str, str]) -> Reply:
        """Make the orphan token of a login at `auth/<mount>/login`."""
        display_name = f"{call.mount.strip('/').removeprefix('auth/').replace('/', '-')}-{user}"
        entity_id = self._entities.setdefault((call.mount, user), ids.guid())
        token = self._made(terms, display_name, call.path, metadata=metadata, entity_id=entity_id)
        return Reply(token=token, warnings=capped(terms.ttl, terms.cap)[1])

    def child(self, parent: Token, terms: Terms, display_name: str, *, orphan: bool) -> Reply:
        """Make a token of `auth/token/create`."""
        name = f"token-{display_name}".rstrip("-")
        token = self._made(terms, name, "auth/token/create", parent=None if orphan else parent)
        return Reply(token=token, warnings=(*self.missing(terms.all_policies), *capped(terms.ttl, terms.cap)[1]))

    def lease(self, call: Call, engine: Leasing, secret: Secret) -> tuple[Lease, tuple[str, ...]]:
        """Put *secret* under a lease of the caller's token; return it with the warnings of a capped life.

        A batch token can't own leases, so its lease lives no longer than it; a service token's may be said to, but
        ends with it (api-contract 1.5).
        """
        now, token = self.clock(), call.caller
        granted, warnings = capped(secret.ttl or min(SYSTEM_TTL, secret.max_ttl), secret.max_ttl)
        if token.type == "batch":
            granted = min(granted, token.ttl(now))
        lease = Lease(
            id=f"{call.path}/{ids.base62(24)}",
            token=None if token.type == "batch" else token.id,
            engine=engine,
            internal=secret.internal,
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
        fallen = {gone.id for gone in self.tokens.fell(token)}
        for lease in self.leases:
            if lease.token in fallen:
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

    def authenticated(self, secret: str) -> Token:
        """Return the token of a request.

        Raises:
            Refusal: 403 in the words of the dialect; without any token both say the same (api-contract 3.1).
        """
        token = self.tokens.find(secret)
        if token is None:
            if secret and not self.is_openbao:
                raise Refusal(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
            raise Refusal(403, "permission denied")
        return token
