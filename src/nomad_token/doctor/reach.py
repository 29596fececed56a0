"""The way to a server, the same for Vault and for Nomad: address, TLS, clock; and whether it can work at all."""

import ssl
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from nomad_token.clients.failures import Answer, Failure, NotSent, Refusal
from nomad_token.clients.http import Place
from nomad_token.doctor.finding import Finding, Unseen, Verdict, broken, not_seen, ok, unknown, warning
from nomad_token.errors import Error, NotFound
from nomad_token.issuers.nomad_refusals import no_leader, speaks_https
from nomad_token.issuers.vault_refusals import of_any_request, sealed
from nomad_token.operating import acls_are_off
from nomad_token.said import FromGo, FromNomad
from nomad_token.text import shown, span
from nomad_token.unreachable import no_answer

Heard = Answer | Failure
"""What a server said to somebody who shows no token; or why nothing was heard."""

_CLOCKS_MAY_DIFFER: Final = 30.0
"""Seconds. Vault and Nomad let an id token's times differ by 60 (api-contract 2.6)."""
_HEALTH: Final = "to its health check"
_SEALED: Final = frozenset({501, 503})


def address(heard: Heard, place: Place, server: str, advice: str) -> Finding:
    """Judge whether something listens; what is wrong with TLS is the next link's."""
    if isinstance(heard, Failure) and not isinstance(heard, Refusal) and not _is_of_tls(heard):
        return broken(no_answer(heard, server, advice))
    return ok(f"{place.address} answers.")


def tls(heard: Heard, place: Place, server: str, advice: str) -> Finding:
    """Judge the handshake, and whether there is one."""
    if isinstance(heard, Failure) and _is_of_tls(heard):
        return broken(no_answer(heard, server, advice))
    if place.address.startswith("http:"):
        if isinstance(heard, Answer) and FromGo.WANTS_TLS in heard.text:
            return broken(_wants_tls(Refusal(place.address, heard, [heard.text.strip()]), server))
        return ok(f"{place.address} has no TLS: what is sent there is read by whoever is in between.")
    if place.tls.skip_verify:
        return warning(
            f"The certificate of {place.address} is not checked (`{server}-skip-verify`).",
            why="Whoever is in between can read the tokens.",
            fix=f"Give its authority with `{server}-ca-cert` instead.",
        )
    return ok(f"The certificate of {place.address} is trusted, and for that name.")


def _wants_tls(refusal: Refusal, server: str) -> Error:
    if server == "vault":
        return of_any_request(refusal, _HEALTH)
    return speaks_https(f"Nomad at {refusal.address} speaks https alone: {shown(refusal.said)}")


def seal(heard: Heard, where: str) -> Finding:
    """Judge Vault's health (api-contract 3.1)."""
    if isinstance(heard, Refusal):
        return broken(of_any_request(heard, _HEALTH))
    if isinstance(heard, Failure):
        return unknown("Vault's health was not told.")
    told = heard.json()
    if not isinstance(told, dict) or "sealed" not in told:
        refusal = Refusal(where, heard, [heard.text], in_form=False)
        return broken(of_any_request(refusal, _HEALTH))
    if heard.status in _SEALED or told["sealed"]:
        return broken(sealed(where))
    return ok(f"Vault is unsealed: version {shown(told.get('version'), 40)}.")


def clock(heard: Heard, server: str, sent: datetime, received: datetime) -> Finding:
    """Judge by how much the server's `Date` is off from the middle between *sent* and *received*."""
    date = heard.headers.get("date", "") if isinstance(heard, Answer | Refusal) else ""
    try:
        off = skew(parsedate_to_datetime(date), sent, received)
    except (TypeError, ValueError, OverflowError):
        return unknown(f"{server.capitalize()}'s time is not told: its answer has no Date.")
    # A Date has whole seconds, and a slow answer may have been stamped at either end of its way.
    if abs(off) <= _CLOCKS_MAY_DIFFER + (received - sent).total_seconds() / 2:
        return ok(f"{server.capitalize()}'s clock is this machine's, to within {span(_CLOCKS_MAY_DIFFER)}.")
    return warning(
        f"{server.capitalize()}'s clock is {span(abs(off))} {'ahead of' if off > 0 else 'behind'} this machine's.",
        why="An id token is refused that is not valid yet by the server's clock, or no longer: 60 s are let pass. "
        "And what one of them calls the end of a token is not what the other does.",
        fix="Compare the time of this machine, and of the server's hosts, with: timedatectl status",
    )


def skew(theirs: datetime, sent: datetime, received: datetime) -> float:
    """Return the seconds by which the server's clock is ahead."""
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=sent.tzinfo)
    middle = sent + (received - sent) / 2
    return (theirs + timedelta(seconds=0.5) - middle).total_seconds()


def with_clock(found: Finding, clock: Finding) -> Finding:
    """Add to what is *found* broken what the *clock* showed, where that may be the cause."""
    if clock.verdict is not Verdict.WARNING:
        return found
    return replace(found, why=f"{found.why}\n{clock.what}".strip())


def leader(heard: Heard, where: str) -> Finding:
    """Judge whether Nomad's servers have a leader."""
    if isinstance(heard, Failure):
        return unknown(f"Nomad at {where} did not tell its leader.")
    if heard.status != 200:
        return broken(no_leader(f"Nomad at {where} does not tell its leader: {shown(heard.text) or heard.status}"))
    if not heard.json():
        return broken(no_leader(f"Nomad at {where} has no leader."))
    return ok(f"Nomad's leader is {shown(heard.json())}.")


def acls(listed: object, where: str) -> Finding:
    """Judge whether Nomad has ACLs, by what anybody may ask (api-contract 5)."""
    if isinstance(listed, Refusal) and FromNomad.NO_ACLS in listed.said:
        error = acls_are_off(where)
        error.why += " The servers decide, not the agent that is asked; that one passes on what a server said."
        return broken(error)
    if isinstance(listed, Failure):
        return not_seen(listed, "Whether Nomad has ACLs")
    return ok("Nomad has ACLs.")


def region(known: list[str] | Unseen | Failure, wanted: str) -> Finding:
    """Judge whether there is a region of that name."""
    if not wanted:
        return ok("Nomad is asked for the agent's own region.")
    if not isinstance(known, list):
        return not_seen(known, "Nomad's regions")
    if wanted not in known:
        return broken(
            NotFound(
                f"Nomad knows no region `{shown(wanted)}`: it has {', '.join(shown(name, 60) for name in known[:10])}.",
                fix="Set `nomad-region` to one of them, or leave it out: nomad server members",
            )
        )
    return ok(f"Nomad has the region {shown(wanted)}. A local token is of the region that made it, and no other.")


def _is_of_tls(failure: Failure) -> bool:
    return isinstance(failure, NotSent) and isinstance(failure.cause, ssl.SSLError)
