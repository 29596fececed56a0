"""Why no answer came, in words, and whether another try may go better."""

import socket
import ssl

import httpcore
import pytest

from nomad_token.clients.failures import Answer, Failure, Lost, NotSent, ProxyRefusal, Refusal
from nomad_token.errors import Temporary
from nomad_token.retry import Verdict, of_making, of_repeatable
from nomad_token.unreachable import no_answer, proxy_in_between

AT = "https://vault.example.com:8200"
PLAIN = "http://vault.example.com:8200"
PROXY = "http://proxy.example.com:3128"
REFUSED = ConnectionRefusedError(111, "Connection refused")


def unproven(code: int) -> ssl.SSLCertVerificationError:
    """Return OpenSSL's refusal of a certificate, by the number of its reason."""
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    error.verify_code = code
    return error


def alert(name: str) -> ssl.SSLError:
    """Return what OpenSSL makes of an alert."""
    return ssl.SSLError(1, f"[SSL: {name}] {name.lower()} (_ssl.c:1)")


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (NotSent(AT, "x", unproven(10)), "`vault-ca-cert`"),
        (NotSent(AT, "x", unproven(9)), "not valid yet"),
        (NotSent(AT, "x", unproven(62)), "`vault-tls-server-name`"),
        (NotSent(AT, "x", unproven(64)), "`vault-tls-server-name`"),
        (NotSent(AT, "x", unproven(20)), "`vault-ca-cert`"),
        (NotSent(AT, "x", unproven(20), proxy=PROXY), "a proxy that looks into TLS"),
        (NotSent(AT, "x", alert("TLSV13_ALERT_CERTIFICATE_REQUIRED")), "`vault-client-cert` and `vault-client-key`"),
        (NotSent(AT, "x", alert("SSLV3_ALERT_HANDSHAKE_FAILURE")), "`vault-client-cert` and `vault-client-key`"),
        (NotSent(AT, "x", alert("TLSV1_ALERT_UNKNOWN_CA")), "it trusts another authority"),
        (NotSent(AT, "x", alert("SSLV3_ALERT_CERTIFICATE_EXPIRED")), "our certificate: it has expired"),
        (NotSent(AT, "x", alert("WRONG_VERSION_NUMBER")), "http:// in `vault-addr`"),
        (NotSent(AT, "x", ProxyRefusal("407 x"), proxy=PROXY), "HTTPS_PROXY or ALL_PROXY, as http://USER:PASSWORD@"),
        (NotSent(PLAIN, "x", ProxyRefusal("407 x"), proxy=PROXY), "HTTP_PROXY or ALL_PROXY, as http://USER:PASSWORD@"),
        (NotSent(AT, "x", httpcore.UnsupportedProtocol("x"), proxy=PROXY), "HTTPS_PROXY or ALL_PROXY"),
    ],
    ids=lambda value: repr(value.cause) if isinstance(value, NotSent) else None,
)
def test_what_lasts(failure: NotSent, says: str) -> None:
    """A matter of settings names its input or variable, and isn't tried again."""
    error = no_answer(failure, "vault", "")

    assert isinstance(error, Temporary)
    assert says in error.text
    assert of_making(failure) is of_repeatable(failure) is Verdict.FINAL


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (NotSent(AT, "x", REFUSED), "Nothing listens at that port"),
        (NotSent(AT, "x", socket.gaierror()), "The name of the host"),
        (NotSent(AT, "x", TimeoutError()), "The host does not answer"),
        (NotSent(AT, "x", ssl.SSLEOFError(8, "EOF occurred")), "in the middle of the handshake"),
        (NotSent(AT, "x", REFUSED, proxy=PROXY), "Nothing listens at the proxy's port"),
        (NotSent(AT, "x", socket.gaierror(), proxy=PROXY), "The name of the proxy's host"),
        (NotSent(AT, "x", TimeoutError(), proxy=PROXY), "The proxy does not answer"),
        (NotSent(AT, "x", ProxyRefusal("502 x"), proxy=PROXY), "NO_PROXY=vault.example.com"),
    ],
    ids=lambda value: f"{value.cause!r} {value.proxy}" if isinstance(value, NotSent) else None,
)
def test_what_passes(failure: NotSent, says: str) -> None:
    """What may be another way in a while is tried again; where there is a proxy, it is the one that is connected to."""
    error = no_answer(failure, "vault", "Some advice.")

    assert says in error.text
    assert "Some advice." in error.why
    assert (f"through the proxy {PROXY}" in error.what) == bool(failure.proxy)
    assert of_making(failure) is Verdict.NOTHING_MADE


@pytest.mark.parametrize(
    ("failure", "says"),
    [
        (Lost(AT, "x", hung_up=True), "`vault-client-cert`"),
        (Lost(PLAIN, "x", hung_up=True), "https:// in `vault-addr`"),
        (Lost(AT, "x", proxy=PROXY), "HTTPS_PROXY or ALL_PROXY"),
        (Lost(AT, "x"), "Check `vault-addr`"),
    ],
)
def test_what_is_unclear(failure: Failure, says: str) -> None:
    """A connection that ends without a word may be TLS's doing, and that may be something that was made."""
    assert says in no_answer(failure, "vault", "").text
    assert of_making(failure) is Verdict.UNCLEAR


def test_a_proxys_own_answer() -> None:
    """An answer that came through a proxy may be its own."""
    through = Refusal(PLAIN, Answer(502, {}, "", PROXY), [])

    assert proxy_in_between(through) == f"The proxy {PROXY} may have said so (HTTP_PROXY or ALL_PROXY)."
    assert proxy_in_between(Refusal(PLAIN, Answer(502, {}, ""), [])) == ""
