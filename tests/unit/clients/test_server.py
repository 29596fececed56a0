"""A server by its address."""

from urllib.parse import urlsplit

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_token.clients.server import Server
from nomad_token.clients.transport import way

AT = Server.of("https://vault.test:8200/below")


@pytest.mark.parametrize(
    ("address", "host", "port", "header"),
    [
        ("https://vault.test", b"vault.test", None, "vault.test"),
        ("https://Vault.Test:443", b"vault.test", 443, "vault.test"),
        ("http://vault.test:443", b"vault.test", 443, "vault.test:443"),
        ("http://[::1]:8200/", b"::1", 8200, "[::1]:8200"),
        ("https://größe.test", b"xn--gre-6ka8i.test", None, "xn--gre-6ka8i.test"),
    ],
)
def test_an_address_in_its_parts(address: str, host: bytes, port: int | None, header: str) -> None:
    """What is connected to is in ASCII and lower case, and the header names it as RFC 9110 has it."""
    server = Server.of(address)
    url = server.url(server.target("/v1/x"))

    assert (url.host, url.port, url.target, server.host_header) == (host, port, b"/v1/x", header)


@pytest.mark.parametrize("address", ["https://vault:99999", "http://[::1", "https://ex\u2024\u2024ample.test"])
def test_no_address(address: str) -> None:
    """What can't be an address is a `ValueError`, whatever the library says of it."""
    with pytest.raises(ValueError):  # noqa: PT011 - it is all that is said
        Server.of(address)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/v1/auth/jwt/login", "/below/v1/auth/jwt/login"),
        ("/v1/auth/ldap/login/a%20b", "/below/v1/auth/ldap/login/a%20b"),
        ("/v1/größe?x#y", "/below/v1/gr%C3%B6%C3%9Fe%3Fx%23y"),
    ],
)
def test_a_path_is_quoted_once(path: str, target: str) -> None:
    """What is quoted stays, and nothing in a path begins a query or a fragment."""
    assert AT.target(path) == target


def test_no_path_is_the_root() -> None:
    """An address without a path is asked for its root."""
    assert Server.of("https://vault.test").target("") == "/"


def test_a_query_is_quoted() -> None:
    """No value ends its parameter."""
    assert AT.target("/x", {"region": "a b&c=d/e"}) == "/below/x?region=a%20b%26c%3Dd%2Fe"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/end", "/end"),
        ("end?x=y", "/below/end?x=y"),
        ("https://VAULT.test:8200", "/"),
        ("", "/below/x"),
        ("/end?a=b c&d=\u00f6", "/end?a=b%20c&d=%C3%B6"),
        ("/%C3%B6/\u00f6", "/%C3%B6/%C3%B6"),
        ("https://vault.test/end", None),
        ("http://vault.test:8200/end", None),
        ("https://vault.test:8200@elsewhere.test/end", None),
        ("https://a:b@vault.test:8200/end", None),
        ("https://vault.test:port/", None),
        ("https://[", None),
    ],
)
def test_where_a_redirect_may_lead(location: str, target: str | None) -> None:
    """It leads to another target of the same server, or nowhere."""
    assert AT.followed("/below/x", location) == target


@given(st.text())
def test_no_redirect_leaves_the_server(location: str) -> None:
    """Whatever a server says, the next request is one to itself, of one line."""
    target = AT.followed("/below/x", location)
    if target is not None:
        url = AT.url(target)
        told = urlsplit(AT.joined("/below/x", location))

        assert (url.scheme, url.host, url.port) == (b"https", b"vault.test", 8200)
        assert (told.scheme, told.hostname, told.port) == ("https", "vault.test", 8200)
        assert target.startswith("/")
        assert not set("\r\n") & set(target)


@pytest.mark.parametrize(
    ("proxy", "login"),
    [
        ("http://proxy.test:3128", None),
        ("http://ci:se%40cret@proxy.test:3128", b"Basic Y2k6c2VAY3JldA=="),
        ("http://gr%C3%B6%C3%9Fe:%FF@proxy.test:3128", b"Basic Z3LDtsOfZTr/"),
        ("http://größe@proxy.test:3128", b"Basic Z3LDtsOfZTo="),
    ],
)
def test_a_proxy_is_logged_in_to(proxy: str, login: bytes | None) -> None:
    """A user and a password in the proxy's address are what it is told, to the byte."""
    made = way(None, proxy)

    assert isinstance(made, httpcore.HTTPProxy)
    assert dict(made._proxy_headers).get(b"Proxy-Authorization") == login  # noqa: SLF001 - nothing else tells it
