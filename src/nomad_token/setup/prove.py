"""The proof that an engine mints: a token of one of its roles, accepted by Nomad, and refused after its revoke."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from nomad_token.clients.failures import Failure, Lost, Refusal
from nomad_token.clients.http import READ_SECONDS
from nomad_token.clients.vault import Creds, nomad_refused
from nomad_token.clock import Clock, Deadline
from nomad_token.credential import Credential
from nomad_token.errors import LiveTokenLeft
from nomad_token.issuers.vault_refusals import EngineRole, explain_creds
from nomad_token.retry import Verdict, of_making, of_repeatable, patiently
from nomad_token.said import FromNomad
from nomad_token.setup.changes import Change
from nomad_token.setup.current import Servers
from nomad_token.state import HeldLease
from nomad_token.text import pasted, shown
from nomad_token.verify import Death, Unverified, wait_until_accepted, wait_until_refused

_SECONDS: Final = 15.0
"""How long each step of it is tried again."""


def role_to_prove(roles: Sequence[Change]) -> str | None:
    """Return the role that a proof mints: a client's, where there is one, since a management token can do more."""
    ordered = sorted(roles, key=lambda each: each.wanted.body["type"] != "client")
    return ordered[0].wanted.name.rpartition("/")[2] if ordered else None


def prove(
    servers: Servers, engine: EngineRole, *, clock: Clock, advice: Callable[[str], str], token_is_new: bool
) -> str:
    """Mint and revoke, and return what that proves. Raises `Error` where it does not work; what was minted is revoked.

    *token_is_new* where Vault's token for Nomad was made just now: another region may not know it yet.
    """
    nomad = servers.needed_nomad()
    creds = _minted(servers, engine, clock, advice, token_is_new=token_is_new)
    credential = Credential(
        secret=creds.secret_id,
        accessor_id=creds.accessor_id,
        issuer="vault",
        env_name="NOMAD_TOKEN",
        access=f"{engine.mount}/config/access",
    )
    deadline = Deadline(clock, _SECONDS)
    try:
        wait_until_accepted(nomad, credential, clock=clock, deadline=deadline, advice=advice(nomad.address))
    except Unverified as unverified:
        raise unverified.error from None
    finally:
        _revoked(servers, creds, clock)
    held = HeldLease(
        lease_id=creds.lease_id,
        accessor_id=creds.accessor_id,
        secret=creds.secret_id,
        ends=clock.now() + timedelta(seconds=creds.lease_duration),
    )
    death = wait_until_refused(nomad, held, clock=clock, deadline=Deadline(clock, _SECONDS))
    if death is not Death.PROVEN:
        raise LiveTokenLeft(
            f"Vault revoked the lease of the token {creds.accessor_id}, and {death.value}.",
            why="Vault mints and revokes in another Nomad than the one at `nomad-addr`, or Nomad is in trouble.",
            fix=f"nomad acl token info {pasted(creds.accessor_id)}",
        )
    return f"Proven: Vault minted a token of {engine.path}, Nomad accepted it, and refused it after the revoke."


def _minted(
    servers: Servers, engine: EngineRole, clock: Clock, advice: Callable[[str], str], *, token_is_new: bool
) -> Creds:
    vault = servers.needed_vault()

    def judge(failure: Failure) -> Verdict:
        nomad = nomad_refused(failure) if isinstance(failure, Refusal) else None
        if token_is_new and nomad and (nomad[0] == 403 or FromNomad.ABOUT_A_TOKEN in nomad[1]):
            return Verdict.NOTHING_MADE
        return of_making(failure)

    try:
        return patiently(
            lambda: vault.creds(vault.token, engine.mount, engine.role),
            judge,
            clock=clock,
            deadline=Deadline(clock, _SECONDS),
        )
    except Failure as failure:
        error = explain_creds(failure, vault.place, engine, advice(failure.address))
        if isinstance(failure, Lost):
            raise LiveTokenLeft(
                f"{error.what}\nThe mint that was to prove `{engine.path}` may have made a token.",
                why=error.why,
                fix=f"nomad-token list {pasted(engine.role)}, and: nomad-token revoke --lease LEASE",
            ) from None
        raise error from None


def _revoked(servers: Servers, creds: Creds, clock: Clock) -> None:
    vault = servers.needed_vault()

    def revoke() -> None:
        vault.revoke_lease(vault.token, creds.lease_id, read_seconds=READ_SECONDS)

    try:
        patiently(revoke, of_repeatable, clock=clock, deadline=Deadline(clock, _SECONDS))
    except Failure as failure:
        raise LiveTokenLeft(
            f"The token {creds.accessor_id} that was minted as a proof could not be revoked: "
            f"{shown(failure.said if isinstance(failure, Refusal) else failure.reason)}",
            fix=f"vault lease revoke {pasted(creds.lease_id)}",
        ) from None
