"""HCL's native syntax, as far as Terraform's resources need it (HashiCorp's "HCL Native Syntax Specification")."""

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_DELIMITER: Final = "EOT"
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
# A template's beginning; escaped as a letter's number it is one in no place, whatever stands before it.
_NOT_AS_THEY_ARE: Final = re.compile(r'[\\"\x00-\x1f\x7f]|[$%](?=\{)')


@dataclass(frozen=True, slots=True)
class Raw:
    """An expression: a reference, a function's call."""

    text: str


@dataclass(frozen=True, slots=True)
class Document:
    """A text of several lines, to be read by people."""

    text: str


Value = str | bool | int | Raw | Document | Sequence[str | Raw] | Mapping[str, str]


def block(head: Sequence[str], attributes: Mapping[str, Value], *inner: str) -> str:
    """Return a block: its type and labels are *head*, and the blocks in it are *inner*."""
    kind, *labels = head
    body = "\n".join([*map(_set_in, _aligned(attributes)), *(f"\n{_set_in(one)}" for one in inner)])
    return f"{' '.join([kind, *map(string, labels)])} {{\n{body}\n}}"


def _aligned(attributes: Mapping[str, Value]) -> list[str]:
    """Write attributes as `terraform fmt` does: the signs of neighbours in one column, but not that of an object."""
    lines: list[str] = []
    for is_object, group in itertools.groupby(attributes.items(), lambda one: isinstance(one[1], Mapping)):
        found = dict(group)
        width = 0 if is_object else max(map(len, found))
        lines += [f"{name:<{width}} = {value(given)}" for name, given in found.items()]
    return lines


def value(given: Value) -> str:
    """Return *given* as an expression."""
    match given:
        case Raw():
            written = given.text
        case Document():
            written = _document(given.text)
        case bool():
            written = str(given).lower()
        case int():
            written = str(given)
        case str():
            written = string(given)
        case Mapping():
            inside = _aligned({string(name): each for name, each in given.items()})
            written = "\n".join(["{", *(f"  {line}" for line in inside), "}"])
        case _:
            written = f"[{', '.join(map(value, given))}]"
    return written


def string(text: str) -> str:
    """Return *text* as a quoted template that means exactly it."""
    return f'"{_NOT_AS_THEY_ARE.sub(lambda found: _escaped(found[0]), text)}"'


def in_module(path: str) -> Raw:
    """Return what reads the file at *path*, beside the module's own files unless it begins at the root."""
    return Raw(f"file({string(path)})" if path.startswith("/") else f'file("${{path.module}}/{string(path)[1:]})')


def _escaped(letter: str) -> str:
    return _ESCAPES.get(letter) or f"\\u{ord(letter):04x}"


def _document(text: str) -> str:
    """Return *text* in lines where a heredoc can mean exactly it: there is no escape in one, and its end is a line."""
    lines = text.split("\n")
    if lines[-1] or "\r" in text or "${" in text or "%{" in text or any(line.strip() == _DELIMITER for line in lines):
        return string(text)
    return f"<<{_DELIMITER}\n{text}{_DELIMITER}"


def _set_in(text: str) -> str:
    """Set the lines of an attribute or a block in, but not those of a heredoc, whose spaces count."""
    out, in_heredoc = [], False
    for line in text.split("\n"):
        out.append(line if in_heredoc or not line else f"  {line}")
        in_heredoc = line != _DELIMITER if in_heredoc else line.endswith(f"<<{_DELIMITER}")
    return "\n".join(out)
