"""Questions on the terminal: put on standard error, answered on standard input."""

import sys
from collections.abc import Callable

from nomad_token.errors import InputError


def is_there() -> bool:
    """Tell whether somebody can answer."""
    return sys.stdin.isatty()


def ask(question: str) -> str:
    """Return the line that is typed; without a line break where the terminal was closed."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline()


def confirm(question: str, agrees: Callable[[str], bool], *, nothing: str, why: str, fix: str) -> None:
    """Ask whether to go on. Raises `InputError`, which begins with *nothing*, where nobody can say so, or nobody does.

    *why* and *fix* are for a call without a terminal.
    """
    if not is_there():
        raise InputError(f"{nothing}: there is no terminal to ask on.", why=why, fix=fix)
    if not agrees(ask(question).strip()):
        raise InputError(f"{nothing}.")
