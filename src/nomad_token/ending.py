"""How a run ends: as a message and an exit code, whatever happens in it."""

import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from nomad_token.clients.http import Connections
from nomad_token.clients.transport import Transport
from nomad_token.clock import Clock, SystemClock
from nomad_token.errors import Cancelled, Error, Temporary
from nomad_token.outside import Outside
from nomad_token.platforms.base import Level, Platform
from nomad_token.signals import Signals, let_in
from nomad_token.text import shown

_Platform = TypeVar("_Platform", bound=Platform)
_ON_DISK: Final = "Is the disk full, or read-only? A token that could not be handed on is revoked."


def ended(
    make: Callable[[Clock, Connections], _Platform],
    act: Callable[[_Platform, Outside], int],
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    whole: bool = False,
    last: bool = False,
) -> int:
    """Make the platform, let *act* work on it, and return the exit code; what goes wrong is said there.

    What is to be done *whole* is not cut short by a signal, but `GONE_WITHIN` after it. Where the process ends with it,
    it is its *last* thing: no signal changes the exit code any more. *clock* and *transport* are a test's to choose.
    """
    clock = clock or SystemClock()
    connections = Connections(
        clock,
        lambda line: platform.trace(line),  # noqa: PLW0108 - made below
        transport,
        proxy=lambda address: platform.proxy(address),  # noqa: PLW0108 - as well
    )
    platform = make(clock, connections)
    try:
        with Signals(whole=whole, last=last) as signals:
            try:
                let_in()
                code = act(platform, Outside(connections, clock, signals))
                if whole:
                    signals.tell()
            except Exception as error:  # noqa: BLE001 - a bug too is said
                code = _said(platform, error)
            finally:
                connections.close()
    except Cancelled as cancelled:
        code = cancelled.exit_code
        with suppress(OSError):
            platform.say("Cancelled.")
    return code


def _said(platform: Platform, error: Exception) -> int:
    """Say what went wrong, and return its exit code; of a bug not its text, which may hold anything."""
    match error:
        case Error():
            title, text, code = error.title, error.text, error.exit_code
        case OSError():
            title, text, code = Temporary.title, f"{_unwritten(error)}\n{_ON_DISK}", Temporary.exit_code
        case _:
            title, text, code = "A bug in nomad-token", _where(error), Error.exit_code
    with suppress(OSError):  # nobody reads: the exit code is what is left to tell
        platform.annotate(Level.ERROR, title, text)
    return code


def _unwritten(error: OSError) -> str:
    what = "A file" if error.filename is None else shown(error.filename)
    return f"{what} could not be written: {shown(error.strerror or error)}."


def _where(error: Exception) -> str:
    """Say where a bug is, not what it holds: an exception's text may quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
    return "\n".join([f"{type(error).__name__}, please report it with these lines:", *lines])
