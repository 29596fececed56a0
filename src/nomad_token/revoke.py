"""The undo: from what was saved, to proof that nothing of it lives."""

from dataclasses import replace
from typing import Final

from nomad_token.clients.nomad import Nomad
from nomad_token.state import HeldLease, HeldToken, Ledger, Plan, Undeleted
from nomad_token.text import pasted
from nomad_token.undo.nomad import undo_at_nomad
from nomad_token.undo.outcome import Ending, Means, Outcome
from nomad_token.undo.vault import undo_at_vault
from nomad_token.verify import Death, wait_until_refused

SECONDS: Final = 30.0
"""How long the post-step tries; Vault goes on by itself after that."""


def undo(ledger: Ledger, plan: Plan, by: Means) -> Outcome:
    """Revoke what *ledger* holds, in the order of design §5, and prove it at Nomad.

    Asks only the addresses of *plan*. Never raises for what a server does: that is the outcome.
    """
    if plan.grants is not None:
        outcome = undo_at_nomad(plan.grants, ledger, by)
    elif plan.vault is not None:
        outcome = undo_at_vault(plan.vault, ledger, by, lent=bool(plan.lent))
    else:
        outcome = Outcome(Ending.NOTHING_SAVED, "no token was minted, or it was undone already")
    return _proven(outcome, plan, ledger, by)


def _proven(outcome: Outcome, plan: Plan, ledger: Ledger, by: Means) -> Outcome:
    """Have Nomad say that the tokens are dead; its word counts more than Vault's 204, which is given in advance."""
    held: list[HeldLease | HeldToken] = [*ledger.leases, *ledger.tokens]
    if plan.nomad is None or not held or outcome.ending is Ending.LEFT_TO_END:
        return outcome
    nomad = Nomad(by.connect(plan.nomad), plan.nomad)
    began = by.clock.monotonic()
    deaths = [wait_until_refused(nomad, each, clock=by.clock, deadline=by.deadline) for each in held]
    if outcome.ending is Ending.FAILED:
        # Against Vault's word that of a Nomad counts which has seen the token alive: another cluster refuses it too.
        deaths = [
            Death.UNKNOWN if death is Death.PROVEN and each.accessor_id not in ledger.accepted else death
            for each, death in zip(held, deaths, strict=True)
        ]
    proven = {each.accessor_id for each, death in zip(held, deaths, strict=True) if death is Death.PROVEN}
    if all(each.accessor_id in proven for each in held) and proven.issuperset(outcome.tokens_left):
        if outcome.ending is Ending.FAILED and not outcome.tokens_left:
            # The token is dead; what may live is the login, which can mint again.
            return replace(outcome, line=f"{outcome.line}, but Nomad refuses the token{'s' if held[1:] else ''}")
        spent = 1000 * (by.clock.monotonic() - began)
        ending = Ending.EXPIRED if outcome.ending is Ending.EXPIRED else Ending.REVOKED
        proof = f"Nomad refuses {'them' if held[1:] else 'it'} (proven in {spent:.0f} ms)"
        line = f"{outcome.line}, {'but' if outcome.tokens_left else 'and'} {proof}"
        return replace(outcome, ending=ending, line=line, left=[], tokens_left=(), undeleted=())
    if outcome.tokens_left and proven:
        outcome = _without(proven, outcome)
    outcome.undeleted = tuple(fact for fact in outcome.undeleted if fact.accessor_id not in proven)
    for each, death in zip(held, deaths, strict=True):
        if death is Death.ALIVE:
            outcome = _left_alive(outcome, each, by)
        elif death is Death.UNKNOWN and outcome.ending is not Ending.FAILED:
            outcome.notices.append(f"Nomad could not be asked whether the token {each.accessor_id} is dead.")
    return outcome


def _without(proven: set[str], outcome: Outcome) -> Outcome:
    """Take out of *outcome* the tokens that are dead."""
    lives = [
        (accessor, text)
        for accessor, text in zip(outcome.tokens_left, outcome.left, strict=True)
        if accessor not in proven
    ]
    if not lives:
        line = f"{outcome.line}, but Nomad refuses {'them' if outcome.tokens_left[1:] else 'it'}"
        return replace(outcome, ending=Ending.REVOKED, line=line, left=[], tokens_left=())
    return replace(outcome, left=[text for _, text in lives], tokens_left=tuple(accessor for accessor, _ in lives))


def _left_alive(outcome: Outcome, held: HeldLease | HeldToken, by: Means) -> Outcome:
    seen = f"Nomad still accepted the token {held.accessor_id} at {by.clock.now():%H:%M:%S} UTC."
    if any(held.accessor_id in text for text in outcome.left):
        return replace(outcome, left=[*outcome.left, seen])
    if isinstance(held, HeldLease):
        by_hand = f"Vault goes on trying for some minutes; by hand: vault lease revoke {pasted(held.lease_id)}"
        fact = Undeleted(accessor_id=held.accessor_id, lease_id=held.lease_id)
        outcome = replace(outcome, undeleted=(*outcome.undeleted, fact))
    else:
        by_hand = f"By hand: nomad acl token delete {pasted(held.accessor_id)}"
    line = outcome.line if outcome.ending is Ending.FAILED else "Nomad still accepts it"
    return replace(outcome, ending=Ending.FAILED, line=line, left=[*outcome.left, f"{seen} {by_hand}"])
