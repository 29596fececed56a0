"""HTTP as this program speaks it: bounded, never taking a secret elsewhere, clear about what a failure proves."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, ConfigDict, SecretStr

from nomad_token import __version__
from nomad_token.clients.tls import Tls, context
from nomad_token.clock import Clock

USER_AGENT: Final = f"nomad-token/{__version__}"
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
_LARGEST_BODY: Final = 1 << 20
_SAME_REQUEST_AGAIN: Final = frozenset({307, 308})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3


class Failure(Exception):
    """A request without the answer that was hoped for; never leaves the program as it is."""

    def __init__(self, address: str, reason: str) -> None:
        """Keep where the request went and, in words, why it failed."""
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


class NotSent(Failure):
    """The server never saw the request: nothing was made."""

    def __init__(self, address: str, reason: str, cause: BaseException | None = None) -> None:
        """Keep the socket's or TLS's own error as `cause`, for the explanation."""
        super().__init__(address, reason)
        self.cause = cause


class Lost(Failure):
    """The request was sent and no whole answer came back: something may have been made."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of a server, at most 1 MiB of it."""

    status: int
    headers: Mapping[str, str]
    text: str = field(repr=False)

    def json(self) -> Any:  # noqa: ANN401 - it is whatever the server sent
        """Return the decoded body, or None where it is not JSON."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None


class Refusal(Failure):
    """The server answered, and the answer is not a success."""

    def __init__(self, address: str, answer: Answer, texts: list[str], *, in_form: bool = True) -> None:
        """Keep the status, the foreign *texts* (see `text.shown`), and whether their form is the server's.

        What is not in the server's form may come from a proxy before it, and proves nothing about it.
        """
        super().__init__(address, f"HTTP {answer.status}")
        self.in_form = in_form
        self.status = answer.status
        self.headers = answer.headers
        self.texts = texts

    @property
    def said(self) -> str:
        """The server's own words, foreign text."""
        return "; ".join(self.texts)


class _Wire:
    """The socket of a connection, as httpcore tells of it (docs, "Request extensions"), so that it can be cut."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of the socket, and of the one that TLS makes of it."""
        if event in {"connection.connect_tcp.complete", "proxy.start_tls.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")

    def cut(self) -> None:
        """End all that is under way on it."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class Place(BaseModel):
    """Where a server is, and how it proves itself; nothing of it is secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str
    """`http[s]://host[:port][/path]`"""
    tls: Tls = Tls()


@dataclass(frozen=True, slots=True)
class Own:
    """What we bring along to a server that is secret and long-lived: it is read from the inputs, and never saved."""

    key: SecretStr | None = None
    """The private key of our certificate."""
    headers: Mapping[str, SecretStr] = field(default_factory=dict)


