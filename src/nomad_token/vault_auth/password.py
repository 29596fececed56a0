"""`userpass` and `ldap`: a user and a password."""

from typing import ClassVar
from urllib.parse import quote

from pydantic import SecretStr

from nomad_token.clients.http import Refusal
from nomad_token.errors import Error, Refused
from nomad_token.inputs import InputGroup, Line, declare
from nomad_token.text import shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest


class Userpass(InputGroup):
    """The inputs of both methods, and their login (api-contract 3.3)."""

    kind: ClassVar = "userpass"

    vault_username: Line = declare(about="The user of a `userpass` or `ldap` login.")
    vault_password: SecretStr = declare(about="The password of a `userpass` or `ldap` login.")

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request: the user's name is a part of the path."""
        path = circumstances.login(quote(self.vault_username, safe=""))
        return LoginRequest(path, {"password": self.vault_password}, self._explain, locks_out=True)

    def _explain(self, refusal: Refusal) -> Error | None:
        said = refusal.said
        if refusal.status == 403:
            return Refused(
                f"Vault refused the login: {shown(said)}",
                why=f"After five failures Vault locks a user out for 15 minutes, the right password included. It says "
                f"the same where no {self.kind} is mounted.",
                fix="Wait, or have the user unlocked: vault write -f sys/locked-users/ACCESSOR/unlock/USER\n"
                "Compare `vault-auth-path` with: vault auth list",
            )
        if refusal.status != 400:
            return None
        if "not configured" in said:
            return Refused(
                f"Vault refused the login: {shown(said)}",
                why=f"The {self.kind} method is enabled, and was never configured.",
                fix=f"Configure it: vault write auth/{self.kind}/config …",
            )
        return Refused(
            f"Vault refused the login: {shown(said)}",
            why="The user is unknown, or the password is wrong: Vault does not tell which.",
            fix="Check `vault-username` and `vault-password`, and `vault-auth-path` where it is mounted elsewhere.",
        )


class Ldap(Userpass):
    """The same with the directory's users."""

    kind: ClassVar = "ldap"
