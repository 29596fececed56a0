"""Where the program runs: what it must know of the job, and what it may tell it."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

from nomad_token.clock import Deadline
from nomad_token.declared import Declared, Found
from nomad_token.secret import SecretStr


@dataclass(frozen=True, slots=True)
class Export:
    """What the job's next steps get."""

    variables: Mapping[str, SecretStr | str] = field(repr=False)
    outputs: Mapping[str, object] = field(repr=False)
    """Text, secrets, and what is neither as it is; None where it can't be known."""


def plain(value: object) -> str:
    """Return a value of an export as text: a secret revealed, what is no text as JSON, nothing for None."""
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case str():
            return value
        case _:
            return in_json(value)


def in_json(value: object, *, indent: int | None = None) -> str:
    """Return *value* as JSON that can be printed in a job: no text in it begins a command of the runner's."""
    return json.dumps(value, indent=indent).replace("##[", "##\\u005b")


class Level(Enum):
    """How loud a message is."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was kept of one mint, oldest line first."""

    mint: str
    """Its id; empty where what keeps it tells one mint's lines from another's without."""
    lines: list[str] = field(repr=False)


class Job(Protocol):
    """What we run in: who the job is, and how it is spoken to."""

    # the job's id token for an audience, not masked yet, before a deadline; raises NoIdentity, Temporary
    def id_token(self, audience: str, deadline: Deadline) -> SecretStr: ...  # noqa: D102

    # why this job is given no secrets; empty where it is
    def withheld(self) -> str: ...  # noqa: D102

    # hide a secret in all that is printed from now on
    def mask(self, secret: SecretStr) -> None: ...  # noqa: D102

    # one line of the log
    def say(self, line: str) -> None: ...  # noqa: D102

    # a line for those who debug the step; most often dropped
    def trace(self, line: str) -> None: ...  # noqa: D102

    # a message that stands out
    def annotate(self, level: Level, title: str, text: str) -> None: ...  # noqa: D102

    # a piece of Markdown for the job's summary, where there is one
    def summarise(self, markdown: str) -> None: ...  # noqa: D102

    # advice on an address that can't be reached from here; empty where there is none
    def unreachable(self, address: str) -> str: ...  # noqa: D102


class CommandLineJob(Job, Protocol):
    """A job in which the command line is at home too."""

    # where the state of its mints is kept, for the whole job; None where each mint has a file of its own
    def state_file(self) -> Path | None: ...  # noqa: D102

    # whether the job has next steps that can be handed something
    def hands_over(self) -> bool: ...  # noqa: D102

    # hand over to the job's next steps; raises OSError
    def hand_over(self, export: Export) -> None: ...  # noqa: D102

    # what about this job may spoil what is handed over: variables, to sinks
    def remarks(self, variables: Collection[str], sinks: Collection[str]) -> list[str]: ...  # noqa: D102

    # how long a dotenv file may be, 0 where nothing bounds it
    def dotenv_bytes(self) -> int: ...  # noqa: D102

    # whether a template hands over inputs here, by their names
    def has_template(self) -> bool: ...  # noqa: D102

    # fold what is printed until the block's end
    def section(self, name: str) -> AbstractContextManager[None]: ...  # noqa: D102

    # remove secrets from what the job itself leaves behind, as far as it can be reached
    def scrub(self, secrets: Iterable[SecretStr]) -> None: ...  # noqa: D102


class WithoutTemplate:
    """The part of a `CommandLineJob` that a template of a CI's is answered with, where there is none."""

    def remarks(self, variables: Collection[str], sinks: Collection[str]) -> list[str]:  # noqa: ARG002 - nothing to say
        """Return nothing: what is handed over is neither stored nor overruled."""
        return []

    def has_template(self) -> bool:
        """Tell that there is none."""
        return False

    def dotenv_bytes(self) -> int:
        """Return no bound: who reads such a file is not known."""
        return 0

    def section(self, _name: str) -> AbstractContextManager[None]:
        """Return one that folds nothing."""
        return nullcontext()


class Platform(Job, Protocol):
    """A job, and the way in which we are called there: where inputs come from, and where state is kept."""

    # where an input was given, None where it is not; empty is not given
    def lookup(self, declared: Declared) -> Found | None: ...  # noqa: D102

    # the text of a file that an input names; raises InputError
    def read_file(self, path: str) -> str: ...  # noqa: D102

    # a file that an input names, as the next steps see it; None where that can't be known
    def host_path(self, path: str) -> str | None: ...  # noqa: D102

    # write a file for the next steps, and return its path there; None where they would not see it; raises OSError
    def place(self, mint: str, name: str, text: SecretStr | str) -> str | None: ...  # noqa: D102

    # say that variables with paths were not exported, and what to do
    def paths_untold(self, variables: Sequence[str]) -> str: ...  # noqa: D102

    # remove what was placed for a mint
    def clear(self, mint: str) -> None: ...  # noqa: D102

    # the proxy for an address, empty where there is none
    def proxy(self, address: str) -> str: ...  # noqa: D102

    # every name that was given as an input, ours or not
    def given_names(self) -> list[str]: ...  # noqa: D102

    # raises InputError where what is saved would be lost: then nothing is minted
    def preflight(self) -> None: ...  # noqa: D102

    # save one line of a mint for the post-step, on disk when this returns; raises OSError
    def keep(self, mint: str, line: str) -> None: ...  # noqa: D102

    # save one line more of a mint that was taken, where it may be taken again; raises OSError
    def keep_more(self, kept: Kept, line: str) -> None: ...  # noqa: D102

    # all that was asked for is held: from now on whoever revokes finds everything
    def let_go(self) -> None: ...  # noqa: D102

    # nothing more is kept for this mint: what is found beyond it is somebody else's
    def kept_all(self) -> None: ...  # noqa: D102

    # what was kept and is to be undone now, newest mint first
    def take_kept(self) -> list[Kept]: ...  # noqa: D102

    # hand over what was minted; raises OSError, InputError
    def export(self, export: Export) -> None: ...  # noqa: D102

    # where the next steps find the tokens that are to be variables, as a sentence without its full stop
    def exported_as(self, names: Sequence[str]) -> str: ...  # noqa: D102

    # when what was minted is revoked, as the end of a sentence
    def revoked_when(self) -> str: ...  # noqa: D102

    # remove secrets from what is left behind, as far as it can be reached, and forget a mint that is undone
    def scrub(self, kept: Kept, secrets: Iterable[SecretStr], *, undone: bool) -> None: ...  # noqa: D102


class OfJob:
    """A platform's half that is its job's."""

    def __init__(self, job: Job) -> None:
        """Pass on to *job* what is asked of it."""
        self.id_token = job.id_token
        self.withheld = job.withheld
        self.mask = job.mask
        self.say = job.say
        self.trace = job.trace
        self.annotate = job.annotate
        self.summarise = job.summarise
        self.unreachable = job.unreachable
