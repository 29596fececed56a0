"""Renewal: a login and its leases live on while they are needed, or it is said in time when they end."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.vault import Vault
from nomad_token.clock import Clock
from nomad_token.retry import Verdict, of_repeatable
from nomad_token.secret import SecretStr
from nomad_token.state import HeldLease, Ledger, Renewed
from nomad_token.text import shown, span

_PART: Final = 2 / 3
"""The part of a life after which it is renewed; Vault's own agent does so then."""
_READ_SECONDS: Final = 2.0
"""A renewal is short: whoever waits for it can't look after anything else."""
_AGAIN: Final = 15.0
"""Seconds at most between two tries, while a server is in trouble."""
_SOON: Final = 0.5
"""Seconds at least between two tries."""
_IN_TIME: Final = 5.0
"""Seconds before its end at which a trouble that lasts is told."""
_SHORTER: Final = 2.0
"""Seconds by which what is granted may be short of what was asked for, without a cap."""


@dataclass(slots=True)
class Living:
    """What ends at a time: a login, a lease, or a token of Nomad's own."""

    lease_id: str
    """Empty for a login, and for a token of Nomad's own."""
    ends: datetime | None
    """None where it has no end."""
    renew: Callable[[], int] | None
    """Renew it, and return the whole seconds of life from now; None where nothing can."""
    why_not: str
    """Why it can't be renewed any further, once it can't."""
    refused: str = ""
    """What Vault said to a renewal that it refused."""
    life: float = 0.0
    """The seconds that it was last granted: fewer the next time are a cap, and none are its last second."""


def living(ledger: Ledger, vault: Vault | None, lent: SecretStr | None, *, uses: int = 0) -> list[Living]:
    """List what is alive in *ledger*; with a token that is *lent*, its leases are renewed and itself is not.

    *uses* are those that the lent token may have left, 0 without limit: where there is one, nothing is renewed, since
    each renewal takes one, and with the last of them the token would end.
    """
    found = [_unrenewable(token.ends, "a token that Nomad itself granted can't be renewed") for token in ledger.tokens]
    if vault is None:
        return found
    login = ledger.login
    if uses or (login is not None and login.uses):
        why = "its Vault token is for a limited number of uses, which a renewal would take"
        found += [_unrenewable(login.ends, why)] if login else []
        return found + [_unrenewable(lease.ends, why, lease.lease_id) for lease in ledger.leases]
    if login is not None:
        found.append(
            Living(
                "",
                login.ends,
                lambda: vault.renew_self(login.token, read_seconds=_READ_SECONDS),
                "the login has reached its token_max_ttl, or its role does not let it be renewed",
            )
        )
    token = login.token if login else lent
    return found + [_lease(lease, vault, token) for lease in ledger.leases]


def of_lent(ends: datetime) -> Living:
    """Return a Vault token that is lent: its end is its owner's, and it takes its leases along."""
    return _unrenewable(ends, "the Vault token that is lent ends then")


def _unrenewable(ends: datetime | None, why: str, lease_id: str = "") -> Living:
    return Living(lease_id, ends, None, why)


def _lease(lease: HeldLease, vault: Vault, token: SecretStr | None) -> Living:
    if token is None:
        return _unrenewable(lease.ends, "the Vault token that asked for it is not there", lease.lease_id)
    return Living(
        lease.lease_id,
        lease.ends,
        lambda: vault.renew_lease(token, lease.lease_id, read_seconds=_READ_SECONDS),
        "the lease has reached the max_ttl of the engine's config/lease",
    )


class Renewal:
    """Keeps what is living alive, a step at a time: `due` says when, `step` does it."""

    def __init__(
        self, what: Iterable[Living], *, clock: Clock, note: Callable[[Renewed], None], warn: Callable[[str], None]
    ) -> None:
        """Begin with what lives now; *note* is told each new end, *warn* the last one, some time before it."""
        self._what = list(what)
        self._clock = clock
        self._note = note
        self._warn = warn
        self._round: list[tuple[Living, Callable[[], int]]] = []
        """What is still to be renewed of those whose turn it is."""
        self._warned = False
        for each in self._what:
            each.life = self._left(each)
        self._at = self._next()

    @property
    def ends(self) -> datetime | None:
        """When the first of it ends; None where nothing does."""
        return min((each.ends for each in self._what if each.ends), default=None)

    @property
    def over(self) -> list[Living]:
        """What can't be renewed any further."""
        return [each for each in self._what if each.renew is None]

    def due(self) -> float:
        """Return the seconds until something is to be done, infinite where nothing is left to do."""
        return max(0.0, self._at - self._clock.monotonic())

    def step(self) -> None:
        """Send one request of a renewal; where the first end can't be put off any more, say it, once."""
        first = self._first()
        if first is None:
            return
        if not self._round:
            if first.renew is None:
                self._last_word(first, first.why_not)
                self._let_go(first)
                return
            self._round = self._renewable
        try:
            self._renew(*self._round.pop(0))
        except Failure as failure:
            self._round.clear()
            left = self._left(first)
            if left <= _IN_TIME:
                self._last_word(first, f"it could not be renewed: {shown(failure.reason)}")
            self._at = self._clock.monotonic() + max(_SOON, min(_AGAIN, left / 3)) if left > 0 else float("inf")
            return
        if not self._round:
            self._at = self._next()

    def renew_all(self) -> None:
        """Renew once, now. Raises `Failure` where a server can't be asked."""
        for each, renew in self._renewable:
            self._renew(each, renew)

    @property
    def _renewable(self) -> list[tuple[Living, Callable[[], int]]]:
        return [(each, each.renew) for each in self._what if each.renew is not None and each.ends is not None]

    def _last_word(self, first: Living, why: str) -> None:
        if not self._warned:
            when = f"{first.ends:%Y-%m-%d %H:%M:%S} UTC, in {span(self._left(first))}"
            self._warn(f"The token ends at {when}, and the command still runs: {why}.")
        self._warned = True

    def _let_go(self, first: Living) -> None:
        """Go on without a lease that ends; the end of anything else is the end of all."""
        self._what.remove(first)
        if not first.lease_id:
            self._what.clear()
        self._at = self._next()

    def _renew(self, each: Living, renew: Callable[[], int]) -> None:
        began = self._clock.now()
        try:
            granted = renew()
        except Refusal as refusal:
            if of_repeatable(refusal) is not Verdict.FINAL:
                raise
            each.renew = None
            each.refused = shown(refusal.said) or f"HTTP {refusal.status}"
            each.why_not = f"Vault refused to renew it ({each.refused})"
            return
        if granted < each.life - _SHORTER or not granted:
            each.renew = None
        each.life = granted
        each.ends = began + timedelta(seconds=granted)
        self._warned = False
        self._note(Renewed(lease_id=each.lease_id, ends=each.ends))

    def _first(self) -> Living | None:
        ending = [each for each in self._what if each.ends is not None]
        return min(ending, key=lambda each: each.ends or self._clock.now(), default=None)

    def _left(self, each: Living) -> float:
        return (each.ends - self._clock.now()).total_seconds() if each.ends else float("inf")

    def _next(self) -> float:
        first = self._first()
        return self._clock.monotonic() + _PART * max(0.0, self._left(first)) if first else float("inf")
