"""Foreign text made harmless: what a server or an id token says may be read, and nothing else."""

import shlex
import unicodedata
from typing import Final

_LIMIT: Final = 300
_LONGEST_LINE: Final = 4000
_MOST_LINES: Final = 200
# Controls, formats (bidi, zero width), surrogates, private use, unassigned, line and paragraph separators.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(foreign: object, limit: int = _LIMIT) -> str:
    """One line of *foreign* text for a log: no control characters, no runner command, at most *limit* characters.

    The runner reads `##[command]` anywhere in a line and `::command` at its start (actions/runner,
    `ActionCommand.cs`); the first is broken up here, the second can't be where our own words come first.
    """
    raw = str(foreign)[: 4 * limit]
    visible = "".join(" " if unicodedata.category(char) in _INVISIBLE else char for char in raw)
    line = " ".join(visible.split()).replace("##[", "## [")
    return line if len(line) <= limit else line[: limit - 1] + "…"


def said(line: object) -> str:
    """Return *line* as one of a log, which no runner takes for a command: it looks behind spaces for the colons too."""
    return shown(line, _LONGEST_LINE).lstrip(": ")


def lines(text: str) -> list[str]:
    """Return the lines of a message, each as `said` makes it, and set in as before; 200 of them at most."""
    each = text[: _MOST_LINES * _LONGEST_LINE].splitlines()[:_MOST_LINES] or [""]
    return [f"{' ' * min(len(line) - len(line.lstrip(' ')), 16)}{said(line)}" for line in each]


def in_summary(title: str, *texts: str) -> str:
    """Return *texts* under a heading of Markdown, in a fence that what a server said can't leave."""
    body = "\n\n".join("\n".join(lines(text)) for text in texts).replace("```", "'''")
    return f"### nomad-token: {title}\n\n```text\n{body}\n```"


def span(seconds: float) -> str:
    """Return *seconds* as people say them: `45 s`, `30 min`, `1 h 5 min`, `32 d`."""
    whole = max(0, round(seconds))
    for unit, size, below, smaller in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= size:
            count, rest = whole // size, whole % size // smaller
            return f"{count} {unit} {rest} {below}" if rest else f"{count} {unit}"
    return f"{whole} s"


def pasted(foreign: object) -> str:
    """Return *foreign* text as one word of a shell command that a person may paste."""
    return shlex.quote(shown(foreign))
