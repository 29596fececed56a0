"""Vault's leases: what was issued, until when, and how it ends (api-contract 1.6)."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from nomad_token_lab.clock import Clock, rfc3339
from nomad_token_lab.vault.backend import Leasing
from nomad_token_lab.vault.errors import UpstreamError

# A background revocation that fails is tried again after 10, 20, 40 … seconds, then given up.
_FIRST_RETRY: Final = timedelta(seconds=10)
_TRIES: Final = 6


@dataclass
class Lease:
    """A lease as Vault keeps it; `token` is the id of the service token that it ends with, None for a batch token's.

    `granted` is the life in seconds that the last answer told of.
    """

    id: str
    token: str | None = field(repr=False)
    engine: Leasing
    internal: Mapping[str, str]
    namespace: str
    issued: datetime
    expires: datetime
    granted: int
    last_renewal: datetime | None = None
    revoke_error: str = ""
    tries: int = 0

    def ttl(self, now: datetime) -> int:
        """Return the seconds that are left."""
        return max(0, int((self.expires - now).total_seconds()))

    @property
    def is_irrevocable(self) -> bool:
        """Whether Vault has given up to revoke it."""
        return self.tries >= _TRIES

    def as_data(self, now: datetime) -> dict[str, Any]:
        """Return the `data` of `sys/leases/lookup`."""
        return {
            "expire_time": rfc3339(self.expires),
            "id": self.id,
            "issue_time": rfc3339(self.issued),
            "last_renewal": rfc3339(self.last_renewal) if self.last_renewal else None,
            "renewable": True,
            "ttl": self.ttl(now),
        }


class Leases:
    """The leases that exist, by their id."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._known: dict[str, Lease] = {}
        self._revoking: dict[str, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[Lease]:
        return iter(list(self._known.values()))

    def find(self, lease_id: str) -> Lease | None:
        """Return a lease."""
        return self._known.get(lease_id)

    def add(self, lease: Lease) -> None:
        """Keep *lease*."""
        self._known[lease.id] = lease

    def end(self, lease: Lease) -> None:
        """Have *lease* revoked with the next round."""
        lease.expires = min(lease.expires, self._clock())

    async def revoke(self, lease: Lease) -> None:
        """Revoke *lease* now.

        Raises:
            UpstreamError: the server behind refused; the lease stays.
        """
        if lease.id not in self._revoking:
            self._revoking[lease.id] = asyncio.create_task(self._revoke(lease))
        await asyncio.shield(self._revoking[lease.id])

    async def _revoke(self, lease: Lease) -> None:
        try:
            await lease.engine.revoke(lease.internal)
        except UpstreamError as error:
            lease.revoke_error = str(error)
            raise
        finally:
            del self._revoking[lease.id]
        self._known.pop(lease.id, None)

    async def revoke_due(self) -> None:
        """Return when every lease that has met its end was revoked, or has failed and is tried again later."""
        now = self._clock()
        due = [lease for lease in self if self._is_due(lease, now)]
        await asyncio.gather(*(self._try(lease) for lease in due))
        await asyncio.gather(*self._revoking.values(), return_exceptions=True)

    def _is_due(self, lease: Lease, now: datetime) -> bool:
        wait = _FIRST_RETRY * (2 ** (lease.tries - 1)) if lease.tries else timedelta()
        return not lease.is_irrevocable and lease.id not in self._revoking and lease.expires + wait <= now

    async def _try(self, lease: Lease) -> None:
        try:
            await self.revoke(lease)
        except UpstreamError:
            lease.tries += 1
