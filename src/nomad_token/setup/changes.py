"""What is to be done about an object, and what was found where it is wanted."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nomad_token.setup.objects import Object


class Verdict(StrEnum):
    """What is to be done."""

    CREATE = "create"
    CHANGE = "change"
    SAME = "same"
    REFUSE = "refuse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Found:
    """What is on the server where an object is wanted."""

    body: Mapping[str, Any] | None
    """None where nothing is."""
    ours: bool = True
    """Whether we made it, or what it is to be in."""
    path: str = ""
    """Where it is written to, where that is not the object's own path: it has an id."""
    unread: str = ""
    """Why it can't be told."""
    rule: str = ""
    """What of a policy would let it be read."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that differs."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Change:
    """An object, and what is to be done about it."""

    wanted: Object
    found: Found
    verdict: Verdict
    differences: tuple[Difference, ...] = ()
    reason: str = ""
    """Why it is refused, or not known."""
    fix: str = ""
    body: Mapping[str, object] = field(default_factory=dict)
    """What is written."""
    renews: bool = False
    """Whether it is an access that gets a new token."""

    @property
    def is_write(self) -> bool:
        """Whether something is written."""
        return self.verdict in {Verdict.CREATE, Verdict.CHANGE}

    @property
    def is_stop(self) -> bool:
        """Whether nothing at all may be written because of it."""
        return self.verdict in {Verdict.REFUSE, Verdict.UNKNOWN}

    @property
    def path(self) -> str:
        """Where it is written to."""
        return self.found.path or self.wanted.path
