"""HTTP as this program speaks it: bounded, never taking a secret elsewhere, clear about what a failure proves."""

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from nomad_token import __version__
from nomad_token.clients.failures import PROXY_LOGIN, Answer, Lost, NotSent, ProxyRefusal, Refusal, hung_up, unread
from nomad_token.clients.tls import Tls, context
from nomad_token.clients.wire import Wire
from nomad_token.clock import Clock
from nomad_token.secret import SecretStr
from nomad_token.value import Value

USER_AGENT: Final = f"nomad-token/{__version__}"
CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
_LARGEST_BODY: Final = 1 << 20
_SAME_REQUEST_AGAIN: Final = frozenset({307, 308})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3
_PROXY_KINDS: Final = frozenset({"http", "https"})
_SHORTEST_SECRET: Final = 8
"""A shorter word is not hidden: it may be anybody's, and is not masked either."""


Transport = httpx.BaseTransport
"""How requests reach a server: a test hands in its own."""


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
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Speak to *place*, through *proxy* where one is named; *trace* is given a line for each request.

        Raises `ssl.SSLError` where the PEMs of *place* and *own* can't be used.
        """
        self.address = place.address
        self._proxy = origin(proxy)
        self._clock = clock
        self._trace = trace
        self._own = own or Own()
        # One that is handed in has no socket of ours.
        self._wire = None if transport else Wire()
        self._extensions = {"sni_hostname": place.tls.server_name} if place.tls.server_name else {}
        self._client = httpx.Client(
            base_url=place.address,
            transport=transport or _transport(place, self._own, proxy),
            # no compression: a few bytes of it can unpack to gigabytes
            headers={"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "identity"},
            # .netrc and SSL_CERT_FILE would be a way for an earlier step to steer this one
            trust_env=False,
            # none is kept, as by Vault's and Nomad's own clients: one that can't be sent back would end every request
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
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
        told = {**self._own.headers, **(headers or {})}
        hide = _Hiding(value for value in (*told.values(), *(body or {}).values()) if isinstance(value, SecretStr))
        try:
            request = self._client.build_request(
                method,
                path,
                # bytes, since httpx takes a str for ASCII, and a namespace may be more than that
                headers={name.encode(): str(_reveal(value)).encode() for name, value in told.items()},
                params=params,
                json={name: _reveal(value) for name, value in body.items()} if body is not None else None,
                timeout=httpx.Timeout(read_seconds, connect=connect_seconds, pool=connect_seconds),
                extensions=dict(self._extensions),
            )
        except (httpx.InvalidURL, UnicodeError):
            # A path may hold a name that a server told; the error is dropped, since what it quotes may be a secret.
            cause = httpx.UnsupportedProtocol("what is to be asked can't be written as a request")
            raise NotSent(self.address, str(cause), cause) from None
        answer = self._once(request, read_seconds, hide)
        for _ in range(_MOST_REDIRECTS):
            if answer.status not in _REDIRECTS:
                return answer
            request = self._redirected(request, answer, hide)
            answer = self._once(request, read_seconds, hide)
        raise Refusal(self.address, answer, ["redirects in a circle"])

    def close(self) -> None:
        """Close the pool."""
        self._client.close()

    def _once(self, request: httpx.Request, read_seconds: float, hide: "_Hiding") -> Answer:
        began = self._clock.monotonic()
        watch = self._wire.watch(request, read_seconds + min(CONNECT_SECONDS, read_seconds)) if self._wire else None
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
        except (httpx.TransportError, httpx.DecodingError, httpx.InvalidURL) as error:
            # InvalidURL: httpx reads a redirect's location even where it isn't to follow it
            cause = unread(error)
            self._trace(hide(f"{request.method} {request.url.path}: {'not sent' if cause else 'no answer'}"))
            if cause is None:
                reason = hide(str(error)) or type(error).__name__
                raise Lost(self.address, reason, proxy=self._proxy, hung_up=hung_up(error)) from None
            raise NotSent(self.address, hide(str(cause)) or type(cause).__name__, cause, proxy=self._proxy) from None
        finally:
            if watch:
                watch.cancel()
        spent = 1000 * (self._clock.monotonic() - began)
        self._trace(hide(f"{request.method} {request.url.path}: {response.status_code} in {spent:.0f} ms"))
        if self._proxy and response.status_code == PROXY_LOGIN:
            # Only a proxy says so (RFC 9110, 15.5.8).
            refusal = ProxyRefusal(f"{response.status_code} {response.reason_phrase}")
            raise NotSent(self.address, str(refusal), refusal, proxy=self._proxy)
        text = bytes(body).decode("utf-8", errors="replace")
        # What is granted is read as it is; what is refused is shown.
        told = text if response.is_success else hide(text)
        return Answer(response.status_code, response.headers, told, self._proxy)

    def _redirected(self, request: httpx.Request, answer: Answer, hide: "_Hiding") -> httpx.Request:
        """Follow to the same origin with the same request; refuse everything else, the request carries secrets."""
        target = request.url.join(answer.headers.get("location", ""))
        here, there = urlsplit(str(request.url)), urlsplit(str(target))
        if answer.status not in _SAME_REQUEST_AGAIN or (here.scheme, here.netloc) != (there.scheme, there.netloc):
            raise Refusal(self.address, answer, [hide(f"redirects to {there.scheme}://{there.netloc}{there.path}")])
        return httpx.Request(
            request.method, target, headers=request.headers, content=request.content, extensions=request.extensions
        )


def origin(address: str) -> str:
    """Return `scheme://host[:port]` of *address*, in lower case: what names a server in an id token's audience.

    A user and a password are left out; empty is empty, and what is no address is not told: it may hold a password.
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return "that can't be read"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower() if address else ""


class _Hiding:
    """Hides the secrets of a request in what is said of it: a server, or a proxy, may say again what it was told."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        words = {word for secret in secrets for word in secret.get_secret_value().split()}
        plain = {word for word in words if len(word) >= _SHORTEST_SECRET}
        # in JSON, in a URL, and the longest first: one may begin another
        spelt = {form for word in plain for form in (word, json.dumps(word)[1:-1], quote(word), quote(word, safe=""))}
        self._spelt = sorted(spelt, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        for word in self._spelt:
            text = text.replace(word, "***")
        return text


class _NoWay(httpx.BaseTransport):
    """A way through a proxy that this program can't speak to."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.UnsupportedProtocol(self._reason, request=request)


def _transport(place: Place, own: Own, proxy: str) -> httpx.BaseTransport:
    if proxy and not _is_address(proxy):
        return _NoWay("the proxy's address can't be read")
    if proxy and urlsplit(proxy).scheme not in _PROXY_KINDS:
        return _NoWay(f"no proxy of the kind `{urlsplit(proxy).scheme}` is spoken to")
    # http:// has no use for a context, which takes time to make, and a redirect can't leave it.
    secure = httpx.URL(place.address).scheme == "https"
    return httpx.HTTPTransport(verify=context(place.tls, own.key) if secure else False, proxy=proxy or None)


def _is_address(text: str) -> bool:
    """Tell whether httpx, and the socket below it, can make anything of *text*: nobody has checked a proxy's."""
    with suppress(ValueError, httpx.InvalidURL):
        # The socket has the name written so, which raises for one that no host can have.
        return bool(httpx.URL(text).raw_host.decode().encode("idna")) and urlsplit(text).port != 0
    return False


def _reveal(value: object) -> Any:  # noqa: ANN401 - a header's or a JSON body's value
    return value.get_secret_value() if isinstance(value, SecretStr) else value


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
