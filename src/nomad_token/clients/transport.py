"""The way to a server: straight, or through a proxy."""

import ssl
from contextlib import suppress
from typing import Final, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

import httpcore

from nomad_token.clients.server import Server

_PROXY_KINDS: Final = frozenset({"http", "https"})
_IDLE_SECONDS: Final = 5.0
"""How long a connection is kept that nothing is asked over."""


class Transport(Protocol):
    """How requests reach a server: httpcore's pools of connections do, and a test hands in its own."""

    # send one, and return the answer before its body is read; raises httpcore's exceptions
    def handle_request(self, request: httpcore.Request, /) -> httpcore.Response: ...  # noqa: D102

    # close what is open
    def close(self) -> None: ...  # noqa: D102


def way(secure: ssl.SSLContext | None, proxy: str) -> Transport:
    """Return the way to a server of http, or of https with the context *secure*; *proxy* is empty for none."""
    if not proxy:
        return httpcore.ConnectionPool(secure, keepalive_expiry=_IDLE_SECONDS)
    server = _server(proxy)
    if server is None:
        return NoWay("the proxy's address can't be read")
    if server.scheme not in _PROXY_KINDS:
        return NoWay(f"no proxy of the kind `{server.scheme}` is spoken to")
    parts = urlsplit(proxy)
    user, password = (unquote_to_bytes(part or "") for part in (parts.username, parts.password))
    return httpcore.HTTPProxy(
        server.url("/"),
        proxy_auth=(user, password) if user or password else None,
        ssl_context=secure,
        keepalive_expiry=_IDLE_SECONDS,
    )


def _server(proxy: str) -> Server | None:
    """Return the server of *proxy*, which nobody has checked; None where it can't be one."""
    with suppress(ValueError):
        server = Server.of(proxy)
        # The socket has the name written so, which raises for one that no host can have.
        if proxy.isprintable() and server.host.encode("idna") and server.port != 0:
            return server
    return None


class NoWay:
    """A way that this program can't go."""

    def __init__(self, reason: str) -> None:
        """Keep the *reason*."""
        self._reason = reason

    def handle_request(self, _request: httpcore.Request) -> httpcore.Response:
        """Send nothing, and say why."""
        raise httpcore.UnsupportedProtocol(self._reason)

    def close(self) -> None:
        """Close nothing."""
