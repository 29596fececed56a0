"""What is on the servers: each object that is wanted, as it is there, and whose it is. Only reads."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, TypeVar

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.clients.vault import policy_denies
from nomad_token.clients.vault_operator import VaultOperator
from nomad_token.errors import Temporary
from nomad_token.leases.refusals import explain
from nomad_token.setup.canonical import canonical
from nomad_token.setup.changes import Found
from nomad_token.setup.objects import MADE_BY, Kind, Object
from nomad_token.text import pasted, shown

_Kind = TypeVar("_Kind", dict[str, Any], list[Any])
_EFFECT: Final = ("AuthMethod", "Selector", "BindType", "BindName")
"""What a binding rule does; the rest is its name."""


@dataclass(frozen=True)
class Servers:
    """Those that are asked: None where nothing is wanted of one."""

    vault: VaultOperator | None
    nomad: NomadOperator | None

    def needed_vault(self) -> VaultOperator:
        """Return Vault, of which something is wanted."""
        if self.vault is None:
            raise TypeError("nothing is wanted of Vault")
        return self.vault

    def needed_nomad(self) -> NomadOperator:
        """Return Nomad, of which something is wanted."""
        if self.nomad is None:
            raise TypeError("nothing is wanted of Nomad")
        return self.nomad


class Current:
    """What is there at one moment: a table that several objects are looked up in is read once."""

    def __init__(self, servers: Servers) -> None:
        """Read of *servers*; each reading raises `Error`."""
        self._servers = servers

    def found(self, wanted: Object) -> Found:
        """Return what is there of *wanted*. Raises `Error`."""
        return self._at_vault(wanted) if wanted.server == "vault" else self._at_nomad(wanted)

    def _at_vault(self, wanted: Object) -> Found:
        if wanted.kind is Kind.VAULT_POLICY:
            found = self._of_vault(wanted)
            return replace(found, ours=found.body is None or _mark(found.body) == _mark(wanted.body))
        mounted = self.mounts(of_auth=wanted.of_auth).get(wanted.mount)
        if mounted is None:
            return Found(None)
        found = Found(mounted) if wanted.kind in {Kind.ENGINE, Kind.AUTH_MOUNT} else self._of_vault(wanted)
        return replace(found, ours=_is_ours(mounted.get("description")))

    def _at_nomad(self, wanted: Object) -> Found:
        if wanted.kind is Kind.BINDING_RULE:
            return self._rule(wanted)
        by_name = f"acl/role/name/{wanted.name}" if wanted.kind is Kind.NOMAD_ROLE else wanted.path
        body = self._of_nomad(by_name, dict)
        if body is None:
            return Found(None)
        if wanted.kind is Kind.AUTH_METHOD:
            rules = [each for each in self.rules if each.get("AuthMethod") == wanted.name]
            return Found(body, ours=bool(rules) and all(_is_ours(each.get("Description")) for each in rules))
        path = f"acl/role/{body.get('ID')}" if wanted.kind is Kind.NOMAD_ROLE else ""
        return Found(body, ours=_is_ours(body.get("Description")), path=path)

    def _of_vault(self, wanted: Object) -> Found:
        try:
            return Found(self._servers.needed_vault().read(wanted.path, of_auth=wanted.of_auth))
        except Failure as failure:
            if isinstance(failure, Refusal) and policy_denies(failure):
                rule = f'path "{wanted.path}" {{ capabilities = ["read", "create", "update"] }}'
                return Found(None, unread=f"Vault does not let it be read: {shown(failure.said)}", rule=rule)
            raise explain(failure, f"read `{wanted.path}`", _rule(wanted.path)) from None

    def _of_nomad(self, path: str, kind: type[_Kind]) -> _Kind | None:
        try:
            found = self._servers.needed_nomad().read(path)
        except Failure as failure:
            raise explain(failure, f"read `{path}`", "", server="nomad") from None
        if found is not None and not isinstance(found, kind):
            # Read as nothing, it would be written over.
            raise Temporary(f"What was answered to `{path}` is not Nomad's: {shown(found)}")
        return found

    def mounts(self, *, of_auth: bool) -> Mapping[str, Mapping[str, Any]]:
        """Return what is mounted, by its path: the auth methods, or the secrets engines. Raises `Error`."""
        return self._auth_mounts if of_auth else self._engine_mounts

    @cached_property
    def _engine_mounts(self) -> Mapping[str, Mapping[str, Any]]:
        return self._table("sys/mounts", of_auth=False)

    @cached_property
    def _auth_mounts(self) -> Mapping[str, Mapping[str, Any]]:
        return self._table("sys/auth", of_auth=True)

    def _table(self, path: str, *, of_auth: bool) -> Mapping[str, Mapping[str, Any]]:
        try:
            found = self._servers.needed_vault().read(path, of_auth=of_auth) or {}
        except Failure as failure:
            raise explain(failure, f"list `{path}`", _rule(path)) from None
        return {name.strip("/"): each for name, each in found.items() if isinstance(each, Mapping)}

    @cached_property
    def rules(self) -> tuple[Mapping[str, Any], ...]:
        """Nomad's binding rules, whole; none where Nomad is too old to have any. Raises `Error`."""
        ids = [stub.get("ID") for stub in self._of_nomad("acl/binding-rules", list) or () if isinstance(stub, Mapping)]
        return tuple(rule for each in ids if (rule := self._of_nomad(f"acl/binding-rule/{each}", dict)))

    def _rule(self, wanted: Object) -> Found:
        """Find a rule by the name that we gave it, else one of somebody else's that does the same: that is enough."""
        named = [each for each in self.rules if each.get("Description") == wanted.body["Description"]]
        others = [each for each in self.rules if not _is_ours(each.get("Description"))]
        alike = [each for each in others if all(_alike(each, wanted, name) for name in _EFFECT)]
        for rule in (*named, *alike):
            return Found(rule, ours=rule in named, path=f"acl/binding-rule/{rule.get('ID')}")
        return Found(None)

    def left_over(self, wanted: Iterable[Object]) -> Iterator[str]:
        """Tell what an earlier file made, that lets somebody in or can be minted, and the file no longer wants."""
        objects = tuple(wanted)
        rules = {each.body["Description"] for each in objects if each.kind is Kind.BINDING_RULE}
        methods = {each.name for each in objects if each.kind is Kind.AUTH_METHOD}
        for rule in self.rules if methods else ():
            description = str(rule.get("Description"))
            if str(rule.get("AuthMethod")) in methods and _is_ours(description) and description not in rules:
                command = f"nomad acl binding-rule delete {pasted(rule.get('ID'))}"
                yield _left(f"the binding rule `{shown(description)}`", command)
        for each in objects:
            if each.kind in {Kind.ENGINE, Kind.AUTH_MOUNT}:
                yield from self._roles_left_over(each, objects)

    def _roles_left_over(self, mount: Object, objects: Iterable[Object]) -> Iterator[str]:
        found = self.mounts(of_auth=mount.of_auth).get(mount.mount)
        if found is None or not _is_ours(found.get("description")):
            return
        path = f"auth/{mount.mount}/role" if mount.of_auth else f"{mount.mount}/role"
        meant = {each.path.lower() for each in objects}
        try:
            names = self._servers.needed_vault().listed(path, of_auth=mount.of_auth)
        except Failure:
            return  # it is a notice, no more
        for name in names:
            if f"{path}/{name}".lower() not in meant:
                yield _left(f"the role `{shown(name)}` of `{mount.mount}`", f"vault delete {pasted(f'{path}/{name}')}")


def _left(what: str, command: str) -> str:
    return f"The file does not want {what}, which is there all the same. To delete it: {command}"


def _is_ours(text: object) -> bool:
    return str(text or "").startswith(MADE_BY)


def _mark(policy: Mapping[str, Any]) -> str:
    """Return the first line of a policy of Vault's, which has no description."""
    return str(policy.get("policy") or "").partition("\n")[0]


def _alike(rule: Mapping[str, Any], wanted: Object, name: str) -> bool:
    return bool(canonical(name, rule.get(name)) == canonical(name, wanted.body[name]))


def _rule(path: str) -> str:
    return f'path "{path}" {{ capabilities = ["read"] }}'
