"""The shell: exit codes, messages, and nothing of a bug's content."""

import errno
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fakes import INPUTS, NOMAD, VAULT, World, jwt, vault_error
from nomad_token import __version__
from nomad_token.__main__ import step
from nomad_token.command_line import command
from nomad_token_lab.runner import pairs
from through import answering

LOGIN, CREDS = "auth/jwt/login", "nomad/creds/deployer"


class Job:
    """A step of a job in this process: the runner's files, and servers in memory."""

    def __init__(self, folder: Path, **inputs: str) -> None:
        """Give the plain inputs, and *inputs* (with `_` for `-`)."""
        given = INPUTS | {name.replace("_", "-"): value for name, value in inputs.items()}
        self.world = World()
        self.files = {
            name: folder / name.lower()
            for name in ("GITHUB_STATE", "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
        }
        for file in self.files.values():
            file.touch()
        self.environ = {
            "GITHUB_ACTIONS": "true",
            "ACTIONS_ID_TOKEN_REQUEST_URL": "https://actions.test/token?v=2",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "canary-bearer",
            **{name: str(file) for name, file in self.files.items()},
            **{f"INPUT_{name.upper()}": value for name, value in given.items()},
        }
        self.out = io.StringIO()

    def main(self) -> int:
        """Run the main step."""
        return self._run("mint", {})

    def post(self) -> int:
        """Run the post-step, with the state that the runner hands over and no inputs."""
        state = {f"STATE_{name}": value for name, value in pairs(self.files["GITHUB_STATE"]).items()}
        self.environ = {name: value for name, value in self.environ.items() if not name.startswith("INPUT_")}
        return self._run("revoke", state)

    @property
    def log(self) -> str:
        """What was printed."""
        return self.out.getvalue()

    @property
    def summary(self) -> str:
        """What was added to the job's summary."""
        return self.files["GITHUB_STEP_SUMMARY"].read_text()

    def _run(self, name: str, state: dict[str, str]) -> int:
        transport = answering(self._routed)
        return step(name, self.environ | state, self.out, clock=self.world.clock, transport=transport)

    def _routed(self, request: httpx.Request) -> httpx.Response:
        match request.url.host:
            case "vault.test":
                return self.world.vault(request)
            case "nomad.test":
                return self.world.nomad(request)
            case _:
                return httpx.Response(200, json={"value": jwt(aud=request.url.params["audience"])})


@pytest.fixture(name="job")
def _job(tmp_path: Path) -> Iterator[Job]:
    """Make a plain job, and see that the signals are given back."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    yield Job(tmp_path)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_plain_road(job: Job) -> None:
    """Both steps end well, the next steps get the token, and nothing is left."""
    assert job.main() == 0
    (token,) = job.world.nomad.tokens.values()
    assert pairs(job.files["GITHUB_ENV"]) == {"NOMAD_ADDR": NOMAD, "NOMAD_TOKEN": token.secret}
    assert pairs(job.files["GITHUB_OUTPUT"])["token"] == token.secret
    assert job.post() == 0

    assert job.world.alive == []
    assert "::error" not in job.log
    assert "::warning" not in job.log
    assert token.secret not in job.log.replace(f"::add-mask::{token.secret}\n", "")


def test_secrets_are_gone_after_the_post_step(job: Job) -> None:
    """The runner's files hold no secret after the post-step."""
    job.files["GITHUB_ENV"] = job.files["GITHUB_ENV"].rename(job.files["GITHUB_ENV"].with_name("set_env_1"))
    job.files["GITHUB_STATE"] = job.files["GITHUB_STATE"].rename(job.files["GITHUB_STATE"].with_name("save_state_1"))
    job.environ |= {name: str(job.files[name]) for name in ("GITHUB_ENV", "GITHUB_STATE")}
    job.main()
    secrets = {
        json.loads(line).get(key)
        for name, line in pairs(job.files["GITHUB_STATE"]).items()
        if not name.endswith("_end")
        for key in ("token", "secret")
    }
    job.post()

    assert len(secrets - {None}) == 2
    for name in ("GITHUB_ENV", "GITHUB_STATE"):
        assert not any(secret in job.files[name].read_text() for secret in secrets if secret)


@pytest.mark.parametrize(
    ("path", "fault", "code", "title"),
    [
        (LOGIN, vault_error(400, 'role "x" could not be found'), 5, "Not found"),
        (LOGIN, vault_error(403, "permission denied"), 4, "Refused"),
        (LOGIN, vault_error(500, "odd"), 75, "Try again later"),
    ],
)
def test_errors(job: Job, path: str, fault: httpx.Response, code: int, title: str) -> None:
    """An error is one annotation with its title, all of it in the summary, and its own exit code."""
    job.world.vault.faults.before(path, *[fault] * 5)

    assert job.main() == code
    assert len(re.findall(rf"^::error title={title}::", job.log, re.MULTILINE)) == 1
    assert f"### nomad-token: {title}" in job.summary


def test_wrong_input(tmp_path: Path) -> None:
    """A wrong input is exit code 2, with nothing requested or saved."""
    job = Job(tmp_path, timeout="soon")

    assert job.main() == 2
    assert "::error title=Wrong input::`timeout`" in job.log
    assert job.files["GITHUB_STATE"].read_text() == ""
    assert job.world.vault.logins == []


def test_no_identity(job: Job) -> None:
    """A job without an id token is exit code 3."""
    del job.environ["ACTIONS_ID_TOKEN_REQUEST_URL"]

    assert job.main() == 3
    assert "id-token: write" in job.log


def test_token_left_alive(tmp_path: Path) -> None:
    """A token that could not be revoked is exit code 6 where that was asked for, and told once in each place."""
    job = Job(tmp_path, on_revoke_failure="fail", nomad_addr="")
    job.main()
    job.world.vault.may_revoke_leases = False
    job.world.vault.faults.before(
        "auth/token/revoke-self", vault_error(403, "1 error occurred:\n\t* permission denied\n\n")
    )
    (accessor,) = (token.accessor_id for token in job.world.nomad.tokens.values())

    assert job.post() == 6
    assert len(re.findall(r"^::error ", job.log, re.MULTILINE)) == 1
    assert len(re.findall(r"^::warning ", job.log, re.MULTILINE)) == 0
    assert job.summary.count("The Nomad token may live") == 1
    assert accessor in job.summary


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_cancelled(job: Job, number: int, code: int) -> None:
    """A cancel has the shell's exit code, and leaves nothing."""
    job.world.vault.faults.hooks[CREDS] = lambda: os.kill(os.getpid(), number)

    assert job.main() == code
    assert "Cancelled." in job.log
    assert job.world.alive == []
    assert job.post() == 0


@pytest.mark.parametrize("variable", ["GITHUB_ENV", "GITHUB_OUTPUT"])
def test_full_disk(job: Job, variable: str) -> None:
    """A full disk is exit code 75: the text names the reason and the file, and nothing is left."""
    full = Path("/dev/full")
    job.environ[variable] = str(full)
    job.environ["INPUT_REVOKE"] = "false"  # without a pre-flight, which wants a plain file

    assert job.main() == 75
    assert "No space left on device" in job.log
    assert job.world.alive == []


class Gone(io.StringIO):
    """A log that nobody reads any more."""

    def write(self, _text: str) -> int:
        """Take nothing."""
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")


def test_nobody_reads_the_log(job: Job) -> None:
    """What can't be said is not said: the exit code is that of the error, and nothing is left."""
    job.out = Gone()

    assert job.main() == 75
    assert job.world.alive == []


def test_unset_file(job: Job) -> None:
    """A runner that names no file is told which one is missing."""
    del job.environ["GITHUB_ENV"]
    job.environ["INPUT_REVOKE"] = "false"

    assert job.main() != 0
    assert "GITHUB_ENV" in job.log
    assert "None" not in job.log
    assert job.world.alive == []


def test_bug_is_told_without_its_content(job: Job) -> None:
    """A bug is exit code 1, told by its place: its text may hold anything."""

    def bug() -> None:
        raise ZeroDivisionError("hvs.canary-in-a-bug")

    job.world.vault.faults.hooks[LOGIN] = bug

    assert job.main() == 1
    assert "::error title=A bug in nomad-token::ZeroDivisionError" in job.log
    assert "__main__.py:" in job.log
    assert "canary-in-a-bug" not in job.log


def test_bug_leaves_nothing(job: Job) -> None:
    """After a bug what was made is undone."""

    def bug() -> None:
        job.world.vault.faults.hooks.clear()
        raise ZeroDivisionError

    job.world.vault.faults.hooks[CREDS] = bug

    assert job.main() == 1
    assert job.world.alive == []


def test_summary_never(tmp_path: Path) -> None:
    """With `summary: never` nothing is added to the summary, errors included."""
    job = Job(tmp_path, summary="never")
    job.world.vault.faults.before(LOGIN, vault_error(403, "permission denied"))

    assert job.main() == 4
    assert job.summary == ""


def test_error_cannot_leave_its_fence(job: Job) -> None:
    """A server's text stays in the summary's fence."""
    job.world.vault.faults.before(LOGIN, vault_error(403, "``` ![x](http://evil.test/x)"))
    job.main()

    assert "![x]" not in "".join(job.summary.split("```")[::2])


def test_servers_text_cannot_command_the_runner(job: Job) -> None:
    """No line of the log is a command of a server's."""
    job.world.vault.faults.before(LOGIN, vault_error(403, "x\n::set-output name=token::y\n##[error]z"))
    job.main()

    commands = [line.split("::")[1].split(" ")[0] for line in job.log.splitlines() if line.startswith("::")]
    assert set(commands) <= {"add-mask", "error", "warning"}
    assert "##[" not in job.log


def test_address_that_looks_right_and_is_not(tmp_path: Path) -> None:
    """An address with an empty label is a wrong input, and no bug."""
    job = Job(tmp_path, vault_addr="https://vault..example.com")

    assert job.main() == 2
    assert "`vault-addr`" in job.log


def test_debug_lines(job: Job) -> None:
    """With the runner's debug switch each request is a debug line, without a secret."""
    job.environ["RUNNER_DEBUG"] = "1"
    job.main()

    assert "::debug::GET /v1/nomad/creds/deployer: 200 in 0 ms" in job.log
    assert "canary-bearer" not in job.log


@pytest.mark.parametrize("name", ["mint", "revoke"])
def test_not_in_a_workflow(name: str) -> None:
    """Outside of a workflow the steps say so, exit code 2."""
    out = io.StringIO()

    assert step(name, {}, out) == 2
    assert "GITHUB_ACTIONS" in out.getvalue()


@pytest.mark.parametrize(("argv", "code"), [(["--version"], 0), (["--help"], 0), ([], 2), (["fly"], 2)])
def test_command_line(argv: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line tells its version and its commands, and refuses what it does not know."""
    with pytest.raises(SystemExit) as ended:
        command(argv, {}, sys.stdout, sys.stderr)
    said = "".join(capsys.readouterr())

    assert ended.value.code == code
    if argv == ["--version"]:
        assert said == f"nomad-token {__version__}\n"
    if argv == ["--help"]:
        assert all(name in said for name in ("mint", "revoke", "lab", "demo"))


def _child(*argv: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return subprocess.run(  # noqa: S603
        [*argv], env=coverage | environ, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("executable", ["nomad-token-mint", "nomad-token-revoke"])
def test_executables_ignore_their_command_line(executable: str) -> None:
    """The action's executables take no command line: what stands there is the runner's or the user's `args:`."""
    path = str(Path(sys.executable).parent / executable)
    plain, given = _child(path, GITHUB_ACTIONS="true"), _child(path, "--help", "lab", GITHUB_ACTIONS="true")

    assert (plain.returncode, plain.stdout) == (given.returncode, given.stdout)
    assert plain.returncode == (2 if executable.endswith("mint") else 0)


def test_module_is_the_same_program() -> None:
    """`python -m nomad_token` is `nomad-token`."""
    module = _child(sys.executable, "-m", "nomad_token", "--version")
    script = _child(str(Path(sys.executable).parent / "nomad-token"), "--version")

    assert (
        (module.returncode, module.stdout) == (script.returncode, script.stdout) == (0, f"nomad-token {__version__}\n")
    )


def test_names() -> None:
    """The servers of these tests are not real ones (RFC 6761: `.test`)."""
    assert all(".test" in address for address in (VAULT, NOMAD))
