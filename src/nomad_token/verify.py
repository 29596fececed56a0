"""Proof from Nomad itself: that a token is accepted, and that it no longer is."""

from enum import Enum
from typing import Final

from nomad_token.clients.failures import Failure, NotSent, Refusal
from nomad_token.clients.nomad import Nomad, Standing, TokenSelf
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
# Without a leader Nomad holds each request for 5 s and a little more, and then says so.
_READ_SECONDS: Final = 7.0
_UNSETTLED: Final = "It answered, and that settles nothing: there is no leader, or no way to the region."


class Unverified(Exception):
    """Nomad could not be asked."""

    def __init__(self, error: Error) -> None:
        """Keep the *error* that it is where asking is required."""
        super().__init__(error.what)
        self.error = error


def wait_until_accepted(
    nomad: Nomad, credential: Credential, *, clock: Clock, deadline: Deadline, advice: str
) -> TokenSelf:
    """Ask until Nomad accepts the token: a follower or another region learns of it a little later (api-contract 2.9).

    Returns what Nomad says of the token. Raises `Unverified` when Nomad is silent for 5 s (7 s, where a request of it
    is under way), `Refused` when it has no ACLs or the token is another region's, `Temporary` when it refuses the
    token to the end of *deadline*.
    """
    silent = Deadline(clock, PROOF_SECONDS)
    home = _Whereabouts.UNKNOWN if nomad.region else _Whereabouts.GLOBAL
    for pause in pauses(_FIRST_PAUSE, _LONGEST_PAUSE):
        try:
            standing, token = nomad.standing(
                credential.secret, credential.accessor_id, now=clock.now(), read_seconds=_READ_SECONDS
            )
        except Failure as failure:
            if min(silent.left(), deadline.left()) <= pause or _lasts(failure):
                raise Unverified(_silent(failure, advice)) from None
        else:
            silent = Deadline(clock, PROOF_SECONDS)
            if standing is Standing.ACCEPTED and token is not None:
                return token
            if standing is Standing.NO_ACLS:
                raise Refused(
                    f"Nomad at {nomad.address} runs without ACLs (ACL support disabled), and a token was made for it.",
                    why=f"{_another(credential)}this agent's configuration differs from its servers'.",
                    fix=f"Check `acl` there: nomad agent-info{_compared(credential)}",
                )
            if home is _Whereabouts.LOCAL:
                raise _elsewhere(nomad, credential)
            if home is _Whereabouts.UNKNOWN:
                # If it is there, the region is asked once more: it may be the same one, which learnt of it just now.
                home = _whereabouts(nomad.of_own_region(), credential, clock)
            if deadline.left() <= pause:
                raise Temporary(
                    f"Nomad at {nomad.address} does not accept the token.",
                    why=f"{_another(credential)}`nomad-region` is one that the token is not known in (only global "
                    "tokens are known in every one), or replication is late.",
                    fix=f"Check `nomad-region`: nomad server members{_compared(credential)}",
                    doubts=("nomad clock", "region"),
                )
        clock.sleep(pause)
    raise AssertionError("pauses don't end")


def _another(credential: Credential) -> str:
    """Begin a sentence on what may be the matter, whose next words fit there too."""
    return "Vault mints for another Nomad than the one at `nomad-addr`, or " if credential.access else "Maybe "


def _compared(credential: Credential) -> str:
    return f"\nand compare `nomad-addr` with: vault read {credential.access}" if credential.access else ""


class _Whereabouts(Enum):
    """Where a token will be accepted that the region does not accept now (api-contract 2.9)."""

    UNKNOWN = "the agent's own region does not accept it either, or can't be asked"
    LOCAL = "in the agent's own region, and in no other"
    GLOBAL = "in every region, once it has got there"


def _whereabouts(at_home: Nomad, credential: Credential, clock: Clock) -> _Whereabouts:
    try:
        standing, token = at_home.standing(
            credential.secret, credential.accessor_id, now=clock.now(), read_seconds=_READ_SECONDS
        )
    except Failure:
        return _Whereabouts.UNKNOWN
    if standing is not Standing.ACCEPTED or token is None:
        return _Whereabouts.UNKNOWN
    return _Whereabouts.GLOBAL if token.is_global else _Whereabouts.LOCAL


_MAKES_GLOBAL: Final = {
    "vault": "give its role in Vault global=true: vault write MOUNT/role/ROLE policies=… global=true",
    "nomad-login": "set TokenLocality of the auth method to global: "
    "nomad acl auth-method update -token-locality=global METHOD",
    "nomad-management": "set `global: true`",
}


def _elsewhere(nomad: Nomad, credential: Credential) -> Refused:
    return Refused(
        f"The token is not known in the region `{shown(nomad.region)}` (`nomad-region`), and won't be.",
        why=f"It is a local one of the region of the agent at {nomad.address}. A job that is run with it in "
        f"`{shown(nomad.region)}` would be refused: 403 Permission denied.",
        fix="Leave `nomad-region` out, or have a global token made, which every region knows: "
        f"{_MAKES_GLOBAL[credential.issuer]}",
    )


def unknown_policies(nomad: Nomad, credential: Credential, token: TokenSelf) -> list[str]:
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
    SEEN = "Nomad accepted it, and then refused it"
    ALIVE = "Nomad still accepts it"
    UNKNOWN = "Nomad could not be asked"


def wait_until_refused(nomad: Nomad, held: HeldLease | HeldToken, *, clock: Clock, deadline: Deadline) -> Death:
    """Ask until Nomad refuses the token that is *held*, for 5 s at most: Vault revokes in the background."""
    last, lived = Death.UNKNOWN, False
    bound = Deadline(clock, min(PROOF_SECONDS, deadline.left()))
    for pause in pauses(_FIRST_PAUSE, _LONGEST_PAUSE):
        try:
            standing, _ = nomad.standing(
                held.secret,
                held.accessor_id,
                now=clock.now(),
                read_seconds=max(0.1, min(_READ_SECONDS, bound.left())),
            )
        except Failure as failure:
            last = Death.UNKNOWN
            if _lasts(failure):
                return last
        else:
            lived = lived or standing is Standing.ACCEPTED
            if standing is Standing.REFUSED:
                return Death.SEEN if lived else Death.PROVEN
            # A Nomad without ACLs takes anything, and knows of no token.
            last = Death.ALIVE if standing is Standing.ACCEPTED else Death.UNKNOWN
        if bound.left() <= pause:
            return last
        clock.sleep(pause)
    raise AssertionError("pauses don't end")


def _lasts(failure: Failure) -> bool:
    return isinstance(failure, NotSent) and failure.lasts


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
