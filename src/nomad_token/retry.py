"""Which failures may be tried again: by what they prove, never by their number (design §6, invariant 5)."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum
from typing import Final, TypeVar

from nomad_token.clients.failures import Failure, Lost, NotSent, Refusal
from nomad_token.clients.vault import distrusts_nomad, nomad_refused
from nomad_token.clock import Clock, Deadline, pauses
from nomad_token.said import FromNomad, FromVault

_Result = TypeVar("_Result")
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 8.0


class Verdict(Enum):
    """What a failed request proves."""

    NOTHING_MADE = "nothing was made, and another try may go better"
    FINAL = "nothing was made, and another try won't go better"
    UNCLEAR = "something may have been made"


def of_making(failure: Failure) -> Verdict:
    """Judge a request that makes something on success (a login, a creds read): api-contract 1.5 and 3.1."""
    match failure:
        case NotSent():
            return Verdict.FINAL if failure.lasts else Verdict.NOTHING_MADE
        case Refusal():
            return _of_refused_making(failure)
        case _:
            return Verdict.UNCLEAR


def _of_refused_making(refusal: Refusal) -> Verdict:
    if refusal.status in {412, 429} or (refusal.status == 503 and FromVault.SEALED in refusal.said):
        return Verdict.NOTHING_MADE
    if refusal.status == 200 or 300 <= refusal.status < 500:
        # a 200 that is a refusal asks for a second factor: see `Vault.log_in`
        return Verdict.FINAL
    if refusal.status == 500:
        # Vault wraps whatever Nomad said; the number that counts is Nomad's.
        nomad = nomad_refused(refusal)
        if nomad is not None and nomad[0] == 429:
            return Verdict.NOTHING_MADE
        if nomad is not None and (400 <= nomad[0] < 500 or FromNomad.ABOUT_ACLS in nomad[1]):
            # older Nomads say "ACL support disabled" and "ACL token expired" with a 500
            return Verdict.FINAL
        if nomad is None:
            return _of_unheard(refusal.said)
    return Verdict.UNCLEAR


def _of_unheard(said: str) -> Verdict:
    """Judge a 500 in which Nomad says nothing of its own."""
    if FromVault.HEADER_WITH_LINE_BREAK in said or distrusts_nomad(said):
        # Go looks at a header before it connects, and at a certificate before it sends.
        return Verdict.FINAL
    return Verdict.NOTHING_MADE if FromVault.NOT_DIALLED in said else Verdict.UNCLEAR


def of_repeatable(failure: Failure) -> Verdict:
    """Judge a request that may be sent twice without harm: a look-up, a revoke."""
    match failure:
        case NotSent(lasts=True):
            return Verdict.FINAL
        case NotSent() | Lost():
            return Verdict.NOTHING_MADE
        case Refusal(status=status) if status in {408, 412, 429} or status >= 500:
            return Verdict.NOTHING_MADE
        case _:
            return Verdict.FINAL


def patiently(
    send: Callable[[], _Result],
    judge: Callable[[Failure], Verdict],
    *,
    clock: Clock,
    deadline: Deadline,
    tries: int | None = None,
) -> _Result:
    """Return what *send* returns, sent again while *judge* says that nothing was made and *deadline* has not passed.

    Waits as long as the server's `Retry-After` asks, else with doubling, jittered pauses; sends *tries* times at the
    most, where that is given. Raises the last `Failure`.
    """
    for sent, pause in enumerate(pauses(_FIRST_PAUSE, _LONGEST_PAUSE), 1):
        try:
            return send()
        except Failure as failure:
            wait = max(pause, _retry_after(failure, clock.now()))
            if judge(failure) is not Verdict.NOTHING_MADE or wait >= deadline.left() or sent == tries:
                raise
        clock.sleep(wait)
    raise AssertionError("pauses don't end")


def _retry_after(failure: Failure, now: datetime) -> float:
    """Return the seconds that the server asks to wait, as a number or a date (RFC 9110, 10.2.3); 0 without."""
    if not isinstance(failure, Refusal):
        return 0.0
    value = failure.headers.get("retry-after", "")
    if value.isascii() and value.isdigit():
        return float(value[:9])
    if not value:
        return 0.0
    from email.utils import parsedate_to_datetime  # noqa: PLC0415 - few servers ask for a time of day

    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    return 0.0
