"""The places where the program runs and writes: each a job in this process, with the files that it has there."""

import io
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from certificates import Authority
from faults.roads import Arranged
from faults.wire import Wire
from nomad_token.__main__ import step
from nomad_token.command_line import command
from nomad_token_lab.runner import each_pair

ACT: Final = Path("/var/run/act")
_RUNNERS: Final = {
    "GITHUB_STATE": "save_state",
    "GITHUB_ENV": "set_env",
    "GITHUB_OUTPUT": "set_output",
    "GITHUB_STEP_SUMMARY": "step_summary",
}
_MINT: Final = re.compile(rb"\n[0-9a-f]{8} ")


@dataclass(frozen=True)
class Told:
    """How a step ended, and what it printed."""

    code: int
    log: str


class Job(Protocol):
    """A job with a mint and what undoes it."""

    # the files that the main step writes to, by the name that a person knows
    files: Mapping[str, Path]

    # run the main step, or what undoes it later; None where nobody would call it
    def main(self, wire: Wire) -> Told: ...  # noqa: D102
    def post(self, wire: Wire) -> Told | None: ...  # noqa: D102

    # take what the main step left, as a runner does
    def runner_reads(self) -> None: ...  # noqa: D102

    # what was handed to the next steps, as text
    def handed_over(self) -> str: ...  # noqa: D102


@dataclass
class ActionJob:
    """A use of the action: the runner's files, one set for each step, in one folder."""

    folder: Path
    arranged: Arranged
    inputs: Mapping[str, str]
    hands_state: bool = True
    """Whether the runner hands the state to the post-step; act does not."""
    environ: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Lay the files out."""
        self.folder.mkdir(parents=True)
        self._state: dict[str, str] = {}
        self.files = self._laid(1)
        self._files_of_post = self._laid(2)

    def main(self, wire: Wire) -> Told:
        """Run the main step."""
        return self._step("mint", self.files, wire)

    def runner_reads(self) -> None:
        """Take the state, as the runner does when the main step has ended: up to what it can't read."""
        self._state = {name: value for name, value in _read(self.files["GITHUB_STATE"]) if self.hands_state}

    @property
    def lines(self) -> list[str]:
        """What the runner hands to the post-step, in its order."""
        return [value for name, value in sorted(self._state.items()) if not name.endswith("_end")]

    def change(self, lines: list[str]) -> None:
        """Hand over something else."""
        changed = {f"nomad_token_{number:03}": line for number, line in enumerate(lines)}
        self._state = changed | {"nomad_token_end": str(len(lines))}

    def post(self, wire: Wire) -> Told:
        """Run the post-step, which has files of its own."""
        return self._step("revoke", self._files_of_post, wire)

    def handed_over(self) -> str:
        """Return what the next steps get."""
        found = [*_read(self.files["GITHUB_ENV"]), *_read(self.files["GITHUB_OUTPUT"])]
        return "\n".join(value for _, value in found)

    def _laid(self, number: int) -> dict[str, Path]:
        files = {name: self.folder / f"{file}_{number}" for name, file in _RUNNERS.items()}
        for file in files.values():
            file.touch()
        return files

    def _step(self, name: str, files: Mapping[str, Path], wire: Wire) -> Told:
        environ = {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "octo-org/octo-app", "PATH": "/usr/bin:/bin"}
        environ |= {**self.arranged.environ, **{variable: str(path) for variable, path in files.items()}}
        environ |= {f"INPUT_{name.upper()}": value for name, value in self.inputs.items()}
        if name == "revoke":
            environ |= {f"STATE_{key}": value for key, value in self._state.items()}
        out = io.StringIO()
        code = step(name, {**environ, **self.environ}, out, clock=self.arranged.clock, transport=wire)
        return Told(code, out.getvalue())


