"""What two servers may write in two ways, in one: so that what means the same is no difference."""

import re
from collections.abc import Mapping
from typing import Any, Final

_NANOSECONDS: Final = {"h": 3600 * 10**9, "m": 60 * 10**9, "s": 10**9, "ms": 10**6, "us": 10**3, "µs": 10**3, "ns": 1}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)")
LIVES: Final = frozenset({"MaxTokenTTL"})
"""What Nomad gives back as a Go duration from 1.5.0 on, and as nanoseconds before (api-contract 2.2)."""


def canonical(name: str, value: Any) -> Any:  # noqa: ANN401 - decoded JSON
    """Return the *value* of a field as it is compared: nothing is None, lists are sets, texts have no end of line."""
    if name in LIVES:
        return _nanoseconds(value)
    match value:
        case str():
            return value.strip() or None
        case Mapping():
            return {str(key): _as_list(each) for key, each in value.items()} or None
        case list() | tuple():
            return _as_list(value) or None
        case _:
            return value or None


def _as_list(value: Any) -> list[str]:  # noqa: ANN401
    """Return a list's texts in an order of its own, and a text as a list of one; Nomad's links are their names."""
    each = value if isinstance(value, list | tuple) else [value]
    return sorted({str(one.get("Name") if isinstance(one, Mapping) else one).strip() for one in each})


def _nanoseconds(value: Any) -> int | None:  # noqa: ANN401
    if isinstance(value, str):
        parts = _PART.findall(value)
        if "".join(f"{number}{unit}" for number, unit in parts) == value:
            return round(sum(float(number) * _NANOSECONDS[unit] for number, unit in parts)) or None
    return int(value) if isinstance(value, int) and value else None
