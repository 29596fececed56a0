"""`userpass` and `ldap`: a user and a password."""

from typing import ClassVar
from urllib.parse import quote

from nomad_token.clients.failures import Refusal
from nomad_token.errors import Error, Refused, Temporary
from nomad_token.inputs import InputGroup, declare
from nomad_token.readers import line
from nomad_token.said import FromVault
from nomad_token.secret import SecretStr
from nomad_token.text import shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest


class Userpass(InputGroup):
    """The inputs of both methods, and their login (api-contract 3.3)."""

    kind: ClassVar = "userpass"

    vault_username: str = declare(line, about="The user of a `userpass` or `ldap` login.")
    vault_password: SecretStr = declare(SecretStr, about="The password of a `userpass` or `ldap` login.")

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request: the user's name is a part of the path."""
        user = quote(self.vault_username, safe="")
        body = {"password": self.vault_password}
        terms = f"auth/{circumstances.auth_path}/{self._terms(user)}"
        return LoginRequest(
            circumstances.login(user), body, lambda refusal: self._explain(refusal, terms), terms, locks_out=True
        )

    def _terms(self, user: str) -> str:
        return f"users/{user}"

    def _explain(self, refusal: Refusal, terms: str) -> Error | None:
        said = refusal.said
        if refusal.status == 403:
            return Refused(
                f"Vault refused the login: {shown(said)}",
                why=f"After five failures Vault locks a user out for 15 minutes, the right password included. It says "
                f"the same where no {self.kind} is mounted, and where token_bound_cidrs leaves this address out.",
                fix="Wait, or have the user unlocked: vault write -f sys/locked-users/ACCESSOR/unlock/USER\n"
                f"Compare `vault-auth-path` with: vault auth list\nand token_bound_cidrs with: vault read {terms}",
            )
        if refusal.status != 400:
            return None
        if FromVault.LDAP_NOT_REACHED in said:
            return Temporary(
                f"Vault can't reach the directory: {shown(said)}",
                why="The password was not looked at: the url of the method is wrong, or the directory is down.",
                fix=f"Compare url, starttls and certificate in: vault read {terms}",
            )
        return Refused(
            f"Vault refused the login: {shown(said)}",
            why="The user is unknown, or the password is wrong: Vault does not tell which.",
            fix="Check `vault-username` and `vault-password`, and `vault-auth-path` where it is mounted elsewhere.",
        )


class Ldap(Userpass):
    """The same with the directory's users."""

    kind: ClassVar = "ldap"

    def _terms(self, _user: str) -> str:
        return "config"
