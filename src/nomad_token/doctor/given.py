"""What is known of a chain before anything is asked, and how something is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from nomad_token.clients.failures import Answer, Failure
from nomad_token.clients.nomad import NomadPlace
from nomad_token.mint import Minting
from nomad_token.operating import Operator

PROBE_SECONDS: Final = 10.0
"""How long a server may take for an answer: without a leader Nomad holds each request for 5 s."""
_Fact = TypeVar("_Fact")


@dataclass(frozen=True, slots=True)
class Heard:
    """What a server said to somebody who shows no token, or why nothing was heard; and between which times."""

    heard: Answer | Failure
    sent: datetime
    received: datetime


class Given:
    """Of one chain. A fact that can't be had is an `Unseen`, or the `Failure` that asking for it met."""

    def __init__(
        self, minting: Minting, operator: Operator | None, *, at_desk: bool, namespace: str = "", mints: bool = False
    ) -> None:
        """Ask what *minting* would, and read as *operator* what a job may not; *mints* allows a probe."""
        self.minting = minting
        self.order, self.outside = minting.order, minting.outside
        self.operator = operator
        self.at_desk = at_desk
        self.namespace = namespace
        self.mints = mints
        self.probe_seconds = PROBE_SECONDS
        self.asked_with: dict[str, None] = {}
        """Whose tokens were shown to the servers since this was emptied."""

    def now(self) -> datetime:
        """Return the time of this machine."""
        return self.outside.clock.now()

    def advice(self, address: str) -> str:
        """Return the platform's on *address*."""
        return self.minting.platform.unreachable(address)

    @property
    def nomad_place(self) -> NomadPlace | None:
        """Where Nomad is; None where that was not given."""
        return self.order.nomad

    def heard(self, ask: Callable[[], Answer]) -> Heard:
        """Ask what takes no token."""
        sent = self.now()
        try:
            heard: Answer | Failure = ask()
        except Failure as failure:
            heard = failure
        return Heard(heard, sent, self.now())


def tried(ask: Callable[[], _Fact]) -> _Fact | Failure:
    """Return what *ask* returns, or the `Failure` that it meets."""
    try:
        return ask()
    except Failure as failure:
        return failure
