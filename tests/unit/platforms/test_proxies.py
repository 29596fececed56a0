"""Which proxy an address has, by the runner's environment."""

import pytest

from nomad_token.platforms.proxies import proxy_for

PROXY = "http://proxy.example.com:3128"
OTHER = "http://other.example.com:3128"
VAULT = "https://vault.example.com:8200"


@pytest.mark.parametrize(
    ("address", "environ", "proxy"),
    [
        (VAULT, {}, ""),
        (VAULT, {"HTTPS_PROXY": PROXY}, PROXY),
        (VAULT, {"HTTP_PROXY": PROXY}, ""),
        ("http://vault.example.com", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        (VAULT, {"ALL_PROXY": PROXY}, PROXY),
        (VAULT, {"ALL_PROXY": OTHER, "HTTPS_PROXY": PROXY}, PROXY),
        (VAULT, {"https_proxy": PROXY}, PROXY),
        (VAULT, {"https_proxy": PROXY, "HTTPS_PROXY": OTHER}, PROXY),
        (VAULT, {"https_proxy": " ", "HTTPS_PROXY": PROXY}, PROXY),
        (VAULT, {"HTTPS_PROXY": "proxy.example.com:3128"}, PROXY),
        (VAULT, {"HTTPS_PROXY": "http://me:secret@proxy.example.com:3128"}, "http://me:secret@proxy.example.com:3128"),
        (VAULT, {"HTTPS_PROXY": PROXY, "no_proxy": "other.test", "NO_PROXY": "*"}, PROXY),
    ],
)
def test_variables(address: str, environ: dict[str, str], proxy: str) -> None:
    """The address's scheme names the variable, lower case counts first, and ALL_PROXY last."""
    assert proxy_for(address, environ) == proxy


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_this_host(host: str) -> None:
    """What is on this host needs no proxy, as with Go."""
    assert not proxy_for(f"http://{host}:8200", {"HTTP_PROXY": PROXY, "ALL_PROXY": PROXY})


@pytest.mark.parametrize(
    ("address", "no_proxy"),
    [
        (VAULT, "*"),
        (VAULT, "vault.example.com"),
        (VAULT, "VAULT.Example.COM"),
        ("https://Vault.Example.com.", "vault.example.com"),
        (VAULT, "example.com"),
        (VAULT, ".example.com"),
        (VAULT, "*.example.com"),
        ("https://example.com", ".example.com"),
        (VAULT, "other.test, vault.example.com ,third.test"),
        (VAULT, "vault.example.com:8200"),
        ("https://vault.example.com", "vault.example.com:443"),
        ("http://vault.example.com", "example.com:80"),
        ("https://10.1.2.3:8200", "10.1.2.3"),
        ("https://10.1.2.3:8200", "10.1.2.3:8200"),
        ("https://10.1.2.3:8200", "10.0.0.0/8"),
        ("https://10.1.2.3:8200", "10.1.2.3/8"),
        ("https://[fd00::1]:8200", "fd00::1"),
        ("https://[fd00::1]:8200", "[fd00::1]"),
        ("https://[fd00::1]:8200", "[fd00::1]:8200"),
        ("https://[fd00:0::1]:8200", "fd00::/8"),
    ],
)
def test_excepted(address: str, no_proxy: str) -> None:
    """NO_PROXY names hosts, domains, addresses and CIDRs, each with a port or without, as Go's httpproxy reads it."""
    assert not proxy_for(address, {"ALL_PROXY": PROXY, "NO_PROXY": no_proxy})


@pytest.mark.parametrize(
    ("address", "no_proxy"),
    [
        (VAULT, ""),
        (VAULT, " , "),
        (VAULT, "ample.com"),
        (VAULT, "example"),
        (VAULT, "vault.example.com:443"),
        (VAULT, "*.vault.example.com.test"),
        (VAULT, "."),
        (VAULT, ":8200"),
        (VAULT, "10.0.0.0/8"),
        ("https://10.1.2.3:8200", "10.1.2.3:443"),
        ("https://10.1.2.3:8200", "11.0.0.0/8"),
        ("https://10.1.2.3:8200", "2.3"),
        ("https://10.1.2.3:8200", "10.0.0.0/99"),
        ("https://[fd00::1]:8200", "10.0.0.0/8"),
        ("https://[fd00::1]:8200", "fd00::2"),
        ("https://[fd00::1]:8200", "[fd00::1]:443"),
    ],
)
def test_not_excepted(address: str, no_proxy: str) -> None:
    """Anything else goes through the proxy."""
    assert proxy_for(address, {"ALL_PROXY": PROXY, "NO_PROXY": no_proxy}) == PROXY
