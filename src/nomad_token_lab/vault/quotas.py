"""Rate-limit quotas, which count the requests to a path whoever sends them (api-contract 1.5)."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from nomad_token_lab.clock import Clock
from nomad_token_lab.vault.errors import Refusal


@dataclass
class Quota:
    """How many requests to *path* there may be in an interval, and how many there were since it *began*."""

    path: str
    rate: float
    interval: timedelta
    began: datetime
    count: int = 0


class Quotas:
    """The quotas of a server, by name."""

    def __init__(self, clock: Clock) -> None:
        """Begin without any."""
        self._clock = clock
        self._quotas: dict[str, Quota] = {}
        self.tells_when = False
        """Whether a refusal says after how many seconds to come back."""

    def set(self, name: str, path: str, rate: float, seconds: int) -> None:
        """Let no more than *rate* requests in *seconds* through to *path*, an exact one."""
        self._quotas[name] = Quota(path, rate, timedelta(seconds=seconds), self._clock())

    def remove(self, name: str) -> None:
        """Let every request through again."""
        self._quotas.pop(name, None)

    def count(self, path: str) -> None:
        """Count a request.

        Raises:
            Refusal: 429, it is one too many.
        """
        now = self._clock()
        for quota in self._quotas.values():
            if quota.path == path:
                if now - quota.began >= quota.interval:
                    quota.began, quota.count = now, 0
                quota.count += 1
                if quota.count > quota.rate:
                    left = (quota.began + quota.interval - now).total_seconds()
                    headers = {"Retry-After": str(math.ceil(left))} if self.tells_when else {}
                    raise Refusal(429, f'request path "{path}": rate limit quota exceeded', headers=headers)
