"""HTTP as this program speaks it: bounded, never taking a secret elsewhere, clear about what a failure proves."""

import json
import re
import ssl
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import httpcore

from nomad_token import __version__
from nomad_token.clients.failures import (
    FAILURES,
    PROXY_LOGIN,
    UNWRITABLE,
    Answer,
    Lost,
    NotSent,
    ProxyRefusal,
    Refusal,
    hung_up,
    unread,
)
from nomad_token.clients.hiding import Hiding
from nomad_token.clients.server import Server
from nomad_token.clients.tls import Tls, context
from nomad_token.clients.transport import NoWay, Transport, way
from nomad_token.clients.wire import Wire
from nomad_token.clock import Clock
from nomad_token.secret import SecretStr
from nomad_token.value import Value

USER_AGENT: Final = f"nomad-token/{__version__}"
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
_LARGEST_BODY: Final = 1 << 20
_SAME_REQUEST_AGAIN: Final = frozenset({307, 308})
_WITH_A_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
"""Those that say that their body is empty, where it is (RFC 9110, 8.6)."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3


class Place(Value, kw_only=True, forbid_unknown_fields=True):
    """Where a server is, and how it proves itself; nothing of it is secret."""

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
        transport: Transport | None = None,
    ) -> None:
        """Speak to *place*, through *proxy* where one is named; *trace* is given a line for each request."""
        self.address = place.address
        self._proxy = origin(proxy)
        self._clock = clock
        self._trace = trace
        self._own = own or Own()
        # One that is handed in has no socket of ours.
        self._wire = None if transport else Wire()
        self._transport = transport or _way(place, self._own, proxy)

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
        told = {**self._own.headers, **(headers or {})}
        hide = Hiding(value for value in (*told.values(), *(body or {}).values()) if isinstance(value, SecretStr))
        try:
            server = Server.of(self.address)
            target = server.target(path, params)
            content = None if body is None else _in_json(body)
            sent = _headers(server, method, told, content)
        except ValueError:
            # A path may hold a name that a server told; the error is dropped, since what it quotes may be a secret.
            cause = httpcore.UnsupportedProtocol(UNWRITABLE)
            raise NotSent(self.address, str(cause), cause) from None

        connect = min(CONNECT_SECONDS, read_seconds)
        timeout = {"connect": connect, "pool": connect, "read": read_seconds, "write": read_seconds}

        def asked(target: str) -> Answer:
            url = server.url(target)
            # a copy for each: what watches the socket is added to them (httpcore docs, "Request extensions")
            request = httpcore.Request(method, url, headers=sent, content=content, extensions={"timeout": timeout})
            return self._once(request, hide(f"{method} {unquote(target.partition('?')[0])}"), read_seconds, hide)

        answer = asked(target)
        for _ in range(_MOST_REDIRECTS):
            if answer.status not in _REDIRECTS:
                return answer
            target = self._redirected(server, target, answer, hide)
            answer = asked(target)
        raise Refusal(self.address, answer, ["redirects in a circle"])

    def close(self) -> None:
        """Close the pool."""
        self._transport.close()

    def _once(self, request: httpcore.Request, named: str, read_seconds: float, hide: Hiding) -> Answer:
        began = self._clock.monotonic()
        bound = read_seconds + min(CONNECT_SECONDS, read_seconds)
        try:
            with self._wire.bounded(request, bound) if self._wire else nullcontext():
                response = self._transport.handle_request(request)
                headers, body = self._read(response, began, read_seconds)
        except FAILURES as error:
            cause = unread(error)
            self._trace(f"{named}: {'not sent' if cause else 'no answer'}")
            if cause is None:
                reason = hide(str(error)) or type(error).__name__
                raise Lost(self.address, reason, proxy=self._proxy, hung_up=hung_up(error)) from None
            raise NotSent(self.address, hide(str(cause)) or type(cause).__name__, cause, proxy=self._proxy) from None
        spent = 1000 * (self._clock.monotonic() - began)
        self._trace(f"{named}: {response.status} in {spent:.0f} ms")
        if self._proxy and response.status == PROXY_LOGIN:
            # Only a proxy says so (RFC 9110, 15.5.8).
            phrase = response.extensions.get("reason_phrase", b"").decode("ascii", errors="replace")
            refusal = ProxyRefusal(f"{response.status} {phrase}".strip())
            raise NotSent(self.address, str(refusal), refusal, proxy=self._proxy)
        text = body.decode("utf-8", errors="replace")
        # What is granted is read as it is; what is refused is shown.
        told = text if 200 <= response.status < 300 else hide(text)
        return Answer(response.status, headers, told, self._proxy)

    def _read(self, response: httpcore.Response, began: float, read_seconds: float) -> tuple[dict[str, str], bytes]:
        """Return headers and body, within bounds, and have done with the answer. Raises `Lost`."""
        try:
            headers = {_text(name).lower(): _text(value) for name, value in response.headers}
            if "content-encoding" in headers:
                raise Lost(self.address, "the answer is compressed, which was not asked for")
            body = bytearray()
            for chunk in response.iter_stream():
                body += chunk
                if len(body) > _LARGEST_BODY:
                    raise Lost(self.address, "the answer is larger than 1 MiB")
                if self._clock.monotonic() - began > read_seconds:
                    raise Lost(self.address, f"the answer took longer than {read_seconds:.0f} s")
            return headers, bytes(body)
        finally:
            response.close()

    def _redirected(self, server: Server, target: str, answer: Answer, hide: Hiding) -> str:
        """Follow to the same origin with the same request; refuse everything else, the request carries secrets."""
        location = answer.headers.get("location", "")
        followed = server.followed(target, location) if answer.status in _SAME_REQUEST_AGAIN else None
        if followed is None:
            there = server.joined(target, location)  # a query may hold what a server before this one asks of a login
            raise Refusal(self.address, answer, [hide(f"redirects to {re.split('[?#]', there)[0]}")])
        return followed


def _way(place: Place, own: Own, proxy: str) -> Transport:
    # http:// has no use for a context, which takes time to make, and no redirect leaves it.
    secure = urlsplit(place.address).scheme == "https"
    try:
        return way(context(place.tls, own.key) if secure else None, proxy)
    except (ssl.SSLError, ValueError):
        # Those of the inputs were tried when they were read; what is saved, other steps may change under act.
        return NoWay("the certificates that were saved for it can't be read")


def _text(header: bytes) -> str:
    """Return a header's name or value: UTF-8, or what HTTP took it for before (RFC 9110, 5.5)."""
    try:
        return header.decode()
    except UnicodeDecodeError:
        return header.decode("latin-1")


