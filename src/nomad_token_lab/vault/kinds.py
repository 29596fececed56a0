"""The register of what can be mounted: secrets engines and auth methods, by the name of their type."""

from collections.abc import Callable, Mapping
from typing import Final

from nomad_token_lab.vault.approle_auth import ApproleAuth
from nomad_token_lab.vault.backend import Backend
from nomad_token_lab.vault.cert_auth import CertAuth
from nomad_token_lab.vault.github_auth import GithubAuth
from nomad_token_lab.vault.jwt_auth import JwtAuth
from nomad_token_lab.vault.kubernetes_auth import KubernetesAuth
from nomad_token_lab.vault.ldap_auth import LdapAuth
from nomad_token_lab.vault.nomad_engine import NomadEngine
from nomad_token_lab.vault.state import Vault
from nomad_token_lab.vault.userpass_auth import UserpassAuth

Kinds = Mapping[str, Callable[[Vault, str], Backend]]


def _nomad(vault: Vault, name: str) -> Backend:
    return NomadEngine(type_name=name, upstream=vault.upstream, clock=vault.clock, forgives_the_dead=vault.is_openbao)


ENGINES: Final[Kinds] = {
    "nomad": _nomad,
    "openbao-plugin-secrets-nomad": _nomad,
}
AUTH_METHODS: Final[Kinds] = {
    "approle": ApproleAuth,
    "cert": CertAuth,
    "github": GithubAuth,
    "jwt": JwtAuth,
    "kubernetes": KubernetesAuth,
    "ldap": LdapAuth,
    "userpass": UserpassAuth,
}
# OpenBao's catalog lacks these (api-contract 3.3).
VAULT_ONLY: Final = frozenset({"github", "ldap"})
