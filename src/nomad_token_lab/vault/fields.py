"""Fields of request bodies, converted as Vault's SDK does (api-contract 1.2, 1.3)."""

from collections.abc import Mapping
from typing import Any

from nomad_token_lab import durations
from nomad_token_lab.vault.errors import Refusal

Data = Mapping[str, Any]


def _unfit(name: str, why: object) -> Refusal:
    return Refusal(400, f'error converting input for field "{name}": {why}')


def text(data: Data, name: str, default: str = "") -> str:
    """Return a string field."""
    value = data.get(name)
    return default if value is None else str(value)


def flag(data: Data, name: str, *, default: bool = False) -> bool:
    """Return a bool field."""
    value = data.get(name)
    match value:
        case None:
            return default
        case bool():
            return value
        case "1" | "t" | "T" | "true" | "TRUE" | "True":
            return True
        case "0" | "f" | "F" | "false" | "FALSE" | "False" | "":
            return False
        case _:
            raise _unfit(name, "'' cannot parse value as 'bool': strconv.ParseBool: invalid syntax")


def number(data: Data, name: str) -> int:
    """Return an int field, 0 when it is absent."""
    try:
        return int(data.get(name) or 0)
    except (TypeError, ValueError) as error:
        raise _unfit(name, "'' cannot parse value as 'int': strconv.ParseInt: invalid syntax") from error


def seconds(data: Data, name: str) -> int:
    """Return a duration field in seconds: a number, digits, or a Go duration; 0 when it is absent."""
    value = data.get(name)
    if value in (None, ""):
        return 0
    try:
        found = int(value) if str(value).lstrip("-").isdigit() else durations.parse(str(value)) // durations.SECOND
    except ValueError as error:
        raise _unfit(name, error) from error
    if found < 0:
        raise _unfit(name, f"cannot provide negative value '{value}'")
    return found


def strings(data: Data, name: str) -> tuple[str, ...]:
    """Return a list field, which may be given as one string with commas."""
    value = data.get(name)
    if value is None:
        return ()
    items = value.split(",") if isinstance(value, str) else value
    return tuple(stripped for item in items if (stripped := str(item).strip()))
