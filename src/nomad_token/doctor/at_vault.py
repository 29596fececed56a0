"""What Vault tells: to anybody, to the login of a job, to an operator."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, cast

from nomad_token.clients.failures import Answer, Failure
from nomad_token.clients.vault import Vault, VaultPlace
from nomad_token.clients.vault_operator import VaultOperator
from nomad_token.doctor.finding import RUN_IN_JOB, Unseen
from nomad_token.doctor.given import Given, Heard, tried
from nomad_token.doctor.shapes import names
from nomad_token.errors import Error
from nomad_token.issuers.base import Unclear
from nomad_token.issuers.vault import Access, VaultIssuer
from nomad_token.issuers.vault_refusals import EngineRole
from nomad_token.vault_auth.jwt import Jwt


class AtVault(Given):
    """In a chain that has a Vault."""

    @property
    def vault_place(self) -> VaultPlace:
        """Where Vault is, in a chain that has one."""
        return cast("VaultPlace", self.order.vault)

    @property
    def issuer(self) -> VaultIssuer:
        """Vault's, in a chain that has one."""
        return cast("VaultIssuer", self.order.issuer)

    @property
    def engines(self) -> list[EngineRole]:
        """What is read of the engine."""
        return [EngineRole(self.issuer.vault_mount, wanted.role) for wanted in self.issuer.role]

    @cached_property
    def health(self) -> Heard:
        """Vault's."""
        vault = Vault(self.outside.connect(self.vault_place), self.vault_place)
        return self.heard(lambda: vault.health(read_seconds=self.probe_seconds))

    @property
    def is_openbao(self) -> bool:
        """Whether Vault is OpenBao, whose health knows no performance standbys."""
        told = self.health.heard.json() if isinstance(self.health.heard, Answer) else None
        return isinstance(told, dict) and "performance_standby" not in told

    @cached_property
    def access(self) -> Access | Error:
        """The login at Vault, which is in custody and undone at the end; or why there is none."""
        try:
            return self.issuer.enter(self.minting.means())
        except Unclear as unclear:
            return unclear.error
        except Error as error:
            return error

    @property
    def login_ends(self) -> datetime | None:
        """When the login's token ends, where one is there and has an end."""
        return self.access.ends if isinstance(self.access, Access) else None

    @property
    def with_jwt(self) -> Jwt | None:
        """The jwt method, where that is the login's."""
        return self.issuer.auth if isinstance(self.issuer.auth, Jwt) else None

    def capabilities(self, *paths: str) -> Mapping[str, frozenset[str]] | Unseen | Failure:
        """Return what the login's token may do at *paths* of the engine's namespace."""
        if isinstance(self.access, Error):
            return Unseen("nobody is logged in.", fix=RUN_IN_JOB)
        if self.access.uses:
            return Unseen(f"the login's token may be used {self.access.uses} times, and each look takes one.")
        self.asked_with["the login"] = None
        vault = VaultOperator(self.outside.connect(self.vault_place), self.vault_place, self.access.token)
        return tried(lambda: {path: vault.held(path, of_auth=path.startswith("auth/")) for path in paths})

    @cached_property
    def vault_operator(self) -> VaultOperator | Unseen:
        """Vault, asked with the operator's token."""
        if self.operator is None:
            return Unseen(
                "a job's own token may not read it.", fix="Run nomad-token doctor at a desk, as Vault's operator."
            )
        try:
            token = self.operator.vault_token()
        except Error as error:
            return Unseen("that takes the token of Vault's operator.", fix=error.why)
        if self.issuer.lent()[1] == token and isinstance(self.access, Access) and self.access.uses:
            return Unseen(f"VAULT_TOKEN may be used {self.access.uses} times, and each look takes one.")
        return VaultOperator(self.outside.connect(self.vault_place), self.vault_place, token)

    def at_vault(self, path: str, *, of_auth: bool = False) -> Mapping[str, Any] | Unseen | Failure | None:
        """Return what an operator reads at *path*; None where nothing is there."""
        vault = self.vault_operator
        if isinstance(vault, Unseen):
            return vault
        self.asked_with["Vault's operator"] = None
        return tried(lambda: vault.read(path, of_auth=of_auth))

    @cached_property
    def login_role(self) -> Mapping[str, Any] | Unseen | Failure | None:
        """The role of a jwt login."""
        jwt = self.with_jwt
        if jwt is None or not jwt.vault_auth_role:
            return Unseen("no role of the login is named (`vault-auth-role`).")
        return self.at_vault(f"auth/{self.issuer.auth_path}/role/{jwt.vault_auth_role}", of_auth=True)

    @cached_property
    def login_policies(self) -> tuple[list[str], list[str]] | Unseen | Failure:
        """The policies that the login's role gives, and those of them that are not there."""
        role = self.login_role
        if not isinstance(role, Mapping):
            return role if role is not None else Unseen("the login's role is not there.")
        named = [name for name in names(role.get("token_policies") or role.get("policies")) if name != "default"]
        missing = []
        for name in named:
            found = self.at_vault(f"sys/policies/acl/{name}", of_auth=True)
            if isinstance(found, Unseen | Failure):
                return found
            if found is None:
                missing.append(name)
        return named, missing

    @cached_property
    def mounts(self) -> Mapping[str, Any] | Unseen | Failure | None:
        """The engines of the engine's namespace."""
        return self.at_vault("sys/mounts")

    @cached_property
    def catalog(self) -> Sequence[str] | Unseen | Failure | None:
        """The plugins for engines that OpenBao has registered; None on Vault, which has Nomad's built in."""
        vault = self.vault_operator
        if not self.is_openbao:
            return None
        return vault if isinstance(vault, Unseen) else tried(lambda: vault.listed("sys/plugins/catalog/secret"))

    @cached_property
    def roles(self) -> Mapping[str, Mapping[str, Any] | None] | Unseen | Failure:
        """The engine's roles that are asked for; None for one that is not there."""
        found: dict[str, Mapping[str, Any] | None] = {}
        for engine in self.engines:
            role = self.at_vault(f"{engine.mount}/role/{engine.role}")
            if isinstance(role, Unseen | Failure):
                return role
            found[engine.role] = role
        return found
