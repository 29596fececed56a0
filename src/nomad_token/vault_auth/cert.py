"""`cert`: the client certificate of the TLS connection itself."""

from nomad_token.clients.http import Refusal
from nomad_token.errors import Error, Refused
from nomad_token.text import shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest, OfRole


class Cert(OfRole):
    """The method's login (api-contract 3.3): `vault-client-cert` and `vault-client-key` say who we are."""

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request; without a role Vault takes the first that the certificate fits."""
        mount = f"auth/{circumstances.auth_path}"
        body = {"name": self.vault_auth_role} if self.vault_auth_role else {}
        return LoginRequest(circumstances.login(), body, lambda refusal: _explain(refusal, mount))


def _explain(refusal: Refusal, mount: str) -> Error | None:
    said = refusal.said
    if refusal.status != 400 or not ("certificate" in said or "tls connection required" in said):
        return None
    if any(text in said for text in ("no client certificate found", "must be supplied", "tls connection required")):
        return Refused(
            f"Vault saw no client certificate: {shown(said)}",
            why="None was given, or a proxy before Vault ends TLS and does not pass it on.",
            fix="Give `vault-client-cert` and `vault-client-key`, and an address that leads to Vault itself.",
        )
    return Refused(
        f"Vault refused the client certificate: {shown(said)}",
        why="It was signed by another authority than the role's, has expired, or its names are not those that the role "
        "allows.",
        fix=f"Compare it with the role: vault read {mount}/certs/ROLE",
    )
