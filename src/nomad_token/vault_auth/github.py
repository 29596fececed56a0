"""`github`: a personal access token of a member of the organisation that Vault trusts."""

from nomad_token.clients.failures import Refusal
from nomad_token.errors import Error, Refused
from nomad_token.inputs import InputGroup, declare
from nomad_token.said import FromVault
from nomad_token.secret import SecretStr
from nomad_token.text import shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest


class GitHubToken(InputGroup):
    """The input of the method, and its login (api-contract 3.3)."""

    vault_github_token: SecretStr = declare(
        SecretStr,
        about="A GitHub token with read:org, of a member of the organisation that Vault trusts. (The job's own "
        "GITHUB_TOKEN is no member.)",
    )

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request."""
        mount = f"auth/{circumstances.auth_path}"
        body = {"token": self.vault_github_token}
        return LoginRequest(circumstances.login(), body, lambda refusal: _explain(refusal, mount), f"{mount}/config")


def _explain(refusal: Refusal, mount: str) -> Error | None:
    said = refusal.said
    if FromVault.GITHUB_ORGANISATION in said or FromVault.GITHUB_TOKEN in said:
        return Refused(
            f"Vault refused the GitHub token: {shown(said)}",
            why="It has expired, lacks read:org, or its user is not a member of the organisation that Vault trusts.",
            fix=f"Compare the organisation with: vault read {mount}/config",
        )
    return None
