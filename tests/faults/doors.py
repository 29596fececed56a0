"""The doors of the program: the action's two steps, `mint` and `revoke` in a shell, and `run`, which is both."""

import subprocess
import sysconfig
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from nomad_token_lab.runner import MINT, REVOKE, Ran, Step, pairs

PROGRAM: Final = "nomad-token"
_SCRIPTS: Final = Path(sysconfig.get_path("scripts"))
_PREFIX: Final = "NOMAD_MINT_"


@dataclass(frozen=True)
class Call:
    """An executable of ours, and what it is given."""

    executable: str
    argv: tuple[str, ...]
    environ: Mapping[str, str]

    def start(self) -> "subprocess.Popen[str]":
        """Start it as a process, all of whose output is its log."""
        return subprocess.Popen(  # noqa: S603 - our own executables
            [_SCRIPTS / self.executable, *self.argv],
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


class Door(ABC):
    """A way in; `main` mints, and `post` revokes where there is one."""

    steps: ClassVar[tuple[str, ...]] = ("main", "post")

    @abstractmethod
    def __init__(self, folder: Path, environ: Mapping[str, str], inputs: Mapping[str, str]) -> None:
        """Keep files in *folder*."""

    @abstractmethod
    def call(self, step: str) -> Call:
        """Return what a step runs."""

    @abstractmethod
    def read(self, step: str, code: int, log: str) -> Ran:
        """Read what a step left."""

    def run(self, step: str, seconds: float) -> Ran:
        """Run a step as a process, for *seconds* at the most, and read what it left."""
        with self.call(step).start() as process:
            try:
                log, _ = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return self.read(step, process.returncode, log)


class ActionDoor(Door):
    """The action on GitHub's runner."""

    def __init__(self, folder: Path, environ: Mapping[str, str], inputs: Mapping[str, str]) -> None:
        """Be one `uses:`."""
        self._step = Step(folder, environ)
        self._inputs = inputs

    def call(self, step: str) -> Call:
        """Return one of the two executables."""
        executable = _EXECUTABLES[step]
        return Call(executable, (), self._step.environment(executable, self._inputs))

    def read(self, step: str, code: int, log: str) -> Ran:
        """Read as the runner does."""
        return self._step.read(_EXECUTABLES[step], code, log)


_EXECUTABLES: Final = {"main": MINT, "post": REVOKE}


class ShellDoor(Door):
    """A shell: `mint` with a state, and `revoke` with the same."""

    def __init__(self, folder: Path, environ: Mapping[str, str], inputs: Mapping[str, str]) -> None:
        """Have every input in its variable."""
        folder.mkdir(parents=True)
        own = {_PREFIX + name.upper().replace("-", "_"): value for name, value in inputs.items()}
        self._environ = {"PATH": environ.get("PATH", "/usr/bin:/bin"), "HOME": str(folder), **own}
        self._state, self._written = folder / "state", folder / "written"

    def call(self, step: str) -> Call:
        """Return the command."""
        where = ("--state", str(self._state))
        words = ("mint", *where, "--dotenv", str(self._written)) if step == "main" else ("revoke", *where)
        return Call(PROGRAM, words, self._environ)

    def read(self, step: str, code: int, log: str) -> Ran:
        """Read the state, and what was written for others."""
        kept = dict(self._kept()) if step == "main" else {}
        return Ran(code, log, pairs(self._written) if self._written.exists() else {}, state=kept)

    def _kept(self) -> Iterator[tuple[str, str]]:
        lines = self._state.read_text("utf-8").split("\n") if self._state.exists() else []
        for number, line in enumerate(lines):
            fact = line.partition(" ")[2]
            if fact.startswith("{"):  # others name a file, or say that a mint is undone
                yield f"{number:04}", fact


class RunDoor(Door):
    """`run`, with a command that writes down what it got."""

    steps = ("main",)

    def __init__(self, folder: Path, environ: Mapping[str, str], inputs: Mapping[str, str]) -> None:
        """Have every input in its variable."""
        folder.mkdir(parents=True)
        own = {_PREFIX + name.upper().replace("-", "_"): value for name, value in inputs.items()}
        self._environ = {"PATH": environ.get("PATH", "/usr/bin:/bin"), "HOME": str(folder), **own}
        self._written = folder / "written"

    def call(self, step: str) -> Call:  # noqa: ARG002 - there is one
        """Return the command."""
        words = ("/bin/sh", "-c", 'echo "NOMAD_TOKEN=$NOMAD_TOKEN" >"$0"', str(self._written))
        return Call(PROGRAM, ("run", "--", *words), self._environ)

    def read(self, step: str, code: int, log: str) -> Ran:  # noqa: ARG002 - as above
        """Read what the command wrote."""
        return Ran(code, log, pairs(self._written) if self._written.exists() else {})
