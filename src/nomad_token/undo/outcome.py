"""How an undo ends, and what it works with."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from nomad_token.clients.http import Connection, Place
from nomad_token.clock import Clock, Deadline
from nomad_token.secret import SecretStr
from nomad_token.state import Accepted, Undeleted


class Ending(Enum):
    """The ways in which a post-step ends."""

    NOT_WANTED = "not wanted"
    NOTHING_SAVED = "nothing saved"
    EXPIRED = "already expired"
    LEFT_TO_END = "left to its end"
    REVOKED = "revoked"
    FAILED = "failed to revoke"


@dataclass(slots=True)
class Outcome:
    """How an undo ended: a line for the log, and what a person should know."""

    ending: Ending
    line: str
    notices: list[str] = field(default_factory=list)
    """What may be left though everything was done that can be."""
    left: list[str] = field(default_factory=list)
    """What was left: not empty exactly when the ending is FAILED."""
    tokens_left: tuple[str, ...] = ()
    """The accessors of what is left, one a text, where it hangs on no login: Nomad may say that it is dead."""
    ended: frozenset[str] = frozenset()
    """The leases that Vault says it has ended one by one."""
    facts: tuple[Accepted | Undeleted, ...] = ()
    """What a next undo must know, since nobody may tell it again."""
    lives: bool = False
    """Whether something lives that is no failure: a login on which nothing hangs, a token that ends by itself."""


@dataclass(frozen=True, slots=True)
class Means:
    """What an undo works with."""

    connect: Callable[[Place], Connection]
    clock: Clock
    deadline: Deadline
    lent: SecretStr | None = None
    """The user's own credential, where the plan names one and it could be had."""

    def share(self) -> float:
        """Return the seconds that a request may take, so that there is time for another one."""
        return max(1.0, self.deadline.left() / 3)
