"""`vault`: Vault's or OpenBao's Nomad secrets engine, after a login of our own."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, PrivateAttr, SecretStr

from nomad_token.clients.http import Failure, Refusal
from nomad_token.clients.vault import Creds, Login, Vault, VaultPlace
from nomad_token.credential import Credential
from nomad_token.declared import Lookup
from nomad_token.errors import Error, Refused
from nomad_token.inputs import Address, InputGroup, Line, Mount, declare
from nomad_token.issuers.awaited import awaited
from nomad_token.issuers.base import Means, Unclear
from nomad_token.issuers.vault_refusals import EngineRole, explain_borrowed, explain_creds, explain_login
from nomad_token.retry import Verdict, of_making, of_repeatable, patiently
from nomad_token.state import Asked, HeldLease, HeldLogin
from nomad_token.vault_auth import METHODS
from nomad_token.vault_auth.base import Borrowed, Circumstances, LoginRequest, VaultAuth
from nomad_token.vault_auth.token import Token


def _role(value: str) -> str:
    """Check the name of an engine role (api-contract 1.1)."""
    name = value.strip()
    if "/" in name:
        raise ValueError(
            "holds a path: `role` is the ROLE of nomad/creds/ROLE alone, and `vault-mount` says where the engine is"
        )
    if not re.fullmatch(r"\w([\w.-]*\w)?", name, re.ASCII):
        raise ValueError("is not a role's name: letters, digits, _, - and ., with no - or . at the ends")
    return name


def _method(value: str) -> str:
    if value not in METHODS:
        raise ValueError(f"is not one of {', '.join(METHODS)}")
    return value


def _below_auth(value: str) -> str:
    if value.startswith("auth/"):
        raise ValueError("is below `auth/` already: leave that out")
    return value


@dataclass(frozen=True, slots=True)
class _Access:
    """A Vault token to read with."""

    token: SecretStr
    ends: datetime | None
    named: str
    """Its display name as it begins, which Nomad's tokens are named for; empty where it is not known."""