def _in_json(body: Mapping[str, object]) -> bytes:
    """Write *body*, its secrets revealed. Raises `ValueError` for letters that are none."""
    revealed = {name: _reveal(value) for name, value in body.items()}
    return json.dumps(revealed, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _headers(
    server: Server, method: str, told: Mapping[str, SecretStr | str], content: bytes | None
) -> list[tuple[bytes, bytes]]:
    """Return all headers of a request, those that are *told* in place of ours. Raises `ValueError`.

    No compression is asked for: a few bytes of it can unpack to gigabytes.
    """
    ours = {"Host": server.host_header, "User-Agent": USER_AGENT, "Accept": "application/json"}
    ours |= {"Accept-Encoding": "identity"}
    if content is not None:
        ours |= {"Content-Type": "application/json"}
    if content is not None or method in _WITH_A_BODY:
        ours |= {"Content-Length": str(len(content or b""))}
    given = {name.lower(): (name, str(_reveal(value))) for name, value in {**ours, **told}.items()}
    # UTF-8, since a namespace may be more than ASCII
    return [(name.encode("ascii"), value.encode()) for name, value in given.values()]


def origin(address: str) -> str:
    """Return `scheme://host[:port]` of *address*, in lower case: what names a server in an id token's audience.

    A user and a password are left out; empty is empty, and what is no address is not told: it may hold a password.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return "that can't be read"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower() if address else ""


def _reveal(value: object) -> Any:  # noqa: ANN401 - a header's or a JSON body's value
    return value.get_secret_value() if isinstance(value, SecretStr) else value


class Connections:
    """One `Connection` a place: what is asked of a server goes over one pool."""

    def __init__(
        self,
        clock: Clock,
        trace: Callable[[str], None],
        transport: Transport | None = None,
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
