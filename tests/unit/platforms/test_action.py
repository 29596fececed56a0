"""GitHub's runner, and act: what is read, what is written, and in which form."""

import io
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fakes import FakeClock, jwt
from limit import full_beyond
from nomad_token.clients.http import Connections
from nomad_token.clock import Deadline
from nomad_token.declared import Declared, Found
from nomad_token.errors import Error, InputError, NoIdentity, Temporary
from nomad_token.order import all_declared
from nomad_token.platforms.action import Action
from nomad_token.platforms.base import Export, Kept, Level
from nomad_token.secret import SecretStr
from nomad_token_lab.runner import pairs
from through import answering

KEPT = Kept("", [])
DECLARED = {one.name: one for one in all_declared()}
CANARY = "5ec7e700-0000-4000-8000-000000000001"
HOSTILE = [
    "one\ntwo",
    "one\r\n::set-output name=x::y",
    "::set-output name=x::y",
    " ::add-mask::x",
    "##[error]x",
    "EOF",
    "x<<EOF\ny\nEOF\nNODE_OPTIONS=--require /tmp/x",
    "ghadelimiter_0\nx",
    "%0A::error::x",
    "a=b",
    "",
]


class Job:
    """A step of a job, with the runner's files below a folder."""

    def __init__(self, folder: Path, **environ: str) -> None:
        """Lay the files out as the runner does."""
        self.folder = folder
        self.files = {
            "GITHUB_STATE": folder / "save_state_1",
            "GITHUB_ENV": folder / "set_env_1",
            "GITHUB_OUTPUT": folder / "set_output_1",
            "GITHUB_STEP_SUMMARY": folder / "step_summary_1",
        }
        for file in self.files.values():
            file.touch()
        self.environ = {"GITHUB_ACTIONS": "true", **{name: str(file) for name, file in self.files.items()}, **environ}
        self.out = io.StringIO()
        self.clock = FakeClock()
        self.requests: list[httpx.Request] = []
        self.answers: list[httpx.Response | Exception] = []

    @property
    def platform(self) -> Action:
        """Start a process in it."""
        connections = Connections(self.clock, lambda _: None, answering(self._answer))
        return Action(self.environ, self.out, clock=self.clock, connect=connections)

    @property
    def lines(self) -> list[str]:
        """The log, as the runner splits it into lines (`StreamReader.ReadLine`)."""
        return self.out.getvalue().replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]

    def id_token(self, audience: str) -> SecretStr:
        """Ask for an id token, for 30 s."""
        return self.platform.id_token(audience, Deadline(self.clock, 30))

    def read(self, name: str) -> dict[str, str]:
        """Read one of the files as the runner does."""
        return pairs(self.files[name])

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(name="job")
def _job(tmp_path: Path) -> Job:
    """Make a step of a plain job."""
    return Job(tmp_path)


@pytest.fixture(name="act")
def _act() -> Iterator[Job]:
    """Make a step as act starts it: its files lie below /var/run/act."""
    top = Path("/var/run/act")
    made = [path for path in (top, top / "workflow") if not path.exists()]
    folder = top / "workflow" / f"test-{os.getpid()}"
    folder.mkdir(parents=True)
    yield Job(folder)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    for path in reversed(made):
        path.rmdir()


def taken(platform: Action) -> list[str]:
    """Return the lines that a post-step is given, all of one mint."""
    return [line for kept in platform.take_kept() for line in kept.lines]


def declared(name: str, *environment: str) -> Declared:
    """Declare an input."""
    return Declared(name, "", "", environment, secret=False, required=False, choices=())


