"""The register of what can be mounted: secrets engines and auth methods, by the name of their type."""

from collections.abc import Callable, Mapping
from typing import Final

from nomad_token_lab.vault.backend import Backend
from nomad_token_lab.vault.jwt_auth import JwtAuth
from nomad_token_lab.vault.nomad_engine import NomadEngine
from nomad_token_lab.vault.state import Vault

Kinds = Mapping[str, Callable[[Vault, str], Backend]]


def _nomad(vault: Vault, name: str) -> Backend:
    return NomadEngine(type_name=name, upstream=vault.upstream, clock=vault.clock, forgives_the_dead=vault.is_openbao)


def _jwt(vault: Vault, name: str) -> Backend:
    return JwtAuth(type_name=name, upstream=vault.upstream, clock=vault.clock, login=vault.login)


ENGINES: Final[Kinds] = {
    "nomad": _nomad,
    "openbao-plugin-secrets-nomad": _nomad,
}
AUTH_METHODS: Final[Kinds] = {
    "jwt": _jwt,
}
