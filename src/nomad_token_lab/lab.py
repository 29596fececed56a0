"""The lab: GitHub's issuer, Vault and Nomad on loopback, in one thread, with all that happens in them in sight."""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Final, Self

import httpx
from starlette.applications import Starlette
from starlette.types import ASGIApp

from nomad_token.secret import SecretStr
from nomad_token_lab.clock import Clock, of_machine
from nomad_token_lab.cluster import Cluster
from nomad_token_lab.faults import Fault, FaultLine, ServerName
from nomad_token_lab.http import Record, Recorder
from nomad_token_lab.issuer import Issuer
from nomad_token_lab.members import Members
from nomad_token_lab.memory import InMemory, Transport
from nomad_token_lab.nomad import api as nomad_api
from nomad_token_lab.nomad.profile import Profile
from nomad_token_lab.nomad.state import Nomad
from nomad_token_lab.serve import Served, Servers, Tls, bound
from nomad_token_lab.trust import Trust, trust
from nomad_token_lab.vault import api as vault_api
from nomad_token_lab.vault.dispatch import new_vault
from nomad_token_lab.vault.state import Dialect

_SERVERS: Final[tuple[ServerName, ...]] = ("github", "vault", "nomad")


class Lab:
    """Three servers; `with Lab(trust=True) as lab:` has them running, a deploy trusted, and nothing recorded yet.

    `requests` holds what reached them, `faults` what goes wrong next. Each server has a `clock` of its own.
    """

    def __init__(  # noqa: PLR0913 - each is an independent choice
        self,
        *,
        host: str = "127.0.0.1",
        vault_port: int = 0,
        nomad_port: int = 0,
        github_port: int = 0,
        trust: bool = False,
        bootstrapped: bool = True,
        dialect: Dialect = Dialect.VAULT,
        profile: Profile = Profile.FROM_1_10_1,
        regions: tuple[str, ...] = ("global",),
        tls: Tls | Mapping[ServerName, Tls] | None = None,
        now: Callable[[], datetime] = of_machine,
    ) -> None:
        """Make the servers; port 0 is any free one. Nomad has a server a region, the first being authoritative.

        A Nomad that is not *bootstrapped* has no `management_token`, and nothing can be trusted yet.
        With *tls*, all of them speak it, or those that it names. Among each other they verify nothing. Their clocks
        follow *now*, an aware time in UTC.
        """
        self.github = Issuer(Clock(now))
        self.members = Members()
        self.cluster = Cluster(self.github)
        self.vault = new_vault(Clock(now))
        self.nomad = Nomad(Clock(now), regions[0])
        self.regions = {regions[0]: self.nomad, **{name: self.nomad.federated(name) for name in regions[1:]}}
        self.vault.dialect = dialect
        for nomad in self.regions.values():
            nomad.profile = profile
        self.requests: list[Record] = []
        self.faults: list[Fault] = []
        self._host = host
        self._tls: Mapping[ServerName, Tls] = dict.fromkeys(_SERVERS, tls) if isinstance(tls, Tls) else tls or {}
        self._ports = {"github": github_port, "vault": vault_port, "nomad": nomad_port}
        self._ports |= dict.fromkeys(regions[1:], 0)
        self._trusts = trust
        self._servers: Servers | InMemory | None = None
        self.root_token = SecretStr(self.vault.root.id)
        self.management_token = SecretStr(self.nomad.bootstrap().secret if bootstrapped else "")

    @property
    def audience(self) -> str:
        """What id tokens are to be issued for: Vault's address."""
        return self.vault.addr

    def start(self) -> None:
        """Start serving.

        Raises:
            OSError: a port is taken.
        """
        with contextlib.ExitStack() as undo:
            sockets = {name: undo.enter_context(bound(self._host, port)) for name, port in self._ports.items()}
            self._serve(sockets)
            undo.pop_all()
        self._begin()

    def start_in_memory(self, addresses: Mapping[ServerName, str] | None = None) -> InMemory:
        """Serve without sockets, on `https://SERVER.lab.test`, for whoever asks in this thread; `stop` ends it.

        The lab's own clients go the same way. There is one region, and no TLS: what a client shows is
        `InMemory.certificate`. With *addresses* of other hosts, one each, the servers take themselves to be there.
        """
        places = addresses or {name: f"https://{name}.lab.test" for name in _SERVERS}
        self.github.addr, self.vault.addr, self.nomad.addr = (places[name] for name in _SERVERS)
        served: Mapping[ServerName, tuple[ASGIApp, Clock]] = {
            "github": (self._outside(), self.github.clock),
            "vault": (vault_api.app(self.vault), self.vault.clock),
            "nomad": (nomad_api.app(self.nomad), self.nomad.clock),
        }
        apps = {httpx.URL(places[name]).host: self._watched(name, *each) for name, each in served.items()}
        servers = InMemory(apps, tick=self.vault.settle)
        for upstream in (self.vault.upstream, self.nomad.upstream):
            upstream.transport = servers.among_themselves
        self._servers = servers
        self._begin()
        return servers

    def _begin(self) -> None:
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            if self._trusts:
                self._trust()
            undo.pop_all()
        self.mark()

    def _serve(self, sockets: dict[str, socket.socket]) -> None:
        self.github.addr, self.vault.addr, self.nomad.addr = (self._addr(name, sockets[name]) for name in _SERVERS)
        for upstream in (self.vault.upstream, *(nomad.upstream for nomad in self.regions.values())):
            upstream.tls = next((_unverifying(tls) for tls in self._tls.values()), None)
        self._servers = Servers(
            [
                self._served("github", sockets["github"], self._outside(), self.github.clock),
                self._served("vault", sockets["vault"], vault_api.app(self.vault), self.vault.clock),
                self._served("nomad", sockets["nomad"], nomad_api.app(self.nomad), self.nomad.clock),
                *self._elsewhere(sockets),
            ],
            tick=self.vault.settle_soon,
        )

    def _addr(self, server: ServerName, sock: socket.socket) -> str:
        return f"{'https' if server in self._tls else 'http'}://{self._host}:{sock.getsockname()[1]}"

    def _outside(self) -> ASGIApp:
        """Return what is neither Vault nor Nomad: GitHub's issuer and API, and the API of a Kubernetes cluster."""
        return Starlette(routes=[*self.github.routes(), *self.members.routes(), *self.cluster.routes()])

    def _elsewhere(self, sockets: dict[str, socket.socket]) -> Iterator[Served]:
        """Return the servers of the other regions; what is asked of one is recorded as a request to Nomad."""
        for region, nomad in self.regions.items():
            if nomad is not self.nomad:
                nomad.addr = self._addr("nomad", sockets[region])
                yield self._served("nomad", sockets[region], nomad_api.app(nomad), nomad.clock)

    def stop(self) -> None:
        """Stop serving; what has happened stays to be looked at."""
        if self._servers:
            self._servers.call(self.vault.upstream.aclose())
            self._servers.call(self.nomad.upstream.aclose())
            self._servers.stop()
            self._servers = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def mark(self) -> None:
        """Begin anew: forget the requests, and leave tokens that live now out of both servers' `live_tokens`."""
        self.vault.mark()
        for nomad in self.regions.values():
            nomad.mark()
        self.requests.clear()

    def advance(self, seconds: float) -> None:
        """Let time pass on all three servers, and what ends in it end."""
        for server in (self.github, self.vault, self.nomad):
            server.clock.offset += seconds
        self.settle()

    def settle(self) -> None:
        """Return when Vault has done what it does in the background."""
        if self._servers:
            self._servers.call(self.vault.settle())

    def vault_client(self) -> httpx.Client:
        """Return a client of Vault that may do everything."""
        return self._client("vault", self.vault.addr, {"X-Vault-Token": self.root_token.get_secret_value()})

    def nomad_client(self) -> httpx.Client:
        """Return a client of Nomad that may do everything."""
        return self._client("nomad", self.nomad.addr, {"X-Nomad-Token": self.management_token.get_secret_value()})

    def _client(self, server: ServerName, addr: str, headers: dict[str, str]) -> httpx.Client:
        if isinstance(self._servers, InMemory):
            return httpx.Client(base_url=addr, headers=headers, transport=Transport(self._servers), trust_env=False)
        # Loopback: no proxy of the environment, and no CA bundle to load; a real server there may take its time.
        context = _unverifying(self._tls[server]) if server in self._tls else False
        return httpx.Client(base_url=addr, headers=headers, trust_env=False, verify=context, timeout=30)

    def _trust(self) -> None:
        settings = Trust(oidc_discovery_url=self.github.addr, audience=self.audience, nomad_address=self.nomad.addr)
        with self.vault_client() as vault, self.nomad_client() as nomad:
            trust(settings, vault=vault, nomad=nomad)

    def _served(self, server: ServerName, sock: socket.socket, app: ASGIApp, clock: Clock) -> Served:
        return sock, self._watched(server, app, clock), self._tls.get(server)

    def _watched(self, server: ServerName, app: ASGIApp, clock: Clock) -> ASGIApp:
        faulty = FaultLine(app, server=server, faults=self.faults)
        return Recorder(faulty, server=server, records=self.requests, clock=clock)


def _unverifying(tls: Tls) -> ssl.SSLContext:
    """Return what the lab's own clients and servers connect with: nothing is verified, the server's own pair shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(tls.certificate, tls.key)
    return context