class TestInputs:
    """What is read, and from where."""

    @pytest.mark.parametrize(("value", "here"), [("true", True), ("", False), ("false", False), ("1", False)])
    def test_is_here(self, value: str, here: bool) -> None:  # noqa: FBT001
        """A step of a workflow is one where the runner says so."""
        assert Action.is_here({"GITHUB_ACTIONS": value}) is here
        assert not Action.is_here({})

    @pytest.mark.parametrize("name", sorted(DECLARED))
    def test_runners_spelling(self, job: Job, name: str) -> None:
        """Each input is found as the runner spells it: upper case, hyphens kept."""
        job.environ["INPUT_" + name.upper()] = " x "

        assert job.platform.lookup(DECLARED[name]) == Found("x", f"the input `{name}`")
        assert job.platform.given_names() == [name]

    @pytest.mark.parametrize("name", sorted(DECLARED))
    def test_underscore_is_another_name(self, job: Job, name: str) -> None:
        """A name with underscores for hyphens, which a step can set, is another name."""
        if "-" in name:
            job.environ["INPUT_" + name.upper().replace("-", "_")] = "x"

        assert job.platform.lookup(DECLARED[name]) is None

    @pytest.mark.parametrize("value", ["", " ", "\n"])
    def test_empty_is_not_given(self, job: Job, value: str) -> None:
        """An empty input is an unset one, and the environment's place is taken."""
        job.environ |= {"INPUT_VAULT-ADDR": value, "VAULT_ADDR": "http://v"}

        assert job.platform.lookup(DECLARED["vault-addr"]) == Found("http://v", "VAULT_ADDR", variable=True)
        assert job.platform.given_names() == []

    @pytest.mark.parametrize("name", ["VAULT_ADDR", "VAULT_NAMESPACE", "NOMAD_ADDR", "NOMAD_REGION", "NOMAD_NAMESPACE"])
    def test_places_of_the_environment(self, job: Job, name: str) -> None:
        """Addresses, namespaces and the region are read from the environment too."""
        job.environ[name] = "x"

        assert job.platform.lookup(declared("x", name)) == Found("x", name, variable=True)

    @pytest.mark.parametrize(
        "name",
        [
            *("VAULT_TOKEN", "NOMAD_TOKEN", "VAULT_ID_TOKEN", "NOMAD_ID_TOKEN", "NOMAD_MANAGEMENT_TOKEN"),
            *("VAULT_SKIP_VERIFY", "NOMAD_SKIP_VERIFY", "VAULT_AUTH_ROLE", "VAULT_AUTH_PATH", "VAULT_CLIENT_KEY"),
        ],
    )
    def test_no_credential_and_no_behaviour_of_the_environment(self, job: Job, name: str) -> None:
        """Any earlier step can set a variable: none of them is a credential, or changes what is done."""
        job.environ[name] = "stolen"

        assert job.platform.lookup(declared("x", name)) is None
        assert all(job.platform.lookup(one) is None for one in all_declared())

    def test_first_variable_that_is_set(self, job: Job) -> None:
        """Of several variables the first that is set is taken."""
        job.environ |= {"VAULT_ADDR": "", "NOMAD_ADDR": "x"}

        assert job.platform.lookup(declared("x", "VAULT_ADDR", "NOMAD_ADDR")) == Found("x", "NOMAD_ADDR", variable=True)


