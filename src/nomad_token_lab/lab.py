"""The lab: GitHub's issuer, Vault and Nomad on loopback, in one thread, with all that happens in them in sight."""

import contextlib
import socket
from types import TracebackType
from typing import Self

import httpx
from pydantic import SecretStr
from starlette.types import ASGIApp

from nomad_token_lab.clock import Clock
from nomad_token_lab.faults import Fault, FaultLine, ServerName
from nomad_token_lab.http import Record, Recorder
from nomad_token_lab.issuer import Issuer
from nomad_token_lab.nomad import api as nomad_api
from nomad_token_lab.nomad.profile import Profile
from nomad_token_lab.nomad.state import Nomad
from nomad_token_lab.serve import Servers, bound
from nomad_token_lab.trust import Trust, trust
from nomad_token_lab.vault import api as vault_api
from nomad_token_lab.vault.dispatch import new_vault
from nomad_token_lab.vault.state import Dialect


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
        dialect: Dialect = Dialect.VAULT,
        profile: Profile = Profile.FROM_1_10_1,
    ) -> None:
        """Make the servers; port 0 is any free one."""
        self.github = Issuer(Clock())
        self.vault = new_vault(Clock())
        self.nomad = Nomad(Clock())
        self.vault.dialect, self.nomad.profile = dialect, profile
        self.requests: list[Record] = []
        self.faults: list[Fault] = []
        self._host = host
        self._ports = {"github": github_port, "vault": vault_port, "nomad": nomad_port}
        self._trusts = trust
        self._servers: Servers | None = None
        self.root_token = SecretStr(self.vault.root.id)
        self.management_token = SecretStr(self.nomad.bootstrap().secret)

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
        with contextlib.ExitStack() as undo:
            undo.callback(self.stop)
            if self._trusts:
                self._trust()
            undo.pop_all()
        self.mark()

    def _serve(self, sockets: dict[str, socket.socket]) -> None:
        addresses = {name: f"http://{self._host}:{sock.getsockname()[1]}" for name, sock in sockets.items()}
        self.github.addr, self.vault.addr, self.nomad.addr = (addresses[name] for name in ("github", "vault", "nomad"))
        self._servers = Servers(
            [
                (sockets["github"], self._observed("github", self.github.app(), self.github.clock)),
                (sockets["vault"], self._observed("vault", vault_api.app(self.vault), self.vault.clock)),
                (sockets["nomad"], self._observed("nomad", nomad_api.app(self.nomad), self.nomad.clock)),
            ],
            tick=self.vault.settle_soon,
        )

    def stop(self) -> None:
        """Stop serving; what has happened stays to be looked at."""
        if self._servers:
            self._servers.call(self.vault.upstream.aclose())
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
        self.nomad.mark()
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
        return _client(self.vault.addr, {"X-Vault-Token": self.root_token.get_secret_value()})

    def nomad_client(self) -> httpx.Client:
        """Return a client of Nomad that may do everything."""
        return _client(self.nomad.addr, {"X-Nomad-Token": self.management_token.get_secret_value()})

    def _trust(self) -> None:
        settings = Trust(oidc_discovery_url=self.github.addr, audience=self.audience, nomad_address=self.nomad.addr)
        with self.vault_client() as vault, self.nomad_client() as nomad:
            trust(settings, vault=vault, nomad=nomad)

    def _observed(self, server: ServerName, app: ASGIApp, clock: Clock) -> ASGIApp:
        faulty = FaultLine(app, server=server, faults=self.faults)
        return Recorder(faulty, server=server, records=self.requests, clock=clock)


def _client(addr: str, headers: dict[str, str]) -> httpx.Client:
    # Loopback without TLS: no proxy of the environment, and no CA bundle to load.
    return httpx.Client(base_url=addr, headers=headers, trust_env=False, verify=False)  # noqa: S501
