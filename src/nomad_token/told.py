"""What a job was told, before any of it is read: what the rules about two inputs look at."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from nomad_token.readers import NO, YES, seconds


@dataclass(frozen=True, slots=True)
class Told:
    """What a job was told, before any of it is read."""

    issuer: str
    method: str
    """The auth method at Vault; empty where there is no Vault."""
    found: Mapping[str, str] = field(repr=False)
    """What was given, by the inputs' names, as it was typed."""
    given: Collection[str]
    """The names that were given as inputs, and not by the environment."""
    defaults: Mapping[str, str]
    sources: Collection[str]
    """The variables that inputs are read from."""

    def has(self, *names: str) -> bool:
        """Tell whether any of *names* has a value."""
        return any(name in self.found for name in names)

    def typed(self, *names: str) -> bool:
        """Tell whether any of *names* was given as an input: the environment may be there for somebody else."""
        return any(name in self.given for name in names)

    def reaches(self, server: str) -> bool:
        """Tell whether *server* is asked for anything: what the environment says of another one is not read."""
        return self.has(f"{server}-addr") and (server != "vault" or self.issuer == "vault")

    def value(self, name: str) -> str:
        """Return what *name* is, by default too."""
        return self.found.get(name) or self.defaults.get(name, "")

    def denies(self, name: str) -> bool:
        """Tell whether *name* reads as false."""
        return self.value(name).lower() in NO

    def affirms(self, name: str) -> bool:
        """Tell whether *name* reads as true."""
        return self.value(name).lower() in YES

    def exceeds(self, name: str, other: str) -> bool:
        """Tell whether *name* is longer than *other*; what is no duration is refused when it is read."""
        long, short = self._seconds(name), self._seconds(other)
        return long is not None and short is not None and long > short

    @property
    def role_names(self) -> list[str]:
        """The variable that each line of `role` names, empty where it names none."""
        lines = [line for line in re.split(r"[,\n]", self.found.get("role", "")) if line.strip()]
        return [line.partition("|")[2].strip() for line in lines]

    @property
    def targets(self) -> list[str]:
        """The variables that tokens are written to."""
        return [name for name in self.role_names if name] or [self.value("env-name")]

    def _seconds(self, name: str) -> float | None:
        try:
            return seconds(self.value(name))
        except ValueError:
            return None
