"""What else has to be known of the servers before anything is written. Only reads."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from nomad_token.clients.failures import Failure
from nomad_token.leases.refusals import explain
from nomad_token.setup.current import Current, Servers
from nomad_token.setup.objects import Kind, Object

Release = tuple[int, ...]
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is there; None where it can't be told."""

    policies: frozenset[str] = frozenset()
    """Nomad's, by name."""
    roles: frozenset[str] = frozenset()
    """Nomad's, by name."""
    namespaces: frozenset[str] | None = None
    """Nomad's."""
    release: Release | None = None
    """Nomad's version, as numbers that compare."""
    engines: frozenset[str] | None = None
    """What Vault could mount as a secrets engine."""
    auth_methods: frozenset[str] | None = None
    """What Vault could mount as an auth method."""
    engine_mounts: frozenset[str] = frozenset()
    auth_mounts: frozenset[str] = frozenset()
    batch_mounts: frozenset[str] = frozenset()
    """Auth methods whose logins all get batch tokens, whatever their roles say (Vault's docs, "auth tune")."""


def facts(servers: Servers, current: Current, wanted: Iterable[Object]) -> Facts:
    """Ask for what *wanted* depends on. Raises `Error`."""
    kinds = {each.kind for each in wanted}
    of_nomad = _of_nomad(servers) if servers.nomad else {}
    of_vault: dict[str, Any] = {}
    if Kind.ENGINE in kinds:
        of_vault["engine_mounts"] = frozenset(current.mounts(of_auth=False))
        of_vault["engines"] = _catalog(servers, "secret")
    if Kind.AUTH_MOUNT in kinds:
        of_vault["auth_mounts"] = frozenset(current.mounts(of_auth=True))
        of_vault["auth_methods"] = _catalog(servers, "auth")
        of_vault["batch_mounts"] = frozenset(
            path
            for path, mounted in current.mounts(of_auth=True).items()
            if (mounted.get("config") or {}).get("token_type") == "batch"
        )
    return Facts(**of_nomad, **of_vault)


def _of_nomad(servers: Servers) -> dict[str, Any]:
    nomad = servers.needed_nomad()
    try:
        policies = nomad.read("acl/policies") or []
        roles = nomad.read("acl/roles") or []
        namespaces = nomad.read("namespaces")
        agent = nomad.read("agent/self") or {}
    except Failure as failure:
        raise explain(failure, "list its policies, roles and namespaces", "", server="nomad") from None
    version: object = agent
    for name in ("config", "Version", "Version"):
        version = version.get(name) if isinstance(version, dict) else None
    return {
        "policies": _names(policies),
        "roles": _names(roles),
        "namespaces": None if namespaces is None else _names(namespaces),
        "release": release(version[:40]) if isinstance(version, str) else None,
    }


def _names(stubs: object) -> frozenset[str]:
    listed = stubs if isinstance(stubs, list) else []
    return frozenset(str(stub.get("Name")) for stub in listed if isinstance(stub, dict))


def _catalog(servers: Servers, kind: str) -> frozenset[str] | None:
    """Return the names in a part of the plugin catalog; None where the token may not list it, or a namespace has none.

    A read of it is a 405, a list is not (api-contract 6).
    """
    try:
        return frozenset(servers.needed_vault().listed(f"sys/plugins/catalog/{kind}")) or None
    except Failure:
        return None


def release(version: str) -> Release:
    """Return the numbers of *version*: those of `1.10.5-rc1` are 1, 10, 5."""
    return tuple(int(number) for number in _NUMBER.findall(version.partition("-")[0]))
