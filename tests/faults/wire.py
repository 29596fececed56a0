"""A network in memory: httpcore's own HTTP over it, byte by byte, so that an answer can be cut where one likes."""

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, Final, Self, cast

import httpcore
import httpx

from fakes import FakeClock
from nomad_token_lab.faults import ServerName
from nomad_token_lab.memory import InMemory
from through import in_httpx

_ROUND_TRIP: Final = 0.02
"""Seconds that a request takes."""


class Then(Enum):
    """What follows the bytes of an answer."""

    OPEN = "the connection stays open"
    CLOSED = "the server closes it"
    RESET = "it is reset"
    SILENT = "nothing comes any more"


@dataclass(frozen=True)
class Deed:
    """What a client gets to see."""

    data: bytes = b""
    then: Then = Then.OPEN
    is_connected: bool = True
    """Whether anybody listens at all."""
    is_read: bool = True
    """Whether the request is read: where it is not, sending it fails as well."""


@dataclass(frozen=True)
class Reply:
    """An answer before it is bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @classmethod
    def of(cls, response: httpx.Response) -> Self:
        """Return what the lab answered."""
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        return cls(response.status_code, headers, response.content)

    @property
    def head(self) -> bytes:
        """The status line and the headers, with the blank line after them."""
        try:
            phrase = HTTPStatus(self.status).phrase
        except ValueError:
            phrase = ""
        headers = dict(self.headers)
        if self.status != HTTPStatus.NO_CONTENT:
            headers["content-length"] = str(len(self.body))
        lines = [f"HTTP/1.1 {self.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    @property
    def data(self) -> bytes:
        """All of it."""
        return self.head + self.body


@dataclass
class Sent:
    """A request of the program's, and what came of it; `answer` is the server's own, where it was asked."""

    server: ServerName
    method: str
    path: str
    deed: Deed
    answer: Reply | None


def server_of(request: httpx.Request) -> ServerName:
    """Return the server of the lab in memory that *request* goes to."""
    return cast("ServerName", request.url.host.split(".")[0])


Strike = Callable[[httpx.Request, Callable[[], Reply]], Deed]
"""Decides what the client gets to see of a request; what it is given asks the server itself."""


class Wire:
    """The program's own transport, over the network in memory."""

    def __init__(self, servers: InMemory, clock: FakeClock, strike: Strike) -> None:
        """Ask *servers*, unless *strike* does otherwise."""
        self._network = _Network(servers, clock, strike)
        self._pool = httpcore.ConnectionPool(ssl_context=_CONTEXT, network_backend=self._network)

    @property
    def sent(self) -> list[Sent]:
        """What was asked."""
        return self._network.sent

    @property
    def strays(self) -> list[str]:
        """Addresses outside of the lab that were asked for."""
        return self._network.strays

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Send *request*."""
        self._network.begin(in_httpx(request))
        return self._pool.handle_request(request)

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()


_CONTEXT: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class _Network(httpcore.NetworkBackend):
    def __init__(self, servers: InMemory, clock: FakeClock, strike: Strike) -> None:
        self._servers = servers
        self._clock = clock
        self._strike = strike
        self.deed = Deed()
        self.turn = 0
        """Which request is under way."""
        self.sent: list[Sent] = []
        self.strays: list[str] = []

    def begin(self, request: httpx.Request) -> None:
        """Decide what comes of *request*, which is about to be sent."""
        self.turn += 1
        if request.url.scheme != "https" or not request.url.host.endswith(".lab.test"):
            self.strays.append(str(request.url))
            self.deed = Deed(is_connected=False)
            return
        answers: list[Reply] = []

        def answer() -> Reply:
            answers.append(Reply.of(self._servers.ask(request)))
            return answers[-1]

        self._clock.push(_ROUND_TRIP)
        self.deed = self._strike(request, answer)
        path = request.url.raw_path.decode()
        self.sent.append(Sent(server_of(request), request.method, path, self.deed, answers[0] if answers else None))

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - the request's
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002 - a refusal takes no time
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        if not self.deed.is_connected:
            raise httpcore.ConnectError("[Errno 111] Connection refused") from ConnectionRefusedError(
                111, "Connection refused"
            )
        return _Stream(self, self._clock)


class _Stream(httpcore.NetworkStream):
    """One connection; with each request the network says what is to come."""

    def __init__(self, network: _Network, clock: FakeClock) -> None:
        self._network = network
        self._clock = clock
        self._deed = Deed(then=Then.CLOSED)
        self._turn = 0
        self._left = b""
        self._ended = False

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - nobody is slow to read
        if self._network.turn != self._turn:
            self._turn, self._deed = self._network.turn, self._network.deed
            self._left = self._deed.data
        if not self._deed.is_read:
            raise httpcore.WriteError("[Errno 32] Broken pipe") from BrokenPipeError(32, "Broken pipe")
        del buffer

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._left:
            piece, self._left = self._left[:max_bytes], self._left[max_bytes:]
            return piece
        if self._deed.then is Then.RESET:
            raise httpcore.ReadError("[Errno 104] Connection reset by peer") from ConnectionResetError(
                104, "Connection reset by peer"
            )
        if self._deed.then is Then.CLOSED:
            self._ended = True
            return b""
        self._clock.push(timeout or 0)
        raise httpcore.ReadTimeout("The read operation timed out") from TimeoutError("timed out")

    def close(self) -> None:
        self._ended = True

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002 - whoever is on the line is believed
        server_hostname: str | None = None,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        return self

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as in the base
        # An idle connection that can be read from has been closed by the server.
        return (self._ended or not self._network.deed.is_connected) if info == "is_readable" else None
