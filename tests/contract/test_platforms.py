"""What every platform keeps to by being in its register; a new one needs a place to run in below, and no other edit."""

import io
import json
import re
import subprocess
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from fakes import ASKED_CREDS, ASKED_LOGIN, CANARY, LEASE, LOGIN, PLAN, FakeClock
from nomad_token.clients.http import Connections
from nomad_token.clock import Deadline
from nomad_token.custody import Custody
from nomad_token.errors import InputError, NoIdentity
from nomad_token.order import all_declared
from nomad_token.platforms import JOBS
from nomad_token.platforms.action import Action
from nomad_token.platforms.base import Export, Level, Platform, plain
from nomad_token.platforms.call import Call
from nomad_token.platforms.github import GitHubJob
from nomad_token.platforms.gitlab import ADD_MASK, GitLabJob
from nomad_token.platforms.local import LocalJob
from nomad_token.platforms.shell import Shell
from nomad_token.platforms.spelling import variable
from nomad_token.secret import SecretStr
from nomad_token.signals import Signals
from nomad_token.state import dumps
from nomad_token_lab.runner import pairs
from through import answering

_OF_GITLAB = re.compile(r"\033\[3[13];1m(?=warning|error)|(?<=:)\033\[0m(?= )")
"""The colours that are ours, in the one place where they are."""
FACTS = [dumps(fact) for fact in (PLAN, ASKED_LOGIN, LOGIN, ASKED_CREDS, LEASE)]
HOSTILE = [
    "one\n::set-output name=x::y",
    "one\r::add-mask::x",
    "::stop-commands::x",
    "##[error]x",
    "x<<EOF\ny\nEOF\nNODE_OPTIONS=--require /tmp/x",
    "%0A::error::x",
    "\u2028::error::x\x1b[31m",
    "```\n# a heading",
]
EXPORT = Export(
    {"NOMAD_TOKEN": SecretStr(CANARY), "NOMAD_ADDR": "https://nomad.example.com:4646"},
    {"token": SecretStr(CANARY), "accessor-id": "an-accessor", "lease-duration": 1800, "type": None, "policies": ["a"]},
)


class Place(Protocol):
    """One place to run a platform in, as the two steps and the next ones see it."""

    # where it lies on disk
    folder: Path

    # start a process of the main step
    def main(self, inputs: Mapping[str, str]) -> Platform: ...  # noqa: D102

    # start the process that undoes, in the same place
    def post(self) -> Platform: ...  # noqa: D102

    # have what is kept be lost from now on
    def lose_state(self) -> None: ...  # noqa: D102

    # all that was printed
    def log(self) -> str: ...  # noqa: D102

    # the lines that command whoever reads the log
    def commands(self) -> list[str]: ...  # noqa: D102

    # what the next steps get: variables, outputs
    def handed_on(self) -> tuple[dict[str, str], dict[str, str]]: ...  # noqa: D102


class OnRunner:
    """The action on GitHub's runner, with its files below a folder."""

    def __init__(self, folder: Path) -> None:
        """Lay the files out as the runner does."""
        self.folder = folder
        self._files = runner_files(folder)
        self._environ = {"GITHUB_ACTIONS": "true", "RUNNER_DEBUG": "1"}
        self._environ |= {name: str(file) for name, file in self._files.items()}
        self._out = io.StringIO()

    def main(self, inputs: Mapping[str, str]) -> Platform:
        """Start it with *inputs* as the runner spells them."""
        return self._started({f"INPUT_{name.upper()}": value for name, value in inputs.items()})

    def post(self) -> Platform:
        """Start it with the state as the runner hands it over."""
        return self._started({f"STATE_{name}": value for name, value in pairs(self._files["GITHUB_STATE"]).items()})

    def lose_state(self) -> None:
        """Put a folder in the place of the file."""
        self._files["GITHUB_STATE"].unlink()
        self._files["GITHUB_STATE"].mkdir()

    def log(self) -> str:
        """Return what went to standard output."""
        return self._out.getvalue()

    def commands(self) -> list[str]:
        """Return what the runner takes for a command."""
        return of_runner(self.log())

    def handed_on(self) -> tuple[dict[str, str], dict[str, str]]:
        """Read the two files as the runner does."""
        return pairs(self._files["GITHUB_ENV"]), pairs(self._files["GITHUB_OUTPUT"])

    def _started(self, more: Mapping[str, str]) -> Platform:
        return Action(self._environ | dict(more), self._out, clock=FakeClock(), connect=nowhere())


