"""The time of day of one of the lab's servers: the machine's, moved at will."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def of_machine() -> datetime:
    """Return the machine's time of day."""
    return datetime.now(UTC)


class Clock:
    """Aware UTC time; `offset` is in seconds, so that a lease ends or a `Date` header lies without anyone waiting."""

    def __init__(self, now: Callable[[], datetime] = of_machine) -> None:
        """Begin in step with *now*."""
        self._now = now
        self.offset = 0.0

    def __call__(self) -> datetime:
        """Return the server's time of day."""
        return self._now() + timedelta(seconds=self.offset)


def rfc3339(moment: datetime) -> str:
    """Return *moment* as Go writes a UTC time in JSON."""
    return moment.isoformat().replace("+00:00", "Z")
