"""What a step meets of GitHub's runner: its inputs, its files, and what of them reaches the next steps.

As in actions/runner, `FileCommandManager.cs` and `ActionRunner.cs`; the steps are our own executables, on this machine.
"""

import json
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

MINT: Final = "nomad-token-mint"
REVOKE: Final = "nomad-token-revoke"
_FILES: Final = {
    "GITHUB_STATE": "save_state_1",
    "GITHUB_ENV": "set_env_1",
    "GITHUB_OUTPUT": "set_output_1",
    "GITHUB_STEP_SUMMARY": "step_summary_1",
}
_SECONDS: Final = 120


@dataclass(frozen=True)
class Ran:
    """What a step printed and left."""

    code: int
    log: str
    variables: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    summary: str = ""

    @property
    def facts(self) -> list[dict[str, Any]]:
        """What a main step saved for its post-step, in the order in which it did."""
        return [json.loads(line) for name, line in sorted(self.state.items()) if not name.endswith("_end")]

    @property
    def secrets(self) -> list[str]:
        """The secrets among what was saved and handed on."""
        saved = [fact[name] for fact in self.facts for name in ("token", "secret") if name in fact]
        return list(dict.fromkeys([*saved, *filter(None, [self.outputs.get("token")])]))


class Step:
    """One use of the action in a job: its main step, and a post-step that is given the state of the first."""

    def __init__(self, folder: Path, environ: Mapping[str, str], *, scripts: Path | None = None) -> None:
        """Keep the runner's files below *folder*; *environ* is the job's; the executables are those in *scripts*."""
        self._folder = folder
        self._scripts = scripts or Path(sysconfig.get_path("scripts"))
        self._environ = dict(environ)
        self._state: dict[str, str] = {}

    def main(self, inputs: Mapping[str, str]) -> Ran:
        """Run the main step with *inputs* under `with:`."""
        return self._run(MINT, inputs)

    def post(self, inputs: Mapping[str, str] | None = None) -> Ran:
        """Run the post-step; the runner evaluates the *inputs* anew for it."""
        return self._run(REVOKE, inputs or {})

    def start(self, executable: str, inputs: Mapping[str, str]) -> "subprocess.Popen[str]":
        """Start one of the two steps and don't wait for it: see `read`."""
        return subprocess.Popen(  # noqa: S603 - our own executable
            [str(self._scripts / executable)],
            env=self.environment(executable, inputs),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read(self, executable: str, code: int, log: str) -> Ran:
        """Read what a step left, as the runner does when it has ended, however it did."""
        files = self._files(executable)
        ran = Ran(
            code,
            log,
            pairs(files["GITHUB_ENV"]),
            pairs(files["GITHUB_OUTPUT"]),
            pairs(files["GITHUB_STATE"]),
            files["GITHUB_STEP_SUMMARY"].read_text("utf-8"),
        )
        if executable == MINT:
            self._state = ran.state
        return ran

    def _run(self, executable: str, inputs: Mapping[str, str]) -> Ran:
        with self.start(executable, inputs) as process:
            log, _ = process.communicate(timeout=_SECONDS)
        return self.read(executable, process.returncode, log)

    def _files(self, executable: str) -> dict[str, Path]:
        folder = self._folder / executable
        folder.mkdir(parents=True, exist_ok=True)
        files = {name: folder / file for name, file in _FILES.items()}
        for file in files.values():
            file.touch()
        return files

    def environment(self, executable: str, inputs: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a step with *inputs*: for one that is run in another way than by `start`."""
        given = {f"INPUT_{name.upper().replace(' ', '_')}": value for name, value in inputs.items()}
        state = {f"STATE_{name}": value for name, value in self._state.items()} if executable == REVOKE else {}
        files = {name: str(path) for name, path in self._files(executable).items()}
        runner = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo-org/octo-app", "PATH": "/usr/bin:/bin"}
        return {**runner, **self._environ, **given, **state, **files}


def pairs(path: Path) -> dict[str, str]:
    """Return the pairs of a `GITHUB_ENV`, `GITHUB_OUTPUT` or `GITHUB_STATE` file: `NAME=value`, or a heredoc.

    Raises:
        ValueError: where the runner fails the step: a line that is neither, or a heredoc without its end.
    """
    return dict(each_pair(path))


def each_pair(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the pairs one by one, as the runner takes them: what comes before a line that is wrong counts.

    Raises:
        ValueError: see `pairs`.
    """
    # The runner breaks lines at these alone; `splitlines` would at a dozen more. (Python reads all three as a newline.)
    lines = iter(path.read_text("utf-8").split("\n"))
    for line in lines:
        name, equals, value = line.partition("=")
        key, heredoc, delimiter = line.partition("<<")
        if heredoc and (not equals or len(key) < len(name)):
            yield key, "\n".join(_until(delimiter, lines))
        elif equals and name:
            yield name, value
        elif line:
            raise ValueError(f"invalid format '{line}'")


def _until(delimiter: str, lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        if line == delimiter:
            return
        yield line
    raise ValueError(f"matching delimiter not found '{delimiter}'")
