"""The ways to log in to Vault: a file each, and a line here; the key is where Vault mounts it by default."""

from typing import Final

from nomad_token.vault_auth.approle import AppRole
from nomad_token.vault_auth.base import VaultAuth
from nomad_token.vault_auth.cert import Cert
from nomad_token.vault_auth.custom import Custom
from nomad_token.vault_auth.github import GitHubToken
from nomad_token.vault_auth.jwt import Jwt
from nomad_token.vault_auth.kubernetes import Kubernetes
from nomad_token.vault_auth.password import Ldap, Userpass
from nomad_token.vault_auth.token import Token

METHODS: Final[dict[str, type[VaultAuth]]] = {
    "jwt": Jwt,
    "token": Token,
    "approle": AppRole,
    "kubernetes": Kubernetes,
    "userpass": Userpass,
    "ldap": Ldap,
    "github": GitHubToken,
    "cert": Cert,
    "custom": Custom,
}
