"""Who reads what we write, by their own rules: GitHub's runner, GitLab, Markdown, a terminal, a shell."""

import re
import subprocess
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

_ESCAPES: Final = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
_NO_TEXT: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SECTION: Final = re.compile(r"section_(?:start|end):[0-9]+:([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\r")


@dataclass(frozen=True)
class Command:
    """What the runner is told to do."""

    name: str
    data: str
    properties: dict[str, str] = field(default_factory=dict)


def log_lines(log: str) -> list[str]:
    """Return the lines of a log as the runner gets them: .NET's `StreamReader.ReadLine` ends one at these."""
    return re.split(r"\r\n|\r|\n", log)


def command(line: str) -> Command | None:
    """Return what the runner takes *line* for (actions/runner, `ActionCommand.cs`); None where it is text.

    A name that it does not know counts here too: another version may.
    """
    return _second_form(line) or _first_form(line)


def _second_form(line: str) -> Command | None:
    text = line.lstrip()
    end = text.find("::", 2)
    if not text.startswith("::") or end < 0:
        return None
    name, _, rest = text[2:end].partition(" ")
    pairs = (pair.partition("=") for pair in rest.strip().split(",") if "=" in pair)
    return Command(name, _unescaped(text[end + 2 :], 2), {key: _unescaped(value, 4) for key, _, value in pairs})


def _first_form(line: str) -> Command | None:
    found = re.search(r"##\[([^\]]*)\](.*)", line, re.DOTALL)
    return Command(found[1].partition(" ")[0], found[2]) if found else None


def _unescaped(text: str, most: int) -> str:
    for escape, char in (*_ESCAPES[:most], _ESCAPES[-1]):
        text = text.replace(escape, char)
    return text


def commands(log: str) -> list[Command]:
    """Return all that the runner is told to do by *log*."""
    return [found for line in log_lines(log) if (found := command(line)) is not None]


def env_file(data: bytes) -> dict[str, str]:
    """Return the pairs of a file of the runner's (actions/runner, `FileCommandManager.cs`, `EnvFileKeyValuePairs`).

    Raises `ValueError` where it fails the step.
    """
    # On Linux a line ends at a line feed alone.
    lines = iter(data.decode("utf-8", "replace").removeprefix("\ufeff").split("\n"))
    found: dict[str, str] = {}
    for line in filter(None, lines):
        equals, heredoc = line.find("="), line.find("<<")
        if heredoc >= 0 and (equals < 0 or heredoc < equals):
            name, _, delimiter = line.partition("<<")
            value = "\n".join(_until(delimiter, lines))
        elif equals >= 0:
            name, delimiter, value = line[:equals], "=", line[equals + 1 :]
        else:
            raise ValueError(f"invalid format {line!r}")
        if not name or not delimiter:
            raise ValueError(f"no name, or no delimiter, in {line!r}")
        found[name] = value
    return found


def _until(delimiter: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line == delimiter:
            return
        yield line
    raise ValueError(f"no line is {delimiter!r}")


def sections(log: str) -> list[str]:
    """Return the sections that a log of GitLab's begins and ends (GitLab docs, "Custom collapsible sections")."""
    return _SECTION.findall(log)


def unseen(text: str) -> set[str]:
    """Return the characters of *text* that are no text: controls, directions, surrogates, and what breaks a line."""
    return {char for char in text if unicodedata.category(char) in _NO_TEXT}


def out_of_fence(markdown: str) -> list[str]:
    """Return what GitHub would render of *markdown* beside headings and fenced text, by CommonMark's own grammar."""
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(markdown)
    inside = {"heading_open", "heading_close", "fence"}
    told = [token.content for token in tokens if token.type == "inline"]
    titles = [line.removeprefix("### ") for line in markdown.split("\n") if line.startswith("### nomad-token: ")]
    return [token.type for token in tokens if token.type not in {*inside, "inline"}] + [
        text for text in told if text not in titles
    ]


def sourced(shell: Sequence[str], text: str) -> dict[str, str]:
    """Return what *shell* has in its environment after it sourced a file with *text*, and nothing else happened.

    Raises `ValueError` where it printed something, or left a file.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "file")
        file.write_bytes(text.encode())
        done = subprocess.run(  # noqa: S603 - the shells of this machine
            [*shell, "-c", ". ./file; exec /usr/bin/env -0"],
            cwd=folder,
            env={},
            capture_output=True,
            check=False,
            timeout=60,
        )
        if done.returncode or done.stderr or list(Path(folder).iterdir()) != [file]:
            raise ValueError(f"{done.returncode}: {done.stderr!r}")
    pairs = (pair.decode().partition("=") for pair in done.stdout.removesuffix(b"\0").split(b"\0"))
    return {name: value for name, _, value in pairs if name not in {"PWD", "OLDPWD", "SHLVL", "_"}}
