"""What of an id token's claims a binding rule sees, and `${…}` in names (Nomad, `lib/auth`)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_VARIABLE: Final = re.compile(r"\$\{\s*([^{}]*?)\s*\}")


@dataclass(frozen=True)
class Mapped:
    """The claims that an auth method maps, under their new names."""

    value: dict[str, str]
    list: dict[str, list[str]]

    def datum(self) -> dict[str, Any]:
        """Return what a selector is asked of."""
        return {"value": self.value, "list": self.list}

    def variables(self) -> dict[str, str]:
        """Return what a name may be put together from."""
        return {f"value.{name}": text for name, text in self.value.items()}


def mapped(claims: Mapping[str, Any], values: Mapping[str, str], lists: Mapping[str, str]) -> Mapped:
    """Return *claims* under the names that *values* and *lists* give them; a claim that is missing is left out.

    Raises:
        ValueError: a claim is of a type that has no text.
    """
    texts, several = {}, {}
    for source, target in values.items():
        if (found := _claim(claims, source)) is not None:
            text = _text(found)
            if text is None:
                raise ValueError(f"error converting claim '{source}' to string from unknown type {_go_type(found)}")
            texts[target] = text
    for source, target in lists.items():
        if (found := _claim(claims, source)) is not None:
            several[target] = _texts(found, source)
    return Mapped(texts, several)


def _claim(claims: Mapping[str, Any], source: str) -> Any:  # noqa: ANN401 - a claim is any of JSON's
    """Return a claim, by its name or by a JSON pointer."""
    if not source.startswith("/"):
        return claims.get(source)
    found: Any = claims
    for step in source[1:].split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and key.isdecimal() and int(key) < len(found):
            found = found[int(key)]
        elif isinstance(found, Mapping):
            found = found.get(key)
        else:
            return None
    return found


def _text(found: object) -> str | None:
    match found:
        case bool():
            return str(found).lower()
        case str():
            return found
        case int() | float():
            return str(int(found))
        case _:
            return None


def _texts(found: object, source: str) -> list[str]:
    if isinstance(found, Mapping):
        raise ValueError(  # noqa: TRY004 - it is the claim that is wrong
            f'"{source}" list claim could not be converted to string list'
        )
    texts = []
    for item in found if isinstance(found, list) else [found]:
        text = _text(item)
        if text is None:
            raise ValueError(f'value {item} in "{source}" list claim could not be parsed as string')
        texts.append(text)
    return [text for text in texts if text]


def _go_type(found: object) -> str:
    return "[]interface {}" if isinstance(found, list) else "map[string]interface {}"


def interpolated(template: str, variables: Mapping[str, str]) -> str:
    """Return *template* with its `${name}`s replaced: the part of HIL that names are written in.

    Raises:
        ValueError: a variable that there is none of, or more of HIL than a name.
    """

    def put(match: re.Match[str]) -> str:
        if match[1] in variables:
            return variables[match[1]]
        place = f"At column {match.start(1) + 1}, line 1"
        raise ValueError(f"{place}: unknown variable accessed: {match[1]} in:\n\n{template}")

    made = _VARIABLE.sub(put, template)
    if "${" in _VARIABLE.sub("", template):
        raise ValueError(f"expected expression in:\n\n{template}")
    return made