@dataclass
class ShellJob:
    """Calls of `nomad-token`, in whatever job they happen."""

    folder: Path
    arranged: Arranged
    environ: Mapping[str, str]
    files: Mapping[str, Path]
    mint: tuple[str, ...]
    revoke: tuple[str, ...] | None
    """None where nothing is called later."""
    runners: tuple[str, ...] = ()
    """The runner's files among `files`, which are there beforehand."""
    kept_by: Callable[["ShellJob"], Mapping[str, str]] = lambda _: {}
    """What the revoke finds in its environment besides."""

    def __post_init__(self) -> None:
        """Lay the runner's files out."""
        self.folder.mkdir(parents=True)
        for name in self.runners:
            self.files[name].touch()

    def main(self, wire: Wire) -> Told:
        """Mint."""
        return self._call(self.mint, {}, wire)

    def runner_reads(self) -> None:
        """Do nothing: state is a file."""

    @property
    def lines(self) -> list[str]:
        """What the state holds."""
        entries = self.files["the state"].read_text("utf-8").split("\n")
        return [line for entry in entries for _, _, line in [entry.partition(" ")] if line]

    def change(self, lines: list[str]) -> None:
        """Have it hold something else."""
        state = self.files["the state"]
        mint = state.read_text("utf-8").split()[0]
        text = "".join(f"\n{mint} {line}\n" for line in lines)
        state.write_bytes(text.encode("utf-8", "surrogateescape"))

    def post(self, wire: Wire) -> Told | None:
        """Revoke."""
        return self._call(self.revoke, self.kept_by(self), wire) if self.revoke else None

    def handed_over(self) -> str:
        """Return what the files hold."""
        files = [path for name, path in self.files.items() if name != "the state"]
        return "\n".join(path.read_text("utf-8") for path in files if path.is_file())

    def _call(self, words: tuple[str, ...], more: Mapping[str, str], wire: Wire) -> Told:
        environ = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder / "home")} | dict(self.environ) | dict(more)
        out, err = io.StringIO(), io.StringIO()
        code = command(words, environ, out, err, clock=self.arranged.clock, transport=wire)
        return Told(code, f"{out.getvalue()}{err.getvalue()}")


def _action(folder: Path, arranged: Arranged) -> ActionJob:
    return ActionJob(folder, arranged, arranged.inputs)


def _action_with_files(folder: Path, arranged: Arranged) -> ActionJob:
    """Hand the text of certificates and of a key on, which become files for the next steps."""
    (folder.parent / "pem").mkdir(exist_ok=True)
    authority = Authority(folder.parent / "pem")
    own = authority.client("ci")
    texts = {
        "nomad-ca-cert": authority.certificate.read_text("ascii"),
        "nomad-client-cert": own.certificate.read_text("ascii"),
        "nomad-client-key": own.key.read_text("ascii"),
        "summary": "always",
    }
    return ActionJob(folder, arranged, {**arranged.inputs, **texts})


def _act(folder: Path, arranged: Arranged) -> ActionJob:
    job = ActionJob(folder, arranged, {**arranged.inputs, "summary": "always"}, hands_state=False)
    job.files["the state"] = folder / "nomad-token.state"
    return job


def _variables(arranged: Arranged) -> dict[str, str]:
    """Return the inputs as a command reads them, and the id tokens that a job is given."""
    lab = arranged.lab
    arranged.clock.rewind()
    given = {f"NOMAD_MINT_{name.upper().replace('-', '_')}": value for name, value in arranged.inputs.items()}
    tokens = {"VAULT_ID_TOKEN": lab.vault.addr, "NOMAD_ID_TOKEN": lab.nomad.addr}
    return given | {name: lab.github.id_token(audience).get_secret_value() for name, audience in tokens.items()}


def _shell(folder: Path, arranged: Arranged) -> ShellJob:
    sinks = {"--shell-file": folder / "token.sh", "--dotenv": folder / "token.env", "--json": folder / "token.json"}
    state = folder / "state"
    flags = tuple(word for flag, path in sinks.items() for word in (flag, str(path)))
    return ShellJob(
        folder,
        arranged,
        _variables(arranged),
        {"the state": state, **sinks},
        ("mint", "--state", str(state), *flags),
        ("revoke", "--state", str(state)),
    )


