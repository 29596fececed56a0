"""The undo of what Vault granted: the lease where that is allowed, and the login, which takes it along."""

import json
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.vault import Vault, VaultPlace, policy_denies, token_is_gone
from nomad_token.retry import of_repeatable, patiently
from nomad_token.said import FromNomad, FromVault
from nomad_token.secret import SecretStr
from nomad_token.state import Asked, HeldLease, HeldLogin, Ledger, Undeleted
from nomad_token.text import pasted, shown
from nomad_token.undo.outcome import Ending, Means, Outcome

_FOR_THE_LOGIN: Final = 3.0
"""Seconds that are kept for the login's end, which takes every lease along."""
_Failed = tuple[HeldLease, Failure]


def undo_at_vault(place: VaultPlace, ledger: Ledger, by: Means, *, lent: bool) -> Outcome:
    """Revoke what *ledger* holds at *place*; with a token that is *lent*, the leases alone."""
    login, leases, unanswered = ledger.login, ledger.leases, ledger.unanswered
    if lent:
        outcome = _with_lent(Vault(by.connect(place), place), place.below, ledger, by)
    elif login is None:
        return _without_login(leases, unanswered, by)
    elif place.below:
        outcome = _with_login_above(Vault(by.connect(place), place), place.below, ledger, login, by)
    else:
        outcome = _with_login(Vault(by.connect(place), place), ledger, login, by)
    outcome.notices += [_maybe_orphaned(asked, by, place.below) for asked in unanswered if asked.what == "creds"]
    return outcome


def _with_lent(vault: Vault, below: str, ledger: Ledger, by: Means) -> Outcome:
    """Revoke the leases alone: the token that asked for them is the user's."""
    leases = ledger.leases
    if not leases:
        return Outcome(Ending.NOTHING_SAVED, "no token was minted, or it was undone already")
    token = by.lent
    if token is None:
        return _but_left(
            "`vault-token` was not there to do it with",
            {lease.accessor_id: _lease_left(lease, "`vault-token` was not handed over again.") for lease in leases},
        )
    failures = [(lease, failure) for lease in leases if (failure := _revoked_with(vault, token, lease, by))]
    ended = _ended(leases, failures)
    if not failures:
        return Outcome(Ending.REVOKED, f"Vault revoked {_the(leases)}", ended=ended)
    if not below and all(isinstance(failure, Refusal) and token_is_gone(failure) for _, failure in failures):
        gone = f"already gone: Vault no longer knows `vault-token`, nor {_the(leases, 'its')}"
        return Outcome(Ending.REVOKED, gone, ended=ended)
    left = _but_left("Vault did not do it", _not_revoked(failures, below))
    return replace(left, ended=ended, facts=_undeleted(failures))


def _revoked_with(vault: Vault, token: SecretStr, lease: HeldLease, by: Means) -> Failure | None:
    """Revoke *lease*; return why it was not done, None where it was, or its token was deleted by somebody else."""

    def revoke() -> None:
        vault.revoke_lease(token, lease.lease_id, read_seconds=by.share())

    try:
        patiently(revoke, of_repeatable, clock=by.clock, deadline=by.deadline)
    except Failure as failure:
        return None if isinstance(failure, Refusal) and FromNomad.ALREADY_GONE in failure.said else failure
    return None


def _not_revoked(failures: list[_Failed], below: str) -> dict[str, str]:
    return {lease.accessor_id: _why_not_revoked(lease, failure, below) for lease, failure in failures}


def _why_not_revoked(lease: HeldLease, failure: Failure, below: str) -> str:
    reason = _reason(failure)
    if isinstance(failure, Refusal) and policy_denies(failure):
        prefix = lease.lease_id.rpartition("/")[0]
        reason += (
            f'\nAdd to a policy of the token: path "{shown(below)}sys/leases/revoke" {{ capabilities = ["update"] '
            f'allowed_parameters = {{ "lease_id" = ["{shown(prefix)}/*"], "sync" = [] }} }}'
        )
    return _lease_left(lease, reason)


def _lease_left(lease: HeldLease, reason: str) -> str:
    return (
        f"The Nomad token {lease.accessor_id} may live until {lease.ends:%Y-%m-%d %H:%M:%S} UTC. {reason}\n"
        f"By hand: vault lease revoke {pasted(lease.lease_id)}"
    )


def _undeleted(failures: Sequence[_Failed]) -> tuple[Undeleted, ...]:
    """Return those whose lease Vault tried to end, and could not, since Nomad did not delete the token."""
    return tuple(
        Undeleted(accessor_id=lease.accessor_id, lease_id=lease.lease_id, granted=False)
        for lease, failure in failures
        if isinstance(failure, Refusal) and FromVault.NOT_REVOKED in failure.said
    )


def _ended(leases: Sequence[HeldLease], failures: Sequence[_Failed]) -> frozenset[str]:
    """Return the ids of the *leases* that are not among the *failures*."""
    failed = {lease.lease_id for lease, _ in failures}
    return frozenset(lease.lease_id for lease in leases if lease.lease_id not in failed)


