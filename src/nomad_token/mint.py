"""The main step: a token is minted, proven and handed over, or everything is as it was before."""

import os
from dataclasses import dataclass

from pydantic import SecretStr

from nomad_token.clients.nomad import Nomad, NomadPlace
from nomad_token.clock import Deadline, pauses
from nomad_token.credential import Credential
from nomad_token.custody import Custody
from nomad_token.errors import Cancelled, Temporary
from nomad_token.exports import exported, into_environment, rfc3339
from nomad_token.inputs import JobInputs, NomadInputs
from nomad_token.issuers.base import Issuer, Means, Unclear
from nomad_token.outside import Outside
from nomad_token.platforms.base import Level, Platform
from nomad_token.revoke import SECONDS as UNDO_SECONDS
from nomad_token.revoke import Ending, Outcome, Undo, undo
from nomad_token.signals import GONE_WITHIN
from nomad_token.state import Plan
from nomad_token.text import shown
from nomad_token.verify import Unverified, wait_until_accepted

_TRIES = 3
"""How often an issuer is asked, where its answer was lost and what it may have made was undone."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 4.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to mint: every input, read and checked."""

    job: JobInputs
    nomad: NomadInputs
    issuer: Issuer
    places: dict[str, str]
    """Variables for the next steps that name places, because they were given as inputs."""


def mint(order: Order, platform: Platform, outside: Outside) -> Credential:
    """Mint, prove and hand over. Raises `Error`, or `Cancelled`, after undoing in place what was made by then."""
    if order.job.revoke:
        platform.preflight()
    plan = _plan(order)
    custody = Custody(platform, outside.signals, plan=plan)
    deadline = Deadline(outside.clock, order.job.timeout)
    try:
        credential = _issued(order, custody, platform, outside, deadline)
        credential = _verified(credential, order, platform, outside, plan.nomad, deadline)
        platform.export(exported(credential, order.job, order.places))
    except OSError as error:
        _undo_in_place(custody, platform, outside)
        raise Temporary(
            f"A file of the runner could not be written: {error.strerror or type(error).__name__}.",
            why="The disk is full or read-only. The token was not handed on.",
            fix="Free the runner's disk.",
        ) from None
    except Cancelled:
        if any(asked.what == "creds" for asked in custody.ledger.unanswered):
            # Vault may be at it still: the post-step comes later, when what it makes can be undone.
            raise
        _undo_in_place(custody, platform, outside)
        raise
    except BaseException:
        _undo_in_place(custody, platform, outside)
        raise
    _report(credential, order, platform)
    return credential


def _issued(order: Order, custody: Custody, platform: Platform, outside: Outside, deadline: Deadline) -> Credential:
    """Ask the issuer; again, with a new login, where an answer was lost and all that it may have made was undone."""

    def id_token(audience: str) -> SecretStr:
        token = platform.id_token(audience)
        platform.mask(token)
        return token

    means = Means(outside.connect, id_token, platform.unreachable, custody, outside.signals, outside.clock, deadline)
    waits = pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
    for tries_left in reversed(range(_TRIES)):
        try:
            return order.issuer.issue(order.job.env_name, means)
        except Unclear as unclear:
            pause = next(waits)
            undone = _undo_in_place(custody, platform, outside).ending is not Ending.FAILED
            if not (undone and tries_left and pause < deadline.left()):
                raise unclear.error from None
            platform.say(f"{unclear.error.what} Asking again, with a new login.")
        outside.clock.sleep(pause)
    raise AssertionError("the last try returns or raises")


def _verified(
    credential: Credential,
    order: Order,
    platform: Platform,
    outside: Outside,
    place: NomadPlace | None,
    deadline: Deadline,
) -> Credential:
    """Add what Nomad says of the token; unless it is required, a Nomad that can't be asked is a warning."""
    if place is None:
        return credential
    try:
        token = wait_until_accepted(
            Nomad(outside.connect(place.address), place),
            credential,
            clock=outside.clock,
            deadline=deadline,
            advice=platform.unreachable(place.address),
        )
    except Unverified as unverified:
        if order.job.verify == "required":
            raise unverified.error from None
        platform.annotate(Level.WARNING, "Not verified", unverified.error.text)
        return credential
    return credential.model_copy(update={"type": token.type, "policies": token.policies})


def _undo_in_place(custody: Custody, platform: Platform, outside: Outside) -> Outcome:
    """Undo now what was made: the post-step may be an hour away, or never come."""
    with outside.signals.held(GONE_WITHIN):
        seconds = min(UNDO_SECONDS, outside.signals.left())
        by = Undo(outside.connect, outside.clock, Deadline(outside.clock, seconds))
        outcome = undo(custody.ledger, custody.plan, by)
        if outcome.ending is Ending.FAILED:
            platform.annotate(Level.WARNING, "Not undone yet", "\n".join(outcome.left))
        else:
            if outcome.ending is not Ending.NOTHING_SAVED:
                platform.say(f"Undone: {outcome.line}.")
            _settle(custody)
    for notice in outcome.notices:
        platform.annotate(Level.WARNING, "Maybe left behind", notice)
    return outcome


def _settle(custody: Custody) -> None:
    try:
        custody.settle()
    except OSError:
        # The post-step will revoke once more, and find that all is gone.
        return


def _plan(order: Order) -> Plan:
    """Decide now what the post-step will do: by then the inputs may be somebody else's (review §1.1)."""
    nomad = order.nomad
    asked = nomad.nomad_addr and order.job.verify != "off"
    return Plan(
        mint=os.urandom(4).hex(),
        vault=order.issuer.vault(),
        nomad=NomadPlace(address=nomad.nomad_addr, region=nomad.nomad_region) if asked else None,
        revoke=order.job.revoke,
        on_revoke_failure=order.job.on_revoke_failure,
        summary=order.job.summary,
    )


def _report(credential: Credential, order: Order, platform: Platform) -> None:
    """Say what there is now, without the secret."""
    kind = f"{credential.type} token" if credential.type else "token"
    platform.say(f"Minted the {kind} {credential.accessor_id}: lease {credential.lease_id}.")
    if credential.policies is not None:
        held = ", ".join(shown(policy) for policy in credential.policies) or "none"
        platform.say(f"Nomad accepts it; policies: {held}.")
    ends = f" It ends at {rfc3339(credential.expires_at)} at the latest." if credential.expires_at else ""
    revoked = (
        "is revoked when the job ends" if order.job.revoke else "is not revoked when the job ends (`revoke: false`)"
    )
    platform.say(f"It {revoked}.{ends}")
    if into_environment(credential, order.job):
        unknown = "" if credential.type else " Whether it is a manager's is not known: that takes `nomad-addr`."
        platform.say(f"Exported as {credential.env_name}.{unknown}")
    elif order.job.export_env == "auto":
        platform.annotate(
            Level.WARNING,
            "A management token",
            f"Nomad says that {credential.accessor_id} is a management token: it was not exported as "
            f"{credential.env_name}. To export it anyhow, set `export-env: true`; a role of type client is safer.",
        )
