"""The ways to log in to Vault: a file each, and a line here; the key is where Vault mounts it by default."""

from typing import Final

from nomad_token.vault_auth.base import VaultAuth
from nomad_token.vault_auth.jwt import Jwt

METHODS: Final[dict[str, type[VaultAuth]]] = {
    "jwt": Jwt,
}
