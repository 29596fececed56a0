"""HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as curl and Go read them."""

from collections.abc import Mapping
from urllib.parse import urlsplit


def proxy_for(address: str, environ: Mapping[str, str]) -> str:
    """Return the proxy for *address*, empty where there is none. In lower case the variables count first."""
    parts = urlsplit(address)
    names = [f"{parts.scheme}_proxy", "all_proxy"]
    found = next((value for name in names for value in _both(name, environ) if value), "")
    if not found or _excepted(parts.hostname or "", parts.port, next(iter(_both("no_proxy", environ)), "")):
        return ""
    return found if "://" in found else f"http://{found}"


def _both(name: str, environ: Mapping[str, str]) -> list[str]:
    return [value for spelt in (name, name.upper()) if (value := environ.get(spelt, "").strip())]


def _excepted(host: str, port: int | None, no_proxy: str) -> bool:
    """Tell whether *no_proxy* lists *host*, by its name, a domain or `*`; what is on this host needs no proxy."""
    if host == "localhost" or host.startswith("127.") or host == "::1":
        return True
    for entry in (each.strip().lower() for each in no_proxy.split(",")):
        name = entry.removesuffix(f":{port}").lstrip("*").lstrip(".")
        if entry == "*" or (name and (host == name or host.endswith(f".{name}"))):
            return True
    return False