class TestFiles:
    """What is written for the runner, and read by it."""

    def test_state_reaches_the_post_step(self, job: Job) -> None:
        """What is kept is handed over by the runner, as it was, in its order."""
        lines = [json.dumps({"n": number, "x": "größe"}, ensure_ascii=False) for number in range(12)]
        platform = job.platform
        for line in lines:
            platform.keep("0badcafe", line)
        after = Job(job.folder, **{f"STATE_{name}": value for name, value in job.read("GITHUB_STATE").items()})

        assert taken(after.platform) == lines

    @pytest.mark.parametrize("name", ["003", "0", "0000", "_end", "0badcafe_000"])
    def test_planted_state_is_not_read(self, job: Job, name: str) -> None:
        """What another step puts into the environment beyond the end of ours is somebody else's."""
        platform = job.platform
        for line in ("a", "b", "c"):
            platform.keep("0badcafe", line)
        platform.kept_all()
        saved = {f"STATE_{key}": value for key, value in job.read("GITHUB_STATE").items()}
        after = Job(job.folder, **{f"STATE_nomad_token_{name}": "planted"} | saved)

        assert taken(after.platform) == ["a", "b", "c"]

    def test_a_killed_step_has_an_end(self, job: Job) -> None:
        """What a step had kept when it was killed is read, and not what another one planted right behind it."""
        job.platform.keep("0badcafe", "a")
        saved = {f"STATE_{key}": value for key, value in job.read("GITHUB_STATE").items()}
        after = Job(job.folder, STATE_nomad_token_001="planted", **saved)

        assert taken(after.platform) == ["a"]

    def test_an_entry_that_was_cut_off(self, job: Job) -> None:
        """Where the step was killed as it wrote an entry, those before it are read."""
        platform = job.platform
        platform.keep("0badcafe", "a")
        platform.keep("0badcafe", "b")
        saved = {f"STATE_{key}": value for key, value in job.read("GITHUB_STATE").items()}
        del saved["STATE_nomad_token_001"]

        assert taken(Job(job.folder, **saved).platform) == ["a"]

    @pytest.mark.parametrize("end", ["", "x", "-1", "\u0661", "9" * 5000])
    def test_without_an_end(self, job: Job, end: str) -> None:
        """Where the step kept nothing, as the end says that comes with each entry, what is there is somebody else's."""
        job.environ |= {"STATE_nomad_token_000": "planted", "STATE_nomad_token_end": end}

        assert taken(job.platform) == []

    def test_state_survives_a_torn_end(self, job: Job) -> None:
        """Each entry is one of its own, and whole when `keep` returns."""
        job.platform.keep("0badcafe", '{"n": 1}')

        assert list(job.read("GITHUB_STATE").values()) == ["1", '{"n": 1}']

    @pytest.mark.parametrize("end", ["9" * 5000, "-1", "x", "1_0", "٣", ""])
    def test_end_that_is_none(self, job: Job, end: str) -> None:
        """Entries without a number of them are not the mint's, which saves it with the first."""
        job.environ |= {"STATE_nomad_token_000": "a", "STATE_nomad_token_001": "b", "STATE_nomad_token_end": end}

        assert taken(job.platform) == []

    @pytest.mark.parametrize("become", ["gone", "empty", "cut", "/dev/full"])
    def test_state_that_is_gone(self, job: Job, become: str) -> None:
        """Where what was kept is gone meanwhile nothing would revoke the token: it is not handed over."""
        platform = job.platform
        platform.keep("0badcafe", "a")
        platform.keep("0badcafe", "b")
        file = job.files["GITHUB_STATE"]
        text = file.read_text()
        file.unlink()
        if become == "/dev/full":
            file.symlink_to(become)
        elif become != "gone":
            file.write_text(text[: len(text) // 2] if become == "cut" else "")

        with pytest.raises(OSError, match="what was saved in it is gone") as error:
            platform.export(Export({"A": "x"}, {}))
        assert error.value.filename == "GITHUB_STATE"
        assert job.read("GITHUB_ENV") == {}

    def test_state_of_others_is_not_ours(self, job: Job) -> None:
        """State of another action is not read."""
        job.environ |= {"STATE_post": "true", "STATE_nomad": "x"}

        assert taken(job.platform) == []

    @pytest.mark.parametrize("value", HOSTILE)
    def test_hostile_values_are_values(self, job: Job, value: str) -> None:
        """Whatever a value holds, the runner reads that value under that name, and nothing else."""
        job.platform.export(Export({"A": value, "B": SecretStr(value)}, {"c": value, "d": SecretStr(value)}))
        job.platform.keep("0badcafe", f"x{value}")
        expected = value.replace("\r\n", "\n")

        assert job.read("GITHUB_ENV") == {"A": expected, "B": expected}
        assert job.read("GITHUB_OUTPUT") == {"c": expected, "d": expected}
        assert list(job.read("GITHUB_STATE").values()) == ["1", f"x{expected}"]

    def test_files_are_appended_to(self, job: Job) -> None:
        """What stands in a file stays."""
        job.files["GITHUB_ENV"].write_text("BEFORE=1\n")
        job.platform.export(Export({"A": "x"}, {}))

        assert job.read("GITHUB_ENV") == {"BEFORE": "1", "A": "x"}
        assert job.files["GITHUB_OUTPUT"].read_text() == ""

    def test_nothing_on_the_log(self, job: Job) -> None:
        """An export prints nothing."""
        job.platform.export(Export({"A": SecretStr(CANARY)}, {"b": SecretStr(CANARY)}))
        job.platform.keep("0badcafe", CANARY)

        assert job.out.getvalue() == ""

    def test_variable_that_is_not_set(self, job: Job) -> None:
        """A file that the runner does not name is an OSError that says which."""
        del job.environ["GITHUB_ENV"]

        with pytest.raises(OSError, match="GITHUB_ENV is not set"):
            job.platform.export(Export({"A": "x"}, {}))

    def test_folder_that_is_missing(self, job: Job) -> None:
        """A file that can't be made is an OSError that says why."""
        job.environ["GITHUB_STATE"] = "/nowhere/x"

        with pytest.raises(OSError, match="No such file"):
            job.platform.keep("0badcafe", "x")

    def test_full_disk(self, job: Job) -> None:
        """A full disk is an OSError, at the write itself."""
        job.environ["GITHUB_STATE"] = "/dev/full"

        with pytest.raises(OSError, match="No space left"):
            job.platform.keep("0badcafe", "x")

    def test_summary_is_not_worth_a_failure(self, job: Job) -> None:
        """A summary that can't be written is dropped."""
        platform = job.platform
        platform.summarise("### one")
        job.environ["GITHUB_STEP_SUMMARY"] = "/dev/full"
        platform.summarise("### two")
        del job.environ["GITHUB_STEP_SUMMARY"]
        platform.summarise("### three")

        assert job.files["GITHUB_STEP_SUMMARY"].read_text() == "### one\n"


class TestLog:
    """What is printed."""

    def test_mask(self, job: Job) -> None:
        """A mask is one command, printed at once."""
        job.platform.mask(SecretStr(f"{CANARY}\nx%"))

        assert job.lines == [f"::add-mask::{CANARY}%0Ax%25"]

    @pytest.mark.parametrize("level", list(Level))
    @pytest.mark.parametrize("value", HOSTILE)
    def test_annotation_is_one_line(self, job: Job, level: Level, value: str) -> None:
        """A message is one line, whatever it holds, in text and title."""
        job.platform.annotate(level, f"t{value}", value)

        assert len(job.lines) == 1
        assert job.lines[0].startswith(f"::{level.value} title=t")
        assert job.lines[0].count("::") <= 2 + value.count("::")
        assert not any(line.lstrip().startswith("::") for line in job.lines[0].split("::", 2)[2].split("%0A"))

    @pytest.mark.parametrize("value", HOSTILE)
    def test_line_of_the_log_is_no_command(self, job: Job, value: str) -> None:
        """A line of the log is one line and no command, whatever it holds (actions/runner, `ActionCommand.cs`)."""
        job.platform.say(value)

        assert len(job.lines) == 1
        assert not job.lines[0].lstrip().startswith("::")
        assert "##[" not in job.lines[0]

    @pytest.mark.parametrize("debug", ["1", "0", None])
    def test_trace(self, job: Job, debug: str | None) -> None:
        """A debug line is printed where the job is debugged."""
        if debug:
            job.environ["RUNNER_DEBUG"] = debug
        job.platform.trace("GET /v1/\x1b[31m\u202ex: 200\n::error::x")

        assert job.lines == (["::debug::GET /v1/ [31m x: 200 ::error::x"] if debug == "1" else [])


class TestPreflight:
    """Whether what is saved would last."""

    def test_plain_job(self, job: Job) -> None:
        """A plain job is fine, and nothing is written or said."""
        job.platform.preflight()

        assert job.out.getvalue() == ""
        assert all(file.read_text() == "" for file in job.files.values())

    @pytest.mark.parametrize("name", ["GITHUB_STATE", "GITHUB_ENV", "GITHUB_OUTPUT"])
    @pytest.mark.parametrize("path", [None, "", "/nowhere/save_state", "/tmp"])  # noqa: S108
    def test_missing_file(self, job: Job, name: str, path: str | None) -> None:
        """A file that isn't there, as in act's host mode, is named, with the way out."""
        job.environ.pop(name) if path is None else job.environ.update({name: path})

        with pytest.raises(InputError) as refused:
            job.platform.preflight()

        assert refused.value.what.startswith(name)
        assert "act -P" in refused.value.fix
        assert "host mode" in refused.value.why

    def test_unwritable_file(self) -> None:
        """A file that can't be written to is named."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.chmod(0o755)
            job = Job(folder)
            for file in job.files.values():
                file.chmod(0o666)
            job.files["GITHUB_ENV"].chmod(0o444)

            with _as_nobody(), pytest.raises(InputError, match="GITHUB_ENV can't be written to"):
                job.platform.preflight()

    def test_kubernetes_without_volumes(self, job: Job) -> None:
        """A pod whose files are no mount of their own loses them: it is told before a mint."""
        job.environ["KUBERNETES_SERVICE_HOST"] = "10.0.0.1"
        if any(Path(line.split()[4]) in job.folder.parents for line in _mounts() if line.split()[4] != "/"):
            pytest.skip("the temporary folder is a mount of its own here")

        with pytest.raises(InputError) as refused:
            job.platform.preflight()

        assert "runner-container-hooks#302" in refused.value.text
        assert "volume claim" in refused.value.fix

    def test_kubernetes_with_a_volume(self, job: Job) -> None:
        """A pod whose files lie on a mount is fine."""
        mount = next((line.split()[4] for line in _mounts() if line.split()[4] == "/dev/shm"), None)  # noqa: S108
        if mount is None:
            pytest.skip("no mount to write to here")
        folder = Path(mount) / f"nomad-token-test-{os.getpid()}"
        folder.mkdir()
        try:
            Job(folder, KUBERNETES_SERVICE_HOST="10.0.0.1").platform.preflight()
        finally:
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()
        job.platform.preflight()


def _mounts() -> list[str]:
    return Path("/proc/self/mountinfo").read_text("utf-8").splitlines()


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Ask `access(2)` as somebody who may not: root may write anywhere."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(65534, -1, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


OIDC = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://actions.test/x/y?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "canary-bearer",
}


class TestIdToken:
    """The job's proof of who it is."""

    def test_id_token(self, tmp_path: Path) -> None:
        """The runner is asked for an id token with the audience, and keeps what stands in its address."""
        job = Job(tmp_path, **OIDC)
        job.answers.append(httpx.Response(200, json={"value": jwt(aud="https://vault.test:8200")}))
        token = job.id_token("https://vault.test:8200")

        assert token.get_secret_value() == jwt(aud="https://vault.test:8200")
        (request,) = job.requests
        assert request.url.path == "/x/y"
        assert dict(request.url.params) == {"api-version": "2.0", "audience": "https://vault.test:8200"}
        assert request.headers["Authorization"] == "Bearer canary-bearer"

    def test_id_token_is_asked_for_again(self, tmp_path: Path) -> None:
        """A hiccup of GitHub's is outlasted."""
        job = Job(tmp_path, **OIDC)
        job.answers += [
            httpx.ConnectError("x"),
            httpx.ReadError("x"),
            httpx.Response(503),
            httpx.Response(200, json={"value": jwt(aud="x")}),
        ]

        assert job.id_token("x").get_secret_value() == jwt(aud="x")

    def test_github_is_down(self, tmp_path: Path) -> None:
        """A GitHub that gives none is temporary, and waited for 30 s at most."""
        job = Job(tmp_path, **OIDC)
        job.answers += [httpx.Response(503)] * 100

        with pytest.raises(Temporary, match="GitHub gave no id token"):
            job.id_token("x")
        assert sum(job.clock.slept) <= 30

    def test_github_refuses(self, tmp_path: Path) -> None:
        """A refusal is no hiccup: it is told with GitHub's own words, once, and a retry of the job won't help."""
        job = Job(tmp_path, **OIDC)
        job.answers.append(httpx.Response(403, text="IdToken permission is missing\n::error::x"))

        with pytest.raises(NoIdentity) as refused:
            job.id_token("x")

        assert "IdToken permission is missing" in refused.value.text
        assert "\n::" not in refused.value.text
        assert "canary" not in refused.value.text

    @pytest.mark.parametrize("missing", sorted(OIDC))
    def test_permission_is_missing(self, tmp_path: Path, missing: str) -> None:
        """A plain job without an id token lacks a permission: the lines to add are printed, the caller included."""
        job = Job(tmp_path, **(OIDC | {missing: ""}))

        text = no_identity(job)
        assert "permissions:\n    contents: read\n    id-token: write" in text
        assert "calls it" in text
        assert job.requests == []

    @pytest.mark.parametrize("event", ["pull_request", "pull_request_review"])
    def test_fork(self, tmp_path: Path, event: str) -> None:
        """A pull request from a fork gets no id token: its permissions are not blamed."""
        text = no_identity(pull_request(tmp_path, event, {"full_name": "stranger/app"}))

        assert "fork" in text
        assert "id-token: write" not in text

    def test_deleted_fork(self, tmp_path: Path) -> None:
        """A fork that was deleted is one."""
        assert "fork" in no_identity(pull_request(tmp_path, "pull_request", None))

    def test_target_of_a_fork(self, tmp_path: Path) -> None:
        """`pull_request_target` runs with the repository's own rights: there the permission is missing."""
        text = no_identity(pull_request(tmp_path, "pull_request_target", {"full_name": "stranger/app"}))

        assert "id-token: write" in text

    def test_own_pull_request(self, tmp_path: Path) -> None:
        """A pull request from a branch of the repository is a plain job."""
        text = no_identity(pull_request(tmp_path, "pull_request", {"full_name": "octo/app"}))

        assert "id-token: write" in text

    @pytest.mark.parametrize("event", ["", "not json", "[]", "{}", '{"pull_request":null}'])
    def test_event_that_cannot_be_read(self, tmp_path: Path, event: str) -> None:
        """An event that says nothing of a fork is a plain job's."""
        (tmp_path / "event.json").write_text(event)
        job = Job(tmp_path, GITHUB_EVENT_PATH=str(tmp_path / "event.json"), GITHUB_REPOSITORY="octo/app")

        assert "id-token: write" in no_identity(job)

    def test_dependabot(self, tmp_path: Path) -> None:
        """Dependabot's runs have a text of their own."""
        text = no_identity(Job(tmp_path, GITHUB_ACTOR="dependabot[bot]"))

        assert "Dependabot" in text
        assert "github.actor != 'dependabot[bot]'" in text

    def test_act(self, act: Job) -> None:
        """Act has no OIDC: the input `id-token` and --secret-file are the way, and no permission is blamed."""
        act.environ["GITHUB_ACTOR"] = "dependabot[bot]"
        text = no_identity(act)

        assert "act" in text
        assert "`id-token: ${{ secrets.ID_TOKEN }}`" in text
        assert "--secret-file" in text
        assert "permission" not in text

    def test_act_is_not_believed(self, job: Job) -> None:
        """A variable that anybody can set does not make it act."""
        job.environ["ACT"] = "true"

        assert "id-token: write" in no_identity(job)


def no_identity(job: Job) -> str:
    """Ask for an id token that isn't to be had."""
    with pytest.raises(NoIdentity) as refused:
        job.id_token("x")
    error: Error = refused.value
    assert error.what
    assert error.why
    assert error.fix
    return error.text


def pull_request(folder: Path, event: str, repo: dict[str, str] | None) -> Job:
    """Make a job of a pull request."""
    (folder / "event.json").write_text(json.dumps({"pull_request": {"head": {"repo": repo}}}))
    return Job(
        folder,
        GITHUB_EVENT_NAME=event,
        GITHUB_EVENT_PATH=str(folder / "event.json"),
        GITHUB_REPOSITORY="octo/app",
    )


class TestAct:
    """State under act, which hands its post-steps no `STATE_*`."""

    def test_two_mints_in_reverse(self, act: Job) -> None:
        """Each post-step takes the last mint that none has taken: they run in the reverse order."""
        first, second = act.platform, act.platform
        first.keep("aaaa", "a1")
        first.keep("aaaa", "a2")
        second.keep("bbbb", "b1")

        assert taken(act.platform) == ["b1"]
        assert taken(act.platform) == ["a1", "a2"]
        assert taken(act.platform) == []

    def test_post_step_that_can_mark_nothing(self, act: Job) -> None:
        """On a full disk nothing says which mint is taken: the first post-step takes all, so that none is forgotten."""
        act.platform.keep("aaaa", "a1")
        act.platform.keep("bbbb", "b1")
        with full_beyond(0):
            first, second = taken(act.platform), taken(act.platform)

        assert first == second == ["b1", "a1"]

    def test_state_beside_is_gone(self, act: Job) -> None:
        """Where the file beside the runner's is gone meanwhile, no post-step would find the mint."""
        platform = act.platform
        platform.keep("aaaa", "a1")
        (act.folder / "nomad-token.state").unlink()

        with pytest.raises(OSError, match="gone"):
            platform.export(Export({"A": "x"}, {}))

    def test_mint_between_two_post_steps(self, act: Job) -> None:
        """A mint that comes later, in a composite's post, is taken first."""
        act.platform.keep("aaaa", "a1")
        act.platform.keep("bbbb", "b1")
        assert taken(act.platform) == ["b1"]
        act.platform.keep("cccc", "c1")

        assert taken(act.platform) == ["c1"]
        assert taken(act.platform) == ["a1"]

    def test_file_is_the_owners_alone(self, act: Job) -> None:
        """The file is readable by its owner alone, from its first byte on, and holds the lines in order."""
        old = os.umask(0)
        try:
            act.platform.keep("aaaa", CANARY)
        finally:
            os.umask(old)
        (file,) = act.folder.glob("nomad-token.state")

        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.read_text().split("\n") == ["", f"aaaa {CANARY}", ""]

    def test_file_is_gone_after_the_last_post_step(self, act: Job) -> None:
        """The file stays while another post-step needs it, and is gone after the last."""
        file = act.folder / "nomad-token.state"
        act.platform.keep("aaaa", "a1")
        act.platform.keep("bbbb", "b1")
        last = act.platform
        last.take_kept()
        last.scrub(KEPT, [], undone=True)
        assert file.exists()
        first = act.platform
        first.take_kept()
        first.scrub(KEPT, [], undone=True)

        assert not file.exists()

    def test_environment_comes_last(self, act: Job) -> None:
        """What looks like state in the environment does not stand before the file: act hands over none."""
        act.environ |= {"STATE_nomad_token_000": "b1", "STATE_nomad_token_end": "1"}
        act.platform.keep("aaaa", "a1")

        assert taken(act.platform) == ["a1"]

    def test_strange_letters_split_no_line(self, act: Job) -> None:
        """A line is what ends in a line feed, whatever other separators it holds."""
        line = "a\u2028b\u0085c\x0cd"
        act.platform.keep("aaaa", line)

        assert taken(act.platform) == [line]

    def test_torn_file(self, act: Job) -> None:
        """A file that is torn, or holds broken letters, gives what can be read."""
        act.platform.keep("aaaa", "a1")
        with (act.folder / "nomad-token.state").open("ab") as file:
            file.write(b"aaaa {\xff")

        assert taken(act.platform)[0] == "a1"

    def test_no_file_elsewhere(self, job: Job) -> None:
        """Outside of act nothing is written beside the runner's files."""
        before = set(job.folder.iterdir())
        job.environ["ACT"] = "true"
        job.platform.keep("aaaa", "a1")
        job.platform.scrub(KEPT, [], undone=True)

        assert set(job.folder.iterdir()) == before
        assert taken(job.platform) == []


class TestScrub:
    """What the runner leaves until the job ends."""

    def test_secrets_are_overwritten(self, job: Job) -> None:
        """Secrets are overwritten in the files of all steps, in place, and the rest stays."""
        other = job.folder / "save_state_0"
        other.write_text(f"x={CANARY}\ny={CANARY}{CANARY}z\n")
        job.platform.export(Export({"A": SecretStr(CANARY), "B": "kept"}, {"c": SecretStr(CANARY)}))
        sizes = {path: path.stat().st_size for path in job.folder.iterdir()}
        job.platform.scrub(KEPT, [SecretStr(CANARY), SecretStr("hvs.canary")], undone=True)

        assert all(CANARY not in path.read_text() for path in job.folder.iterdir())
        assert {path: path.stat().st_size for path in job.folder.iterdir()} == sizes
        assert job.read("GITHUB_ENV")["B"] == "kept"

    def test_other_files_are_left_alone(self, job: Job) -> None:
        """Files that are not the runner's own stay as they are, as do links, folders and what is very large."""
        mine = job.folder / "mine"
        mine.write_text(CANARY)
        (job.folder / "set_env_link").symlink_to(mine)
        (job.folder / "set_env_folder").mkdir()
        large = job.folder / "set_output_large"
        large.write_text(CANARY + "x" * (5 << 20))
        os.mkfifo(job.folder / "set_env_pipe") if hasattr(os, "mkfifo") else None
        job.platform.scrub(KEPT, [SecretStr(CANARY)], undone=True)

        assert mine.read_text() == CANARY
        assert large.read_text().startswith(CANARY)

    @pytest.mark.parametrize("path", [None, "", "/nowhere/save_state"])
    def test_no_folder(self, job: Job, path: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where there is no such folder nothing is touched, and nothing fails."""
        job.environ.pop("GITHUB_STATE") if path is None else job.environ.update({"GITHUB_STATE": path})
        monkeypatch.chdir(job.folder)
        job.files["GITHUB_ENV"].write_text(CANARY)
        job.platform.scrub(KEPT, [SecretStr(CANARY)], undone=True)

        assert job.files["GITHUB_ENV"].read_text() == CANARY


class TestAdvice:
    """Why an address may not be reached from here."""

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.1.1", "[::1]", "LOCALHOST"])
    def test_localhost_in_a_container(self, tmp_path: Path, host: str) -> None:
        """In a container this host is the container itself."""
        advice = Job(tmp_path, GITHUB_WORKSPACE="/github/workspace").platform.unreachable(f"http://{host}:8200")

        assert "is the container itself" in advice

    def test_name_in_a_container(self, tmp_path: Path) -> None:
        """Another name may be one that the container's DNS does not know."""
        advice = Job(tmp_path, GITHUB_WORKSPACE="/github/workspace").platform.unreachable("http://vault.corp:8200")

        assert "DNS" in advice
        assert "itself" not in advice

    def test_outside_of_a_container(self, job: Job) -> None:
        """On the runner itself there is nothing to explain."""
        assert job.platform.unreachable("http://localhost:8200") == ""

    def test_act(self, act: Job) -> None:
        """Act's containers share the job's network."""
        act.environ["GITHUB_WORKSPACE"] = "/github/workspace"

        assert act.platform.unreachable("http://localhost:8200") == ""
