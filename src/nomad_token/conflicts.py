"""Inputs that can't stand together, as data: the check and the tests are made from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nomad_token.errors import InputError

Values = Mapping[str, str]
"""The inputs that were given, by name, as they were typed."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """One combination that is refused, and what is said of it."""

    holds: Callable[[Values], bool]
    says: str


# How Pydantic takes a false (docs, "Booleans").
_NO: Final = frozenset({"false", "f", "no", "n", "off", "0"})

CONFLICTS: Final = (
    Conflict(
        lambda given: given.get("export-env") == "false" and given.get("export-output", "true").lower() in _NO,
        "`export-env: false` with `export-output: false`: the token would reach nobody. Leave one of them out.",
    ),
    Conflict(
        lambda given: "audience" in given and "id-token" in given,
        "`audience` with `id-token`: an id token that is given has its audience already. Leave `audience` out.",
    ),
    Conflict(
        lambda given: given.get("verify") == "required" and "nomad-addr" not in given,
        "`verify: required` needs `nomad-addr`: Nomad is asked there.",
    ),
)


def check(given: Values) -> None:
    """Raise `InputError` for each conflict that holds for *given*."""
    found = [conflict.says for conflict in CONFLICTS if conflict.holds(given)]
    if found:
        raise InputError("\n".join(found))
