"""How a revoke ended, told to the job."""

from nomad_token.errors import LiveTokenLeft
from nomad_token.platforms.base import Level, Platform
from nomad_token.state import HeldLease, HeldToken, Ledger, Plan
from nomad_token.text import in_summary, pasted
from nomad_token.undo.outcome import Outcome


def report(outcome: Outcome, ledger: Ledger, plan: Plan, platform: Platform) -> None:
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


def named(ledger: Ledger) -> str:
    """Name the tokens that are held, with their ends and the operator's lines."""
    return " ".join(
        f"The Nomad token {lease.accessor_id} may live until {lease.ends:%Y-%m-%d %H:%M:%S} UTC; by hand: "
        f"vault lease revoke {pasted(lease.lease_id)}"
        for lease in ledger.leases
    ) + " ".join(
        f"The Nomad token {token.accessor_id} may live; by hand: nomad acl token delete {pasted(token.accessor_id)}"
        for token in ledger.tokens
    )
