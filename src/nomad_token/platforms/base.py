"""Where the program runs: what it must know of the job, and what it may tell it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from pydantic import SecretStr

from nomad_token.clock import Deadline
from nomad_token.declared import Declared, Found


@dataclass(frozen=True, slots=True)
class Export:
    """What the job's next steps get."""

    variables: Mapping[str, SecretStr | str] = field(repr=False)
    outputs: Mapping[str, SecretStr | str] = field(repr=False)


class Level(Enum):
    """How loud a message is."""

    WARNING = "warning"
    ERROR = "error"


class Platform(Protocol):
    """One kind of place to run in."""

    # where an input was given, None where it is not; empty is not given
    def lookup(self, declared: Declared) -> Found | None: ...  # noqa: D102

    # the text of a file that an input names; raises InputError
    def read_file(self, path: str) -> str: ...  # noqa: D102

    # the proxy for an address, empty where there is none
    def proxy(self, address: str) -> str: ...  # noqa: D102

    # every name that was given as an input, ours or not
    def given_names(self) -> list[str]: ...  # noqa: D102

    # raises InputError where what is saved would be lost: then nothing is minted
    def preflight(self) -> None: ...  # noqa: D102

    # the job's id token for an audience, not masked yet, before a deadline; raises NoIdentity, Temporary
    def id_token(self, audience: str, deadline: Deadline) -> SecretStr: ...  # noqa: D102

    # why this job is given no secrets; empty where it is
    def withheld(self) -> str: ...  # noqa: D102

    # hide a secret in all that is printed from now on
    def mask(self, secret: SecretStr) -> None: ...  # noqa: D102

    # save one line of a mint for the post-step, on disk when this returns; raises OSError
    def keep(self, mint: str, line: str) -> None: ...  # noqa: D102

    # nothing more is kept for this mint: what is found beyond it is somebody else's
    def kept_all(self) -> None: ...  # noqa: D102

    # the lines that were kept for this post-step, oldest first; they are not given out again
    def take_kept(self) -> list[str]: ...  # noqa: D102

    # hand over to the next steps; raises OSError
    def export(self, export: Export) -> None: ...  # noqa: D102

    # remove secrets from the files that the platform leaves behind, as far as they can be reached
    def scrub(self, secrets: Iterable[SecretStr]) -> None: ...  # noqa: D102

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
