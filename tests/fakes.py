"""Fakes that behave: time, the servers behind one transport, and a platform, all telling one list what happened."""

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from nomad_token.clients.http import Connections
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.vault import VaultPlace
from nomad_token.clock import Deadline
from nomad_token.declared import Declared, Found
from nomad_token.errors import InputError, NoIdentity
from nomad_token.order import Order, read_order
from nomad_token.outside import Outside
from nomad_token.platforms.base import Export, Kept, Level
from nomad_token.secret import SecretStr
from nomad_token.signals import Signals
from nomad_token.state import Asked, Fact, HeldLease, HeldLogin, Plan, loads
from through import answering

VAULT = "http://vault.test:8200"
NOMAD = "http://nomad.test:4646"
INPUTS = {"role": "deployer", "vault-addr": VAULT, "vault-auth-role": "deploy-app", "nomad-addr": NOMAD}

AT = datetime(2026, 3, 4, 5, 6, 7, 891, tzinfo=UTC)
CANARY = "hvs.canary-in-a-fact"
PLAN = Plan(
    mint="0badcafe",
    vault=VaultPlace(address="https://vault.test", namespace="team/größe"),
    nomad=NomadPlace(address="https://nomad.test", region="eu"),
    revoke=True,
    on_revoke_failure="warn",
    summary="auto",
)
LOGIN = HeldLogin(token=SecretStr(CANARY), accessor="acc", ends=AT, uses=0)
LEASE = HeldLease(
    lease_id="nomad/creds/deployer/x",
    accessor_id="acce5500-0000-4000-8000-000000000001",
    secret=SecretStr(CANARY),
    ends=AT,
)
ASKED_LOGIN = Asked(what="login", path="auth/jwt/login", at=AT)
ASKED_CREDS = Asked(what="creds", path="nomad/creds/deployer", named="vault-deployer-jwt-", at=AT)

Event = tuple[str, ...]
Fault = httpx.Response | Exception


def jwt(**claims: object) -> str:
    """Return an id token that nobody signed."""
    parts = ({"alg": "RS256"}, {"iss": "https://token.test", "sub": "repo:octo/app:ref:refs/heads/main"} | claims)
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    return f"{head}.{body}.c2lnbmF0dXJl"


