"""Leases that are named: renewed and revoked with the operator's own token."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.http import READ_SECONDS
from nomad_token.clients.vault_operator import VaultOperator
from nomad_token.clock import Clock, Deadline
from nomad_token.errors import Error, LiveTokenLeft, NotFound
from nomad_token.leases.refusals import explain
from nomad_token.retry import of_repeatable, patiently
from nomad_token.revoke import SECONDS
from nomad_token.said import FromVault
from nomad_token.text import pasted, span


def renew_named(vault: VaultOperator, lease_ids: Sequence[str], clock: Clock, say: Callable[[str], None]) -> None:
    """Renew each lease by the engine's ttl, as far as its max_ttl allows, and say until when it lives.

    Raises the first `Error`, after all were tried.
    """
    failed: list[Error] = []
    for lease_id in lease_ids:
        try:
            seconds = vault.renew_lease(vault.token, lease_id, read_seconds=READ_SECONDS)
        except Failure as failure:
            failed.append(_not_renewed(failure, lease_id))
            continue
        ends = clock.now() + timedelta(seconds=seconds)
        say(f"Renewed {lease_id}: it ends at {ends:%Y-%m-%d %H:%M:%S} UTC, in {span(seconds)}.")
    _raise_first(failed, say)


def _not_renewed(failure: Failure, lease_id: str) -> Error:
    if isinstance(failure, Refusal) and FromVault.LEASE_NOT_FOUND in failure.said:
        return NotFound(
            f"Vault knows no lease {lease_id}.",
            why="It has ended, was revoked, or is in another namespace (`vault-namespace`).",
            fix="nomad-token list",
        )
    return explain(failure, f"renew {lease_id}", 'path "sys/leases/renew" { capabilities = ["update"] }')


def revoke_named(vault: VaultOperator, lease_ids: Sequence[str], clock: Clock, say: Callable[[str], None]) -> None:
    """Revoke each lease, and have Vault wait for what Nomad says; one that is gone is success (api-contract 1.6).

    Raises `LiveTokenLeft` for what could not be revoked, after all were tried.
    """
    left: list[str] = []
    for lease_id in lease_ids:
        if reason := _why_not_revoked(vault, lease_id, clock):
            left.append(f"{reason}\nBy hand: vault lease revoke {pasted(lease_id)}")
        else:
            say(f"Revoked {lease_id}.")
    if left:
        raise LiveTokenLeft("\n".join(left))


def _why_not_revoked(vault: VaultOperator, lease_id: str, clock: Clock) -> str:
    def revoke() -> None:
        vault.revoke_lease(vault.token, lease_id, read_seconds=READ_SECONDS)

    try:
        patiently(revoke, of_repeatable, clock=clock, deadline=Deadline(clock, SECONDS))
    except Failure as failure:
        return explain(failure, f"revoke {lease_id}", 'path "sys/leases/revoke" { capabilities = ["update"] }').text
    return ""


def _raise_first(failed: Sequence[Error], say: Callable[[str], None]) -> None:
    for each in failed[1:]:
        say(each.text)
    if failed:
        raise failed[0]
