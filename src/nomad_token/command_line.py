"""The command line: which command is meant, and what it is given."""

import argparse
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from typing import Final, TextIO

from nomad_token import __version__
from nomad_token.clients.http import Connections
from nomad_token.clients.transport import Transport
from nomad_token.clock import Clock
from nomad_token.commands import COMMANDS, OF_THE_LAB, load
from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import in_flags
from nomad_token.declared import Declared
from nomad_token.ending import ended
from nomad_token.errors import InputError
from nomad_token.inputs import check_names
from nomad_token.order import all_declared
from nomad_token.outside import Outside
from nomad_token.platforms import JOBS
from nomad_token.platforms.call import Call
from nomad_token.platforms.shell import Shell
from nomad_token.platforms.sinks import SINKS
from nomad_token.signals import let_in
from nomad_token.text import shown

_EXIT_CODES: Final = """\
exit codes:
  0 done   1 a bug   2 wrong input   3 no identity   4 refused   5 not found
  6 a live token was left   75 worth another try   129, 130, 143 cancelled
  `run` returns the command's own, or 125 where it could not be started."""
_WORDS: Final = "write the command after --, as in: nomad-token run -- nomad job run app.hcl"


class _Help(argparse.RawDescriptionHelpFormatter):
    """Breaks no line within a flag, which would then be copied with a hyphen too few."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(" ".join(text.split()), width, break_on_hyphens=False)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        """Keep the lines as they are, but for those that are too long."""
        return "\n".join(
            textwrap.fill(line, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
            for line in text.splitlines()
        )


def command(  # noqa: PLR0913 - two of them are a test's to choose
    argv: Sequence[str],
    environ: Mapping[str, str],
    out: TextIO,
    err: TextIO,
    *,
    clock: Clock | None = None,
    transport: Transport | None = None,
    last: bool = False,
) -> int:
    """Run the command that *argv* names, the *last* thing of its process or not, and return the exit code.

    *clock* and *transport* are a test's to choose.
    """
    if argv and argv[0] in OF_THE_LAB:
        let_in()
        return _of_the_lab(argv[0], list(argv[1:]), err)
    declared = all_declared()
    call = read_call(argv, declared)

    def make(clock: Clock, connections: Connections) -> Shell:
        kind = next(kind for kind in JOBS if kind.is_here(environ))
        return Shell(kind(environ, err, clock=clock, connect=connections), call, environ, out, declared)

    def act(platform: Shell, outside: Outside) -> int:
        code = load(call.command).act(Asked(call, platform, outside, environ, out, declared))
        out.flush()  # what can't be written is an error, and not lost
        return code

    whole = load(call.command).is_whole(call)
    return ended(make, act, clock=clock, transport=transport, whole=whole, last=last)


def read_call(argv: Sequence[str], declared: Sequence[Declared]) -> Call:
    """Read a command line; what is wrong with it ends the program with the exit code of `InputError`."""
    ours, dashes, words = _split(list(argv))
    known = parser(declared, argv[:1] if argv and argv[0] in COMMANDS else COMMANDS)
    parsed, unknown = known.parse_known_args(ours)
    given = vars(parsed)
    name = given.pop("command")
    meant = load(name)
    told = " ".join(filter(None, (name, given.get("part"))))
    if unknown:
        known.error(f"{_unknown(told, meant, unknown, declared)}. See: nomad-token {told} --help")
    if meant.takes_words and not words:
        known.error(f"{name}: {_WORDS}")
    if dashes and not meant.takes_words:
        known.error(f"{name} takes no command after --")
    inputs = {one.name: str(value) for one in declared if (value := given.pop(f"input {one.name}", None)) is not None}
    return Call(
        name,
        inputs,
        {sink: value for sink in SINKS if (value := given.pop(sink, None)) is not None},
        state=given.pop("state", None) or "",
        portable=given.pop("portable", False),
        prefix=given.pop("prefix", None) or "",
        show=given.pop("show", False),
        verbose=given.pop("verbose", False),
        words=tuple(words),
        options=given,
    )


def parser(declared: Sequence[Declared], names: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """Make the parser of the commands *names*, with a flag for each input that is no secret."""
    top = argparse.ArgumentParser(
        prog="nomad-token",
        usage="nomad-token COMMAND [OPTION ...]",
        description="A Nomad ACL token that lives as long as the job: minted, handed over, revoked.",
        epilog=f"{_EXIT_CODES}\n\nnomad-token COMMAND --help tells more.",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"nomad-token {__version__}")
    commands = top.add_subparsers(
        prog="nomad-token", dest="command", metavar="COMMAND", required=True, title="commands"
    )
    for name in names:
        meant, line = load(name), COMMANDS[name]
        about = meant.about or f"{line[0].upper()}{line[1:]}."
        usage = f"nomad-token {name} {meant.usage}"
        one = commands.add_parser(
            name, help=line, description=about, usage=usage, formatter_class=_Help, allow_abbrev=False
        )
        meant.options(one, declared)
    for name, line in OF_THE_LAB.items():
        commands.add_parser(name, help=line)
    return top


def _unknown(name: str, meant: Command, words: Sequence[str], declared: Sequence[Declared]) -> str:
    """Say what is wrong with *words*, without the values among them: one may be a secret."""
    flags = [word.partition("=")[0].lstrip("-") for word in words if word.startswith("-")]
    if not flags:
        return f"{name} takes options alone{f': {_WORDS}' if meant.takes_words else ''}"
    try:
        check_names([flags[0].lower()], [*declared, *_others(declared)])
    except InputError as error:
        return f"--{shown(flags[0])}: {in_flags(error.what, declared)}"
    return f"{name} takes no --{shown(flags[0])}"


def _others(declared: Sequence[Declared]) -> Iterator[Declared]:
    """List the flags of all commands as if they were inputs: one that is misspelt is near to one of them."""
    for name in COMMANDS:
        one = argparse.ArgumentParser(add_help=False)
        load(name).options(one, declared)
        for flag in _flags(one):
            yield Declared(flag.lstrip("-"), "", "", (), secret=False, required=False, choices=())


def _flags(one: argparse.ArgumentParser) -> Iterator[str]:
    """List the flags of a parser, and of those below it: argparse has no other list of them."""
    for action in one._actions:  # noqa: SLF001
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            for below in action.choices.values():
                yield from _flags(below)


def _split(argv: list[str]) -> tuple[list[str], bool, list[str]]:
    """Split at the first `--`."""
    if "--" not in argv:
        return argv, False, []
    at = argv.index("--")
    return argv[:at], True, argv[at + 1 :]


def _of_the_lab(name: str, rest: list[str], err: TextIO) -> int:
    try:
        further: Callable[[list[str]], int] = next(
            found.load() for found in entry_points(group="nomad_token.commands", name=name)
        )
    except (StopIteration, ImportError):
        err.write(f'nomad-token {name} needs the lab: pip install "nomad-token[lab]"\n')
        return InputError.exit_code
    return further(rest)