class FakeClock:
    """A clock that moves when somebody sleeps on it, or when it is pushed."""

    def __init__(self) -> None:
        """Begin on a morning in 2026."""
        self._began = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        self._passed = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Return the time of day."""
        return self._began + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """Return the seconds since a point that is not the beginning of anything."""
        return 1000.0 + self._passed

    def sleep(self, seconds: float) -> None:
        """Let *seconds* pass, and remember that they were slept."""
        self.slept.append(seconds)
        self.push(seconds)

    def push(self, seconds: float) -> None:
        """Let *seconds* pass while something else is done."""
        self._passed += seconds

    def rewind(self) -> None:
        """Go back to that morning."""
        self._passed = 0.0
        self.slept.clear()


def vault_error(status: int, *errors: str, **headers: str) -> httpx.Response:
    """Return a refusal as Vault words it; header names have `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, json={"errors": list(errors)}, headers=named)


def nomad_error(status: int, text: str) -> httpx.Response:
    """Return a refusal as Nomad words it."""
    return httpx.Response(status, text=text, headers={"Content-Type": "text/plain; charset=utf-8"})


DENIED = "1 error occurred:\n\t* permission denied\n\n"
GONE = "permission denied"
GONE_ANEW = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"


class Faults:
    """What a server does instead of, or after, its work; one for each request that comes."""

    def __init__(self) -> None:
        """Begin without any."""
        self._before: dict[str, list[Fault]] = {}
        self._after: dict[str, list[Fault]] = {}
        self.hooks: dict[str, Callable[[], None]] = {}
        """Called while a request is under way: for a signal, or for time that passes."""

    def before(self, path: str, *faults: Fault) -> None:
        """Answer the next requests to *path* so, and do nothing."""
        self._before.setdefault(path, []).extend(faults)

    def after(self, path: str, *faults: Fault) -> None:
        """Do the work of the next requests to *path*, and answer so."""
        self._after.setdefault(path, []).extend(faults)

    def applied(self, path: str, work: Callable[[], httpx.Response]) -> httpx.Response:
        """Do *work* for a request to *path*, as far as the faults let it."""
        if hook := self.hooks.get(path):
            hook()
        if self._before.get(path):
            return _raised(self._before[path].pop(0))
        answer = work()
        if self._after.get(path):
            return _raised(self._after[path].pop(0))
        return answer


def _raised(fault: Fault) -> httpx.Response:
    if isinstance(fault, Exception):
        raise fault
    return fault


@dataclass
class NomadToken:
    """A token that Nomad knows."""

    accessor_id: str
    secret: str
    type: str = "client"
    policies: tuple[str, ...] = ("deployer",)
    global_: bool = False
    expiration_time: str | None = None
    region: str = "home"
    """The one that knows it, where it isn't a global one."""


class FakeNomad:
    """Nomad's tokens, as `token/self` tells of them (api-contract 2)."""

    def __init__(self) -> None:
        """Begin without tokens."""
        self.tokens: dict[str, NomadToken] = {}
        self.acls = True
        self.faults = Faults()
        self.token_type = "client"
        self._made = 0

    def make(self) -> NomadToken:
        """Make a token, as its management asks for it."""
        self._made += 1
        token = NomadToken(
            f"acce5500-0000-4000-8000-{self._made:012d}",
            f"5ec7e700-0000-4000-8000-{self._made:012d}",
            self.token_type,
            () if self.token_type == "management" else ("deployer",),
        )
        self.tokens[token.secret] = token
        return token

    def delete(self, accessor_id: str) -> None:
        """Delete a token, as its management asks for it."""
        self.tokens = {secret: token for secret, token in self.tokens.items() if token.accessor_id != accessor_id}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        path = request.url.path.removeprefix("/v1/")
        region = request.url.params.get("region", "home")
        return self.faults.applied(path, lambda: self._self(request.headers.get("X-Nomad-Token", ""), region))

    def _self(self, secret: str, region: str) -> httpx.Response:
        if not self.acls:
            return nomad_error(400, "ACL support disabled")
        token = self.tokens.get(secret)
        if token is None or not (token.global_ or token.region == region):
            return nomad_error(403, "Permission denied")
        return httpx.Response(
            200,
            json={
                "AccessorID": token.accessor_id,
                "SecretID": token.secret,
                "Name": "vault-deployer-jwt-1",
                "Type": token.type,
                "Policies": list(token.policies) or None,
                "Global": token.global_,
                "ExpirationTime": token.expiration_time,
            },
        )


@dataclass
class VaultToken:
    """A token that Vault knows."""

    uses: int = 0
    leases: dict[str, str] = field(default_factory=dict)
    """The accessor of the Nomad token, by lease."""


class FakeVault:
    """Vault's tokens and leases (api-contract 1 and 3), with a jwt method and a Nomad engine."""

    def __init__(self, nomad: FakeNomad) -> None:
        """Begin without tokens; what the engine makes is *nomad*'s."""
        self.nomad = nomad
        self.tokens: dict[str, VaultToken] = {}
        self.faults = Faults()
        self.may_revoke_leases = True
        self.revokes_at_nomad = True
        self.login_seconds, self.lease_seconds = 3600, 1800
        self.token_type, self.num_uses = "service", 0
        self.logins: list[dict[str, object]] = []
        self._made = 0

    @property
    def leases(self) -> dict[str, str]:
        """The accessors of all Nomad tokens that hang on a lease."""
        return {lease: accessor for token in self.tokens.values() for lease, accessor in token.leases.items()}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        path = request.url.path.removeprefix("/v1/")
        return self.faults.applied(path, lambda: self._work(path, request))

    def _work(self, path: str, request: httpx.Request) -> httpx.Response:
        if path.startswith("auth/") and path.endswith("/login"):
            return self._log_in(json.loads(request.content))
        secret = request.headers.get("X-Vault-Token", "")
        token = self.tokens.get(secret)
        if token is None:
            return vault_error(403, GONE)
        if token.uses:
            token.uses -= 1
            if not token.uses and path != "auth/token/revoke-self":
                self._end(secret)
                token = VaultToken()
        return self._of_token(path, secret, token, json.loads(request.content or b"{}"))

    def _of_token(self, path: str, secret: str, token: VaultToken, body: dict[str, Any]) -> httpx.Response:
        if path == "auth/token/revoke-self":
            self._end(secret)
            return httpx.Response(204)
        if path == "sys/capabilities-self":
            return self._capabilities(body["paths"])
        if path == "sys/leases/revoke":
            return self._revoke_lease(token, body)
        if path.endswith("/creds/deployer"):
            return self._creds(token, path)
        return vault_error(404, "1 error occurred:\n\t* unsupported path\n\n")

    def _log_in(self, body: dict[str, object]) -> httpx.Response:
        self.logins.append(body)
        self._made += 1
        secret = f"hvs.canary-login-{self._made:04d}"
        self.tokens[secret] = VaultToken(self.num_uses)
        auth = {
            "client_token": secret,
            "accessor": f"login-accessor-{self._made:04d}",
            "lease_duration": self.login_seconds,
            "renewable": True,
            "token_type": self.token_type,
            "num_uses": self.num_uses,
            "mfa_requirement": None,
        }
        return httpx.Response(200, json={"lease_id": "", "data": None, "auth": auth})

    def _creds(self, token: VaultToken, path: str) -> httpx.Response:
        made = self.nomad.make()
        lease = f"{path}/lease{len(self.leases):04d}"
        token.leases[lease] = made.accessor_id
        data = {"accessor_id": made.accessor_id, "secret_id": made.secret}
        body = {"lease_id": lease, "renewable": True, "lease_duration": self.lease_seconds, "data": data, "auth": None}
        return httpx.Response(200, json=body)

    def _capabilities(self, paths: list[str]) -> httpx.Response:
        held = {path: ["update"] if self.may_revoke_leases else ["deny"] for path in paths}
        return httpx.Response(200, json={"data": held})

    def _revoke_lease(self, token: VaultToken, body: dict[str, object]) -> httpx.Response:
        if not self.may_revoke_leases:
            return vault_error(403, DENIED)
        accessor = token.leases.pop(str(body["lease_id"]), None)
        if accessor and self.revokes_at_nomad:
            self.nomad.delete(accessor)
        return httpx.Response(204)

    def _end(self, secret: str) -> None:
        for accessor in self.tokens.pop(secret).leases.values():
            if self.revokes_at_nomad:
                self.nomad.delete(accessor)


class RecordingPlatform:
    """A platform in memory; each thing that it is told is an event."""

    def __init__(
        self, events: list[Event], inputs: Mapping[str, str], environ: Mapping[str, str] | None = None
    ) -> None:
        """Give *inputs* under `with:`, and *environ* around the step; tell *events*."""
        self.events = events
        self._inputs = dict(inputs)
        self._environ = dict(environ or {})
        self.lines: list[str] = []
        """What was kept."""
        self.id_token_value: str | None = None
        """Without it, an id token for whatever audience is asked for."""
        self.exported: Export | None = None
        self.scrubbed: list[str] = []
        self.removed: list[Kept] = []
        """Whose lines were scrubbed."""
        self.id_token_within: list[float] = []
        """Seconds in which an id token was asked for."""
        self.why_withheld = ""
        self.ended: int | None = None
        self.placed: dict[str, SecretStr | str] = {}
        """Files for the next steps, `MINT/NAME`."""
        self.fails_to: dict[str, Exception] = {}
        """What a method raises, by its name; for `keep`, `keep login` and the like too, by the kind of fact."""

    def lookup(self, declared: Declared) -> Found | None:
        """Find an input, else a variable of its."""
        if value := self._inputs.get(declared.name, ""):
            return Found(value, f"the input `{declared.name}`")
        names = (name for name in declared.environment if self._environ.get(name))
        return next((Found(self._environ[name], name, variable=True) for name in names), None)

    def read_file(self, path: str) -> str:
        """Read a file of the machine."""
        try:
            return Path(path).read_text("utf-8")
        except OSError as error:
            raise InputError(f"`{path}` can't be read: {error.strerror}.") from None

    def host_path(self, path: str) -> str | None:
        """Have the next steps see all in one folder of theirs, but what lies outside."""
        return None if path.startswith("/") else f"/theirs/{path}"

    def place(self, mint: str, name: str, text: SecretStr | str) -> str | None:
        """Remember a file, and who may read it."""
        if error := self.fails_to.get("place"):
            raise error
        self.placed[f"{mint}/{name}"] = text
        return f"/theirs/{mint}/{name}"

    def clear(self, mint: str) -> None:
        """Forget the files of a mint."""
        self.placed = {name: text for name, text in self.placed.items() if not name.startswith(f"{mint}/")}

    def proxy(self, _address: str) -> str:
        """Use none."""
        return ""

    def given_names(self) -> list[str]:
        """List the inputs."""
        return [name for name, value in self._inputs.items() if value]

    def preflight(self) -> None:
        """Be ready."""
        self._told("preflight")

    def id_token(self, audience: str, deadline: Deadline) -> SecretStr:
        """Return an id token, or none where it is empty."""
        self._told("id token", audience)
        self.id_token_within.append(deadline.left())
        if self.id_token_value == "":
            raise NoIdentity("There is no id token.")
        return SecretStr(self.id_token_value or jwt(aud=audience))

    def withheld(self) -> str:
        """Say why this job has no secrets."""
        return self.why_withheld

    def mask(self, secret: SecretStr) -> None:
        """Remember what is masked."""
        self._told("mask", secret.get_secret_value())

    def keep(self, mint: str, line: str) -> None:
        """Keep a line."""
        kind = str(json.loads(line)["fact"])
        if error := self.fails_to.get(f"keep {kind}"):
            raise error
        self._told("keep", kind)
        self.lines.append(line)
        assert mint == self.plan.mint

    def keep_more(self, _kept: Kept, line: str) -> None:
        """Keep a line of a mint that was taken, which may be taken again."""
        self.keep(self.plan.mint, line)

    def let_go(self) -> None:
        """Let whoever revokes begin."""

    def kept_all(self) -> None:
        """Note that nothing more is kept."""
        self.ended = len(self.lines)

    def take_kept(self) -> list[Kept]:
        """Return the lines that were kept."""
        return [Kept("", self.lines)] if self.lines else []

    def export(self, export: Export) -> None:
        """Remember what is exported."""
        self._told("export")
        self.exported = export

    def exported_as(self, names: Sequence[str]) -> str:
        """Say what a job says."""
        return f"Exported as {', '.join(names)}"

    def paths_untold(self, variables: Sequence[str]) -> str:
        """Name the variables."""
        return f"{', '.join(variables)}: not exported."

    def revoked_when(self) -> str:
        """Say that it is a job."""
        return "when the job ends"

    def scrub(self, kept: Kept, secrets: Iterable[SecretStr], *, undone: bool) -> None:
        """Remember what is scrubbed."""
        self.removed.append(kept)
        self.scrubbed = [secret.get_secret_value() for secret in secrets]
        self._told("scrub", "undone" if undone else "left")

    def say(self, line: str) -> None:
        """Log a line."""
        self._told("say", line)

    def trace(self, line: str) -> None:
        """Drop a line."""

    def annotate(self, level: Level, title: str, text: str) -> None:
        """Log a message."""
        self._told(level.value, title, text)

    def summarise(self, markdown: str) -> None:
        """Add to the summary."""
        self._told("summary", markdown)

    def unreachable(self, address: str) -> str:
        """Give advice on *address*."""
        return f"Advice on {address}."

    @property
    def plan(self) -> Plan:
        """The plan among the lines."""
        return next(fact for fact in self.facts if isinstance(fact, Plan))

    @property
    def facts(self) -> list[Fact]:
        """The lines, read."""
        return [loads(line) for line in self.lines]

    def _told(self, what: str, *details: str) -> None:
        if error := self.fails_to.get(what):
            raise error
        self.events.append((what, *details))


class World:
    """A job in a world of its own: a platform, the servers, time, and all that happened in its order."""

    def __init__(self, inputs: Mapping[str, str] | None = None, **more: str) -> None:
        """Give *inputs* under `with:`, those of a plain job unless others are given, and *more* (with `_` for `-`)."""
        given = dict(INPUTS if inputs is None else inputs)
        given |= {name.replace("_", "-"): value for name, value in more.items()}
        self.events: list[Event] = []
        self.sent: list[httpx.Request] = []
        self.clock = FakeClock()
        self.nomad = FakeNomad()
        self.vault = FakeVault(self.nomad)
        self.platform = RecordingPlatform(self.events, given)
        self.connections = Connections(self.clock, self._trace, answering(self._routed))
        self.signals = Signals()
        self.outside = Outside(self.connections, self.clock, self.signals)

    def order(self) -> Order:
        """Read the inputs."""
        return read_order(self.platform)

    @property
    def requests(self) -> list[str]:
        """The requests that were sent, `METHOD path`."""
        return [event[1] for event in self.events if event[0] == "request"]

    def told(self, what: str) -> list[str]:
        """Return the text of each event of a kind."""
        return [event[-1] for event in self.events if event[0] == what]

    @property
    def log(self) -> str:
        """All that a person could read, but the masks."""
        return "\n".join("|".join(event) for event in self.events if event[0] != "mask")

    @property
    def alive(self) -> list[str]:
        """What lives: tokens of Vault, tokens of Nomad."""
        return [*self.vault.tokens, *(token.accessor_id for token in self.nomad.tokens.values())]

    def _routed(self, request: httpx.Request) -> httpx.Response:
        self.events.append(("request", f"{request.method} {request.url.path}"))
        self.sent.append(request)
        return self.vault(request) if request.url.host == "vault.test" else self.nomad(request)

    def _trace(self, line: str) -> None:
        self.events.append(("trace", line))
