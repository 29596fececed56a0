"""What would be written, and would not work: told before anything is. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple

from nomad_token.setup.changes import Change, Verdict
from nomad_token.setup.facts import Facts, Release
from nomad_token.setup.objects import Kind, Object
from nomad_token.text import pasted

_ROLES_SINCE: Final[Release] = (1, 4)
_JWT_LOGIN_SINCE: Final[Release] = (1, 5, 4)
_PLUGIN: Final = "openbao-plugin-secrets-nomad"
_NAMESPACE: Final = re.compile(r'^\s*namespace\s+"([^"]+)"\s*\{', re.MULTILINE)


def checked(changes: Sequence[Change], facts: Facts) -> tuple[Change, ...]:
    """Return *changes*, those refused that the servers would take and that would not work."""
    wanted = [each.wanted for each in changes]
    policies = facts.policies | {each.name for each in wanted if each.kind is Kind.POLICY}
    roles = facts.roles | {each.name for each in wanted if each.kind is Kind.NOMAD_ROLE}
    return tuple(
        each if each.is_stop else _refused_if(each, _trouble(each, facts, policies, roles)) for each in changes
    )


def _refused_if(change: Change, trouble: tuple[str, str] | None) -> Change:
    return replace(change, verdict=Verdict.REFUSE, reason=trouble[0], fix=trouble[1]) if trouble else change


def _trouble(change: Change, facts: Facts, policies: frozenset[str], roles: frozenset[str]) -> tuple[str, str] | None:
    match change.wanted.kind:
        case Kind.ENGINE | Kind.AUTH_MOUNT if change.verdict is Verdict.CREATE:
            return _of_mount(change.wanted, facts)
        case Kind.LOGIN_ROLE:
            return _of_login(change.wanted.mount, facts)
        case Kind.AUTH_METHOD:
            return _too_old(facts.release, "logins with an id token", _JWT_LOGIN_SINCE)
        case Kind.NOMAD_ROLE if found := _too_old(facts.release, "ACL roles", _ROLES_SINCE):
            return found
        case kind:
            named = _named(kind, change.wanted.body)
            return _unknown("policy", named.policies, policies) or _unknown("role", named.roles, roles)


class _Named(NamedTuple):
    """What of Nomad's an object gives to somebody, by name."""

    policies: Sequence[str] = ()
    roles: Sequence[str] = ()


def _named(kind: Kind, body: Mapping[str, Any]) -> _Named:
    match kind:
        case Kind.ENGINE_ROLE:
            return _Named(body["policies"])
        case Kind.NOMAD_ROLE:
            return _Named([each["Name"] for each in body["Policies"]])
        case Kind.BINDING_RULE if body["BindType"] == "policy":
            return _Named([body["BindName"]])
        case Kind.BINDING_RULE if body["BindType"] == "role":
            return _Named(roles=[body["BindName"]])
        case _:
            return _Named()


def _of_login(mount: str, facts: Facts) -> tuple[str, str] | None:
    if mount not in facts.batch_mounts:
        return None
    return (
        f"Every login at `{mount}` gets a batch token, which can't be revoked.",
        f"vault auth tune -token-type=default-service {mount}/",
    )


def _of_mount(wanted: Object, facts: Facts) -> tuple[str, str] | None:
    taken = facts.auth_mounts if wanted.of_auth else facts.engine_mounts
    for path in sorted(taken):
        if f"{path}/".startswith(f"{wanted.mount}/") or f"{wanted.mount}/".startswith(f"{path}/"):
            return f"`{path}` is mounted, and one mount can't be within another.", "Choose another `mount` in the file."
    kinds, kind = (facts.auth_methods if wanted.of_auth else facts.engines), str(wanted.body["type"])
    if kinds is None or kind in kinds:
        return None
    if wanted.of_auth:
        return f"This Vault has no auth method of the type `{kind}`.", "vault plugin list auth shows what it has."
    if _PLUGIN in kinds:
        return f"This Vault has no engine `{kind}`, and one `{_PLUGIN}`.", f'Write plugin = "{_PLUGIN}" in the file.'
    command = f"bao plugin register -sha256=$(sha256sum {_PLUGIN} | cut -d' ' -f1) -command={_PLUGIN}"
    return (
        f"This Vault has no engine `{kind}`. OpenBao has it as a plugin alone, which has to be registered.",
        f"Put {_PLUGIN} into the server's plugin_directory, and register it:\n  {command} secret {pasted(kind)}",
    )


def _unknown(kind: str, names: Sequence[str], known: frozenset[str]) -> tuple[str, str] | None:
    missing = [name for name in names if name not in known]
    if not missing:
        return None
    return (
        f"The {kind} `{missing[0]}` is neither in the file nor in Nomad, which would say nothing, and grant nothing.",
        f"Add it to the file, as [[{'policy' if kind == 'policy' else 'nomad-role'}]], or correct the name.",
    )


def _too_old(found: Release | None, what: str, since: Release) -> tuple[str, str] | None:
    if not found or found >= since:
        return None
    return (
        f"This Nomad is {_dotted(found)}, and has {what} from {_dotted(since)} on.",
        "Update Nomad, or leave it out of the file.",
    )


def _dotted(numbers: Release) -> str:
    return ".".join(map(str, numbers))


def warned(changes: Sequence[Change], facts: Facts) -> Iterator[str]:
    """Tell what may be meant so, and is odd."""
    for change in changes:
        if change.wanted.kind is Kind.POLICY and facts.namespaces is not None:
            for name in _namespaces_of(str(change.wanted.body["Rules"])):
                if not any(fnmatchcase(each, name) for each in facts.namespaces):
                    yield (
                        f"The policy `{change.wanted.name}` names the namespace `{name}`, which Nomad does not have: "
                        f"nomad namespace apply {pasted(name)}"
                    )
        if change.wanted.kind is Kind.ENGINE_ROLE and change.wanted.body["type"] == "management":
            yield f"Whoever may mint `{change.wanted.name}` may do everything in Nomad."


def _namespaces_of(rules: str) -> list[str]:
    """Return the namespaces that *rules* name, written in HCL or in JSON."""
    with suppress(ValueError):
        read = json.loads(rules)
        found = read.get("namespace") if isinstance(read, dict) else None
        # HCL in JSON has an object of blocks by their names, or a list of such objects.
        return [name for each in (found if isinstance(found, list) else [found]) for name in _keys(each)]
    return _NAMESPACE.findall(rules)


def _keys(block: object) -> list[str]:
    return list(block) if isinstance(block, dict) else []
