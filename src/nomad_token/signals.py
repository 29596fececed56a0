"""SIGINT, SIGTERM and SIGHUP as an exception, but never in the middle of what must be whole."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType, TracebackType
from typing import Final, Self

from nomad_token.errors import Cancelled

# The runner sends SIGINT, SIGTERM 7.5 s later, and 2.5 s after that it ends the Docker client (ProcessInvoker.cs).
ANSWER_WITHIN: Final = 8.0
"""Seconds after the first signal for which an answer that is under way is still awaited."""
GONE_WITHIN: Final = 9.0
"""Seconds after the first signal until the program has ended."""
_TO_END: Final = 1.0
"""Seconds that the interpreter has at least to end, after all else is done."""


class Signals:
    """While entered: the first signal raises `Cancelled`, at once or at the end of what is `held`."""

    def __init__(self, *, whole: bool = False, last: bool = False) -> None:
        """Take no signal before `with`; a program that does one thing *whole* is held from its first moment on.

        What is the *last* thing of its process keeps the signals: none changes how it ended, unless it hangs then.
        """
        self.first: int | None = None
        self._last = last
        self._over = False
        self._at = 0.0
        self._limits: list[float] = [GONE_WITHIN] if whole else []
        self._before: dict[int, object] = {}
        self._relay: Callable[[int], bool] | None = None

    def __enter__(self) -> Self:
        """Take over the signals, and the timer that bounds what is held."""
        for name, action in (
            ("SIGINT", self._on_signal),
            ("SIGTERM", self._on_signal),
            ("SIGHUP", self._on_signal),
            ("SIGALRM", self._on_alarm),
        ):
            signum = getattr(signal, name, None)  # Windows lacks two of them
            if signum is None or (name == "SIGHUP" and signal.getsignal(signum) is signal.SIG_IGN):
                continue  # under nohup, a terminal that goes is not to end us
            before = signal.signal(signum, action)
            if not self._last:
                self._before[signum] = before
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give the signals back; the last thing keeps them, and the timer then ends a process that hangs."""
        self._disarm()
        if self._last:
            self._over, self._limits = True, [GONE_WITHIN]
            self._arm()
            return
        for signum, action in self._before.items():
            signal.signal(signum, action)  # type: ignore[arg-type] # what `signal.signal` returned
        self._limits.clear()

    def held(self, limit: float) -> AbstractContextManager[None]:
        """Put a signal off until the block's end, or until *limit* seconds after the first one. May nest.

        Raises `Cancelled` at the end of the outermost block when a signal came meanwhile; a block that is entered after
        the first signal runs to its end.
        """
        return _Held(self, limit)

    def shielded(self, limit: float) -> AbstractContextManager[None]:
        """Put signals off as `held` does, except in what is `opened` within.

        A block that came to its end was the last thing to do: no signal raises any more, at its end or after it.
        """
        return _Shielded(self, limit)

    def opened(self) -> AbstractContextManager[None]:
        """Let the first signal raise `Cancelled` until the block's end, in the midst of what is `shielded`.

        Whatever ends the block, no signal can come between that and what is done about it.
        """
        return _Opened(self)

    @contextmanager
    def relayed(self, relay: Callable[[int], bool]) -> Iterator[None]:
        """Have each signal given to *relay* until the block's end, and raise nothing; more signals than these come.

        What is `held` meanwhile is broken off at its limit all the same. *relay* tells whether a signal counts as the
        first one, from which on the time runs. Raises `Cancelled` where one came before.
        """
        if self.first is not None:
            raise Cancelled(self.first)
        self._relay = relay
        before: dict[int, object] = {}
        try:
            for name in ("SIGQUIT", "SIGUSR1", "SIGUSR2"):
                signum = getattr(signal, name, None)
                if signum is not None and signal.getsignal(signum) is not signal.SIG_IGN:
                    before[signum] = signal.signal(signum, self._on_signal)
            yield
        finally:
            self._relay = None
            for signum, action in before.items():
                signal.signal(signum, action)  # type: ignore[arg-type] # what `signal.signal` returned

    def tell(self) -> None:
        """Raise `Cancelled` where a signal came."""
        if self.first is not None:
            raise Cancelled(self.first)

    @property
    def since_first(self) -> float:
        """Seconds since the first signal; 0 while none came."""
        return 0.0 if self.first is None else time.monotonic() - self._at

    def left(self) -> float:
        """Return the seconds until the program must be gone; infinite while no signal came."""
        if self.first is None:
            return float("inf")
        return max(0.0, self._at + GONE_WITHIN - time.monotonic())

    def enter(self, limit: float) -> None:
        """Begin a block that is bounded by *limit*."""
        self._limits.append(limit)
        self._arm()

    def leave(self) -> None:
        """End the innermost block."""
        del self._limits[-1:]
        self._disarm()
        if self._limits:
            self._arm()

    def release(self, came_before: int | None) -> None:
        """End the innermost block; raise `Cancelled` where a signal was put off in it and nothing else holds it."""
        self.leave()
        if self.first is not None and came_before is None and not self._limits and self._relay is None:
            raise Cancelled(self.first)

    def open(self) -> list[float]:
        """Leave every block for a while, and return them. Raises `Cancelled` where a signal was put off in them."""
        around, self._limits = self._limits, []
        if self.first is not None:
            self._limits = around
            raise Cancelled(self.first)
        return around

    def close(self, around: list[float]) -> None:
        """Be in the blocks again that `open` left; where their time is over, what is done in them has its own."""
        self._limits = around
        if around and self.left() > 0:
            self._arm()

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        if self._relay is not None and not self._relay(signum):
            return
        if self.first is not None:
            return  # the way out is taken already
        self.first, self._at = signum, time.monotonic()
        if self._limits:
            self._arm()
        elif self._relay is None:
            raise Cancelled(signum)

    def _on_alarm(self, _signum: int, _frame: FrameType | None) -> None:
        if self.first is not None and self._over:
            # Not left to the signal's default action, which PID 1 of a container does not have.
            os._exit(128 + self.first)
        if self.first is not None:
            raise Cancelled(self.first, broke_off=True)

    def _arm(self) -> None:
        if self.first is not None and hasattr(signal, "setitimer"):
            wait = self._at + self._limits[-1] - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(wait, _TO_END if self._over else 0.001))

    def _disarm(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def let_in() -> None:
    """Take the signals that wait: `__main__` has them blocked until there is somebody to take them."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))


class _Held:
    """See `Signals.held`. No generator: one that a signal keeps from its block would end later, in another one's."""

    def __init__(self, signals: Signals, limit: float) -> None:
        self._signals = signals
        self._limit = limit
        self._came_before: int | None = None

    def __enter__(self) -> None:
        self._came_before = self._signals.first
        self._signals.enter(self._limit)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Cancelled):
            self._signals.leave()
        else:
            self._signals.release(self._came_before)


class _Shielded:
    """See `Signals.shielded`."""

    def __init__(self, signals: Signals, limit: float) -> None:
        self._signals = signals
        self._limit = limit

    def __enter__(self) -> None:
        self._signals.enter(self._limit)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._signals.leave()


class _Opened:
    """See `Signals.opened`."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._around: list[float] = []

    def __enter__(self) -> None:
        self._around = self._signals.open()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signals.close(self._around)
