"""`renew`: what mints have kept in their state lives on."""

from contextlib import suppress

from nomad_token.clients.failures import Failure
from nomad_token.clients.vault import Vault
from nomad_token.errors import Error, InputError, Refused, Temporary
from nomad_token.outside import Outside
from nomad_token.platforms.base import Level, Platform
from nomad_token.post import Believed, believed, bring_own
from nomad_token.renewal import Renewal, living
from nomad_token.seal import sealed
from nomad_token.state import Plan, Renewed, dumps
from nomad_token.text import shown


def renew(platform: Platform, outside: Outside) -> None:
    """Renew the login and the leases of each mint that is kept, and say until when they live.

    Raises `InputError` where nothing can be renewed, `Refused` and `Temporary` where Vault did not do it.
    """
    mints = platform.take_kept()
    if not mints:
        raise InputError("Nothing to renew: no mint is kept there, or all are revoked.")
    failed: list[Error] = []
    for kept in mints:
        known = believed(kept.lines, platform)
        if known.ledger.plan is None:
            platform.annotate(Level.WARNING, "Not renewed", "What a mint saved can't be read.")
            continue
        try:
            _renewed(known, known.ledger.plan, platform, outside)
        except Error as error:
            failed.append(error)
    for each in failed[:-1]:
        platform.annotate(Level.ERROR, each.title, each.text)
    if failed:
        raise failed[-1]


def _renewed(known: Believed, plan: Plan, platform: Platform, outside: Outside) -> None:
    """Renew one mint."""
    ledger, token = known.ledger, known.lent
    if plan.vault is None or not ledger.leases:
        raise InputError(
            "There is no lease to renew.",
            why="A token that Nomad itself granted ends when it was said to; only Vault's has a lease.",
            fix="Mint anew, with a longer `ttl`.",
        )
    if known.doubt:
        raise InputError(known.doubt, fix=f"Give the `{plan.lent}` that the mint had.")
    if plan.lent and token is None:
        raise InputError(
            f"`{plan.lent}` was lent to the mint, and is not given now: it renews the lease.",
            why="What is lent is never saved.",
            fix="Give it again.",
        )
    for text in bring_own(plan, platform, outside):
        platform.annotate(Level.WARNING, "Not at hand", text)
    what = living(ledger, Vault(outside.connect(plan.vault), plan.vault), token)
    if why := next((each.why_not for each in what if each.lease_id and each.renew is None), ""):
        raise InputError("There is no lease that can be renewed.", why=f"{why[0].upper()}{why[1:]}.", fix="Mint anew.")

    def note(fact: Renewed) -> None:
        with suppress(OSError):  # a revoke needs no end
            platform.keep(plan.mint, sealed(dumps(fact), token, plan.mint, known.next_number))

    renewal = Renewal(
        what,
        clock=outside.clock,
        note=note,
        warn=platform.say,
    )
    try:
        renewal.renew_all()
    except Failure as failure:
        raise Temporary(
            f"Vault at {failure.address} did not renew it: {shown(failure.reason)}",
            why="It could not be reached, or is in trouble.",
            fix="Try again before the token ends.",
        ) from None
    accessors = ", ".join(lease.accessor_id for lease in ledger.leases)
    if refused := next((each for each in renewal.over if each.lease_id and each.refused), None):
        raise Refused(
            f"Vault refused to renew the lease {shown(refused.lease_id)}: {refused.refused}",
            why="The lease has ended or was revoked, or no policy of its token allows sys/leases/renew.",
            fix="Mint anew.",
        )
    for each in renewal.over:
        platform.annotate(Level.WARNING, "The last renewal", f"{each.why_not[0].upper()}{each.why_not[1:]}.")
    ends = f"ends at {renewal.ends:%Y-%m-%d %H:%M:%S} UTC" if renewal.ends else "has no end"
    platform.say(f"Renewed {accessors}: the first of login and lease {ends}.")
