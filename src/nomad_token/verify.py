"""Proof from Nomad itself: that a token is accepted, and that it no longer is."""

from enum import Enum
from typing import Final

from nomad_token.clients.http import Failure, Refusal
from nomad_token.clients.nomad import Nomad, Self, Standing
from nomad_token.clock import Clock, Deadline, pauses
from nomad_token.credential import Credential
from nomad_token.errors import Error, Refused, Temporary
from nomad_token.state import HeldLease, HeldToken
from nomad_token.text import shown
from nomad_token.unreachable import no_answer

PROOF_SECONDS: Final = 5.0
"""How long Nomad is asked whether a token is dead, and how long it may be silent before that is a warning."""
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
_READ_SECONDS: Final = 5.0
_UNSETTLED: Final = "It answered, and that settles nothing: there is no leader, or no way to the region."


class Unverified(Exception):
    """Nomad could not be asked."""

    def __init__(self, error: Error) -> None:
        """Keep the *error* that it is where asking is required."""
        super().__init__(error.what)
        self.error = error


def wait_until_accepted(nomad: Nomad, credential: Credential, *, clock: Clock, deadline: Deadline, advice: str) -> Self:
    """Ask until Nomad accepts the token: a follower or another region learns of it a little later (api-contract 2.9).

    Returns what Nomad says of the token. Raises `Unverified` when Nomad is silent for 5 s, `Refused` when it has no
    ACLs, `Temporary` when it refuses the token to the end of *deadline*.
    """
    silent = Deadline(clock, PROOF_SECONDS)
    for pause in pauses(_FIRST_PAUSE, _LONGEST_PAUSE):
        try:
            standing, token = nomad.standing(
                credential.secret, credential.accessor_id, now=clock.now(), read_seconds=_READ_SECONDS
            )
        except Failure as failure:
            if min(silent.left(), deadline.left()) <= pause:
                raise Unverified(_silent(failure, advice)) from None
        else:
            silent = Deadline(clock, PROOF_SECONDS)
            if standing is Standing.ACCEPTED and token is not None:
                return token
            if standing is Standing.NO_ACLS:
                raise Refused(
                    f"Nomad at {nomad.address} runs without ACLs (ACL support disabled), and Vault minted a token.",
                    why="Vault mints for another Nomad than the one at `nomad-addr`, or this agent's configuration "
                    "differs from its servers'.",
                    fix="Compare `nomad-addr` with the address in Vault: vault read MOUNT/config/access",
                )
            if deadline.left() <= pause:
                raise Temporary(
                    f"Nomad at {nomad.address} does not accept the token.",
                    why="Vault mints for another cluster than the one at `nomad-addr`, `nomad-region` is one that the "
                    "token is not known in (only tokens of a role with global=true are), or replication is late.",
                    fix="Compare `nomad-addr` and `nomad-region` with: vault read MOUNT/config/access",
                )
        clock.sleep(pause)
    raise AssertionError("pauses don't end")


def unknown_policies(nomad: Nomad, credential: Credential, token: Self) -> list[str]:
    """Return the policies of *token* that Nomad does not know: it accepts any name (api-contract 2.4).

    A Nomad that can't be asked this is no reason to fail: the list is empty then.
    """
    if not token.policies:
        return []
    try:
        known = nomad.policies(credential.secret, read_seconds=_READ_SECONDS)
    except Failure:
        return []
    return [name for name in token.policies if name not in known]


class Death(Enum):
    """What Nomad says of a token that was revoked."""

    PROVEN = "Nomad refuses it"
    ALIVE = "Nomad still accepts it"
    UNKNOWN = "Nomad could not be asked"


def wait_until_refused(nomad: Nomad, held: HeldLease | HeldToken, *, clock: Clock, deadline: Deadline) -> Death:
    """Ask until Nomad refuses the token that is *held*, for 5 s at most: Vault revokes in the background."""
    last = Death.UNKNOWN
    bound = Deadline(clock, min(PROOF_SECONDS, deadline.left()))
    for pause in pauses(_FIRST_PAUSE, _LONGEST_PAUSE):
        try:
            standing, _ = nomad.standing(
                held.secret,
                held.accessor_id,
                now=clock.now(),
                read_seconds=max(0.1, min(_READ_SECONDS, bound.left())),
            )
        except Failure:
            last = Death.UNKNOWN
        else:
            if standing is Standing.REFUSED:
                return Death.PROVEN
            # A Nomad without ACLs takes anything, and knows of no token.
            last = Death.ALIVE if standing is Standing.ACCEPTED else Death.UNKNOWN
        if bound.left() <= pause:
            return last
        clock.sleep(pause)
    raise AssertionError("pauses don't end")


def _silent(failure: Failure, advice: str) -> Error:
    """Explain why Nomad could not be asked: it said nothing, or nothing that settles the question."""
    asked = f"Nomad at {failure.address} could not be asked whether it accepts the token"
    if isinstance(failure, Refusal):
        said = f"{shown(failure.reason)} {shown(failure.said)}".strip()
        return Temporary(
            f"{asked}: {said}", why=_UNSETTLED, fix="Check `nomad-addr` and `nomad-region`: nomad server members"
        )
    error = no_answer(failure, "nomad", advice)
    return Temporary(f"{asked}: {shown(failure.reason)}", why=error.why, fix=f"{error.fix}\nOr set `verify: off`.")