class InShell:
    """The command line in a job, with all that it writes below a folder."""

    def __init__(self, folder: Path, kind: type[GitHubJob | GitLabJob | LocalJob], environ: Mapping[str, str]) -> None:
        """Call it in a job of *kind*, in whose environment *environ* is."""
        self.folder = folder
        self._kind = kind
        self._environ = dict(environ)
        self._job = io.StringIO()
        self._out = io.StringIO()
        job = self._made(self._environ)
        self._state = job.state_file() or folder / "of-the-mint.state"
        self._sinks = (
            {} if job.hands_over() else {"shell-file": str(folder / "token.sh"), "json": str(folder / "token.json")}
        )

    def main(self, inputs: Mapping[str, str]) -> Platform:
        """Call `mint`: a secret is a variable, all else a flag."""
        flags = {name: value for name, value in inputs.items() if not SECRET.get(name)}
        variables = {variable(name): value for name, value in inputs.items() if SECRET.get(name)}
        return self._called("mint", flags, variables)

    def post(self) -> Platform:
        """Call `revoke`."""
        return self._called("revoke", {}, {})

    def lose_state(self) -> None:
        """Put a folder in the place of the state."""
        self._state.unlink(missing_ok=True)
        self._state.mkdir()

    def log(self) -> str:
        """Return what went to standard output and to standard error."""
        return f"{self._out.getvalue()}{self._job.getvalue()}"

    def commands(self) -> list[str]:
        """Return what the runner takes for a command, or else a terminal."""
        if self._kind is GitHubJob:
            return of_runner(self.log())
        lines = _OF_GITLAB.sub("", self.log()).split("\n")
        return [line for line in lines if any(unicodedata.category(char) == "Cc" for char in line)]

    def handed_on(self) -> tuple[dict[str, str], dict[str, str]]:
        """Read the runner's files, or else have a shell read the file, and read the JSON."""
        if not self._sinks:
            return pairs(Path(self._environ["GITHUB_ENV"])), pairs(Path(self._environ["GITHUB_OUTPUT"]))
        shell, outputs = (Path(self._sinks[sink]) for sink in ("shell-file", "json"))
        if not shell.exists():
            return {}, {}
        read = json.loads(outputs.read_text("utf-8"))
        return sourced(shell), {name: plain(value) for name, value in read.items() if name != "state"}

    def _called(self, command: str, flags: Mapping[str, str], variables: Mapping[str, str]) -> Platform:
        environ = self._environ | dict(variables)
        call = Call(command, flags, self._sinks, state=str(self._state))
        return Shell(self._made(environ), call, environ, self._out, all_declared())

    def _made(self, environ: Mapping[str, str]) -> GitHubJob | GitLabJob | LocalJob:
        return self._kind(environ, self._job, clock=FakeClock(), connect=nowhere())


def runner_files(folder: Path) -> dict[str, Path]:
    """Make the runner's files."""
    files = {
        "GITHUB_STATE": folder / "save_state_1",
        "GITHUB_ENV": folder / "set_env_1",
        "GITHUB_OUTPUT": folder / "set_output_1",
        "GITHUB_STEP_SUMMARY": folder / "step_summary_1",
    }
    for file in files.values():
        file.touch()
    return files


def of_runner(log: str) -> list[str]:
    """Return the lines that GitHub's runner takes for commands (actions/runner, `ActionCommand.cs`)."""
    lines = log.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [line for line in lines if line.lstrip().startswith("::") or "##[" in line]


