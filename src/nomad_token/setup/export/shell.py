"""Words and texts of a POSIX shell, from which nothing breaks out."""

import itertools
import json
import shlex
import textwrap
from collections.abc import Iterable, Mapping
from typing import Final

from nomad_token.errors import InputError

BEGIN: Final = "set -eu"
"""How a script begins: it ends with the first command that fails."""


def command(words: Iterable[str]) -> str:
    """Return *words* as one command."""
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    """Quote what needs it; of `-flag=value` the value alone, as people do."""
    flag, equals, value = word.partition("=")
    if equals and shlex.quote(flag) == flag:
        return f"{flag}={shlex.quote(value) if value else ''}"
    return shlex.quote(word)


def fed(words: Iterable[str], text: str, delimiter: str) -> str:
    """Return the command of *words* with exactly *text* on its standard input. Raises `InputError`.

    A quoted here-document leaves all letters as they are, and ends where a line is its delimiter alone (POSIX Shell
    Command Language, 2.7.4); it always ends with a line break, and dash loses a byte of some.
    """
    if "\0" in text:
        raise InputError("A file that the setup names holds a NUL, which no shell can hand on.")
    lines = text.split("\n")
    end = next(
        name
        for name in itertools.chain([delimiter], map(f"{delimiter}_{{}}".format, itertools.count(2)))
        if name not in lines
    )
    if not text.endswith("\n") or any(_is_torn(line, end) for line in lines):
        return f"printf %s {shlex.quote(text)} | {command(words)}"
    return f"{command(words)} <<'{end}'\n{text}{end}"


def _is_torn(line: str, delimiter: str) -> bool:
    """Tell whether dash 0.5.12 loses a byte of *line*: the one after what it has in common with *delimiter*."""
    pairs = zip(line, delimiter, strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    return common > 0 and not line[common : common + 1].isascii()


def fed_json(words: Iterable[str], body: Mapping[str, object]) -> str:
    """Return the command of *words* with *body* on its standard input, a field a line."""
    fields = ",\n".join(f"  {_json(name)}: {_json(value)}" for name, value in body.items())
    return fed(words, f"{{\n{fields}\n}}\n", "JSON")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def remark(text: str) -> str:
    """Return *text* as comments."""
    return "\n".join(f"# {line}" for line in textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False))
