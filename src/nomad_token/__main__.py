"""The three executables: the command, and the action's two steps, which import what they use and no more."""

import contextlib
import gc
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nomad_token.clients.transport import Transport
    from nomad_token.clock import Clock
    from nomad_token.outside import Outside
    from nomad_token.platforms.base import Platform


def main() -> NoReturn:
    """Run the program from a command line."""
    _begin()
    from nomad_token.command_line import command  # noqa: PLC0415 - after `_begin`; and the action's steps have none

    # Closed ones (`>&-`): what is printed to the first must not be lost unseen, a log may.
    with open(os.devnull, "rb") as nowhere, open(os.devnull, "w", encoding="utf-8") as unseen:  # noqa: PTH123
        out = sys.stdout or io.TextIOWrapper(nowhere)
        code = command(sys.argv[1:], os.environ, out, sys.stderr or unseen, last=True)
        _end(code)


def mint_step() -> NoReturn:
    """Run the action's main step: inputs come from `INPUT_*`, and the command line is the runner's, not ours."""
    _begin()
    _end(step("mint", os.environ, sys.stdout, last=True))


def revoke_step() -> NoReturn:
    """Run the action's post-step."""
    _begin()
    _end(step("revoke", os.environ, sys.stdout, last=True))


def _begin() -> None:
    """Have signals wait until `Signals` takes them, and see that imports take no longer than they must."""
    if hasattr(signal, "pthread_sigmask"):  # Windows lacks it
        signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    gc.set_threshold(100_000)  # they make no garbage: a twentieth of a start


def _end(code: int) -> NoReturn:
    """End here: the interpreter's last works are a fifth of a step, and give the signals back, which then end it.

    What standard output can't take is told by now, and of a log there is nobody to tell.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def step(
    name: str,
    environ: "Mapping[str, str]",
    out: TextIO,
    *,
    clock: "Clock | None" = None,
    transport: "Transport | None" = None,
    last: bool = False,
) -> int:
    """Run one of the action's two steps, the *last* thing of its process or not, and return the exit code.

    *clock* and *transport* are a test's to choose.
    """
    from nomad_token.ending import ended  # noqa: PLC0415 - after `_begin`, as is all below
    from nomad_token.errors import InputError  # noqa: PLC0415
    from nomad_token.platforms.action import Action  # noqa: PLC0415

    if not Action.is_here(environ):
        out.write(
            f"nomad-token-{name} is a step of the action, and this is no step of a GitHub workflow (GITHUB_ACTIONS is "
            f"not true). In a shell: nomad-token {name} --help\n"
        )
        return InputError.exit_code
    return ended(
        lambda clock, connections: Action(environ, out, clock=clock, connect=connections),
        _mint if name == "mint" else _revoke,
        clock=clock,
        transport=transport,
        whole=name == "revoke",
        last=last,
    )


def _mint(platform: "Platform", outside: "Outside") -> int:
    from nomad_token.signals import GONE_WITHIN  # noqa: PLC0415

    # An exception in the middle of an import, or of a library's callback, may be swallowed there: signals wait.
    with outside.signals.held(GONE_WITHIN):
        from nomad_token.mint import mint  # noqa: PLC0415
        from nomad_token.order import read_order  # noqa: PLC0415

        order = read_order(platform)
    mint(order, platform, outside)
    return 0


def _revoke(platform: "Platform", outside: "Outside") -> int:
    """Revoke; reads no input that decides anything, and imports nothing that does."""
    from nomad_token.post import post  # noqa: PLC0415

    post(platform, outside)
    return 0


if __name__ == "__main__":
    main()