def sourced(path: Path) -> dict[str, str]:
    """Return the variables that a shell has from a file."""
    done = subprocess.run(  # noqa: S603 - the system's shell
        ["/bin/sh", "-c", '. "$0" && env -0', str(path)],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)
    return {name: value for name, value in found.items() if name not in {"PATH", "PWD", "SHLVL", "_", "OLDPWD"}}


def nowhere() -> Connections:
    """Return connections on which nobody answers."""
    return Connections(FakeClock(), lambda _: None, answering(lambda _: httpx.Response(500)))


def in_job(kind: type[GitHubJob | GitLabJob | LocalJob], folder: Path) -> InShell:
    """Make a place for the command line in each kind of job."""
    if kind is GitHubJob:
        files = {name: str(file) for name, file in runner_files(folder).items()}
        environ = {"GITHUB_ACTIONS": "true", "RUNNER_DEBUG": "1", "RUNNER_TEMP": str(folder), **files}
    elif kind is GitLabJob:
        project = folder / "project"
        (folder / "project.tmp").mkdir()
        environ = {"GITLAB_CI": "true", "CI_JOB_ID": "4711", "CI_PROJECT_DIR": str(project), ADD_MASK: "true"}
    elif kind is LocalJob:
        environ = {"HOME": str(folder)}
    else:
        pytest.fail(f"{kind.__name__} is new: say in {__file__} what its environment is")
    assert kind.is_here(environ)
    return InShell(folder, kind, environ)


SECRET = {one.name: one.secret for one in all_declared()}
DECLARED = all_declared()


@pytest.fixture(params=[Action, *JOBS], ids=lambda kind: kind.__name__)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Make a place for the action, and for the command line in each kind of job."""
    return OnRunner(tmp_path) if request.param is Action else in_job(request.param, tmp_path)


def test_action_and_command_line_are_the_platforms() -> None:
    """Each kind of job is told by its environment, the last one by any; a runner's step is one of GitHub's."""
    assert JOBS[-1].is_here({})
    assert next(kind for kind in JOBS if kind.is_here({"GITHUB_ACTIONS": "true"})) is GitHubJob
    assert not any(kind.is_here({}) for kind in JOBS[:-1])


def test_inputs_are_found_as_they_were_given(place: Place) -> None:
    """Each input is found under its own name, with an origin that does not tell it; no other is."""
    given = {one.name: f"value-of-{one.name}" for one in DECLARED}
    platform = place.main(given)

    assert sorted(platform.given_names()) == sorted(given)
    for one in DECLARED:
        found = platform.lookup(one)

        assert found is not None
        assert found.value == given[one.name]
        assert found.value not in found.origin


@pytest.mark.parametrize("empty", ["", "  ", "\n"])
def test_empty_input_is_not_given(place: Place, empty: str) -> None:
    """An input that is empty is one that was not given."""
    platform = place.main({one.name: empty for one in DECLARED})

    assert platform.given_names() == []
    assert [one.name for one in DECLARED if platform.lookup(one)] == []


def test_what_is_kept_comes_back(place: Place) -> None:
    """What the main step kept, the post-step takes, line for line and in its order."""
    platform = place.main({})
    platform.preflight()
    for line in FACTS:
        platform.keep(PLAN.mint, line)
    platform.kept_all()

    assert [kept.lines for kept in place.post().take_kept()] == [FACTS]


def test_nothing_kept(place: Place) -> None:
    """Where nothing was kept there is nothing to take."""
    place.main({}).kept_all()

    assert place.post().take_kept() == []


def test_what_would_be_lost_is_refused_first(place: Place) -> None:
    """Where the state can't be kept the pre-flight says so, and keeping is an error that is known at once."""
    place.lose_state()
    with pytest.raises(InputError) as refused:
        place.main({}).preflight()
    with pytest.raises(OSError):  # noqa: PT011 - which one is the disk's to say
        place.main({}).keep(PLAN.mint, FACTS[0])

    assert refused.value.fix


