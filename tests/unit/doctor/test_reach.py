"""The way to a server: what is judged of what was heard."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ssl import SSLCertVerificationError, SSLError

import pytest
from msgspec.structs import replace

from nomad_token.clients.failures import Answer, Failure, Lost, NotSent, Refusal
from nomad_token.clients.http import Place
from nomad_token.clients.tls import Tls
from nomad_token.doctor import reach
from nomad_token.doctor.finding import Unseen, Verdict
from nomad_token.errors import Refused, Temporary

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HTTP, HTTPS = Place(address="http://vault.test"), Place(address="https://vault.test")
HEALTHY = '{"initialized": true, "sealed": false, "version": "1.20.0"}'


def answer(status: int = 200, text: str = HEALTHY, off: float | None = 0) -> Answer:
    """Make an answer of a server whose clock is *off*; None for one without a Date."""
    headers = {} if off is None else {"date": format_datetime(AT + timedelta(seconds=off), usegmt=True)}
    return Answer(status, headers, text)


@pytest.mark.parametrize(
    ("heard", "address", "tls"),
    [
        (answer(), Verdict.OK, Verdict.OK),
        (answer(503), Verdict.OK, Verdict.OK),
        (Refusal("http://vault.test", answer(307, ""), ["redirects"]), Verdict.OK, Verdict.OK),
        (NotSent("http://vault.test", "refused", ConnectionRefusedError()), Verdict.BROKEN, Verdict.OK),
        (Lost("http://vault.test", "cut", hung_up=True), Verdict.BROKEN, Verdict.OK),
        (NotSent("http://vault.test", "self-signed", SSLCertVerificationError()), Verdict.OK, Verdict.BROKEN),
        (NotSent("http://vault.test", "version", SSLError("WRONG_VERSION_NUMBER")), Verdict.OK, Verdict.BROKEN),
        (answer(400, "Client sent an HTTP request to an HTTPS server.\n"), Verdict.OK, Verdict.BROKEN),
    ],
)
@pytest.mark.parametrize("server", ["vault", "nomad"])
def test_who_is_to_blame(heard: Answer | Failure, address: Verdict, tls: Verdict, server: str) -> None:
    """What keeps the connection from being made is the address's, what is wrong with certificates is TLS's."""
    assert reach.address(heard, HTTP, server, "").verdict is address
    assert reach.tls(heard, HTTP, server, "").verdict is tls


def test_a_certificate_that_goes_unchecked() -> None:
    """It is warned about, with the input that would make it one that is checked."""
    found = reach.tls(answer(), replace(HTTPS, tls=Tls(skip_verify=True)), "nomad", "")

    assert found.verdict is Verdict.WARNING
    assert "`nomad-ca-cert`" in found.fix


@pytest.mark.parametrize(
    ("heard", "verdict", "code"),
    [
        (answer(), Verdict.OK, 0),
        (answer(429, '{"sealed": false, "standby": true}'), Verdict.OK, 0),
        (answer(503, '{"sealed": true}'), Verdict.BROKEN, Temporary.exit_code),
        (answer(501, '{"sealed": true, "initialized": false}'), Verdict.BROKEN, Temporary.exit_code),
        (answer(200, "<html>"), Verdict.BROKEN, Refused.exit_code),
        (answer(502, "<html>"), Verdict.BROKEN, Temporary.exit_code),
        (answer(200, "[]"), Verdict.BROKEN, Refused.exit_code),
        (Refusal("x", answer(301), ["redirects"]), Verdict.BROKEN, Refused.exit_code),
        (Lost("x", "cut"), Verdict.UNKNOWN, 0),
    ],
)
def test_the_seal(heard: Answer | Failure, verdict: Verdict, code: int) -> None:
    """Health is told by Vault alone: sealed, never initialised, or not Vault at all."""
    found = reach.seal(heard, "http://vault.test")

    assert (found.verdict, found.exit_code) == (verdict, code)


@pytest.mark.parametrize(
    ("off", "took", "verdict", "says"),
    [
        (0, 0, Verdict.OK, ""),
        (29, 0, Verdict.OK, ""),
        (-30, 0, Verdict.OK, ""),
        (32, 0, Verdict.WARNING, "32 s ahead of"),
        (-3600, 0, Verdict.WARNING, "1 h behind"),
        (40, 40, Verdict.OK, ""),
        (None, 0, Verdict.UNKNOWN, ""),
    ],
)
def test_the_clock(off: float | None, took: float, verdict: Verdict, says: str) -> None:
    """Half a minute is let pass, and what a slow answer may be off by; a Date has whole seconds."""
    found = reach.clock(answer(off=off), "vault", AT, AT + timedelta(seconds=took))

    assert found.verdict is verdict
    assert says in found.what


def test_a_date_that_is_none() -> None:
    """Nothing is made of it."""
    assert reach.clock(Answer(200, {"date": "soon"}, ""), "nomad", AT, AT).verdict is Verdict.UNKNOWN
    assert reach.clock(Lost("x", "cut"), "nomad", AT, AT).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("heard", "verdict"),
    [
        (answer(200, '"10.0.0.1:4647"'), Verdict.OK),
        (answer(200, '""'), Verdict.BROKEN),
        (answer(500, "No cluster leader"), Verdict.BROKEN),
        (Lost("x", "cut"), Verdict.UNKNOWN),
    ],
)
def test_the_leader(heard: Answer | Failure, verdict: Verdict) -> None:
    """No leader is no leader, whether it is an empty text or an error."""
    assert reach.leader(heard, "http://nomad.test").verdict is verdict


@pytest.mark.parametrize(
    ("listed", "verdict"),
    [
        ([], Verdict.OK),
        (Refusal("x", answer(400), ["ACL support disabled"]), Verdict.BROKEN),
        (Refusal("x", answer(500), ["rpc error: ACL support disabled"]), Verdict.BROKEN),
        (Refusal("x", answer(403), ["Permission denied"]), Verdict.UNKNOWN),
    ],
)
def test_acls(listed: object, verdict: Verdict) -> None:
    """Only Nomad's own words say that there are none; another refusal leaves it open."""
    assert reach.acls(listed, "http://nomad.test").verdict is verdict


@pytest.mark.parametrize(
    ("known", "wanted", "verdict"),
    [
        (["global"], "", Verdict.OK),
        (["global", "eu"], "eu", Verdict.OK),
        (["global"], "eu", Verdict.BROKEN),
        (Unseen("x"), "eu", Verdict.UNKNOWN),
    ],
)
def test_the_region(known: list[str] | Unseen, wanted: str, verdict: Verdict) -> None:
    """One that Nomad does not list is none."""
    assert reach.region(known, wanted).verdict is verdict
