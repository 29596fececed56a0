"""What is found at a link of the chain."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.errors import Error
from nomad_token.text import shown

RUN_IN_JOB: Final = "Run it inside the job: nomad-token doctor, with the inputs of the mint."


class Verdict(Enum):
    """How a link is."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict on one link, in the three parts of an `Error`; nothing of it is secret."""

    verdict: Verdict
    what: str
    why: str = ""
    fix: str = ""
    exit_code: int = 0
    """That of the error which a mint would end with; 0 for all that is not broken."""
    name: str = ""
    """The link's, which the walk adds."""
    asked_with: tuple[str, ...] = ()
    """Whose tokens were shown to the servers for it, which the walk adds too."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """A fact that can't be had with the tokens at hand."""

    why: str
    fix: str = ""
    """What would show it."""


def ok(what: str) -> Finding:
    """Say that a link holds."""
    return Finding(Verdict.OK, what)


def warning(what: str, *, why: str = "", fix: str = "") -> Finding:
    """Say what does not break the chain, and may."""
    return Finding(Verdict.WARNING, what, why, fix)


def unknown(what: str, *, why: str = "", fix: str = "") -> Finding:
    """Say that a link can't be seen, and what would show it."""
    return Finding(Verdict.UNKNOWN, what, why, fix)


def skipped(what: str, *, fix: str = "") -> Finding:
    """Say that a link was not looked at."""
    return Finding(Verdict.SKIPPED, what, fix=fix)


def broken(error: Error) -> Finding:
    """Say what a mint would say."""
    return Finding(Verdict.BROKEN, error.what, error.why, error.fix, error.exit_code)


def not_seen(fact: Unseen | Failure, subject: str, rule: str = "") -> Finding:
    """Say that *subject* can't be seen; *rule* is the line of a policy of Vault's that would show it."""
    if isinstance(fact, Unseen):
        return unknown(f"{subject} can't be seen: {fact.why}", fix=fact.fix)
    said = shown(fact.said) if isinstance(fact, Refusal) else ""
    seen_with = f"A token shows it whose policies have: {rule}" if rule else ""
    return unknown(f"{subject} can't be seen: {said or shown(fact.reason)}", fix=seen_with)
