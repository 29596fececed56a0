"""The undo of what Vault granted: the lease where that is allowed, and the login, which takes it along."""

from contextlib import suppress

from pydantic import SecretStr

from nomad_token.clients.http import READ_SECONDS, Failure, Refusal
from nomad_token.clients.vault import Vault, VaultPlace, policy_denies, token_is_gone
from nomad_token.retry import of_repeatable, patiently
from nomad_token.state import Asked, HeldLease, HeldLogin, Ledger
from nomad_token.text import pasted, shown
from nomad_token.undo.outcome import Ending, Means, Outcome


def undo_at_vault(place: VaultPlace, ledger: Ledger, by: Means, *, lent: bool) -> Outcome:
    """Revoke what *ledger* holds at *place*; with a token that is *lent*, the leases alone."""
    login, leases, unanswered = ledger.login, ledger.leases, ledger.unanswered
    if lent:
        outcome = _with_lent(Vault(by.connect(place), place), leases, by)
    elif login is None:
        return _without_login(leases, unanswered, by)
    else:
        outcome = _with_login(Vault(by.connect(place), place), login, leases, unanswered, by)
    outcome.notices += [_maybe_orphaned(asked, by) for asked in unanswered if asked.what == "creds"]
    return outcome


def _with_lent(vault: Vault, leases: list[HeldLease], by: Means) -> Outcome:
    """Revoke the leases alone: the token that asked for them is the user's."""
    if not leases:
        return Outcome(Ending.NOTHING_SAVED, "no token was minted, or it was undone already")
    token = by.lent
    if token is None:
        return Outcome(
            Ending.FAILED,
            "`vault-token` was not there to do it with",
            left=[_lease_left(lease, "`vault-token` was not handed over again.") for lease in leases],
        )
    left = [text for lease in leases if (text := _revoked_with(vault, token, lease, by))]
    if left:
        return Outcome(Ending.FAILED, "Vault did not do it", left=left)
    return Outcome(Ending.REVOKED, "Vault revoked the lease")


def _revoked_with(vault: Vault, token: SecretStr, lease: HeldLease, by: Means) -> str:
    """Revoke *lease* with a token that is lent; return what is left of it, nothing where all went well."""

    def revoke() -> None:
        vault.revoke_lease(token, lease.lease_id, read_seconds=by.share())

    try:
        patiently(revoke, of_repeatable, clock=by.clock, deadline=by.deadline)
    except Failure as failure:
        reason = _reason(failure)
        if isinstance(failure, Refusal) and policy_denies(failure):
            prefix = lease.lease_id.rpartition("/")[0]
            reason += (
                f'\nAdd to a policy of the token: path "sys/leases/revoke" {{ capabilities = ["update"] '
                f'allowed_parameters = {{ "lease_id" = ["{shown(prefix)}/*"], "sync" = [] }} }}'
            )
        return _lease_left(lease, reason)
    return ""


def _lease_left(lease: HeldLease, reason: str) -> str:
    return (
        f"The Nomad token {lease.accessor_id} may live until {lease.ends:%Y-%m-%d %H:%M:%S} UTC. {reason}\n"
        f"By hand: vault lease revoke {pasted(lease.lease_id)}"
    )


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


def _with_login(vault: Vault, login: HeldLogin, leases: list[HeldLease], unanswered: list[Asked], by: Means) -> Outcome:
    """Revoke the leases where allowed, which reports Nomad's refusal; then the login, which takes them along."""
    confirmed = _revoke_leases(vault, login, leases, by)

    def revoke_self() -> None:
        vault.revoke_self(login.token, read_seconds=min(READ_SECONDS, max(1.0, by.deadline.left())))

    try:
        patiently(revoke_self, of_repeatable, clock=by.clock, deadline=by.deadline)
    except Failure as failure:
        if isinstance(failure, Refusal) and token_is_gone(failure):
            if login.ends is not None and login.ends <= by.clock.now():
                return Outcome(Ending.EXPIRED, f"Vault ended it at {login.ends:%H:%M:%S} UTC")
            return Outcome(Ending.REVOKED, "already gone: Vault no longer knows the login")
        if confirmed or not (leases or unanswered):
            done = "Vault revoked the lease" if leases else "no token was minted"
            ends = f"at {login.ends:%H:%M:%S} UTC" if login.ends else "by itself"
            notice = f"Vault did not revoke the login, which ends {ends}. {_reason(failure)}"
            return Outcome(Ending.REVOKED, done, notices=[notice])
        return Outcome(Ending.FAILED, "Vault did not do it", left=[_left(failure, login, leases)])
    if not leases:
        return Outcome(Ending.REVOKED, "Vault revoked the login")
    return Outcome(Ending.REVOKED, "Vault revoked the lease" if confirmed else "Vault revoked the login and its lease")


def _revoke_leases(vault: Vault, login: HeldLogin, leases: list[HeldLease], by: Means) -> bool:
    """Revoke *leases* one by one where a policy allows it, and tell whether Nomad's deletes are confirmed.

    A denied call would raise an alarm in an audit log, so Vault is asked first. A token with few uses has none to
    spare: one a lease was used up by its read, and one is for its end. Nothing is tried twice: the login's end, which
    comes next, takes the leases along in any case.
    """
    if not leases or 0 < login.uses < 2 * len(leases) + 2:
        return False
    with suppress(Failure):
        if vault.may(login.token, "update", "sys/leases/revoke", read_seconds=by.share()):
            for lease in leases:
                vault.revoke_lease(login.token, lease.lease_id, read_seconds=by.share())
            return True
    return False


def _maybe_orphaned(asked: Asked, by: Means) -> str:
    """Name a token that nobody holds: its read was not answered, and Vault may have no lease (api-contract 7.2)."""
    program = f'.[] | select(.Name | startswith("{shown(asked.named)}")) | [.AccessorID, .Name, .CreateTime]'
    return (
        f"`{asked.path}` was read at {asked.at:%H:%M:%S} UTC, and no answer tells whether a token was made. The end of "
        "the login takes along what Vault has a lease for. A token without one would be named "
        f"{shown(asked.named)}… and be made between {asked.at:%H:%M:%S} and {by.clock.now():%H:%M:%S} UTC: "
        f"nomad acl token list -json | jq -c {pasted(program)}"
    )


def _left(failure: Failure, login: HeldLogin, leases: list[HeldLease]) -> str:
    ends = f"; Vault ends the login at {login.ends:%Y-%m-%d %H:%M:%S} UTC" if login.ends else ""
    tokens = ", ".join(lease.accessor_id for lease in leases) or "one that was asked for and not seen"
    by_hand = " && ".join(f"vault lease revoke {pasted(lease.lease_id)}" for lease in leases)
    text = f"The Nomad token may live: {tokens}. {_reason(failure)}{ends}."
    if isinstance(failure, Refusal) and policy_denies(failure):
        text += ' Add to a policy of the login\'s role: path "auth/token/revoke-self" { capabilities = ["update"] }'
    return f"{text} By hand: {by_hand}" if by_hand else text


def _reason(failure: Failure) -> str:
    said = shown(failure.said) if isinstance(failure, Refusal) else shown(failure.reason)
    return f"Vault at {failure.address}: {said or shown(failure.reason)}"