def _but_left(line: str, left: Mapping[str, str]) -> Outcome:
    """Return a failure of which leases without a login are left: their texts, by the accessors of their tokens."""
    return Outcome(Ending.FAILED, line, left=list(left.values()), tokens_left=tuple(left))


def _without_login(leases: list[HeldLease], unanswered: list[Asked], by: Means) -> Outcome:
    """Name what may live; a lease without its login is what a torn state leaves, and nothing here can revoke it."""
    notices = [_maybe_orphaned(asked, by) if asked.what == "creds" else _login_lost(asked) for asked in unanswered]
    if not leases:
        return Outcome(Ending.NOTHING_SAVED, "no token was minted, or it was undone already", notices)
    left = [
        f"The Nomad token {lease.accessor_id} may live until {lease.ends:%Y-%m-%d %H:%M:%S} UTC: the login that asked "
        f"for it can't be read from what was saved. By hand: vault lease revoke {pasted(lease.lease_id)}"
        for lease in leases
    ]
    return Outcome(Ending.FAILED, "what was saved is incomplete", notices, left)


def _login_lost(asked: Asked) -> str:
    return (
        f"The login at `{asked.path}` was sent at {asked.at:%H:%M:%S} UTC, and no answer tells whether it was "
        "granted: a Vault token that nobody holds may live until its token_ttl. No Nomad token hangs on it."
    )


def _with_login(vault: Vault, ledger: Ledger, login: HeldLogin, by: Means) -> Outcome:
    """Revoke the leases where allowed, which reports Nomad's refusal; then the login, which takes them along."""
    leases = ledger.leases
    came = _revoke_leases(vault, login, leases, by)
    ended, facts = frozenset(came.ended), _undeleted(came.undeleted)
    outcome = replace(_end_login(vault, ledger, login, by, confirmed=came.confirmed), ended=ended, facts=facts)
    if not facts or outcome.ending is Ending.FAILED:
        return outcome
    texts = {
        lease.accessor_id: f"The Nomad token {lease.accessor_id} may live, and without an end. {_reason(failure)}\n"
        f"Vault goes on trying for some minutes; by hand: vault lease revoke {pasted(lease.lease_id)}"
        for lease, failure in came.undeleted
    }
    line = f"Vault ended the login, and could not delete {'a token' if leases[1:] else 'the token'} at Nomad"
    return replace(_but_left(line, texts), notices=outcome.notices, ended=ended, facts=facts)


def _with_login_above(vault: Vault, below: str, ledger: Ledger, login: HeldLogin, by: Means) -> Outcome:
    """Revoke the leases whatever is allowed, since they outlive the login; then the login."""
    leases = ledger.leases
    failures = [(lease, failure) for lease in leases if (failure := _revoked_with(vault, login.token, lease, by))]
    # Nothing hangs on the login: where it lives on, that is told apart from the leases.
    outcome = replace(_end_login(vault, ledger, login, by, confirmed=True), ended=_ended(leases, failures))
    if not failures:
        return outcome
    line = f"Vault did not revoke {_the(leases)}, and in another namespace none ends with the login"
    left = _but_left(line, _not_revoked(failures, below))
    return replace(left, notices=outcome.notices, lives=outcome.lives, ended=outcome.ended)


def _end_login(vault: Vault, ledger: Ledger, login: HeldLogin, by: Means, *, confirmed: bool) -> Outcome:
    """Revoke the login, whose leases are all *confirmed* to be revoked, or are not."""
    leases, unanswered = ledger.leases, ledger.unanswered

    def revoke_self() -> None:
        # A share, though nothing comes after it: where the first is not answered, a second may be.
        vault.revoke_self(login.token, read_seconds=by.share())

    try:
        patiently(revoke_self, of_repeatable, clock=by.clock, deadline=by.deadline)
    except Failure as failure:
        if isinstance(failure, Refusal) and token_is_gone(failure):
            return _gone(login, by, used=bool(leases or unanswered))
        if confirmed or not (leases or unanswered):
            done = f"Vault revoked {_the(leases)}" if leases else "no token was minted"
            ends = f"ends at {login.ends:%H:%M:%S} UTC" if login.ends else "has no end"
            notice = f"Vault did not revoke the login, which {ends}. {_reason(failure)}{_by_hand(_ending_of(login))}"
            return Outcome(Ending.REVOKED, done, notices=[notice], lives=True)
        return Outcome(Ending.FAILED, "Vault did not do it", left=[_left(failure, login, leases)])
    if not leases:
        return Outcome(Ending.REVOKED, "Vault revoked the login")
    done = _the(leases) if confirmed else f"the login and {_the(leases, 'its')}"
    return Outcome(Ending.REVOKED, f"Vault revoked {done}")


