"""`approle`: a role id and a secret id, as a machine's user name and password."""

from typing import Final

from nomad_token.clients.failures import Refusal
from nomad_token.errors import Error, Refused
from nomad_token.inputs import InputGroup, declare
from nomad_token.said import FromVault
from nomad_token.secret import SecretStr
from nomad_token.text import shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest

# Vault up to 1.14 tells which of the two is wrong, and has a text of its own for an unknown role id.
_REFUSALS: Final = (
    FromVault.APPROLE,
    FromVault.NO_SECRET_ID,
    FromVault.OLD_ROLE_ID,
    FromVault.OLD_SECRET_ID,
    FromVault.OLD_NO_ROLE_ID,
)


class AppRole(InputGroup):
    """The inputs of the method, and its login (api-contract 3.3)."""

    vault_role_id: SecretStr = declare(SecretStr, about="The role id of an AppRole.")
    vault_secret_id: SecretStr | None = declare(
        SecretStr, None, about="The secret id of an AppRole; left out where the role has bind_secret_id=false."
    )

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request."""
        body: dict[str, SecretStr | str] = {"role_id": self.vault_role_id}
        if self.vault_secret_id:
            body["secret_id"] = self.vault_secret_id
        mount = f"auth/{circumstances.auth_path}"
        return LoginRequest(
            circumstances.login(), body, lambda refusal: _explain(refusal, mount), f"{mount}/role/ROLE", locks_out=True
        )


def _explain(refusal: Refusal, mount: str) -> Error | None:
    said = refusal.said
    if not any(text in said for text in _REFUSALS):
        return None
    return Refused(
        f"Vault refused the AppRole: {shown(said)}",
        why="`vault-role-id` is of another mount or unknown, or `vault-secret-id` is wrong, expired or used up "
        "(secret_id_ttl, secret_id_num_uses). After five failures Vault locks the role out for 15 minutes.",
        fix=f"Make a new secret id: vault write -f {mount}/role/ROLE/secret-id\n"
        f"and compare the role id with: vault read {mount}/role/ROLE/role-id",
    )
