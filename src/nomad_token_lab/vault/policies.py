"""Vault's policies: paths with `*` and `+`, capabilities, allowed parameters (Vault's docs, "Policies")."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any, Final

from nomad_token_lab import hcl

ROOT: Final = "root"
_CAPABILITIES: Final = frozenset({"create", "read", "update", "patch", "delete", "list", "sudo", "deny", "scan"})

# api-contract 1.6: sys/leases/revoke is not among them.
DEFAULT: Final = """
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self"  { capabilities = ["update"] }
path "sys/leases/renew"       { capabilities = ["update"] }
path "sys/leases/lookup"      { capabilities = ["update"] }
"""

Rule = Mapping[str, Any]


@cache
def parse(policy: str, below: str = "") -> Mapping[str, Rule]:
    """Return the rules of a policy by path, which is that *below* a namespace's.

    Raises:
        ValueError: the text can't be read, or names a capability that there isn't.
    """
    rules: dict[str, Rule] = hcl.loads(policy).get("path", {})
    for path, rule in rules.items():
        for capability in rule.get("capabilities", ()):
            if capability not in _CAPABILITIES:
                raise ValueError(f'path "{path}": path "{path}": invalid capability "{capability}"')
    return {below + path: rule for path, rule in rules.items()}


class Acl:
    """What several policies allow together."""

    def __init__(self, policies: Iterable[Mapping[str, Rule]], *, is_root: bool = False) -> None:
        """Take the rules of each policy that exists."""
        self._is_root = is_root
        self._rules: dict[str, list[Rule]] = {}
        for policy in policies:
            for path, rule in policy.items():
                self._rules.setdefault(path, []).append(rule)

    def capabilities(self, path: str) -> list[str]:
        """Return what may be done at *path*, in Vault's order; `deny` alone when nothing may."""
        if self._is_root:
            return ["root"]
        given = {word for rule in self._closest(path) for word in rule.get("capabilities", ())}
        return ["deny"] if "deny" in given or not given else sorted(given)

    def allows(self, capability: str, path: str, parameters: Mapping[str, Any], *, sudo: bool = False) -> bool:
        """Tell whether *capability* is given at *path* with these *parameters*."""
        given = self.capabilities(path)
        if given == ["root"]:
            return True
        if capability not in given or (sudo and "sudo" not in given):
            return False
        rules = [rule for rule in self._closest(path) if capability in rule.get("capabilities", ())]
        return any(_parameters_fit(rule, parameters) for rule in rules)

    def is_sudo(self, path: str) -> bool:
        """Tell whether *path* may be used with what only `sudo` gives."""
        return bool({"root", "sudo"} & set(self.capabilities(path)))

    def _closest(self, path: str) -> list[Rule]:
        fitting = [pattern for pattern in self._rules if _fits(pattern, path)]
        return self._rules[max(fitting, key=_closeness)] if fitting else []


def _fits(pattern: str, path: str) -> bool:
    regex = "/".join("[^/]+" if part == "+" else re.escape(part) for part in pattern.removesuffix("*").split("/"))
    return re.fullmatch(regex + (".*" if pattern.endswith("*") else ""), path) is not None


def _closeness(pattern: str) -> tuple[float, bool, int, int, str]:
    """Order patterns as Vault does: a late wildcard, no `*`, few `+`, a long path win, in that order."""
    wild = [at for at in (pattern.find("+"), pattern.find("*")) if at >= 0]
    first = min(wild, default=float("inf"))
    return first, not pattern.endswith("*"), -pattern.split("/").count("+"), len(pattern), pattern


def _parameters_fit(rule: Rule, parameters: Mapping[str, Any]) -> bool:
    allowed: Mapping[str, list[Any]] | None = rule.get("allowed_parameters")
    if not allowed:
        return True
    for name, value in parameters.items():
        if name not in allowed and "*" not in allowed:
            return False
        values = allowed.get(name, allowed.get("*", []))
        if values and not any(_value_fits(wanted, value) for wanted in values):
            return False
    return True


def _value_fits(wanted: object, value: object) -> bool:
    if isinstance(wanted, str) and isinstance(value, str):
        return fnmatchcase(value, wanted)
    return wanted == value
