"""Vault's userpass auth method: a user and a password (api-contract 3.3); recorded on OpenBao 2.7.2."""

from collections.abc import Mapping
from typing import Any

from nomad_token_lab.vault import fields
from nomad_token_lab.vault.backend import NAME, Call, Operation, Path, Reply
from nomad_token_lab.vault.entries import Entries
from nomad_token_lab.vault.errors import Refusal
from nomad_token_lab.vault.lockout import Lockout
from nomad_token_lab.vault.state import Vault


class UserpassAuth:
    """One mount of the method."""

    def __init__(self, vault: Vault, type_name: str) -> None:
        """Begin without users."""
        self.type = type_name
        self._vault = vault
        self._lockout = Lockout(vault.clock)
        self._users = Entries("users", self._user, hidden=frozenset({"password"}))
        login = Path(f"login/{NAME}", {Operation.UPDATE: self._login}, open=True)
        self.paths = (login, *self._users.paths())

    def _user(self, data: fields.Data) -> Mapping[str, Any]:
        password = fields.text(data, "password")
        if not password:
            needed = "must provide either password or password_hash" if self._vault.is_openbao else "missing password"
            raise Refusal(400, needed)
        return {"password": password}

    def _login(self, call: Call) -> Reply:
        name, password = call.name.lower(), fields.text(call.data, "password")
        self._lockout.check(name)
        if not password:
            raise Refusal(500, "missing password")
        user = self._users.find(name)
        if user is None or user.own["password"] != password:
            # Failures of a user who does not exist are not counted.
            if user:
                self._lockout.failed(name)
            raise Refusal(400, "invalid username or password")
        self._lockout.succeeded(name)
        return self._vault.login(call, user.terms, name, {"username": name})
