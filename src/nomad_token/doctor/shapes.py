"""What a server's JSON should hold: anything else is read as nothing, so that no answer ends the walk."""

from typing import Any


def mapping(value: object) -> dict[str, Any]:
    """Return *value* where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[dict[str, Any]]:
    """Return the objects in a list; nothing where *value* is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def names(value: object) -> list[str]:
    """Return the texts in a list; nothing where *value* is none."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def number(value: object) -> int:
    """Return a whole number, 0 where *value* is none."""
    return value if isinstance(value, int) else 0
