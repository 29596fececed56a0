"""Inputs in a text, named as a command line names them."""

import re
from collections.abc import Mapping
from typing import Final

from nomad_token.declared import Declared

PREFIX: Final = "NOMAD_MINT_"
_QUOTED: Final = re.compile(r"`([a-z]+(?:-[a-z]+)*)(?:: ([^`\n]+))?`")
_UNSET: Final = re.compile(r"(`[A-Z_]+`) is missing: give it(?: under `with:`)?(?:, or set [^.]+)?\.")


def spelled(text: str, declared: Mapping[str, Declared], names: Mapping[str, str]) -> str:
    """Name inputs in *text* as a command line does; *names* says how, by the input's name."""

    def of(quoted: "re.Match[str]") -> str:
        name, value = quoted.groups()
        if names.get(name, name) == name:
            return quoted[0]
        if value and name in declared and not declared[name].secret:
            return f"`--{name} {value}`"
        return f"`{names[name]}{f': {value}' if value else ''}`"

    return _UNSET.sub(r"\1 is not set.", _QUOTED.sub(of, text))


def spelt(one: Declared) -> str:
    """Return how an input is given: a flag, or the first variable of a secret."""
    if not one.secret:
        return f"--{one.name}"
    return one.environment[0] if one.environment else variable(one.name)


def variable(name: str) -> str:
    """Return the variable of our own for an input."""
    return PREFIX + name.upper().replace("-", "_")
