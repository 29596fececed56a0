"""Time, as something that is handed in: a test need not wait for it."""

import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the program asks of time."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds from some fixed point; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait *seconds*."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds from some fixed point."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait *seconds*."""
        time.sleep(seconds)


class Deadline:
    """A point in time after which no new request is begun (design: `timeout`)."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        """Begin now; *seconds* may be infinite."""
        self._clock = clock
        self._end = clock.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, 0 when it has passed."""
        return max(0.0, self._end - self._clock.monotonic())


def pauses(first: float, longest: float) -> Iterator[float]:
    """Yield waiting times in seconds that double from *first* to *longest*, each jittered to 50-100 %.

    The jitter keeps the many jobs of a matrix from coming back all at once.
    """
    pause = first
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
        pause = min(2 * pause, longest)
