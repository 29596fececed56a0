"""The lab's servers without sockets: a request is a call in the caller's own thread, answered when it returns."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

import httpx
from starlette.types import ASGIApp, Message

T = TypeVar("T")

_CLIENT: Final = ("127.0.0.1", 50000)


class InMemory:
    """Applications by host, on an event loop that runs while one of them is asked; `tick` is called after each."""

    def __init__(self, apps: Mapping[str, ASGIApp], tick: Callable[[], Awaitable[None]]) -> None:
        """Begin; *apps* by host. `certificate` (DER) is what clients show, as if there were TLS."""
        self.certificate: bytes | None = None
        self._apps = apps
        self._tick = tick
        self._loop = asyncio.new_event_loop()
        self.among_themselves = _Among(self)

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run *coroutine* among the servers, and return what it returns."""
        return self._loop.run_until_complete(coroutine)

    def ask(self, request: httpx.Request) -> httpx.Response:
        """Return the answer to *request*.

        Raises:
            httpx.TransportError: there is no such host, or a fault cut the connection.
        """
        return self.call(self._asked(request))

    async def _asked(self, request: httpx.Request) -> httpx.Response:
        answer = await self.answered(request, request.read())
        await self._tick()
        return answer

    async def answered(self, request: httpx.Request, body: bytes) -> httpx.Response:
        """Return the answer of the host that *request* names."""
        app = self._apps.get(request.url.host)
        if app is None:
            raise httpx.ConnectError("Name or service not known", request=request)
        exchange = _Exchange(body, self.certificate)
        with contextlib.suppress(_CutError):
            await app(_scope(request, exchange), exchange.receive, exchange.send)
        if exchange.is_cut or exchange.status is None:
            raise httpx.ReadError("Connection reset by peer", request=request)
        return httpx.Response(
            exchange.status, headers=exchange.headers, content=bytes(exchange.answer), request=request
        )

    def stop(self) -> None:
        """Stop; nothing can be asked any more."""
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()


class Transport(httpx.BaseTransport):
    """The way to them for an `httpx.Client`."""

    def __init__(self, servers: InMemory) -> None:
        """Lead to *servers*."""
        self._servers = servers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Ask."""
        return self._servers.ask(request)


class _Among(httpx.AsyncBaseTransport):
    """The way from one of them to another."""

    def __init__(self, servers: InMemory) -> None:
        self._servers = servers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._servers.answered(request, await request.aread())


class _CutError(Exception):
    """The connection is gone."""


class _Certificate:
    """What an application asks of a TLS connection (`ssl.SSLObject`)."""

    def __init__(self, certificate: bytes | None) -> None:
        self._certificate = certificate

    def getpeercert(self, *, binary_form: bool) -> bytes | None:
        return self._certificate if binary_form else None


class _Exchange:
    """One request and its answer, and the connection as far as an application sees it (`asyncio.Transport`)."""

    def __init__(self, body: bytes, certificate: bytes | None) -> None:
        self._body: bytes | None = body
        self._certificate = certificate
        self.is_cut = False
        self.status: int | None = None
        self.headers: list[tuple[bytes, bytes]] = []
        self.answer = bytearray()

    def abort(self) -> None:
        self.is_cut = True

    def is_closing(self) -> bool:
        return self.is_cut

    def get_extra_info(self, name: str) -> object:
        return _Certificate(self._certificate) if name == "ssl_object" else None

    async def receive(self) -> Message:
        body, self._body = self._body, None
        if body is None:  # whoever waits for more waits for the client to leave
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: Message) -> None:
        if self.is_cut:
            raise _CutError
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        else:
            self.answer += message.get("body", b"")


def _scope(request: httpx.Request, exchange: _Exchange) -> dict[str, Any]:
    url = request.url
    path, _, query = url.raw_path.partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": url.scheme,
        "path": url.path,
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": _CLIENT,
        "server": (url.host, url.port or (443 if url.scheme == "https" else 80)),
        "state": {"transport": exchange},
    }
