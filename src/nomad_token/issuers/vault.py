"""`vault`: Vault's or OpenBao's Nomad secrets engine, after a login of our own."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar, Final, NamedTuple, Self

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.vault import Creds, Login, Vault
from nomad_token.credential import Credential, output_name
from nomad_token.declared import Declared, Lookup
from nomad_token.errors import Error, Refused
from nomad_token.inputs import declare
from nomad_token.issuers.awaited import awaited
from nomad_token.issuers.base import Means, Unclear
from nomad_token.issuers.vault_refusals import EngineRole, explain_borrowed, explain_creds, explain_login
from nomad_token.places import VaultInputs
from nomad_token.readers import env_name, mount
from nomad_token.retry import Verdict, of_making, of_repeatable, patiently
from nomad_token.secret import SecretStr
from nomad_token.state import Asked, HeldLease, HeldLogin
from nomad_token.text import shown
from nomad_token.vault_auth import METHODS
from nomad_token.vault_auth.base import Borrowed, Circumstances, LoginRequest, VaultAuth
from nomad_token.vault_auth.token import Token

MOST_ROLES: Final = 32
"""How many tokens one step may mint: what the post-step must know of each has to fit into the saved state."""

_OTHER_METHODS: Final = ", ".join(f"`{name}`" for name in METHODS if name not in {"jwt", "token"})


class Wanted(NamedTuple):
    """One token to mint: a line of `role`."""

    role: str
    env_name: str
    """Empty where the line names none: `env-name` does then."""


def _wanted(value: str) -> tuple[Wanted, ...]:
    """Read `ROLE` or `ROLE | ENV_NAME`, by line or by comma."""
    parts = [line.partition("|") for line in re.split(r"[,\n]", value) if line.strip()]
    wanted = tuple(Wanted(_role(role), _env_name(name.strip()) if bar else "") for role, bar, name in parts)
    if len(wanted) > MOST_ROLES:
        raise ValueError(f"has {len(wanted)} lines, and one step mints {MOST_ROLES} tokens at most")
    outputs = [output_name(each.env_name) for each in wanted]
    if len(set(outputs)) < len(outputs):
        raise ValueError("names a variable twice, or two that would have the same output: each line needs its own")
    return wanted


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


def _env_name(name: str) -> str:
    """Check the variable that a line names, and quote it: the value has other lines."""
    try:
        return env_name(name)
    except ValueError as error:
        raise ValueError(f"holds `{shown(name)}`, which {error}") from None


def _method(value: str) -> str:
    if value not in METHODS:
        raise ValueError(f"is not one of {', '.join(METHODS)}")
    return value


def _auth_path(value: str) -> str:
    path = mount(value)
    if path.startswith("auth/"):
        raise ValueError("is below `auth/` already: leave that out")
    return path


@dataclass(frozen=True, slots=True)
class Access:
    """A Vault token to read with."""

    token: SecretStr = field(repr=False)
    ends: datetime | None
    named: str
    """Its display name as it begins, which Nomad's tokens are named for; empty where it is not known."""
    uses: int = 0
    """How often it may be used; 0 is without limit."""


