"""`completion`: a script for a shell."""

import argparse
from collections.abc import Sequence
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.declared import Declared
from nomad_token.errors import InputError


def _options(one: argparse.ArgumentParser, _declared: Sequence[Declared]) -> None:
    one.add_argument("shell", choices=("bash", "zsh", "tcsh"), metavar="SHELL", help="bash, zsh or tcsh")


def _act(asked: Asked) -> int:
    try:
        import shtab  # noqa: PLC0415 - nothing else needs it, and the image has none
    except ImportError:
        raise InputError("nomad-token completion needs shtab.", fix='pip install "nomad-token[completion]"') from None
    from nomad_token.command_line import parser  # noqa: PLC0415 - which knows every command, this one too

    asked.out.write(shtab.complete(parser(asked.declared), asked.call.options["shell"]))
    return 0


COMMAND: Final = Command(_act, _options, usage="SHELL")
