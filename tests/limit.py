"""A disk that is full, by a means that needs no right and no device."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_beyond(size: int, *, lasts: bool = True) -> Iterator[None]:
    """Have no file grow beyond *size*; unless that *lasts*, until one has met it."""
    limit = Limit(size, lasts=lasts)
    limit.begin()
    try:
        yield
    finally:
        limit.end()


class Limit:
    """A size beyond which no file grows: the system's `RLIMIT_FSIZE`, which is met as a full disk is."""

    def __init__(self, size: int, *, lasts: bool) -> None:
        """Set nothing yet; unless it *lasts*, it is lifted as soon as it was met."""
        self._size = size
        self._lasts = lasts
        self._soft, self._hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        self._before = signal.getsignal(signal.SIGXFSZ)

    def begin(self) -> None:
        """Set it."""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN if self._lasts else self._lift)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._size, self._hard))

    def end(self) -> None:
        """Lift it."""
        self._lift()
        signal.signal(signal.SIGXFSZ, self._before)

    def _lift(self, *_: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (self._soft, self._hard))
