"""The pages that people read, taken apart: their headings, links, blocks of code, and the commands in those."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
DOCS: Final = [page for page in PAGES if page.parent.name == "docs"]
_BLOCK: Final = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_ENDS: Final = frozenset({"|", "||", "&&", ";", "&", "(", ")", ">", "<"})


class _Loader(yaml.SafeLoader):
    """Reads what a pipeline of GitLab's may hold beside plain YAML."""


def _reference(loader: yaml.SafeLoader, node: yaml.SequenceNode) -> list[Any]:
    return loader.construct_sequence(node)


_Loader.add_constructor("!reference", _reference)


@dataclass(frozen=True)
class Block:
    """A block of code."""

    page: str
    language: str
    text: str

    def __str__(self) -> str:
        """Name it by its page and its first line, for a test's name."""
        return f"{self.page}: {self.text.strip().partition(chr(10))[0][:40]}"

    def read(self) -> Any:  # noqa: ANN401 - any YAML
        """Return what it holds, of YAML."""
        return yaml.load(self.text, _Loader)  # noqa: S506 - a safe loader


def blocks(pages: list[Path], *languages: str) -> list[Block]:
    """Return the blocks of code in *languages*, without what they are indented by."""
    return [
        Block(page.name, found[2], re.sub(f"^{found[1]}", "", found[3], flags=re.MULTILINE))
        for page in pages
        for found in _BLOCK.finditer(page.read_text("utf-8"))
        if found[2] in languages
    ]


def spans(pages: list[Path]) -> list[Block]:
    """Return what stands as code within the sentences."""
    return [
        Block(page.name, "", " ".join(found.split()))
        for page in pages
        for found in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose(page))
    ]


def prose(page: Path) -> str:
    """Return the page without its blocks of code."""
    return _BLOCK.sub("", page.read_text("utf-8"))


def anchors(page: Path) -> set[str]:
    """Return what GitHub makes of the headings: small letters, hyphens for spaces, and no other signs."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def links(page: Path) -> list[str]:
    """Return where the page's links lead, but those to the world outside."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [link for link in found if not re.match(r"https?:|mailto:", link)]


def commands(text: str, program: str = "nomad-token") -> Iterator[list[str]]:
    """Return the words of each command line of *program* in a shell's *text*, or in a pipeline's or workflow's."""
    for line in text.replace("\\\n", " ").splitlines():
        if program not in line:
            continue
        plain = re.sub(r'"?\$\(', "( ", line).replace(')"', ")")
        lexer = shlex.shlex(plain, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if word in _ENDS:
                yield from _of(program, words)
                words = []
            else:
                words.append(word)


def _of(program: str, words: list[str]) -> Iterator[list[str]]:
    """Return the words after *program*, where it is what is started."""
    for at, word in enumerate(words):
        if word == program:
            yield words[at + 1 :]
        if word == program or not re.fullmatch(r"\w+=.*|exec|script:|-|run:", word):
            return


def uses(read: object) -> Iterator[dict[str, Any]]:
    """Return the `with:` of each step in *read* that uses this action."""
    if isinstance(read, dict):
        if str(read.get("uses", "")).startswith(("OWNER/nomad-token@", "./")):
            yield read.get("with", {})
        read = list(read.values())
    if isinstance(read, list):
        for each in read:
            yield from uses(each)


def under(given: Mapping[str, object], *, act: bool) -> dict[str, str]:
    """Return the inputs as they are under *act*, or at GitHub, where an expression asks for that."""

    def chosen(found: re.Match[str]) -> str:
        word = found[2] if act is not bool(found[1]) else found[3]
        return word.strip("'") if word.startswith("'") else f"${{{{ {word} }}}}"

    choice = re.compile(r"\$\{\{ (!?)env\.ACT && (\S+) \|\| (\S+) \}\}")
    return {name: choice.sub(chosen, str(value)) for name, value in given.items()}


def included(read: object) -> Iterator[dict[str, Any]]:
    """Return the `inputs:` of each include of this template."""
    entries = read.get("include", []) if isinstance(read, dict) else []
    for entry in entries if isinstance(entries, list) else [entries]:
        if "nomad-token" in str(entry.get("remote", entry.get("component", ""))):
            yield entry.get("inputs", {})
