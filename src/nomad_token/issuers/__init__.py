"""The issuers: a file each, and a line here."""

from typing import Final

from nomad_token.issuers.base import Issuer
from nomad_token.issuers.nomad_login import NomadLogin
from nomad_token.issuers.nomad_management import NomadManagement
from nomad_token.issuers.vault import VaultIssuer

ISSUERS: Final[dict[str, type[Issuer]]] = {
    "vault": VaultIssuer,
    "nomad-login": NomadLogin,
    "nomad-management": NomadManagement,
}