def _home(folder: Path, arranged: Arranged) -> ShellJob:
    """Name no state: it is in the home, and the file to be sourced names it."""
    sink = folder / "token.sh"

    def named(job: ShellJob) -> dict[str, str]:
        lines = (line.removeprefix("export ") for line in job.handed_over().splitlines())
        found = {name: shlex.split(value)[0] for name, _, value in (line.partition("=") for line in lines)}
        states = [*(job.folder / "home/.local/state/nomad-token").glob("*.state"), job.folder / "none"]
        return {"NOMAD_MINT_STATE": found.get("NOMAD_MINT_STATE", str(states[0]))}

    return ShellJob(
        folder,
        arranged,
        _variables(arranged),
        {"--shell-file": sink},
        ("mint", "--shell-file", str(sink)),
        ("revoke",),
        kept_by=named,
    )


def _run_step(folder: Path, arranged: Arranged) -> ShellJob:
    """Call it in a `run:` step."""
    files = {name: folder / f"{file}_1" for name, file in _RUNNERS.items() if name != "GITHUB_STEP_SUMMARY"}
    environ = {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(folder)} | {name: str(path) for name, path in files.items()}
    return ShellJob(
        folder,
        arranged,
        {**_variables(arranged), **arranged.environ, **environ},
        {"the state": folder / "nomad-token.state", **files},
        ("mint",),
        ("revoke",),
        tuple(files),
    )


def _gitlab(folder: Path, arranged: Arranged) -> ShellJob:
    sink = folder / "token.sh"
    return ShellJob(
        folder,
        arranged,
        _variables(arranged) | _of_gitlab(folder),
        {"the state": folder / "project.tmp/nomad-token-1.state", "--shell-file": sink},
        ("mint", "--shell-file", str(sink)),
        ("revoke",),
    )


def _gitlab_pair(folder: Path, arranged: Arranged) -> ShellJob:
    """Mint in one job, and revoke in another, which has what the dotenv file says and no file of the first."""
    sink = folder / "token.env"

    def kept(job: ShellJob) -> dict[str, str]:
        lines = (line.partition("=") for line in job.handed_over().splitlines())
        return {"CI_JOB_ID": "2"} | {name: value for name, _, value in lines if name.startswith("NOMAD_MINT_")}

    return ShellJob(
        folder,
        arranged,
        _variables(arranged) | _of_gitlab(folder),
        {"the state": folder / "project.tmp/nomad-token-1.state", "--dotenv": sink},
        ("mint", "--dotenv", str(sink), "--portable"),
        ("revoke",),
        kept_by=kept,
    )


def _of_gitlab(folder: Path) -> dict[str, str]:
    return {"GITLAB_CI": "true", "CI_JOB_ID": "1", "CI_PROJECT_DIR": str(folder / "project")}


def _run(folder: Path, arranged: Arranged) -> ShellJob:
    return ShellJob(folder, arranged, _variables(arranged), {}, ("run", "--", "true"), None)


def _run_with_state(folder: Path, arranged: Arranged) -> ShellJob:
    state = folder / "state"
    words = ("run", "--state", str(state), "--", "true")
    return ShellJob(
        folder, arranged, _variables(arranged), {"the state": state}, words, ("revoke", "--state", str(state))
    )


PLACES: Final[Mapping[str, Callable[[Path, Arranged], ActionJob | ShellJob]]] = {
    "action": _action,
    "action-with-files": _action_with_files,
    "act": _act,
    "run-step": _run_step,
    "gitlab": _gitlab,
    "gitlab-pair": _gitlab_pair,
    "shell": _shell,
    "home": _home,
    "run": _run,
    "run-with-state": _run_with_state,
}


def _read(path: Path) -> Iterator[tuple[str, str]]:
    """Read what the runner would: nothing of a file that is not there, and no further than to what is broken."""
    with suppress(ValueError, OSError):
        if path.is_file():
            yield from each_pair(path)
