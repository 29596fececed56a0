"""An input as it is declared, and a value as it was found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

PLACES: Final = frozenset(
    {"VAULT_ADDR", "VAULT_SERVER_URL", "VAULT_NAMESPACE", "NOMAD_ADDR", "NOMAD_REGION", "NOMAD_NAMESPACE"}
)
"""What the action reads of the plain environment: any earlier step can set the rest (design §4)."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One input, as it is declared: all that another page may say of it."""

    name: str
    about: str
    default: str
    environment: tuple[str, ...]
    """Standard variables that are read where the input itself is not given, the first that is set."""
    secret: bool
    required: bool
    choices: tuple[str, ...]
    read_with: tuple[str, ...] = ()
    """The choices with which it is read, such as `vault-auth-method: approle`; empty where it is read in any case."""

    @property
    def places(self) -> tuple[str, ...]:
        """The variables that the action reads too."""
        return tuple(name for name in self.environment if name in PLACES)


@dataclass(frozen=True, slots=True)
class Found:
    """A value that was given, and where: `origin` is logged, the value isn't."""

    value: str = field(repr=False)
    origin: str
    variable: bool = False
    """Whether it stood in the environment, where others than the caller may have put it."""


Lookup = Callable[[Declared], Found | None]
"""How a platform is asked for an input; None where it is not given, or empty."""
