"""The command of `run`: a process that has the token, is sent our signals, and is ended with us."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

_SET_DEATH_SIGNAL = 1
"""`PR_SET_PDEATHSIG` of Linux's prctl(2)."""


class Child:
    """A command that is started once."""

    def __init__(self, words: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start nothing yet."""
        self._words = words
        self._environ = environ
        self._process: subprocess.Popen[bytes] | None = None
        self._waiting: list[int] = []
        # At a terminal its keys reach everything in front, the command included; else a group of its own gets each
        # signal exactly once, whether it was sent to us or to our whole group.
        self._shares_terminal = os.name == "nt" or _in_front()

    def start(self) -> None:
        """Start it; what it reads and writes is ours. Raises `OSError`."""
        self._process = subprocess.Popen(  # noqa: S603 - the command is the user's
            self._words,
            env=dict(self._environ),
            close_fds=False,  # a shell's <(…) is a descriptor that we were given; our own are not inherited (PEP 446)
            process_group=None if self._shares_terminal else 0,
            preexec_fn=_dies_with_us() if sys.platform == "linux" else None,  # noqa: PLW1509 - one call into libc
        )
        for signum in self._waiting:
            self.send(signum)

    def hears(self, signum: int) -> bool:
        """Tell whether that signal comes from the terminal, whose keys reach the command without us."""
        keys = {signal.SIGINT, getattr(signal, "SIGQUIT", None)}
        return self._process is not None and self._shares_terminal and signum in keys

    def send(self, signum: int) -> None:
        """Pass a signal on, to all that it started; one that comes too early waits for its start."""
        if self._process is None:
            self._waiting.append(signum)
            return
        if self._process.returncode is not None:
            return  # its number may be another's by now
        # EPERM: it runs as somebody else, as under sudo
        with suppress(ProcessLookupError, PermissionError):
            if self._shares_terminal:
                self._process.send_signal(signum)
            else:
                os.killpg(self._process.pid, signum)

    def wait(self, seconds: float) -> int | None:
        """Return its exit code as a shell would tell it, None where it still runs after *seconds*."""
        if self._process is None:
            return None
        with suppress(subprocess.TimeoutExpired):
            code = self._process.wait(seconds)
            return 128 - code if code < 0 else code
        return None


def _in_front() -> bool:
    """Tell whether we are in front at a terminal, wherever our input comes from."""
    with suppress(OSError):
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
        try:
            return os.tcgetpgrp(terminal) == os.getpgrp()
        finally:
            os.close(terminal)
    return False


def _dies_with_us() -> Callable[[], None]:
    """Have Linux end the command when we are killed; the library is loaded before the fork."""
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def ask() -> None:  # pragma: no cover - runs between fork and exec, where nothing is counted
        prctl(_SET_DEATH_SIGNAL, signal.SIGTERM)
        if os.getppid() != parent:  # killed before it was asked for
            os.kill(os.getpid(), signal.SIGKILL)

    return ask
