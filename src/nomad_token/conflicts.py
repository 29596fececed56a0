"""Inputs that can't stand together, as data: the check and the tests are made from it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nomad_token.declared import Declared, Lookup
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

# `nomad-ca-cert` is not among them: its variable may be there for the next steps alone.
_OF_NOMAD: Final = (
    "nomad-client-cert",
    "nomad-client-key",
    "nomad-tls-server-name",
    "nomad-skip-verify",
    "nomad-headers",
)

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
    Conflict(
        lambda given: given.get("vault-auth-method") == "cert" and "vault-client-cert" not in given,
        "`vault-auth-method: cert` needs `vault-client-cert` and `vault-client-key`: they are the login.",
    ),
    Conflict(
        lambda given: "nomad-addr" not in given and any(name in given for name in _OF_NOMAD),
        "What says how Nomad is reached (`nomad-client-cert`, `nomad-headers`, …) needs `nomad-addr`.",
    ),
)


def check_kind(chooser: str, chosen: str, kinds: Mapping[str, Sequence[Declared]], lookup: Lookup) -> None:
    """Raise `InputError` for an input that was given and only another kind reads than the one that *chooser* chose."""
    own = {one.name for one in kinds[chosen]}
    others = {one.name: one for kind in kinds.values() for one in kind if one.name not in own}
    given = [one for one in others.values() if lookup(one) is not None]
    if given:
        raise InputError("\n".join(_of_another(one, chooser, chosen, kinds) for one in given))


def _of_another(one: Declared, chooser: str, chosen: str, kinds: Mapping[str, Sequence[Declared]]) -> str:
    readers = " or ".join(name for name, kind in kinds.items() if one.name in {each.name for each in kind})
    return f"`{one.name}` is read with `{chooser}: {readers}` alone, and it is `{chosen}` here."


def check(given: Values) -> None:
    """Raise `InputError` for each conflict that holds for *given*."""
    found = [conflict.says for conflict in CONFLICTS if conflict.holds(given)]
    if found:
        raise InputError("\n".join(found))
