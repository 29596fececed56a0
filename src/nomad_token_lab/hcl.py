"""The part of HCL that policies are written in (blocks, labels, strings, lists, objects), or the same as JSON."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n,]+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\\n]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?)
      | (?P<word>[A-Za-z_][\w-]*)
      | (?P<mark>[{}\[\]=:])""",
    re.VERBOSE | re.DOTALL,
)
_WORDS: Final = {"true": True, "false": False, "null": None}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def loads(text: str) -> dict[str, Any]:
    """Return *text* as nested mappings, a block's type and labels being keys: `path "x" {}` is `{"path": {"x": {}}}`.

    Commas are taken as white space, so lists and objects with and without them read alike.

    Raises:
        ValueError: with line and column of what can't be read.
    """
    if text.lstrip().startswith("{"):
        loaded: dict[str, Any] = json.loads(text)
        return loaded
    return _Parser(text).body(end="")


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._scan())
        self._next = 0

    def _scan(self) -> Iterator[_Token]:
        at = 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                raise self._unexpected(_Token("", self._text[at], at))
            if match.lastgroup != "space":
                yield _Token(str(match.lastgroup), match.group(), at)
            at = match.end()
        yield _Token("end", "", at)

    def _unexpected(self, token: _Token) -> ValueError:
        before = self._text[: token.at]
        line, column = before.count("\n") + 1, token.at - before.rfind("\n")
        return ValueError(f"At {line}:{column}: unexpected {token.text or 'EOF'}")

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _expect(self, text: str) -> None:
        token = self._take()
        if token.text != text:
            raise self._unexpected(token)

    def _key(self, token: _Token) -> str:
        if token.kind == "string":
            return str(json.loads(token.text))
        if token.kind == "word":
            return token.text
        raise self._unexpected(token)

    def body(self, end: str) -> dict[str, Any]:
        """Read attributes and blocks up to *end*, a brace or the end of the text."""
        found: dict[str, Any] = {}
        while (token := self._take()).text != end or (end == "" and token.kind != "end"):
            inner, key = found, self._key(token)
            while (mark := self._take()).kind in {"string", "word"}:
                inner, key = inner.setdefault(key, {}), self._key(mark)
            if mark.text in {"=", ":"}:
                inner[key] = self._value()
            elif mark.text == "{":
                inner.setdefault(key, {}).update(self.body(end="}"))
            else:
                raise self._unexpected(mark)
        return found

    def _value(self) -> Any:  # noqa: ANN401 - a value of the language is any of JSON's
        token = self._take()
        match token.kind:
            case "string":
                return json.loads(token.text)
            case "number":
                return json.loads(token.text)
            case "word" if token.text in _WORDS:
                return _WORDS[token.text]
        if token.text == "{":
            return self.body(end="}")
        if token.text == "[":
            values = []
            while self._tokens[self._next].text != "]":
                values.append(self._value())
            self._expect("]")
            return values
        raise self._unexpected(token)
