"""Vault's ldap auth method: users of a directory (api-contract 3.3); OpenBao has none."""

from dataclasses import replace
from typing import Any, Final

from nomad_token_lab.vault import fields
from nomad_token_lab.vault.backend import DONE, NAME, Call, Operation, Path, Reply
from nomad_token_lab.vault.errors import Refusal, nothing_there
from nomad_token_lab.vault.lockout import Lockout
from nomad_token_lab.vault.login import terms_data, terms_of
from nomad_token_lab.vault.state import Vault
from nomad_token_lab.vault.tokens import Terms

_FIELDS: Final = ("url", "userdn", "userattr", "binddn")


class LdapAuth:
    """One mount of the method; the directory behind it is the server's `directory`, at whatever `url`."""

    def __init__(self, vault: Vault, type_name: str) -> None:
        """Begin unconfigured."""
        self.type = type_name
        self._vault = vault
        self._lockout = Lockout(vault.clock)
        self._config: dict[str, Any] = {"url": "ldap://127.0.0.1", "userdn": "", "userattr": "cn", "binddn": ""}
        self._terms = Terms()
        self._users: dict[str, tuple[str, ...]] = {}
        read, update, delete = Operation.READ, Operation.UPDATE, Operation.DELETE
        self.paths = (
            Path(f"login/{NAME}", {update: self._login}, open=True),
            Path("config", {read: self._read_config, update: self._write_config}),
            Path("users/?", {Operation.LIST: self._list_users}),
            Path(f"users/{NAME}", {read: self._read_user, update: self._write_user, delete: self._delete_user}),
        )

    def _read_config(self, _call: Call) -> Reply:
        return Reply({**self._config, **terms_data(self._terms)})

    def _write_config(self, call: Call) -> Reply:
        data = {**self._config, **terms_data(self._terms), **call.data}
        self._terms = terms_of(data)
        self._config = {name: fields.text(data, name) for name in _FIELDS}
        return DONE

    def _list_users(self, _call: Call) -> Reply:
        if not self._users:
            raise nothing_there()
        return Reply({"keys": sorted(self._users)})

    def _read_user(self, call: Call) -> Reply:
        if call.name not in self._users:
            raise nothing_there()
        return Reply({"groups": "", "policies": list(self._users[call.name])})

    def _write_user(self, call: Call) -> Reply:
        self._users[call.name] = fields.strings(call.data, "policies")
        return DONE

    def _delete_user(self, call: Call) -> Reply:
        self._users.pop(call.name, None)
        return DONE

    def _login(self, call: Call) -> Reply:
        name, password = call.name, fields.text(call.data, "password")
        self._lockout.check(name)
        if not password:
            raise Refusal(400, "password cannot be of zero length when passwordless binds are being denied")
        if self._vault.directory.get(name) != password:
            self._lockout.failed(name)
            raise Refusal(400, "ldap operation failed: failed to bind as user")
        self._lockout.succeeded(name)
        terms = replace(self._terms, policies=(*self._terms.policies, *self._users.get(name, ())))
        return self._vault.login(call, terms, name, {"username": name})
