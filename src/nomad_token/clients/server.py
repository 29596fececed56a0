"""A server by its address: what of it and of a path stands in a request, and where a redirect may lead."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote, urlencode, urljoin, urlsplit

import httpcore

_PORTS: Final = {"http": 80, "https": 443}
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_UNQUOTED: Final = "/%:@!$&'()*+,;=~"
"""What a path may hold as it is (RFC 3986, 3.3), and what is quoted already."""
_UNQUOTED_QUERY: Final = f"{_UNQUOTED}?"
_LONGEST: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Server:
    """An address in its parts."""

    scheme: str
    host: str
    """In ASCII and lower case, an IPv6 address without its brackets."""
    port: int | None
    path: str

    @classmethod
    def of(cls, address: str) -> Self:
        """Take *address* apart. Raises `ValueError` for what can't be one."""
        parts = urlsplit(address)
        host = (parts.hostname or "").lower()
        return cls(parts.scheme, host if host.isascii() else _in_ascii(host), parts.port, parts.path.rstrip("/"))

    @property
    def host_header(self) -> str:
        """Host, and port where it is not the scheme's own (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in {None, _PORTS.get(self.scheme)} else f"{host}:{self.port}"

    def target(self, path: str, params: Mapping[str, str] | None = None) -> str:
        """Return path and query as a request's first line has them. Raises `ValueError` for what can't be written."""
        if _UNPRINTABLE.search(path):
            raise ValueError("unprintable")
        target = quote(self.path + path or "/", safe=_UNQUOTED) + (
            f"?{urlencode(params, quote_via=quote)}" if params else ""
        )
        if len(target) > _LONGEST:
            raise ValueError("too long")
        return target

    def url(self, target: str) -> httpcore.URL:
        """Return what httpcore takes, for a *target* that `target` or `followed` returned."""
        return httpcore.URL(
            scheme=self.scheme.encode(), host=self.host.encode(), port=self.port, target=target.encode()
        )

    def followed(self, target: str, location: str) -> str | None:
        """Return the target that a redirect of *target* leads to; None where that is not of this server."""
        there = urlsplit(self.joined(target, location))
        try:
            origin = there.scheme, there.hostname, there.port or _PORTS.get(there.scheme)
        except ValueError:
            return None
        if origin != (self.scheme, self.host, self.port or _PORTS[self.scheme]) or "@" in there.netloc:
            return None
        return quote(there.path or "/", safe=_UNQUOTED) + (
            f"?{quote(there.query, safe=_UNQUOTED_QUERY)}" if there.query else ""
        )

    def joined(self, target: str, location: str) -> str:
        """Return the whole address that a redirect of *target* leads to; what is no address is not told."""
        try:
            return urljoin(f"{self.scheme}://{self.host_header}{target}", location)
        except ValueError:
            return "what is no address"


def _in_ascii(host: str) -> str:
    import idna  # noqa: PLC0415 - few hosts need it

    return idna.encode(host).decode()
