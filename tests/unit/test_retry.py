"""The verdicts on failed requests, and patience."""

from datetime import timedelta
from email.utils import format_datetime

import pytest

from fakes import DENIED, GONE, FakeClock
from nomad_token.clients.failures import Answer, Failure, Lost, NotSent, Refusal
from nomad_token.clock import Deadline
from nomad_token.retry import Verdict, of_making, of_repeatable, patiently

AT = "https://vault.test"
# An hour that no C integer holds: `datetime` raises OverflowError for it.
HUGE = "Wed, 04 Mar 2026 99999999999999999999:06:37 GMT"
NOTHING_MADE, FINAL, UNCLEAR = Verdict.NOTHING_MADE, Verdict.FINAL, Verdict.UNCLEAR


def refusal(status: int, *said: str, **headers: str) -> Refusal:
    """Make a refusal as a client raises it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Refusal(AT, Answer(status, named, ""), list(said))


def wrapped(status: int, said: str) -> str:
    """Word what Nomad said as Vault passes it on (api-contract 1.5)."""
    return f"1 error occurred:\n\t* Unexpected response code: {status} ({said})\n\n"


DIAL = (
    '1 error occurred:\n\t* Put "http://n:4646/v1/acl/token": dial tcp 10.0.0.1:4646: connect: connection refused\n\n'
)
HEADER = '1 error occurred:\n\t* Put "http://n:4646/v1/acl/token": net/http: invalid header field value for "X"\n\n'
TLS = (
    '1 error occurred:\n\t* Put "https://n:4646/v1/acl/token": tls: failed to verify certificate: x509: it expired\n\n'
)
RESET = '1 error occurred:\n\t* Put "http://n:4646/v1/acl/token": read tcp 10.0.0.1:4646: connection reset by peer\n\n'


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (NotSent(AT, "refused"), NOTHING_MADE),
        (Lost(AT, "reset"), UNCLEAR),
        (refusal(412, "missing index"), NOTHING_MADE),
        (refusal(429, "rate limit quota exceeded"), NOTHING_MADE),
        (refusal(503, "Vault is sealed"), NOTHING_MADE),
        (refusal(503, "<html>upstream</html>"), UNCLEAR),
        (refusal(503), UNCLEAR),
        (refusal(300, "choose"), FINAL),
        (refusal(307, "redirects to http://elsewhere"), FINAL),
        (refusal(400, 'role "x" not found'), FINAL),
        (refusal(403, DENIED), FINAL),
        (refusal(403, GONE), FINAL),
        (refusal(404, "no handler for route"), FINAL),
        (refusal(405, "unsupported operation"), FINAL),
        (refusal(500, wrapped(429, "Your IP is issuing too many concurrent connections")), NOTHING_MADE),
        (refusal(500, DIAL), NOTHING_MADE),
        (refusal(500, wrapped(403, "Permission denied")), FINAL),
        (refusal(500, wrapped(400, "ACL support disabled")), FINAL),
        (refusal(500, wrapped(400, "token 0 invalid: 1 error occurred:\n\t* token name too long)\n\n")), FINAL),
        (refusal(500, wrapped(500, "No cluster leader")), UNCLEAR),
        (refusal(500, wrapped(500, "rpc error: dial tcp 10.0.0.2:4647: i/o timeout")), UNCLEAR),
        (refusal(500, RESET), UNCLEAR),
        (refusal(500, HEADER), FINAL),
        (refusal(500, TLS), FINAL),
        (refusal(500, "Get: tls: failed to verify certificate: x509: it expired"), UNCLEAR),
        (refusal(500, "internal error"), UNCLEAR),
        (refusal(500), UNCLEAR),
        (refusal(502, "Bad Gateway"), UNCLEAR),
        (refusal(504, "Gateway Timeout"), UNCLEAR),
        (refusal(200, "the login asks for a second factor (mfa_requirement)"), FINAL),
    ],
    ids=repr,
)
def test_verdict_on_making(failure: Failure, verdict: Verdict) -> None:
    """A failed login or creds read is judged by what it proves: that nothing was made, a plain no, or neither."""
    assert of_making(failure) is verdict


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (NotSent(AT, "refused"), NOTHING_MADE),
        (Lost(AT, "reset"), NOTHING_MADE),
        *((refusal(status), NOTHING_MADE) for status in (408, 412, 429, 500, 502, 503, 504)),
        *((refusal(status), FINAL) for status in (307, 400, 401, 403, 404, 405)),
    ],
    ids=repr,
)
def test_verdict_on_what_may_be_repeated(failure: Failure, verdict: Verdict) -> None:
    """A request that does no harm twice is sent again after anything but a plain no."""
    assert of_repeatable(failure) is verdict


class Server:
    """Fails as it is told to, then answers."""

    def __init__(self, *failures: Failure) -> None:
        """Meet each request with one of *failures*, while there are any."""
        self._failures = list(failures)
        self.asked = 0

    def __call__(self) -> str:
        """Answer, or fail."""
        self.asked += 1
        if self._failures:
            raise self._failures.pop(0)
        return "answer"


def test_patience_ends_with_an_answer() -> None:
    """A request is sent again until it is answered, with pauses that grow and are jittered."""
    clock, server = FakeClock(), Server(*[NotSent(AT, "refused")] * 6)

    answer = patiently(server, of_making, clock=clock, deadline=Deadline(clock, 120))

    assert answer == "answer"
    assert server.asked == 7
    wholes = [0.5, 1, 2, 4, 8, 8]
    assert all(whole / 2 <= slept <= whole for whole, slept in zip(wholes, clock.slept, strict=True))


@pytest.mark.parametrize("failure", [refusal(400, "no"), Lost(AT, "reset"), refusal(502)])
def test_patience_does_not_repeat(failure: Failure) -> None:
    """What is final, or may have made something, is raised at once."""
    clock, server = FakeClock(), Server(failure)

    with pytest.raises(Failure) as raised:
        patiently(server, of_making, clock=clock, deadline=Deadline(clock, 120))

    assert raised.value is failure
    assert (server.asked, clock.slept) == (1, [])


def test_patience_ends_with_the_deadline() -> None:
    """No request is begun after the deadline; the last failure is raised."""
    clock = FakeClock()
    server = Server(*[NotSent(AT, f"{number}") for number in range(100)])

    with pytest.raises(NotSent) as raised:
        patiently(server, of_making, clock=clock, deadline=Deadline(clock, 20))

    assert sum(clock.slept) < 20
    assert raised.value.reason == f"{server.asked - 1}"
    assert server.asked > 3


@pytest.mark.parametrize(
    ("value", "least"),
    [("7", 7), ("0", 0), ("", 0), ("soon", 0), ("-7", 0), ("1.5", 0), ("²", 0), ("\u0661", 0)],
)
def test_retry_after_in_seconds(value: str, least: float) -> None:
    """`Retry-After` as a number is waited for; what is no number is as if it were not there."""
    clock = FakeClock()

    patiently(Server(refusal(429, retry_after=value)), of_making, clock=clock, deadline=Deadline(clock, 120))

    assert clock.slept[0] == least if least else 0.25 <= clock.slept[0] <= 0.5


@pytest.mark.parametrize(("seconds", "least"), [(30, 30), (-30, 0), (0, 0)])
def test_retry_after_as_a_date(seconds: int, least: float) -> None:
    """`Retry-After` as a date (RFC 9110, 10.2.3) is waited for; one that has passed is not."""
    clock = FakeClock()
    value = format_datetime(clock.now() + timedelta(seconds=seconds), usegmt=True)

    patiently(Server(refusal(429, retry_after=value)), of_making, clock=clock, deadline=Deadline(clock, 120))

    assert clock.slept[0] == least if least else 0.25 <= clock.slept[0] <= 0.5


@pytest.mark.parametrize(
    "value",
    ["Wed, 04 Mar 2026 05:06:37", "Wed, 04 Mar 2026 05:06:37 -0000", "Wed, 99 Mar 2026 05:06:37 GMT", "Mar 4", HUGE],
)
def test_retry_after_that_is_no_date(value: str) -> None:
    """A date without a zone, or an impossible one, is as if it were not there."""
    clock = FakeClock()

    patiently(Server(refusal(429, retry_after=value)), of_making, clock=clock, deadline=Deadline(clock, 120))

    assert clock.slept[0] <= 0.5


@pytest.mark.parametrize(("tries", "sent"), [(1, 1), (2, 2), (None, 4)])
def test_patience_has_as_many_tries(tries: int | None, sent: int) -> None:
    """A bound on the tries is one: the last failure is raised then."""
    clock, failures = FakeClock(), [refusal(503, "sealed")] * 3
    requests: list[int] = []

    def send() -> str:
        requests.append(1)
        if failures:
            raise failures.pop()
        return "done"

    if tries is None:
        assert patiently(send, of_repeatable, clock=clock, deadline=Deadline(clock, 120)) == "done"
    else:
        with pytest.raises(Refusal):
            patiently(send, of_repeatable, clock=clock, deadline=Deadline(clock, 120), tries=tries)
    assert len(requests) == sent


def test_a_wait_that_would_take_all_the_time() -> None:
    """With nothing left after it there is no further try."""
    clock = FakeClock()
    requests: list[int] = []

    def send() -> None:
        requests.append(1)
        raise refusal(429, retry_after="60")

    with pytest.raises(Refusal):
        patiently(send, of_repeatable, clock=clock, deadline=Deadline(clock, 60))
    assert len(requests) == 1


@pytest.mark.parametrize("value", ["121", "999999999999999999999999"])
def test_retry_after_beyond_the_deadline(value: str) -> None:
    """A server that asks for more patience than there is gets none."""
    clock, server = FakeClock(), Server(refusal(429, retry_after=value))

    with pytest.raises(Refusal):
        patiently(server, of_making, clock=clock, deadline=Deadline(clock, 120))

    assert (server.asked, clock.slept) == (1, [])