class VaultIssuer(VaultInputs):
    """The inputs of the issuer, and its two requests (api-contract 1.5 and 3)."""

    told_by: ClassVar[tuple[str, ...]] = ("role",)

    role: tuple[Wanted, ...] = declare(
        _wanted,
        about="The role of Vault's Nomad secrets engine: the ROLE of `nomad/creds/ROLE`. Several, "
        "by line or by comma as `ROLE | ENV_NAME`, make several tokens, all or none. (The role of the login is "
        "`vault-auth-role`.)",
    )
    vault_auth_method: str = declare(
        _method,
        "jwt",
        about="How the job logs in to Vault. `jwt`: with its id token, so that no secret is stored anywhere. "
        f"{_OTHER_METHODS}: with what their inputs give. "
        "`token`: not at all, it is there already.",
    )
    vault_auth_path: str | None = declare(
        _auth_path,
        None,
        environment=["VAULT_AUTH_PATH"],
        about="Where the auth method is mounted, below `auth/`. Without it: the method's name.",
    )
    _auth: VaultAuth

    @classmethod
    def read(cls, lookup: Lookup) -> Self:
        """Read the issuer's inputs, and those of the auth method that they choose."""
        issuer = super().read(lookup)
        return issuer.but(_auth=METHODS[issuer.vault_auth_method].read(lookup))

    @classmethod
    def declared(cls) -> list[Declared]:
        """List its own inputs, beginning with the one that chooses it."""
        return sorted(super().declared(), key=lambda one: one.name != "role")

    def lent(self) -> tuple[str, SecretStr | None]:
        """Return the token that the user lends, where that is the method."""
        return ("vault-token", self._auth.vault_token) if isinstance(self._auth, Token) else ("", None)

    def issue(self, env_name: str, means: Means) -> tuple[Credential, ...]:
        """Log in, and read the credential of each role. Raises `Error`, `Unclear`."""
        return self.read_with(self.enter(means), env_name, means)

    def enter(self, means: Means) -> Access:
        """Log in, or look at the token that is lent. Raises `Error`, `Unclear`."""
        vault = self._server(means)
        request = self._auth.login_request(
            Circumstances(self.vault_addr, self.auth_path, means.id_token, lambda path: _read_secret(path, means))
        )
        if isinstance(request, Borrowed):
            return self._borrow(vault, request.token, means)
        return self._log_in(vault, request, means)

    def read_with(self, login: Access, env_name: str, means: Means) -> tuple[Credential, ...]:
        """Read the credential of each role with *login*. Raises `Error`, `Unclear`."""
        vault = self._server(means)
        return tuple(
            self._read(vault, login, Wanted(role, own_name or env_name), means) for role, own_name in self.role
        )

    def _server(self, means: Means) -> Vault:
        place = means.vault or self.vault()
        return Vault(means.connect(place), place)

    @property
    def auth(self) -> VaultAuth:
        """The method, with its own inputs."""
        return self._auth

    def _read(self, vault: Vault, login: Access, wanted: Wanted, means: Means) -> Credential:
        creds, lease = self._read_creds(vault, login, wanted.role, means)
        return Credential(
            secret=lease.secret,
            accessor_id=lease.accessor_id,
            issuer="vault",
            env_name=wanted.env_name,
            lease_id=lease.lease_id,
            lease_duration=creds.lease_duration,
            lease_renewable=creds.renewable,
            life_set_by="Its life is the earlier of the login's token_ttl and the engine's lease, which is 768 h where "
            f"it was never set: vault write {self.vault_mount}/config/lease ttl=30m max_ttl=1h",
            access=f"{self.vault_mount}/config/access",
            # Vault ends the lease with the token that asked for it (api-contract 7.4), but not in another namespace.
            expires_at=lease.ends if self.vault().below else min(lease.ends, login.ends or lease.ends),
            login_ends=login.ends,
            login_uses=login.uses,
        )

    def _borrow(self, vault: Vault, token: SecretStr, means: Means) -> Access:
        """Look at a token that is lent: it must last for the read, and for the lease's end after it."""
        means.refuse_when_late()
        began = means.clock.now()
        try:
            known = patiently(lambda: vault.look_up(token), of_repeatable, clock=means.clock, deadline=means.deadline)
        except Failure as failure:
            raise explain_borrowed(failure, means.advice(failure.address)) from None
        if known is None:
            return Access(token, None, "")
        needed = 2 * len(self.role)
        if known.num_uses and known.num_uses < needed:
            raise Refused(
                f"`vault-token` has {_uses(max(known.num_uses, 0))} left, and no token was read with it.",
                why="Each token that is read takes one, and one more to revoke its lease.",
                # the look-up took one already
                fix=f"Give a token with at least {needed + 1} uses (-use-limit={needed + 1}), or without a limit.",
            )
        ends = began + timedelta(seconds=known.ttl) if known.ttl else None
        return Access(token, ends, known.display_name, known.num_uses)

    def _log_in(self, vault: Vault, request: LoginRequest, means: Means) -> Access:
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
            _refuse_what_cannot_be_revoked(login, request.terms, reads=len(self.role))
        return Access(held.token, held.ends, self.auth_path.replace("/", "-"), held.uses)

    def _read_creds(self, vault: Vault, login: Access, role: str, means: Means) -> tuple[Creds, HeldLease]:
        engine = EngineRole(self.vault_mount, role)

        def read() -> tuple[Creds, HeldLease]:
            began = means.clock.now()
            creds = vault.creds(login.token, self.vault_mount, role)
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
                named=f"vault-{role}-{login.named}-" if login.named else f"vault-{role}-",
                at=means.clock.now(),
            )
        )
        try:
            return awaited(read, means)
        except Failure as failure:
            error = explain_creds(failure, self.vault(), engine, means.advice(failure.address))
            # Neither a token that is lent nor a login in another namespace is ended with what it may have made, which
            # can't be undone then: it is not asked for a second time.
            if (self.lent()[0] or self.vault().below) and of_making(failure) is Verdict.UNCLEAR:
                raise error from None
            raise _judged(failure, error, means) from None

    @property
    def auth_path(self) -> str:
        """Where the method is mounted below `auth/`."""
        return self.vault_auth_path or self.vault_auth_method


def _read_secret(path: Path, means: Means) -> str:
    """Read a file that holds a secret, and mask it. Raises `OSError`."""
    secret = path.read_text("utf-8")
    means.custody.mask(SecretStr(secret.strip()))
    return secret


def _judged(failure: Failure, error: Error, means: Means) -> Error | Unclear:
    """Tell a plain no from one that may have made something all the same."""
    if of_making(failure) is Verdict.UNCLEAR:
        return Unclear(error)
    means.custody.nothing_made()
    return error


def _uses(count: int) -> str:
    return {0: "no use", 1: "one use"}.get(count, f"{count} uses")


def _refuse_what_cannot_be_revoked(login: Login, terms: str, *, reads: int) -> None:
    """Refuse a login whose credentials could not be undone (design §5; api-contract 7.4 and 7.5)."""
    if login.token_type == "batch":  # noqa: S105 - a kind of token
        raise Refused(
            "Vault's login gave a batch token, and no token was read with it.",
            why="A batch token can't be revoked, and with the default policy neither can its lease.",
            fix=f"Set token_type=service in `{terms}`, or `revoke: false` here.",
        )
    if 0 < login.num_uses <= reads:
        raise Refused(
            f"Vault's login gave a token for {_uses(login.num_uses)}, and no token was read with it.",
            why="Each token that is read takes one, and one more is needed to revoke the login.",
            # room for the leases' own revoke, which reports what Nomad says of it
            fix=f"Set token_num_uses to 0, or to {2 * reads + 2} or more, in `{terms}`.",
        )
