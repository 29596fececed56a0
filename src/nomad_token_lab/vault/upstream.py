"""HTTP to the servers behind Vault, its failures worded as Go's client words them (api-contract 1.5)."""

import socket
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from nomad_token_lab.http import VAULT_AGENT
from nomad_token_lab.vault.errors import UpstreamError

# Vault's `default_max_request_duration`.
_SECONDS: Final = 90.0
# What Go refuses in a header's value before it connects, but for the other control characters.
_NO_HEADER: Final = frozenset("\r\n\0")


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


class Upstream:
    """A client that is opened with the first request."""

    def __init__(self, agent: str = VAULT_AGENT) -> None:
        """Connect to nothing yet; *agent* says who asks. `tls` replaces the verification against public authorities.

        `transport` replaces the network.
        """
        self._agent = agent
        self.tls: ssl.SSLContext | None = None
        self.transport: httpx.AsyncBaseTransport | None = None
        self._client: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._client:
            await self._client.aclose()
            self._client = None

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Any = None,  # noqa: ANN401
    ) -> httpx.Response:
        """Return the answer, whatever its status.

        Raises:
            UpstreamError: there was none.
        """
        for name, value in (headers or {}).items():
            if set(value) & _NO_HEADER:
                text = f'net/http: invalid header field value for "{name}"'
                raise UpstreamError(f'{method.capitalize()} "{url}": {text}')
        if self._client is None:
            # A connection a request: a fault that cuts one hits nothing else.
            headers_of_all = {"User-Agent": self._agent, "Connection": "close"}
            self._client = httpx.AsyncClient(
                timeout=_SECONDS,
                trust_env=False,
                headers=headers_of_all,
                verify=False if self.transport else self.tls or _tls(),
                transport=self.transport,
            )
        try:
            return await self._client.request(method, url, headers=headers, json=body)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise UpstreamError(f'{method.capitalize()} "{url}": {_go(error, url)}') from error


def _go(error: Exception, url: str) -> str:
    match error:
        case httpx.ConnectTimeout():
            return f"dial tcp {_address(url)}: i/o timeout"
        case httpx.TimeoutException():
            return "context deadline exceeded"
        case httpx.ConnectError() if _unresolved(error):
            return f"dial tcp: lookup {urlsplit(url).hostname}: no such host"
        case httpx.ConnectError():
            return f"dial tcp {_address(url)}: connect: connection refused"
        case httpx.UnsupportedProtocol():
            return f'unsupported protocol scheme "{urlsplit(url).scheme}"'
        case _:
            return "EOF"


def _address(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def _unresolved(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, socket.gaierror):
            return True
        error = error.__cause__ or error.__context__
    return False
