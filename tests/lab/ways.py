"""How the tests of the lab talk to it: as a job does, and as an operator."""

from dataclasses import dataclass
from typing import Any

import httpx

from nomad_token_lab import Lab


@dataclass(frozen=True)
class Minted:
    """All that a job holds after login and creds."""

    vault_token: str
    secret: str
    accessor: str
    lease_id: str


class Ways:
    """Requests to a lab; without a token they are an operator's."""

    def __init__(self, lab: Lab, http: httpx.Client) -> None:
        """Use *http* for all servers."""
        self.lab = lab
        self.http = http

    def vault(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx.Response:  # noqa: ANN401
        """Ask Vault with *token*, "" being none."""
        secret = self.lab.root_token.get_secret_value() if token is None else token
        headers = {"X-Vault-Token": secret} if secret else {}
        return self.http.request(method, f"{self.lab.vault.addr}/v1/{path}", json=body, headers=headers)

    def nomad(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx.Response:  # noqa: ANN401
        """Ask Nomad with *token*, "" being none."""
        secret = self.lab.management_token.get_secret_value() if token is None else token
        headers = {"X-Nomad-Token": secret} if secret else {}
        return self.http.request(method, f"{self.lab.nomad.addr}/v1/{path}", json=body, headers=headers)

    def login(self, role: str = "deploy-app", jwt: str | None = None) -> httpx.Response:
        """Log in with the id token of the lab's job."""
        id_token = self.lab.github.id_token(self.lab.audience).get_secret_value() if jwt is None else jwt
        return self.vault("POST", "auth/jwt/login", {"role": role, "jwt": id_token}, token="")

    def vault_token(self, **fields: Any) -> str:  # noqa: ANN401
        """Return a new token of `auth/token/create`."""
        body = {"policies": ["nomad-deployer"], "ttl": "1h", **fields}
        return str(self.vault("POST", "auth/token/create", body).json()["auth"]["client_token"])

    def creds(self, token: str) -> httpx.Response:
        """Read `nomad/creds/deployer`."""
        return self.vault("GET", "nomad/creds/deployer", token=token)

    def mint(self, token: str = "") -> Minted:
        """Log in (or take *token*) and read creds."""
        vault_token = token or self.login().json()["auth"]["client_token"]
        body = self.creds(vault_token).json()
        return Minted(vault_token, body["data"]["secret_id"], body["data"]["accessor_id"], body["lease_id"])


def refusal(answer: httpx.Response) -> tuple[int, list[str]]:
    """Return status and errors of an answer of Vault's."""
    return answer.status_code, answer.json()["errors"]


def text(answer: httpx.Response) -> tuple[int, str]:
    """Return status and body of an answer of Nomad's."""
    return answer.status_code, answer.text
