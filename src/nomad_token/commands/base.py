"""What a command is: its help, its options, and what it does."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from nomad_token.declared import Declared
from nomad_token.operating import Operator
from nomad_token.outside import Outside
from nomad_token.platforms.call import Call
from nomad_token.platforms.shell import Shell

Options = Callable[[argparse.ArgumentParser, Sequence[Declared]], None]
"""Adds a command's options to its parser; the inputs are those that are declared."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A command line, and what a command has to answer it with."""

    call: Call
    platform: Shell
    outside: Outside
    environ: Mapping[str, str] = field(repr=False)
    out: TextIO
    """Standard output, for what was asked for; everything else is said on the platform."""
    declared: Sequence[Declared]
    """Every input there is."""

    @property
    def is_for_programs(self) -> bool:
        """Whether what is printed is to be JSON: where it is asked for, and in a pipe."""
        return bool(self.call.options.get("as_json")) or not self.out.isatty()

    def operator(self) -> Operator:
        """Return who operates, for a command that is an operator's."""
        file = str(self.call.options.get("nomad_token_file") or "")
        return Operator(self.platform, self.outside, self.environ, self.call.prefix, file)


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `nomad-token`."""

    act: Callable[[Asked], int]
    """Do it, and return the exit code. Raises `Error`."""
    options: Options
    usage: str = "[OPTION ...]"
    """What follows the command's name."""
    takes_words: bool = False
    """Whether a command of the user's follows after `--`."""
    is_whole: Callable[[Call], bool] = lambda _: False
    """Whether a signal does not cut a call short, until the time is up that one leaves."""
    about: str = ""
    """More than the register's line, for its own help; nothing where that line is all."""
