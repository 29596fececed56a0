"""The shell: picks the platform, runs a command, turns its end into a message and an exit code."""

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TextIO

from nomad_token import __version__
from nomad_token.clients.http import Connections
from nomad_token.clock import Clock, SystemClock
from nomad_token.errors import Cancelled, Error, InputError, Temporary
from nomad_token.outside import Outside
from nomad_token.platforms import PLATFORMS
from nomad_token.platforms.base import Level, Platform
from nomad_token.signals import GONE_WITHIN, Signals

if TYPE_CHECKING:
    import httpx

_STEPS: Final = {
    "mint": "mint a token, in a step of a GitHub workflow",
    "revoke": "revoke what the step's mint saved",
}
_OF_THE_LAB: Final = {
    "lab": "serve Vault's, Nomad's and GitHub's APIs on loopback",
    "demo": "walk the main job on the lab, from trust to a dead token",
}
_ON_DISK: Final = "The runner's disk is full or read-only. A token that was minted is not handed on, and revoked."


def main() -> NoReturn:
    """Run the program from a command line."""
    sys.exit(command(sys.argv[1:], os.environ, sys.stdout, sys.stderr))


def mint_step() -> NoReturn:
    """Run the action's main step: inputs come from `INPUT_*`, and the command line is the runner's, not ours."""
    sys.exit(step("mint", os.environ, sys.stdout))


def revoke_step() -> NoReturn:
    """Run the action's post-step."""
    sys.exit(step("revoke", os.environ, sys.stdout))


def command(argv: Sequence[str], environ: Mapping[str, str], out: TextIO, err: TextIO) -> int:
    """Run the command that *argv* names, and return the exit code."""
    import argparse  # noqa: PLC0415 - the action's steps don't need it
    from importlib.metadata import entry_points  # noqa: PLC0415

    commands = _STEPS | _OF_THE_LAB
    parser = argparse.ArgumentParser(
        prog="nomad-token",
        description="A Nomad ACL token that lives as long as the CI job.",
        epilog="commands:\n" + "\n".join(f"  {name:<8}{about}" for name, about in commands.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"nomad-token {__version__}")
    parser.add_argument("command", metavar="COMMAND", choices=commands, help="one of those below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="what the command takes")
    given = parser.parse_args(argv)
    if given.command in _STEPS:
        return step(given.command, environ, out)
    try:
        further: Callable[[list[str]], int] = next(
            found.load() for found in entry_points(group="nomad_token.commands", name=given.command)
        )
    except (StopIteration, ImportError):
        err.write(f'nomad-token {given.command} needs the lab: pip install "nomad-token[lab]"\n')
        return InputError.exit_code
    return further(given.rest)


def step(
    name: str,
    environ: Mapping[str, str],
    out: TextIO,
    *,
    clock: Clock | None = None,
    transport: "httpx.BaseTransport | None" = None,
) -> int:
    """Run one of the action's two steps, and return the exit code; *clock* and *transport* are a test's to choose."""
    clock = clock or SystemClock()
    here = next((kind for kind in PLATFORMS if kind.is_here(environ)), None)
    if here is None:
        out.write(
            f"nomad-token {name} runs in a step of a GitHub workflow, and this is none (GITHUB_ACTIONS is not true).\n"
        )
        return InputError.exit_code
    connections = Connections(
        clock,
        lambda line: platform.trace(line),  # noqa: PLW0108 - made below
        transport,
        proxy=lambda address: platform.proxy(address),  # noqa: PLW0108 - as well
    )
    platform: Platform = here(environ, out, clock=clock, connect=connections)
    signals = Signals()
    try:
        with signals:
            _run(name, platform, Outside(connections, clock, signals))
    except Error as error:
        platform.annotate(Level.ERROR, error.title, error.text)
        return error.exit_code
    except OSError as error:
        platform.annotate(Level.ERROR, Temporary.title, f"A file could not be written: {error}.\n{_ON_DISK}")
        return Temporary.exit_code
    except Cancelled as cancelled:
        platform.say("Cancelled.")
        return cancelled.exit_code
    except Exception as error:  # noqa: BLE001 - a bug: shown without its text, which may hold anything
        platform.annotate(Level.ERROR, "A bug in nomad-token", _where(error))
        return Error.exit_code
    finally:
        connections.close()
    return 0


def _run(name: str, platform: Platform, outside: Outside) -> None:
    """Import what the step uses, and no more: the post-step reads no inputs."""
    # An exception in the middle of an import, or of a library's callback, may be swallowed there: signals wait.
    if name == "mint":
        with outside.signals.held(GONE_WITHIN):
            from nomad_token.mint import mint  # noqa: PLC0415
            from nomad_token.order import read_order  # noqa: PLC0415

            order = read_order(platform)
        mint(order, platform, outside)
    else:
        with outside.signals.held(GONE_WITHIN):
            from nomad_token.post import post  # noqa: PLC0415

        post(platform, outside)


def _where(error: Exception) -> str:
    """Say where a bug is, not what it holds: an exception's text may quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"  {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
    return "\n".join([f"{type(error).__name__}, please report it with these lines:", *lines])


if __name__ == "__main__":
    main()