class VaultIssuer(InputGroup):
    """The inputs of the issuer, and its two requests (api-contract 1.5 and 3)."""

    told_by: ClassVar[tuple[str, ...]] = ("role",)

    role: Annotated[str, AfterValidator(_role)] = declare(
        about="The role of Vault's Nomad secrets engine: the ROLE of `nomad/creds/ROLE`. (The role of the login is "
        "`vault-auth-role`.)"
    )
    vault_addr: Address = declare(
        environment=["VAULT_ADDR", "VAULT_SERVER_URL"],
        about="Vault's or OpenBao's address, such as https://vault.example.com:8200.",
    )
    vault_namespace: Line = declare(
        "", environment=["VAULT_NAMESPACE"], about="The Vault namespace of the Nomad secrets engine."
    )
    vault_auth_namespace: Line = declare(
        "", about="The Vault namespace of the login, where it differs from `vault-namespace`."
    )
    vault_mount: Mount = declare("nomad", about="Where the Nomad secrets engine is mounted.")
    vault_auth_method: Annotated[str, AfterValidator(_method)] = declare(
        "jwt",
        about="How the job logs in to Vault. `jwt`: with its id token, so that no secret is stored anywhere. "
        "`approle`, `kubernetes`, `userpass`, `ldap`, `github`, `cert`, `custom`: with what their inputs give. "
        "`token`: not at all, it is there already.",
    )
    vault_auth_path: Annotated[Mount, AfterValidator(_below_auth)] | None = declare(
        None, about="Where the auth method is mounted, below `auth/`. Without it: the method's name."
    )
    _auth: VaultAuth = PrivateAttr()

    @classmethod
    def read(cls, lookup: Lookup) -> Self:
        """Read the issuer's inputs, and those of the auth method that they choose."""
        issuer = super().read(lookup)
        issuer._auth = METHODS[issuer.vault_auth_method].read(lookup)  # noqa: SLF001 - its own class's
        return issuer

    def vault(self) -> VaultPlace:
        """Name the server and the namespaces."""
        return VaultPlace(
            address=self.vault_addr,
            namespace=self.vault_namespace,
            auth_namespace=self.vault_auth_namespace or self.vault_namespace,
        )

    def lent(self) -> tuple[str, SecretStr | None]:
        """Return the token that the user lends, where that is the method."""
        return ("vault-token", self._auth.vault_token) if isinstance(self._auth, Token) else ("", None)

    def issue(self, env_name: str, means: Means) -> Credential:
        """Log in, and read the role's credential. Raises `Error`, `Unclear`."""
        place = means.vault or self.vault()
        vault = Vault(means.connect(place), place)
        request = self._auth.login_request(
            Circumstances(self.vault_addr, self._auth_path, means.id_token, lambda path: path.read_text("utf-8"))
        )
        if isinstance(request, Borrowed):
            login = self._borrow(vault, request.token, means)
        else:
            login = self._log_in(vault, request, means)
        creds, lease = self._read_creds(vault, login, means)
        return Credential(
            secret=lease.secret,
            accessor_id=lease.accessor_id,
            issuer="vault",
            env_name=env_name,
            lease_id=lease.lease_id,
            lease_duration=creds.lease_duration,
            lease_renewable=creds.renewable,
            life_set_by="Its life is the earlier of the login's token_ttl and the engine's lease, which is 768 h where "
            f"it was never set: vault write {self.vault_mount}/config/lease ttl=30m max_ttl=1h",
            # Vault ends the lease with the token that asked for it (api-contract 7.4).
            expires_at=min(lease.ends, login.ends or lease.ends),
        )

    def _borrow(self, vault: Vault, token: SecretStr, means: Means) -> _Access:
        """Look at a token that is lent: it must last for the read, and for the lease's end after it."""
        means.refuse_when_late()
        began = means.clock.now()
        try:
            known = patiently(lambda: vault.look_up(token), of_repeatable, clock=means.clock, deadline=means.deadline)
        except Failure as failure:
            raise explain_borrowed(failure, means.advice(failure.address)) from None
        if known is None:
            return _Access(token, None, "")
        if known.num_uses == 1:
            raise Refused(
                "`vault-token` has one use left, and no token was read with it.",
                why="Its last use can't return a credential, and one more is needed to revoke the lease.",
                fix="Give a token with at least three uses (-use-limit=3), or without a limit.",
            )
        return _Access(token, began + timedelta(seconds=known.ttl) if known.ttl else None, known.display_name)

    def _log_in(self, vault: Vault, request: LoginRequest, means: Means) -> _Access:
        def log_in() -> tuple[Login, HeldLogin]:
            began = means.clock.now()
            login = vault.log_in(request.path, request.body)
            ends = began + timedelta(seconds=login.lease_duration) if login.lease_duration else None
            held = HeldLogin(token=login.client_token, accessor=login.accessor, ends=ends, uses=login.num_uses)
            means.custody.hold([held.token], held)
            return login, held

        means.refuse_when_late()
        means.custody.asked(Asked(what="login", path=request.path, at=means.clock.now()))
        try:
            # One more try is harmless where nothing was judged; a third may lock the user out.
            login, held = awaited(log_in, means, tries=2 if request.locks_out else None)
        except Failure as failure:
            error = explain_login(failure, request, self.vault(), means.advice(failure.address))
            known = isinstance(failure, Refusal) and request.explain(failure) is not None
            if not known and not request.locks_out:
                raise _judged(failure, error, means) from None
            if known or of_making(failure) is not Verdict.UNCLEAR:
                means.custody.nothing_made()
            raise error from None
        if means.custody.plan.revoke:
            _refuse_what_cannot_be_revoked(login, request.path)
        return _Access(held.token, held.ends, self._auth_path.replace("/", "-"))

    def _read_creds(self, vault: Vault, login: _Access, means: Means) -> tuple[Creds, HeldLease]:
        engine = EngineRole(self.vault_mount, self.role)

        def read() -> tuple[Creds, HeldLease]:
            began = means.clock.now()
            creds = vault.creds(login.token, self.vault_mount, self.role)
            held = HeldLease(
                lease_id=creds.lease_id,
                accessor_id=creds.accessor_id,
                secret=creds.secret_id,
                ends=began + timedelta(seconds=creds.lease_duration),
            )
            means.custody.hold([held.secret], held)
            return creds, held

        means.refuse_when_late()
        means.custody.asked(
            Asked(
                what="creds",
                path=engine.path,
                named=f"vault-{self.role}-{login.named}-" if login.named else f"vault-{self.role}-",
                at=means.clock.now(),
            )
        )
        try:
            return awaited(read, means)
        except Failure as failure:
            error = explain_creds(failure, self.vault(), engine, means.advice(failure.address))
            # What a token that is lent may have made can't be undone, so it is not asked for a second time.
            if self.lent()[0] and of_making(failure) is Verdict.UNCLEAR:
                raise error from None
            raise _judged(failure, error, means) from None

    @property
    def _auth_path(self) -> str:
        return self.vault_auth_path or self.vault_auth_method


def _judged(failure: Failure, error: Error, means: Means) -> Error | Unclear:
    """Tell a plain no from one that may have made something all the same."""
    if of_making(failure) is Verdict.UNCLEAR:
        return Unclear(error)
    means.custody.nothing_made()
    return error


def _refuse_what_cannot_be_revoked(login: Login, path: str) -> None:
    """Refuse a login whose credential could not be undone (design §5; api-contract 7.4 and 7.5)."""
    role = path.removesuffix("/login") + "/role/ROLE"
    if login.token_type == "batch":  # noqa: S105 - a kind of token
        raise Refused(
            "Vault's login gave a batch token, and no token was read with it.",
            why="A batch token can't be revoked, and with the default policy neither can its lease.",
            fix=f"Set token_type=service on the role of the login ({role}), or `revoke: false` here.",
        )
    if login.num_uses == 1:
        raise Refused(
            "Vault's login gave a token for a single use, and no token was read with it.",
            why="Its last use can't return a credential, and one more is needed to revoke it.",
            fix=f"Set token_num_uses to 0, or to 4 or more, on the role of the login ({role}).",
        )