def _gone(login: HeldLogin, by: Means, *, used: bool) -> Outcome:
    """Tell of a login that Vault does not know; of one that was never *used* it says the same where it binds it."""
    if login.ends is not None and login.ends <= by.clock.now():
        return Outcome(Ending.EXPIRED, f"Vault ended it at {login.ends:%H:%M:%S} UTC")
    if used:
        return Outcome(Ending.REVOKED, "already gone: Vault no longer knows the login")
    ends = f"ends at {login.ends:%Y-%m-%d %H:%M:%S} UTC" if login.ends else "has no end"
    notice = (
        f"Vault refuses the login's token (accessor {login.accessor or 'unknown'}): it is gone, or bound to other "
        f"addresses than this one (token_bound_cidrs), and then {ends}. No Nomad token hangs on it."
    )
    return Outcome(Ending.REVOKED, "no token was minted", notices=[notice])


@dataclass(slots=True)
class _OneByOne:
    """What came of leases that were revoked one by one."""

    confirmed: bool = False
    """Whether Nomad's deletes are all confirmed."""
    ended: set[str] = field(default_factory=set)
    """The leases whose tokens are dead, by their ids."""
    undeleted: list[_Failed] = field(default_factory=list)
    """Those of which Vault says that Nomad did not do it."""


def _revoke_leases(vault: Vault, login: HeldLogin, leases: list[HeldLease], by: Means) -> _OneByOne:
    """Revoke *leases* one by one where a policy allows it.

    A denied call would raise an alarm in an audit log, so Vault is asked first. A token with few uses has none to
    spare: one a lease was used up by its read, and one is for its end. Nothing is tried twice: the login's end, which
    comes next, takes the leases along in any case, and some time is kept for it.
    """
    came = _OneByOne()
    if not leases or 0 < login.uses < 2 * len(leases) + 2:
        return came
    with suppress(Failure):
        if not vault.may(login.token, "update", "sys/leases/revoke", read_seconds=by.share()):
            return came
        confirmed = True
        for lease in leases:
            if by.deadline.left() < _FOR_THE_LOGIN:
                return came
            try:
                vault.revoke_lease(login.token, lease.lease_id, read_seconds=by.share())
            except Refusal as refusal:
                if FromVault.NOT_REVOKED not in refusal.said:
                    raise
                confirmed = False
                if FromNomad.ALREADY_GONE not in refusal.said:
                    came.undeleted.append((lease, refusal))
                    continue
            # A token that somebody deleted keeps its lease in Vault, and is dead all the same.
            came.ended.add(lease.lease_id)
        came.confirmed = confirmed
    return came


def _the(leases: list[HeldLease], article: str = "the") -> str:
    return f"{article} lease" if len(leases) == 1 else f"{article} {len(leases)} leases"


def _maybe_orphaned(asked: Asked, by: Means, below: str = "") -> str:
    """Name a token that nobody holds: its read was not answered, and Vault may have no lease (api-contract 7.2)."""
    # The name is Vault's: it goes through jq, as JSON, and through the shell.
    begins = json.dumps(shown(asked.named))
    program = shlex.quote(f".[] | select(.Name | startswith({begins})) | [.AccessorID, .Name, .CreateTime]")
    taken = (
        "In another namespace no lease ends with the login. It"
        if below
        else "The end of the login takes along what Vault has a lease for. A token without one"
    )
    return (
        f"`{asked.path}` was read at {asked.at:%H:%M:%S} UTC, and no answer tells whether a token was made. "
        f"{taken} would be named {shown(asked.named)}… and be made between {asked.at:%H:%M:%S} and "
        f"{by.clock.now():%H:%M:%S} UTC: "
        f"nomad acl token list -json | jq -c {program}"
    )


def _left(failure: Failure, login: HeldLogin, leases: list[HeldLease]) -> str:
    ends = f"; Vault ends the login at {login.ends:%Y-%m-%d %H:%M:%S} UTC" if login.ends else ""
    tokens = ", ".join(lease.accessor_id for lease in leases) or "one that was asked for and not seen"
    by_hand = [f"vault lease revoke {pasted(lease.lease_id)}" for lease in leases]
    text = f"The Nomad token may live: {tokens}. {_reason(failure)}{ends}."
    if isinstance(failure, Refusal) and policy_denies(failure):
        text += ' Add to a policy of the login\'s role: path "auth/token/revoke-self" { capabilities = ["update"] }'
    return text + _by_hand(*by_hand, _ending_of(login))


def _ending_of(login: HeldLogin) -> str:
    """Return the operator's command that ends *login*; empty where its accessor is not known."""
    return f"vault token revoke -accessor {pasted(login.accessor)}" if login.accessor else ""


def _by_hand(*commands: str) -> str:
    return f" By hand: {' && '.join(filter(None, commands))}" if any(commands) else ""


def _reason(failure: Failure) -> str:
    said = shown(failure.said) if isinstance(failure, Refusal) else shown(failure.reason)
    return f"Vault at {failure.address}: {said or shown(failure.reason)}"
