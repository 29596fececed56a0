"""Vault's approle auth method: a role id and a secret id (api-contract 3.3); recorded on OpenBao 2.7.2."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nomad_token_lab import ids
from nomad_token_lab.http import multierror
from nomad_token_lab.vault import fields
from nomad_token_lab.vault.backend import DONE, NAME, Call, Operation, Path, Reply
from nomad_token_lab.vault.entries import Entries
from nomad_token_lab.vault.errors import Refusal, nothing_there
from nomad_token_lab.vault.lockout import Lockout
from nomad_token_lab.vault.state import Vault
from nomad_token_lab.vault.tokens import end_of


@dataclass
class _SecretId:
    role: str
    accessor: str
    # None for any number of uses.
    uses: int | None
    expires: datetime | None


class ApproleAuth:
    """One mount of the method."""

    def __init__(self, vault: Vault, type_name: str) -> None:
        """Begin without roles."""
        self.type = type_name
        self._vault = vault
        self._lockout = Lockout(vault.clock)
        self._roles = Entries("role", _role)
        self._role_ids: dict[str, str] = {}
        self._secret_ids: dict[str, _SecretId] = {}
        read, update, listed = Operation.READ, Operation.UPDATE, Operation.LIST
        self.paths = (
            Path("login", {update: self._login}, open=True),
            Path(f"role/{NAME}/role-id", {read: self._read_role_id, update: self._write_role_id}),
            Path(f"role/{NAME}/secret-id/?", {update: self._make_secret_id, listed: self._list_secret_ids}),
            *self._roles.paths(),
        )

    def _role_id(self, name: str) -> str:
        return self._role_ids.setdefault(name, ids.guid())

    def _read_role_id(self, call: Call) -> Reply:
        if self._roles.find(call.name) is None:
            raise nothing_there()
        return Reply({"role_id": self._role_id(call.name)})

    def _write_role_id(self, call: Call) -> Reply:
        if self._roles.find(call.name) is None:
            raise nothing_there()
        self._role_ids[call.name] = fields.text(call.data, "role_id")
        return DONE

    def _make_secret_id(self, call: Call) -> Reply:
        role = self._roles.find(call.name)
        if role is None:
            raise Refusal(404, f'role "{call.name}" does not exist')
        most, longest = role.own["secret_id_num_uses"], role.own["secret_id_ttl"]
        uses = fields.number(call.data, "num_uses") if "num_uses" in call.data else most
        life = fields.seconds(call.data, "ttl") or longest
        if most and (uses > most or not uses):
            raise Refusal(400, "num_uses cannot be higher than the role's secret_id_num_uses")
        if longest and life > longest:
            raise Refusal(400, "ttl cannot be longer than the role's secret_id_ttl")
        secret, accessor = ids.guid(), ids.guid()
        expires = end_of(self._vault.clock(), life) if life else None
        self._secret_ids[secret] = _SecretId(call.name, accessor, uses or None, expires)
        told = {"secret_id": secret, "secret_id_accessor": accessor}
        return Reply({**told, "secret_id_num_uses": uses, "secret_id_ttl": life})

    def _list_secret_ids(self, call: Call) -> Reply:
        keys = sorted(known.accessor for known in self._secret_ids.values() if known.role == call.name)
        if not keys:
            raise nothing_there()
        return Reply({"keys": keys})

    def _login(self, call: Call) -> Reply:
        role_id = fields.text(call.data, "role_id")
        if not role_id:
            raise Refusal(500, "missing role_id")
        named = ((name, entry) for name, entry in self._roles if self._role_id(name) == role_id)
        name, role = next(named, ("", None))
        if role is None:
            raise Refusal(400, "invalid role or secret ID")
        self._lockout.check(role_id)
        if role.own["bind_secret_id"]:
            self._spend(name, role_id, fields.text(call.data, "secret_id"))
        self._lockout.succeeded(role_id)
        return self._vault.login(call, role.terms, "", {"role_name": name}, alias=role_id, late=True)

    def _spend(self, role: str, role_id: str, secret: str) -> None:
        if not secret:
            raise Refusal(400, "missing secret_id")
        known = self._secret_ids.get(secret)
        if known is None or known.role != role or (known.expires and known.expires <= self._vault.clock()):
            self._lockout.failed(role_id)
            raise Refusal(400, "invalid role or secret ID")
        if known.uses is not None:
            known.uses -= 1
            if not known.uses:
                del self._secret_ids[secret]


def _role(data: fields.Data) -> Mapping[str, Any]:
    role = {
        "bind_secret_id": fields.flag(data, "bind_secret_id", default=True),
        "local_secret_ids": False,
        "secret_id_bound_cidrs": list(fields.strings(data, "secret_id_bound_cidrs")) or None,
        "secret_id_num_uses": fields.number(data, "secret_id_num_uses"),
        "secret_id_ttl": fields.seconds(data, "secret_id_ttl"),
    }
    if not (role["bind_secret_id"] or role["secret_id_bound_cidrs"] or fields.strings(data, "token_bound_cidrs")):
        raise Refusal(500, multierror("at least one constraint should be enabled on the role"))
    return role
