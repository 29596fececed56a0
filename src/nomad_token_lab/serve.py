"""One event loop in a thread of its own, with a server on each of several sockets."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import uvicorn
from starlette.types import ASGIApp

from nomad_token_lab.faults import CuttableProtocol

_TICK_SECONDS: Final = 0.1

T = TypeVar("T")


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that already listens, so that nobody is refused while the server starts.

    Raises:
        OSError: the port is taken.
    """
    listening = socket.create_server((host, port))
    # asyncio does this for sockets of its own making alone; connections take it over from the one that listens. Without
    # it an answer waits 40 ms for the client's acknowledgement of its first half.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


@dataclass(frozen=True)
class Tls:
    """How a server speaks TLS: PEM files, all of them.

    With `client_ca` a client may show a certificate, which one of the authorities in that file must have signed;
    `requires_client` lets nobody in without one, and asks that `certificate` be good for a client too, since the lab's
    own servers show it to each other.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None
    requires_client: bool = False


Served = tuple[socket.socket, ASGIApp, Tls | None]


class Servers:
    """Serves applications until it is stopped; `tick` is called ten times a second."""

    def __init__(self, apps: list[Served], tick: Callable[[], Awaitable[None]]) -> None:
        """Start."""
        self._told = asyncio.Event()
        self._servers = [_Server(_config(app, tls), self._told) for _, app, tls in apps]
        self._sockets = [sock for sock, _, _ in apps]
        self._tick = tick
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="nomad-token-lab", daemon=True)
        self._thread.start()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* among the servers, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        """Stop; whoever is still connected is cut off."""
        self._loop.call_soon_threadsafe(self._told.set)
        self._thread.join()

    def _run(self) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._main())
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _main(self) -> None:
        ticking = asyncio.create_task(self._ticking())
        await asyncio.gather(*(server.serve([sock]) for server, sock in zip(self._servers, self._sockets, strict=True)))
        ticking.cancel()
        leftover = asyncio.all_tasks() - {asyncio.current_task()}
        for task in leftover:
            task.cancel()
        await asyncio.gather(*leftover, return_exceptions=True)

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            await self._tick()


class _Server(uvicorn.Server):
    """Stops at once when it is told, and cuts off whoever is still connected; uvicorn's own takes its time for both."""

    def __init__(self, config: uvicorn.Config, told: asyncio.Event) -> None:
        super().__init__(config)
        self._told = told

    async def main_loop(self) -> None:
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for sock in sockets or ():
            sock.close()
        for connection in self.server_state.connections:
            connection.transport.abort()


def _config(app: ASGIApp, tls: Tls | None) -> uvicorn.Config:
    asks = ssl.CERT_REQUIRED if tls and tls.requires_client else ssl.CERT_OPTIONAL
    return uvicorn.Config(
        app,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ca_certs=str(tls.client_ca) if tls and tls.client_ca else None,
        ssl_cert_reqs=asks if tls and tls.client_ca else ssl.CERT_NONE,
        http=CuttableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        proxy_headers=False,
    )
