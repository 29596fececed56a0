"""`cert`: the client certificate of the TLS connection itself."""

from typing import Final

from nomad_token.clients.failures import Refusal
from nomad_token.errors import Error, Refused
from nomad_token.said import FromVault
from nomad_token.text import shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest, OfRole

_NONE_SEEN: Final = (FromVault.NO_CERTIFICATE, FromVault.NO_CERTIFICATE_WITH_TLS, FromVault.NO_TLS)


class Cert(OfRole):
    """The method's login (api-contract 3.3): `vault-client-cert` and `vault-client-key` say who we are."""

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request; without a role Vault takes the first that the certificate fits."""
        mount = f"auth/{circumstances.auth_path}"
        body = {"name": self.vault_auth_role} if self.vault_auth_role else {}
        terms = f"{mount}/certs/{self.pasted_role}"
        return LoginRequest(circumstances.login(), body, lambda refusal: _explain(refusal, terms), terms)


def _explain(refusal: Refusal, terms: str) -> Error | None:
    said = refusal.said
    # An error of Go's, which Vault and OpenBao hand on with a 500.
    if FromVault.CERTIFICATE_REFUSED in said:
        return Refused(
            f"Vault refused the client certificate: {shown(said)}",
            why="Its authority is the role's, and it is no good all the same: expired, not valid yet, or without "
            "clientAuth among its usages.",
            fix="Give another `vault-client-cert`. What this one says: "
            "openssl x509 -noout -dates -ext extendedKeyUsage -in FILE",
        )
    if refusal.status != 400 or not (FromVault.CERTIFICATE in said or FromVault.NO_TLS in said):
        return None
    if any(text in said for text in _NONE_SEEN):
        return Refused(
            f"Vault saw no client certificate: {shown(said)}",
            why="None was given, or a proxy before Vault ends TLS and does not pass it on.",
            fix="Give `vault-client-cert` and `vault-client-key`, and an address that leads to Vault itself.",
        )
    return Refused(
        f"Vault refused the client certificate: {shown(said)}",
        why="Another authority than the role's signed it, its names are not those that the role allows, or there is no "
        "such role.",
        fix=f"Compare it with the role (`vault-auth-role`): vault read {terms}",
    )
