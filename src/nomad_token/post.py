"""The post-step: what the mint saved is revoked, and one line says how that ended."""

from nomad_token.clock import Deadline
from nomad_token.errors import LiveTokenLeft
from nomad_token.outside import Outside
from nomad_token.platforms.base import Level, Platform
from nomad_token.revoke import SECONDS, Ending, Outcome, Undo, undo
from nomad_token.signals import GONE_WITHIN
from nomad_token.state import HeldLease, HeldLogin, Ledger, Plan, Unreadable, loads


def post(platform: Platform, outside: Outside) -> None:
    """Revoke what the mint of this step saved; reads no input. Raises `LiveTokenLeft` where that is to fail the job."""
    ledger, unreadable = _read(platform)
    plan = ledger.plan
    if plan is None:
        _report_without_plan(platform, unreadable)
        return
    with outside.signals.held(GONE_WITHIN):
        outcome = _undone(ledger, plan, outside)
        platform.scrub(
            secret
            for fact in ledger.facts
            for secret in (
                [fact.token] if isinstance(fact, HeldLogin) else [fact.secret] if isinstance(fact, HeldLease) else []
            )
        )
    _report(outcome, ledger, plan, platform)


def _read(platform: Platform) -> tuple[Ledger, int]:
    """Read what was kept; an entry that can't be read takes no other with it."""
    ledger, unreadable = Ledger(), 0
    for line in platform.kept():
        try:
            ledger.add(loads(line))
        except Unreadable:
            unreadable += 1
    return ledger, unreadable


def _undone(ledger: Ledger, plan: Plan, outside: Outside) -> Outcome:
    if not plan.revoke:
        return Outcome(Ending.NOT_WANTED, "`revoke: false`: the token ends by itself")
    return undo(ledger, plan, Undo(outside.connect, outside.clock, Deadline(outside.clock, SECONDS)))


def _report_without_plan(platform: Platform, unreadable: int) -> None:
    if unreadable:
        platform.annotate(
            Level.WARNING,
            "Not revoked",
            f"What the mint saved can't be read ({unreadable} entries): it was changed on the way, or is another "
            "version's. The token ends with its lease.",
        )
    else:
        platform.say("Nothing to revoke: nothing was saved.")


def _report(outcome: Outcome, ledger: Ledger, plan: Plan, platform: Platform) -> None:
    """Say the ending in one line, what needs attention on top of the job's page, and fail where that is wanted."""
    accessors = ", ".join(lease.accessor_id for lease in ledger.leases)
    line = f"{outcome.ending.value.capitalize()}{f' {accessors}' if accessors else ''}: {outcome.line}."
    platform.say(line)
    attention = outcome.left + outcome.notices
    for notice in outcome.notices:
        platform.annotate(Level.WARNING, "Maybe left behind", notice)
    if plan.summary == "always" or (plan.summary == "auto" and attention):
        platform.summarise("\n\n".join(["### nomad-token: revoke", line, *attention]))
    if outcome.ending is Ending.FAILED:
        text = "\n".join(outcome.left)
        if plan.on_revoke_failure == "fail":
            raise LiveTokenLeft(text)
        platform.annotate(Level.WARNING, LiveTokenLeft.title, text)
