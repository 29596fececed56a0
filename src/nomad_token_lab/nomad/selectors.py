"""Expressions of hashicorp/go-bexpr, as far as binding rules and list filters use them (its `grammar.peg`)."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Test = Callable[[Mapping[str, Any]], bool]

_TOKEN: Final = re.compile(
    r"""(?P<space>\s+)
      | (?P<string>"[^"]*"|`[^`]*`)
      | (?P<number>-?(?:0|[1-9]\d*)(?:\.\d+)?(?=[\s)]|$))
      | (?P<path>[A-Za-z][\w/]*(?:\.(?:[A-Za-z][\w/]*|\d+)|\[\s*(?:"[^"]*"|`[^`]*`)\s*\])*)
      | (?P<mark>==|!=|\(|\))""",
    re.VERBOSE | re.ASCII,
)
_STEP: Final = re.compile(r'"([^"]*)"|`([^`]*)`|([A-Za-z][\w/]*|\d+)', re.ASCII)
# The words that stand between a selector and a value, by what they ask; `contains` is `in` the other way round.
_AFTER_SELECTOR: Final = {
    "==": ("==", False),
    "!=": ("==", True),
    "contains": ("in", False),
    "not contains": ("in", True),
    "matches": ("matches", False),
    "not matches": ("matches", True),
    "is empty": ("empty", False),
    "is not empty": ("empty", True),
}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(text: str) -> Test:
    """Return the test that *text* is; the test raises `ValueError` for what it can't be asked of.

    Raises:
        ValueError: *text* is no expression.
    """
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[_Token] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise _unexpected(_Token("", text[at], at))
            if match.lastgroup != "space":
                self._tokens.append(_Token(str(match.lastgroup), match.group(), at))
            at = match.end()
        self._tokens.append(_Token("end", "", at))
        self._next = 0

    def _peek(self, *words: str) -> bool:
        ahead = self._tokens[self._next : self._next + len(words)]
        return [token.text for token in ahead if token.kind != "string"] == list(words)

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _took(self, *words: str) -> bool:
        found = self._peek(*words)
        if found:
            self._next += len(words)
        return found

    def whole(self) -> Test:
        test = self._or()
        if (token := self._take()).kind != "end":
            raise _unexpected(token)
        return test

    def _or(self) -> Test:
        left = self._and()
        if not self._took("or"):
            return left
        right = self._or()
        return lambda datum: left(datum) or right(datum)

    def _and(self) -> Test:
        left = self._not()
        if not self._took("and"):
            return left
        right = self._and()
        return lambda datum: left(datum) and right(datum)

    def _not(self) -> Test:
        if self._took("not"):
            inner = self._not()
            return lambda datum: not inner(datum)
        if self._took("("):
            inner = self._or()
            if not self._took(")"):
                raise _unexpected(self._take())
            return inner
        return self._match()

    def _match(self) -> Test:
        first = self._take()
        for words, negated in (("in", False), ("not in", True)):
            if self._took(*words.split()):
                return _test(self._take(), "in", _value(first), negated=negated)
        for words, (operator, negated) in _AFTER_SELECTOR.items():
            if self._took(*words.split()):
                value = "" if operator == "empty" else _value(self._take())
                return _test(first, operator, value, negated=negated)
        raise _unexpected(self._take())


def _unexpected(token: _Token) -> ValueError:
    return ValueError(f"1:{token.at + 1} ({token.at}): no match found, unexpected {token.text or 'EOF'!r}")


def _value(token: _Token) -> str:
    match token.kind:
        case "string":
            return token.text[1:-1]
        case "number" | "path":
            return token.text
        case _:
            raise _unexpected(token)


def _test(selector: _Token, operator: str, value: str, *, negated: bool) -> Test:
    if selector.kind != "path":
        raise _unexpected(selector)
    path = [next(filter(None, groups), "") for groups in _STEP.findall(selector.text)]
    missed = f"error finding value in datum: /{'/'.join(path)}"

    def test(datum: Mapping[str, Any]) -> bool:
        found: Any = datum
        for depth, step in enumerate(path):
            if not isinstance(found, Mapping):
                raise ValueError(f"{missed} at part {depth}")  # noqa: TRY004 - it is the expression that is wrong
            if step not in found:
                # A field that no datum has is an error; a key that this map lacks is equal to nothing and empty.
                if depth == 0:
                    raise ValueError(f"{missed} at part 0: couldn't find key: {step}")
                return negated != (operator == "empty")
            found = found[step]
        return negated != _asked(operator, found, value)

    return test


def _asked(operator: str, found: Any, value: str) -> bool:  # noqa: ANN401 - a value of any JSON type
    match operator:
        case "==":
            return _equal(found, value)
        case "in" if isinstance(found, str | Mapping):
            return value in found
        case "in" if isinstance(found, list):
            return any(_equal(item, value) for item in found)
        case "matches" if isinstance(found, str):
            try:
                return re.search(value, found) is not None
            except re.error as error:
                raise ValueError(f'Failed to compile regular expression "{value}": {error}') from error
        case "empty" if isinstance(found, str | list | Mapping):
            return not found
        case _:
            raise ValueError(f"Cannot perform {operator} operations on type {type(found).__name__}")


def _equal(found: Any, value: str) -> bool:  # noqa: ANN401 - a value of any JSON type
    match found:
        case bool():
            if value not in {"true", "false"}:
                raise ValueError(f'error getting match value in expression: "{value}" is not a bool')
            return found == (value == "true")
        case str():
            return found == value
        case int() | float():
            return bool(found == float(value))
        case _:
            raise ValueError("unable to find suitable primitive comparison function for matching")
