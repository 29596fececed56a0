"""Lockout of users who fail to log in: five failures, then fifteen minutes (api-contract 3.3)."""

from datetime import datetime, timedelta
from typing import Final

from nomad_token_lab.clock import Clock
from nomad_token_lab.vault.errors import Refusal

_FAILURES: Final = 5
_FOR: Final = timedelta(minutes=15)


class Lockout:
    """The failures of one mount's users."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._failures: dict[str, tuple[int, datetime]] = {}

    def check(self, user: str) -> None:
        """Let *user* try.

        Raises:
            Refusal: 403, locked out; the right password does not help.
        """
        count, last = self._failures.get(user, (0, self._clock()))
        if last + _FOR <= self._clock():
            self._failures.pop(user, None)
        elif count >= _FAILURES:
            raise Refusal(403, "permission denied")

    def failed(self, user: str) -> None:
        """Count a failure."""
        count, _ = self._failures.get(user, (0, None))
        self._failures[user] = count + 1, self._clock()

    def succeeded(self, user: str) -> None:
        """Forget the failures."""
        self._failures.pop(user, None)
