"""Which version is asked for, and which the checkout says it is."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REQUEST: Final = "release/"
"""What the name of the tag begins with that asks for a release."""
_VERSION: Final = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)", re.ASCII)


class Unready(Exception):
    """A release that can't be made, with all that is to be done first."""


@dataclass(frozen=True, order=True, slots=True)
class Version:
    """A version of three numbers; there are no others."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """The tag of this version alone: v1.2.3."""
        return f"v{self}"

    @property
    def major_tag(self) -> str:
        """The tag that moves along with the newest of its major version: v1."""
        return f"v{self.major}"


def parse(text: str) -> Version:
    """Read `1.2.3`; raises `Unready` where it is something else."""
    found = _VERSION.fullmatch(text)
    if not found:
        raise Unready(f"{text} is no version of three numbers, such as 1.2.3.")
    return Version(*map(int, found.groups()))


def asked_for(ref: str) -> Version:
    """Return the version that a tag asks for, from its whole name: refs/tags/release/1.2.3."""
    prefix = f"refs/tags/{REQUEST}"
    if not ref.startswith(prefix):
        raise Unready(f"{ref} asks for no release: a tag {REQUEST}1.2.3 does.")
    return parse(ref.removeprefix(prefix))


def of_the_package(root: Path) -> Version:
    """Return the version that the package in the checkout *root* says it is."""
    text = (root / "src" / "nomad_token" / "__init__.py").read_text("utf-8")
    found = re.search(r'^__version__ = "(.*)"$', text, re.MULTILINE)
    if not found:
        raise Unready("src/nomad_token/__init__.py has no line `__version__ = ...`.")
    return parse(found[1])