def test_secret_is_hidden_though_it_can_t_be_kept(place: Place) -> None:
    """A fresh secret is masked before it is kept: what can't be saved is not shown either."""
    platform = place.main({})
    custody = Custody(platform, Signals(), plan=PLAN)
    place.lose_state()
    with pytest.raises(OSError):  # noqa: PT011
        custody.hold([LOGIN.token], LOGIN)

    assert custody.ledger.pending
    shown = [line for line in place.log().splitlines() if CANARY in line]
    assert shown in ([], [f"::add-mask::{CANARY}"])


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_commands_the_platform(place: Place, text: str) -> None:
    """What a server says is a line of the log, or a message of ours, whatever is in it."""
    platform = place.main({})
    platform.say(text)
    platform.say(f"Vault said: {text}")
    platform.trace(text)
    platform.annotate(Level.WARNING, text, text)
    platform.annotate(Level.ERROR, "A title", text)
    platform.summarise(text)
    platform.say("done")

    ours = [line.split(" ")[0].split("::")[1] for line in place.commands()]
    assert ours in ([], ["debug", "warning", "error"])
    assert place.log().endswith("done\n")
    assert place.handed_on() == ({}, {})


def test_export_is_what_the_next_steps_get(place: Place) -> None:
    """Each variable and each output arrives as it is; what can't be known is empty, what is no text is JSON."""
    place.main({}).export(EXPORT)
    variables, outputs = place.handed_on()

    assert variables == {"NOMAD_TOKEN": CANARY, "NOMAD_ADDR": "https://nomad.example.com:4646"}
    assert outputs["token"] == CANARY
    assert outputs["type"] == ""
    assert outputs["lease-duration"] == "1800"
    assert outputs["policies"] == '["a"]'


@pytest.mark.parametrize("text", [*HOSTILE, "a=b", "EOF", "größe\n\n"])
def test_export_is_not_broken_out_of(place: Place, text: str) -> None:
    """A value stays the value of its own variable, whatever is in it."""
    place.main({}).export(Export({"ONE": text, "TWO": "2"}, {"three": text}))
    variables, outputs = place.handed_on()

    assert set(variables) == {"ONE", "TWO"}
    assert set(outputs) == {"three"}


def test_nothing_is_left_in_files(place: Place) -> None:
    """After the undo no file of the platform's holds a secret."""
    platform = place.main({})
    for line in FACTS:
        platform.keep(PLAN.mint, line)
    platform.kept_all()
    platform.export(EXPORT)
    post = place.post()
    for kept in post.take_kept():
        post.scrub(kept, [SecretStr(CANARY)], undone=True)

    files = [path for path in place.folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if CANARY in path.read_text("utf-8")] == []


def test_files_are_for_their_owner(place: Place) -> None:
    """What is made where nothing was is readable by its owner alone."""
    there = set(place.folder.rglob("*"))
    platform = place.main({})
    platform.keep(PLAN.mint, FACTS[0])
    platform.export(EXPORT)

    made = [path for path in place.folder.rglob("*") if path.is_file() and path not in there]
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []


def test_job_without_identity_says_so(place: Place) -> None:
    """A job that can't have an id token is told why, and what to do."""
    with pytest.raises(NoIdentity) as error:
        place.main({}).id_token("https://vault.example.com", Deadline(FakeClock(), 30))

    assert error.value.fix


def test_no_repr_holds_a_secret(place: Place) -> None:
    """Neither the platform nor what is handed on shows a secret."""
    platform = place.main({"vault-token": CANARY})

    assert CANARY not in f"{platform!r} {EXPORT!r} {platform.lookup(DECLARED[0])!r}"


def test_advice_is_a_sentence_or_nothing(place: Place) -> None:
    """What a platform knows of an address or of the job is said in sentences."""
    platform = place.main({})
    for text in (platform.withheld(), platform.unreachable("http://127.0.0.1:8200"), platform.unreachable("http://x")):
        assert not text or text.endswith(".")