class Connection:
    """Requests to one server, on one pool of connections."""

    def __init__(
        self,
        place: Place,
        *,
        clock: Clock,
        trace: Callable[[str], None],
        own: Own | None = None,
        proxy: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Speak to *place*, through *proxy* where one is named; *trace* is given a line for each request.

        Raises `ssl.SSLError` where the PEMs of *place* and *own* can't be used.
        """
        self.address = place.address
        self._clock = clock
        self._trace = trace
        self._own = own or Own()
        self._wire = _Wire()
        self._extensions = {"sni_hostname": place.tls.server_name} if place.tls.server_name else {}
        self._client = httpx.Client(
            base_url=place.address,
            transport=transport or _transport(place, self._own, proxy),
            # no compression: a few bytes of it can unpack to gigabytes
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
            # .netrc and SSL_CERT_FILE would be a way for an earlier step to steer this one
            trust_env=False,
        )

    def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, SecretStr | str] | None = None,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> Answer:
        """Send one request and return the answer, whatever its status.

        Secrets in *headers* and *body* are revealed here, at the last moment. Raises `NotSent` when the server can't
        have seen the request, `Lost` when it may have.
        """
        connect_seconds = min(CONNECT_SECONDS, read_seconds)
        request = self._client.build_request(
            method,
            path,
            # bytes, since httpx takes a str for ASCII, and a namespace may be more than that
            headers={
                name.encode(): str(_reveal(value)).encode()
                for name, value in {**self._own.headers, **(headers or {})}.items()
            },
            params=params,
            json={name: _reveal(value) for name, value in body.items()} if body is not None else None,
            timeout=httpx.Timeout(read_seconds, connect=connect_seconds, pool=connect_seconds),
            extensions=dict(self._extensions),
        )
        answer = self._once(request, read_seconds)
        for _ in range(_MOST_REDIRECTS):
            if answer.status not in _REDIRECTS:
                return answer
            request = self._redirected(request, answer)
            answer = self._once(request, read_seconds)
        raise Refusal(self.address, answer, ["redirects in a circle"])

    def close(self) -> None:
        """Close the pool."""
        self._client.close()

    def _once(self, request: httpx.Request, read_seconds: float) -> Answer:
        began = self._clock.monotonic()
        # The read timeout is for each piece, and a server that sends a byte at a time would never meet it.
        request.extensions["trace"] = self._wire.trace
        watch = threading.Timer(read_seconds + min(CONNECT_SECONDS, read_seconds), self._wire.cut)
        watch.daemon = True
        watch.start()
        try:
            response = self._client.send(request, stream=True)
            try:
                if "content-encoding" in response.headers:
                    raise Lost(self.address, "the answer is compressed, which was not asked for")
                body = bytearray()
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > _LARGEST_BODY:
                        raise Lost(self.address, "the answer is larger than 1 MiB")
                    if self._clock.monotonic() - began > read_seconds:
                        raise Lost(self.address, f"the answer took longer than {read_seconds:.0f} s")
            finally:
                response.close()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            cause = _root_cause(error)
            self._trace(f"{request.method} {request.url.path}: not sent")
            raise NotSent(self.address, str(cause) or type(cause).__name__, cause) from None
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            # InvalidURL: httpx reads a redirect's location even where it isn't to follow it
            self._trace(f"{request.method} {request.url.path}: no answer")
            raise Lost(self.address, str(error) or type(error).__name__) from None
        finally:
            watch.cancel()
        spent = 1000 * (self._clock.monotonic() - began)
        self._trace(f"{request.method} {request.url.path}: {response.status_code} in {spent:.0f} ms")
        return Answer(response.status_code, response.headers, bytes(body).decode("utf-8", errors="replace"))

    def _redirected(self, request: httpx.Request, answer: Answer) -> httpx.Request:
        """Follow to the same origin with the same request; refuse everything else, the request carries secrets."""
        target = request.url.join(answer.headers.get("location", ""))
        here, there = urlsplit(str(request.url)), urlsplit(str(target))
        if answer.status not in _SAME_REQUEST_AGAIN or (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise Refusal(self.address, answer, [f"redirects to {there.scheme}://{there.netloc}{there.path}"])
        return httpx.Request(
            request.method, target, headers=request.headers, content=request.content, extensions=request.extensions
        )


def origin(address: str) -> str:
    """Return `scheme://host[:port]` of *address*, in lower case: what names a server in an id token's audience."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _transport(place: Place, own: Own, proxy: str) -> httpx.HTTPTransport:
    # http:// has no use for a context, which takes time to make, and a redirect can't leave it.
    secure = httpx.URL(place.address).scheme == "https"
    return httpx.HTTPTransport(verify=context(place.tls, own.key) if secure else False, proxy=proxy or None)


def _reveal(value: object) -> Any:  # noqa: ANN401 - a header's or a JSON body's value
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _root_cause(error: BaseException) -> BaseException:
    """Return the socket's or TLS's error below httpx's and httpcore's, which only repeat its text."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (ssl.SSLError, socket.gaierror, ConnectionError, TimeoutError)):
            return cause
        error, cause = cause, cause.__cause__ or cause.__context__
    return error


class Connections:
    """One `Connection` a place: what is asked of a server goes over one pool."""

    def __init__(
        self,
        clock: Clock,
        trace: Callable[[str], None],
        transport: httpx.BaseTransport | None = None,
        *,
        proxy: Callable[[str], str] = lambda _: "",
    ) -> None:
        """Open no connection yet; *transport* is used for each, where it is given; *proxy* names that of an address."""
        self._clock = clock
        self._trace = trace
        self._transport = transport
        self._proxy = proxy
        self._open: dict[Place, Connection] = {}
        self._own: dict[Place, Own] = {}

    def bring(self, place: Place, own: Own) -> None:
        """Bring *own* along to *place*, and to no other."""
        self._own[place] = own

    def __call__(self, place: Place) -> Connection:
        """Return the connection to *place*."""
        if place not in self._open:
            self._open[place] = Connection(
                place,
                clock=self._clock,
                trace=self._trace,
                own=self._own.get(place),
                proxy=self._proxy(place.address),
                transport=self._transport,
            )
        return self._open[place]

    def close(self) -> None:
        """Close them all."""
        for connection in self._open.values():
            connection.close()
