"""What a command line says, and what was given by it and by the environment, under which names."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nomad_token.declared import Declared, Found
from nomad_token.platforms.spelling import PREFIX, spelled, spelt, variable


@dataclass(frozen=True, slots=True)
class Call:
    """What a command line says."""

    command: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    """The flags that are inputs, by their names."""
    sinks: Mapping[str, str] = field(default_factory=dict)
    """`shell-file`, `dotenv`, `json`: where to write; `field`: what to print."""
    state: str = ""
    portable: bool = False
    """Whether another job revokes, which has what this one hands over and no file of it."""
    prefix: str = ""
    """What the variables begin with that are meant for this call."""
    show: bool = False
    """Whether a secret may be shown on a terminal."""
    verbose: bool = False
    words: tuple[str, ...] = ()
    """The command of `run`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """The flags and words that a command has for itself."""


class GivenInputs:
    """The inputs of a call: its flags, standard variables, and `NOMAD_MINT_<NAME>`."""

    def __init__(
        self,
        call: Call,
        environ: Mapping[str, str],
        declared: Iterable[Declared],
        *,
        has_template: bool,
        no_inputs: Collection[str],
    ) -> None:
        """Look in *call* and *environ*; variables that only look like inputs are named by *no_inputs*.

        With *has_template*, a job of a CI may have been given them by a template, under their own names.
        """
        self._call = call
        self._environ = environ
        self.declared = {one.name: one for one in declared}
        self._ours = call.prefix + PREFIX
        self._no_inputs = {call.prefix + name for name in no_inputs}
        self._by_template = has_template and not call.inputs
        self._names = {one.name: self._told(one, spelt(one)) for one in self.declared.values()}
        """How each input was given, else can be: an id token has another variable for each issuer."""

    def lookup(self, declared: Declared) -> Found | None:
        """Find an input: its flag, a standard variable, `NOMAD_MINT_<NAME>`, in this order; empty is not given."""
        # An undo asks by the name alone.
        known = declared if declared.environment else self.declared.get(declared.name, declared)
        flag = (f"--{known.name}", self._call.inputs.get(known.name, ""))
        ours = [self._call.prefix + name for name in (*known.environment, variable(known.name))]
        names = dict.fromkeys([*ours, *known.environment])
        for source, given in (flag, *((name, self._environ.get(name, "")) for name in names)):
            if value := given.strip():
                self._names[known.name] = self._told(known, source)
                return Found(value, source, variable=source in self._environ)
        self._names[known.name] = self._told(known, spelt(known))
        return None

    def names(self) -> list[str]:
        """List what was given by us alone: a standard variable may be there for another program."""
        ours = [
            name.removeprefix(self._ours).lower().replace("_", "-")
            for name, value in self._environ.items()
            if name.startswith(self._ours) and name not in self._no_inputs and value.strip()
        ]
        return [*(name for name, value in self._call.inputs.items() if value.strip()), *ours]

    def spelled(self, text: str) -> str:
        """Name inputs in *text* as they were given, else as they can be."""
        ours = [name.removeprefix(self._ours) for name in self._environ if name.startswith(self._ours)]
        unknown = {name.lower().replace("_", "-"): self._ours + name for name in ours}
        under = " under `inputs:`" if self._by_template else ""
        return spelled(text, self.declared, unknown | self._names).replace(" under `with:`", under)

    def _told(self, one: Declared, spelling: str) -> str:
        """Return how an input is named to whoever gave it: where a template hands it over, by its own name."""
        ours = spelling.startswith(("--", self._ours))
        return one.name if self._by_template and ours and not one.secret else spelling
