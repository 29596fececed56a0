"""SIGINT and SIGTERM as an exception, but never in the middle of what must be whole."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Final, Self

from nomad_token.errors import Cancelled

# The runner sends SIGINT, SIGTERM 7.5 s later, and 2.5 s after that it ends the Docker client (ProcessInvoker.cs).
ANSWER_WITHIN: Final = 8.0
"""Seconds after the first signal for which an answer that is under way is still awaited."""
GONE_WITHIN: Final = 9.0
"""Seconds after the first signal until the program has ended."""


class Signals:
    """While entered: the first signal raises `Cancelled`, at once or at the end of what is `held`."""

    def __init__(self) -> None:
        """Take no signal before `with`."""
        self.first: int | None = None
        self._at = 0.0
        self._limits: list[float] = []
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Take over the two signals, and the timer that bounds what is held."""
        for signum, action in (
            (signal.SIGINT, self._on_signal),
            (signal.SIGTERM, self._on_signal),
            (getattr(signal, "SIGALRM", None), self._on_alarm),  # Windows has none
        ):
            if signum is not None:
                self._before[signum] = signal.signal(signum, action)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back."""
        self._disarm()
        for signum, action in self._before.items():
            signal.signal(signum, action)  # type: ignore[arg-type] # what `signal.signal` returned

    @contextmanager
    def held(self, limit: float) -> Iterator[None]:
        """Put a signal off until the block's end, or until *limit* seconds after the first one. May nest.

        Raises `Cancelled` at the end of the outermost block when a signal came meanwhile; a block that is entered after
        the first signal runs to its end.
        """
        came_before = self.first
        self._limits.append(limit)
        self._arm()
        try:
            yield
        except Cancelled:
            self._limits.pop()
            self._disarm()
            raise
        except BaseException:
            self._release(came_before)
            raise
        self._release(came_before)

    def left(self) -> float:
        """Return the seconds until the program must be gone; infinite while no signal came."""
        if self.first is None:
            return float("inf")
        return max(0.0, self._at + GONE_WITHIN - time.monotonic())

    def _release(self, came_before: int | None) -> None:
        self._limits.pop()
        self._disarm()
        if self._limits:
            self._arm()
        if self.first is not None and came_before is None and not self._limits:
            raise Cancelled(self.first)

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        if self.first is not None:
            return  # the way out is taken already
        self.first, self._at = signum, time.monotonic()
        if not self._limits:
            raise Cancelled(signum)
        self._arm()

    def _on_alarm(self, _signum: int, _frame: FrameType | None) -> None:
        if self.first is not None:
            raise Cancelled(self.first, broke_off=True)

    def _arm(self) -> None:
        if self.first is not None and hasattr(signal, "setitimer"):
            wait = self._at + self._limits[-1] - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(wait, 0.001))

    def _disarm(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
