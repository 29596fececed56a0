"""The undo: from what was saved, to proof that nothing of it lives."""

from dataclasses import replace
from typing import Final

from nomad_token.clients.nomad import Nomad
from nomad_token.state import Accepted, HeldLease, HeldToken, Ledger, Plan, Undeleted
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
    outcome, dead = _proven(outcome, plan, ledger, by)
    return _and_left_before(outcome, ledger, dead)


def _proven(outcome: Outcome, plan: Plan, ledger: Ledger, by: Means) -> tuple[Outcome, set[str]]:
    """Have Nomad say that the tokens are dead; its word counts more than Vault's 204, which is given in advance.

    Returns the outcome with that, and the accessors of the tokens that are proven dead.
    """
    held: list[HeldLease | HeldToken] = [*ledger.leases, *ledger.tokens]
    if plan.nomad is None or not held or outcome.ending is Ending.LEFT_TO_END:
        return outcome, set()
    nomad = Nomad(by.connect(plan.nomad), plan.nomad)
    began = by.clock.monotonic()
    deaths = [
        (each, _worth(wait_until_refused(nomad, each, clock=by.clock, deadline=by.deadline), each, outcome, ledger))
        for each in held
    ]
    dead = {each.accessor_id for each, death in deaths if death is Death.PROVEN}
    outcome = replace(outcome, facts=tuple(fact for fact in outcome.facts if fact.accessor_id not in dead))
    if len(dead) == len(held) and dead.issuperset(outcome.tokens_left):
        if outcome.ending is Ending.FAILED and not outcome.tokens_left:
            # The token is dead; what may live is the login, which can mint again.
            line = f"{outcome.line}, but Nomad refuses the token{'s' if held[1:] else ''}"
            return replace(outcome, line=line), dead
        spent = 1000 * (by.clock.monotonic() - began)
        ending = Ending.EXPIRED if outcome.ending is Ending.EXPIRED else Ending.REVOKED
        proof = f"Nomad refuses {'them' if held[1:] else 'it'} (proven in {spent:.0f} ms)"
        line = f"{outcome.line}, {'but' if outcome.tokens_left else 'and'} {proof}"
        return replace(outcome, ending=ending, line=line, left=[], tokens_left=()), dead
    if outcome.tokens_left and dead:
        outcome = _without(dead, outcome)
    for each, death in deaths:
        if death is Death.ALIVE:
            outcome = _left_alive(outcome, each, by)
        elif death is Death.UNKNOWN and outcome.ending is not Ending.FAILED:
            outcome.notices.append(f"Nomad could not be asked whether the token {each.accessor_id} is dead.")
    return outcome, dead


def _worth(death: Death, held: HeldLease | HeldToken, outcome: Outcome, ledger: Ledger) -> Death:
    """Return what a *death* is worth: against Vault's word, a Nomad must have seen the token alive.

    Another cluster refuses it as well.
    """
    if death is Death.SEEN:
        return Death.PROVEN
    doubted = outcome.ending is Ending.FAILED and (not outcome.tokens_left or held.accessor_id in outcome.tokens_left)
    if death is Death.PROVEN and doubted and held.accessor_id not in ledger.accepted:
        return Death.UNKNOWN
    return death


def _and_left_before(outcome: Outcome, ledger: Ledger, dead: set[str]) -> Outcome:
    """Name what an earlier undo has left, as long as nobody has said that it is dead."""
    named = "\n".join(outcome.left)
    left = [
        f"The Nomad token {fact.accessor_id} may live, and without an end: an earlier revoke left it, and Vault says "
        f"no more of it.\nLook: nomad acl token info {pasted(fact.accessor_id)}; by hand: vault lease revoke "
        f"{pasted(fact.lease_id)}"
        for fact in ledger.undeleted
        if fact.accessor_id not in dead
        and fact.accessor_id not in named
        and (fact.granted or fact.lease_id not in outcome.ended)
    ]
    if not left:
        return outcome
    line = f"{outcome.line}, and an earlier revoke left {f'{len(left)} tokens' if left[1:] else 'a token'} at Nomad"
    return replace(outcome, ending=Ending.FAILED, line=line, left=[*outcome.left, *left])


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
    outcome = replace(outcome, facts=(*outcome.facts, Accepted(accessor_id=held.accessor_id)))
    if any(held.accessor_id in text for text in outcome.left):
        return replace(outcome, left=[*outcome.left, seen])
    if isinstance(held, HeldLease):
        by_hand = f"Vault goes on trying for some minutes; by hand: vault lease revoke {pasted(held.lease_id)}"
        fact = Undeleted(accessor_id=held.accessor_id, lease_id=held.lease_id, granted=True)
        outcome = replace(outcome, facts=(*outcome.facts, fact))
    else:
        by_hand = f"By hand: nomad acl token delete {pasted(held.accessor_id)}"
    line = outcome.line if outcome.ending is Ending.FAILED else "Nomad still accepts it"
    return replace(outcome, ending=Ending.FAILED, line=line, left=[*outcome.left, f"{seen} {by_hand}"])
