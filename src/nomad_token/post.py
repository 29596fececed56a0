"""The post-step: what the mint saved is revoked, and one line says how that ended."""

from contextlib import suppress

from pydantic import SecretStr

from nomad_token.clients.http import Own
from nomad_token.clock import Deadline
from nomad_token.declared import Declared
from nomad_token.errors import Cancelled, InputError, LiveTokenLeft
from nomad_token.outside import Outside
from nomad_token.platforms.base import Level, Platform
from nomad_token.revoke import SECONDS, undo
from nomad_token.signals import GONE_WITHIN
from nomad_token.state import Fact, HeldLease, HeldToken, Ledger, Plan, Unreadable, loads
from nomad_token.text import in_summary, pasted
from nomad_token.undo.outcome import Ending, Means, Outcome


def post(platform: Platform, outside: Outside) -> None:
    """Revoke what the mint of this step saved; reads no input that decides anything.

    Raises `LiveTokenLeft` where what is left is to fail the job.
    """
    lines = platform.take_kept()
    if not lines:
        platform.say("Nothing to revoke: nothing was saved.")
        return
    ledger, unreadable = _read(lines)
    try:
        left = _revoke(ledger, unreadable, platform, outside)
    finally:
        platform.scrub(ledger.secrets)
    if left:
        raise LiveTokenLeft("\n".join(left))


def _read(lines: list[str]) -> tuple[Ledger, int]:
    """Read what was kept; an entry that can't be read takes no other with it."""
    facts: list[Fact] = []
    for line in lines:
        with suppress(Unreadable):
            facts.append(loads(line))
    return Ledger(facts), len(lines) - len(facts)


def _revoke(ledger: Ledger, unreadable: int, platform: Platform, outside: Outside) -> list[str]:
    """Revoke and report; return what was left where that is to fail the job."""
    plan = ledger.plan
    if plan is None:
        platform.annotate(Level.WARNING, "Not revoked", _without_plan(ledger))
        return []
    try:
        with outside.signals.held(GONE_WITHIN):
            lacking = _bring_own(plan, platform, outside) if plan.revoke else []
            outcome = _undone(ledger, plan, platform, outside)
    except Cancelled:
        platform.annotate(Level.WARNING, "Not revoked to the end", _named(ledger) or "The login may live.")
        raise
    outcome.notices += lacking if outcome.ending is Ending.FAILED else []
    if unreadable:
        outcome.notices.append("A part of what the mint saved can't be read: it was cut or changed on the way.")
    _report(outcome, ledger, plan, platform)
    return outcome.left if plan.on_revoke_failure == "fail" else []


def _bring_own(plan: Plan, platform: Platform, outside: Outside) -> list[str]:
    """Read the keys and headers again that were not saved, for the saved places; return what could not be had."""
    if not plan.own:
        return []
    from nomad_token.connecting import NomadConnection, VaultConnection  # noqa: PLC0415 - most posts read no input

    lacking = []
    for name in plan.own:
        nomad = plan.grants or plan.nomad
        place, kind = (plan.vault, VaultConnection) if name == "vault" else (nomad, NomadConnection)
        if place is None:
            continue  # nothing is asked there
        try:
            own = kind.read(platform.lookup).own(platform.read_file)
        except InputError:
            own = Own()
        if own != Own():
            outside.connect.bring(place, own)
        else:
            lacking.append(
                f"The runner did not hand over `{name}-client-key` or `{name}-headers` again: in a composite action "
                "within another one, a post-step gets the outer one's inputs (actions/runner#2030)."
            )
    return lacking


def _undone(ledger: Ledger, plan: Plan, platform: Platform, outside: Outside) -> Outcome:
    if not plan.revoke:
        return Outcome(Ending.NOT_WANTED, "`revoke: false`: the token ends by itself")
    lent = _lent(plan.lent, platform) if plan.lent else None
    return undo(ledger, plan, Means(outside.connect, outside.clock, Deadline(outside.clock, SECONDS), lent))


def _lent(name: str, platform: Platform) -> SecretStr | None:
    """Read again the user's own credential; None where the runner does not hand it over."""
    found = platform.lookup(Declared(name, "", "", (), secret=True, required=False, choices=()))
    return SecretStr(found.value) if found else None


def _without_plan(ledger: Ledger) -> str:
    why = "What the mint saved can't be read: it was cut or changed on the way, or is another version's."
    return f"{why} {_named(ledger) or 'A token that it made ends with its lease.'}"


def _named(ledger: Ledger) -> str:
    """Name the tokens that are held, with their ends and the operator's lines."""
    return " ".join(
        f"The Nomad token {lease.accessor_id} may live until {lease.ends:%Y-%m-%d %H:%M:%S} UTC; by hand: "
        f"vault lease revoke {pasted(lease.lease_id)}"
        for lease in ledger.leases
    ) + " ".join(f"The Nomad token {token.accessor_id} may live." for token in ledger.tokens)


def _report(outcome: Outcome, ledger: Ledger, plan: Plan, platform: Platform) -> None:
    """Say the ending in one line, and what needs attention on top of the job's page."""
    held: list[HeldLease | HeldToken] = [*ledger.leases, *ledger.tokens]
    accessors = ", ".join(each.accessor_id for each in held)
    line = f"{outcome.ending.value.capitalize()}{f' {accessors}' if accessors else ''}: {outcome.line}."
    platform.say(line)
    for notice in outcome.notices:
        platform.annotate(Level.WARNING, "Maybe left behind", notice)
    if outcome.left and plan.on_revoke_failure == "warn":
        platform.annotate(Level.WARNING, LiveTokenLeft.title, "\n".join(outcome.left))
    attention = outcome.left + outcome.notices
    if plan.summary == "always" or (plan.summary == "auto" and attention):
        platform.summarise(in_summary("revoke", line, *attention))
