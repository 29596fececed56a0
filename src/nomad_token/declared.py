"""An input as it is declared, and a value as it was found."""

from collections.abc import Callable
from dataclasses import dataclass


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


@dataclass(frozen=True, slots=True)
class Found:
    """A value that was given, and where: `origin` is logged, the value isn't."""

    value: str
    origin: str


Lookup = Callable[[Declared], Found | None]
"""How a platform is asked for an input; None where it is not given, or empty."""
