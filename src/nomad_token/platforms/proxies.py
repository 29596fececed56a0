"""HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as curl and Go's httpproxy read them."""

from collections.abc import Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443}
_Ip = IPv4Address | IPv6Address


def proxy_for(address: str, environ: Mapping[str, str]) -> str:
    """Return the proxy for *address*, empty where there is none. In lower case the variables count first, as for curl.

    What is on this host needs no proxy. The result may hold a password.
    """
    parts = urlsplit(address)
    names = [f"{parts.scheme}_proxy", "all_proxy"]
    found = next((value for name in names for value in _both(name, environ)), "")
    no_proxy = next(iter(_both("no_proxy", environ)), "")
    host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)
    if not found or _excepted(host, port, no_proxy):
        return ""
    return found if "://" in found else f"http://{found}"


def _both(name: str, environ: Mapping[str, str]) -> list[str]:
    return [value for spelt in (name, name.upper()) if (value := environ.get(spelt, "").strip())]


def on_this_host(host: str) -> bool:
    """Tell whether *host* is whatever it is asked from."""
    ip = _ip(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def _excepted(host: str, port: int, no_proxy: str) -> bool:
    if on_this_host(host):
        return True
    ip = _ip(host)
    return any(_fits(entry.strip().lower(), host, ip, port) for entry in no_proxy.split(","))


def _fits(entry: str, host: str, ip: _Ip | None, port: int) -> bool:
    """Tell whether an *entry* of NO_PROXY means the host: `*`, a domain, an address or a CIDR, each with a port or not.

    A domain means its subdomains too; one that begins with `.` or `*.` means itself as well, as with curl.
    """
    if entry == "*":
        return True
    named, _, at = entry.rpartition(":")
    if named and at.isascii() and at.isdigit() and _ip(entry) is None:
        if int(at) != port:
            return False
        entry = named
    entry = entry.strip("[]")
    if ip is not None:
        with suppress(ValueError):
            return ip in ip_network(entry, strict=False)
        return False
    name = entry.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _ip(host: str) -> _Ip | None:
    with suppress(ValueError):
        return ip_address(host)
    return None
