"""Inputs that can't stand together, as data: the check and the tests are made from it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nomad_token.declared import Declared
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
        lambda given: given.get("type") == "management" and ("policies" in given or "nomad-roles" in given),
        "`type: management` with `policies` or `nomad-roles`: a management token has all rights, and takes neither.",
    ),
    Conflict(
        lambda given: "nomad-addr" not in given and any(name in given for name in _OF_NOMAD),
        "What says how Nomad is reached (`nomad-client-cert`, `nomad-headers`, …) needs `nomad-addr`.",
    ),
)


# Where a value lives that the issuer can't be asked for.
_ELSEWHERE: Final = {
    ("ttl", "vault"): "the life of Vault's tokens is `config/lease` of the engine",
    ("ttl", "nomad-login"): "the life of a login's token is MaxTokenTTL of the auth method",
    ("policies", "vault"): "the policies of Vault's tokens are those of the engine's role",
    ("policies", "nomad-login"): "the policies of a login's token are those of the binding rules",
    ("type", "vault"): "the type of Vault's tokens is that of the engine's role",
    ("global", "vault"): "whether Vault's tokens are global is said by the engine's role",
    ("global", "nomad-login"): "whether a login's token is global is said by TokenLocality of the auth method",
}


def check_kind(chooser: str, chosen: str, kinds: Mapping[str, Sequence[Declared]], given: Collection[str]) -> None:
    """Raise `InputError` for what was *given* and only another kind reads than the one that *chooser* chose."""
    own = {one.name for one in kinds[chosen]}
    others = {one.name for kind in kinds.values() for one in kind} - own
    if wrong := [name for name in given if name in others]:
        raise InputError("\n".join(_of_another(name, chooser, chosen, kinds) for name in wrong))


def _of_another(name: str, chooser: str, chosen: str, kinds: Mapping[str, Sequence[Declared]]) -> str:
    readers = " or ".join(each for each, kind in kinds.items() if name in {one.name for one in kind})
    where = f": {_ELSEWHERE[name, chosen]}" if (name, chosen) in _ELSEWHERE else ""
    return f"`{name}` is read with `{chooser}: {readers}` alone, and it is `{chosen}` here{where}."


def check(given: Values) -> None:
    """Raise `InputError` for each conflict that holds for *given*."""
    found = [conflict.says for conflict in CONFLICTS if conflict.holds(given)]
    if found:
        raise InputError("\n".join(found))
