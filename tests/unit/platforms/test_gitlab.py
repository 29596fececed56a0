"""A job of GitLab's: what it is told by, what it says, and what another job gets."""

import io
import re
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from certificates import Authority
from fakes import LEASE, PLAN, VAULT, jwt
from gitlab import dotenv
from nomad_token.clients.http import Connections
from nomad_token.clients.vault import VaultPlace
from nomad_token.clock import Deadline, SystemClock
from nomad_token.errors import NoIdentity
from nomad_token.platforms.base import Kept, Level
from nomad_token.platforms.gitlab import ADD_MASK, GitLabJob
from nomad_token.platforms.shell import KEPT
from nomad_token.platforms.state_file import StateFile, packed
from nomad_token.seal import sealed
from nomad_token.secret import SecretStr
from nomad_token.state import dumps
from unit.platforms.test_shell import Caller

HERE = {"GITLAB_CI": "true", "CI_JOB_ID": "4711", "CI_PROJECT_DIR": "/builds/group/project"}
ESC = "\033"


class Log(GitLabJob):
    """A job, and its log."""

    def __init__(self, **environ: str) -> None:
        """Run with *environ* besides what each job has."""
        self.out = io.StringIO()
        clock = SystemClock()
        super().__init__(HERE | environ, self.out, clock=clock, connect=Connections(clock, lambda _: None))

    @property
    def printed(self) -> str:
        """What it shows."""
        return self.out.getvalue()


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """Make the caller a job, which has a folder beside its work tree."""
    for name in ("project", "project.tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "project")
    called = Caller(tmp_path)
    called.environ |= {"GITLAB_CI": "true", "CI_JOB_ID": "4711", "CI_PROJECT_DIR": str(tmp_path / "project")}
    return called


@pytest.mark.parametrize(
    ("environ", "here"),
    [
        (HERE, True),
        (HERE | {"GITLAB_CI": "false"}, True),
        ({"CI_JOB_ID": "1"}, False),
        ({"GITLAB_CI": "true"}, False),
        ({"GITLAB_CI": "true", "CI_JOB_ID": ""}, False),
    ],
)
def test_is_here(environ: dict[str, str], here: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A job has a number, and says that it is GitLab's; gitlab-ci-local says that it is not."""
    assert GitLabJob.is_here(environ) is here


def test_state_is_beside_the_work_tree() -> None:
    """It is named by the job, in the runner's temporary folder or where that would be."""
    name = "nomad-token-4711.state"

    assert Log().state_file() == Path("/builds/group/project.tmp", name)
    assert Log(RUNNER_TEMP_PROJECT_DIR="/elsewhere").state_file() == Path("/elsewhere", name)


def test_state_of_a_job_is_not_to_be_guessed(caller: Caller) -> None:
    """What an earlier job on the runner left under a later one's number is not believed: it names a server at will."""
    asked: list[str] = []
    caller.world.vault.faults.hooks["sys/leases/revoke"] = lambda: asked.append("with what is lent")
    plan = replace(PLAN, vault=VaultPlace(address=VAULT), nomad=None, lent="vault-token")
    StateFile(caller.home / "project.tmp" / "nomad-token-4711.state").keep(
        plan.mint, f"{dumps(plan)}\n{plan.mint} {dumps(LEASE)}"
    )
    caller.environ |= {"CI_JOB_TOKEN": "glcbt-1", "VAULT_TOKEN": "hvs.lent"}
    planted, reached = caller("revoke"), list(asked)
    codes = [caller.mint("--shell-file", "token.sh"), caller("revoke")]

    assert (planted, reached) == (0, []), caller.told
    assert codes == [0, 0], caller.told
    assert caller.world.alive == []
    assert [path.name for path in (caller.home / "project.tmp").iterdir()] == ["nomad-token-4711.state"]


def test_section() -> None:
    """The markers are as GitLab reads them: `ESC[0K`, the Unix time, a name of letters, a carriage return."""
    job = Log()
    with job.section("mint"):
        job.say("within")
    pattern = (
        rf"{ESC}\[0Ksection_start:\d+:nomad_token_mint\r{ESC}\[0Knomad-token mint\nwithin\n"
        rf"{ESC}\[0Ksection_end:\d+:nomad_token_mint\r{ESC}\[0K\n"
    )

    assert re.fullmatch(pattern, job.printed)


def test_section_ends_whatever_happens() -> None:
    """What fails does not leave the rest of the log folded."""
    job = Log()
    with pytest.raises(OSError, match="x"), job.section("mint"):
        raise OSError("x")

    assert "section_end" in job.printed


@pytest.mark.parametrize("said", ["", "false", "TRUE", "1", "true"])
def test_mask(said: str) -> None:
    """Where nothing says that the runner understands it, the command would print what it is to hide."""
    job = Log(**{ADD_MASK: said})
    job.mask(SecretStr("a-secret"))

    assert job.printed == ("::add-mask::a-secret\n" if said == "true" else "")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_mask_of_several_lines(end: str) -> None:
    """A key's text, or headers: no line of it is printed but as one that is to be hidden."""
    job = Log(**{ADD_MASK: "true"})
    job.mask(SecretStr(f"-----BEGIN KEY-----{end}a-secret-line{end}{end}}}{end}-----END KEY-----{end}"))

    assert [line.partition("::add-mask::")[::2] for line in job.printed.splitlines()] == [
        ("", "-----BEGIN KEY-----"),
        ("", "a-secret-line"),
        ("", "-----END KEY-----"),
    ]


@pytest.mark.parametrize("line", ["::add-mask::x", ":::x", "a\n::add-mask::x", f"{ESC}[0Ksection_end:1:a\r", "\r::x"])
def test_no_line_is_a_command(line: str) -> None:
    """Text of a server's begins no line with a command, and moves nothing on the screen."""
    job = Log()
    job.say(line)
    job.annotate(Level.WARNING, line, line)
    plain = re.sub(rf"{ESC}\[(33;1|0)m", "", job.printed)

    assert not [each for each in plain.split("\n") if each.startswith("::")]
    assert ESC not in plain
    assert "\r" not in plain


def test_remarks() -> None:
    """Each is about what the job is, and a quiet job is told nothing."""
    several = [f"A{number}" for number in range(21)]

    assert Log(CI_DEBUG_TRACE="false", CI_COMMIT_REF_PROTECTED="true").remarks(["A"], ["dotenv"]) == []
    assert "CI_DEBUG_TRACE is on" in Log(CI_DEBUG_TRACE="true").remarks(["A"], ["shell-file"])[0]
    assert "not protected" in Log(CI_COMMIT_REF_PROTECTED="false").remarks(["A"], ["shell-file"])[0]
    assert "wins over" in Log(A="x").remarks(["A"], ["dotenv"])[0]
    assert Log(A="x").remarks(["A"], ["shell-file"]) == []
    assert "21 variables" in Log().remarks(several, ["dotenv"])[0]


def test_withheld() -> None:
    """A fork's merge request and an unprotected ref are given no secrets, and nobody else is told so."""
    ours = {"CI_PROJECT_ID": "22", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "22", "CI_COMMIT_REF_PROTECTED": "true"}

    assert "from a fork" in Log(**ours | {"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "23"}).withheld()
    assert "not protected" in Log(CI_COMMIT_REF_PROTECTED="false").withheld()
    assert Log(**ours).withheld() == ""
    assert Log().withheld() == ""


def test_no_id_token() -> None:
    """What to do is said as a job of GitLab's says it."""
    with pytest.raises(NoIdentity) as refused:
        Log().id_token("https://vault.example.com", Deadline(SystemClock(), 1))

    assert "id_tokens:\n    VAULT_ID_TOKEN:\n      aud: https://vault.example.com" in refused.value.fix
    assert "permissions" not in refused.value.text


@pytest.mark.parametrize(
    ("image", "address", "told"),
    [
        ("alpine", "http://localhost:8200", True),
        ("alpine", "http://127.0.0.1:8200", True),
        ("", "http://localhost:8200", False),
        ("alpine", "https://vault.example.com", False),
    ],
)
def test_unreachable(image: str, address: str, told: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """In an image, the host itself is another."""
    assert bool(Log(CI_JOB_IMAGE=image).unreachable(address)) is told


class TestPortable:
    """A job that mints for another one."""

    def test_revoked_from_the_variable(self, caller: Caller) -> None:
        """No state stays, and a job that has no file of the first revokes; its report names what it needs alone."""
        code = caller.mint("--portable", "--dotenv", "report")
        handed = dotenv.parsed(Path("report").read_bytes())
        mode = stat.S_IMODE(Path("report").stat().st_mode)
        left = list((caller.home / "project.tmp").iterdir())
        caller.environ |= {**handed, "CI_JOB_ID": "4712"}
        del caller.environ["VAULT_ID_TOKEN"]
        alive = len(caller.world.nomad.tokens)
        revoked = caller("revoke")

        assert (code, revoked, alive) == (0, 0, 1), caller.told
        assert set(handed) == {"NOMAD_TOKEN", KEPT}
        assert (mode, left) == (0o600, [])
        assert caller.world.alive == []

    def test_reaches_a_job_that_mints_itself(self, caller: Caller) -> None:
        """That one revokes its own, and leaves what a report brought along to whoever is to revoke it."""
        caller.mint("--portable", "--dotenv", "report")
        (anothers,) = caller.world.nomad.tokens
        caller.environ |= {**dotenv.parsed(Path("report").read_bytes()), "CI_JOB_ID": "4712"}
        caller.mint("--shell-file", "token.sh")
        revoked = caller("revoke")
        alive, told = list(caller.world.nomad.tokens), caller.told
        caller.environ["CI_JOB_ID"] = "4713"
        later = caller("revoke")

        assert (revoked, alive) == (0, [anothers]), told
        assert f"{KEPT} is left to the job" in told
        assert (later, caller.world.alive) == (0, []), caller.told

    @pytest.mark.parametrize("changed", ["cut", "x", "[MASKED]"])
    def test_changed_on_the_way(self, caller: Caller, changed: str) -> None:
        """It is an error that quotes nothing, before anything is asked."""
        caller.mint("--portable", "--dotenv", "report")
        word = dotenv.parsed(Path("report").read_bytes())[KEPT]
        caller.environ[KEPT] = word[:-9] if changed == "cut" else changed
        code = caller("revoke")

        assert code == 2
        assert "cut or changed" in caller.told
        assert word[:20] not in caller.told

    @pytest.mark.parametrize("here", ["", "https://vault.example.com", VAULT])
    def test_what_is_lent_is_sent_where_this_job_says(self, caller: Caller, here: str) -> None:
        """A forged undo names no server for a secret of the job's: the job's own inputs do."""
        asked: list[str] = []
        for path in ("sys/leases/revoke", "sys/leases/renew"):
            caller.world.vault.faults.hooks[path] = lambda: asked.append("with what is lent")
        plan = replace(PLAN, vault=VaultPlace(address=VAULT), nomad=None, lent="vault-token")
        key = SecretStr("hvs.lent")  # or whoever packed it knew what is lent
        lines = [sealed(line, key, plan.mint, at) for at, line in enumerate((dumps(plan), dumps(LEASE)))]
        forged = packed(Kept(plan.mint, lines))
        caller.environ |= {KEPT: forged.get_secret_value(), "VAULT_TOKEN": "hvs.lent", "VAULT_ADDR": here}
        codes = [caller(command) for command in ("renew", "revoke")]

        assert asked == (["with what is lent"] * 2 if here == VAULT else []), caller.told
        assert (codes == [2, 2]) is (here != VAULT)
        assert ("as to the mint" in caller.told) is (here != VAULT)

    def test_private_authority_fits(self, caller: Caller, tmp_path: Path) -> None:
        """One certificate of an authority goes along in the report."""
        caller.environ["VAULT_CACERT"] = Authority(tmp_path).certificate.read_text()
        code = caller.mint("--portable", "--dotenv", "report")
        caller.environ |= dotenv.parsed(Path("report").read_bytes())
        del caller.environ["VAULT_CACERT"]
        revoked = caller("revoke")

        assert (code, revoked) == (0, 0), caller.told
        assert caller.world.alive == []

    def test_too_large_is_refused(self, caller: Caller, tmp_path: Path) -> None:
        """A bundle that GitLab would not take is told with both sizes, and what was minted is undone."""
        names = [f"authority {number}" for number in range(30)]
        caller.environ["VAULT_CACERT"] = "".join(Authority(tmp_path, name).certificate.read_text() for name in names)
        code = caller.mint("--portable", "--dotenv", "report")

        assert code == 2
        assert re.search(r"would have \d{4,} bytes, and 5119 are taken", caller.told)
        assert caller.world.alive == []
        assert not Path("report").exists()
        assert list((caller.home / "project.tmp").iterdir()) == []

    def test_needs_a_report(self, caller: Caller) -> None:
        """Without one, nothing would carry the undo, and nothing is asked."""
        code = caller.mint("--portable", "--shell-file", "token.sh")

        assert code == 2
        assert "--dotenv FILE" in caller.told
        assert caller.world.alive == []


class TestPrefix:
    """A second cluster in the same job."""

    def test_before_those_without(self, caller: Caller) -> None:
        """A variable with the prefix comes first, one without serves, and inputs of the other call don't."""
        caller.environ |= {
            "eu_VAULT_ID_TOKEN": jwt(),
            "VAULT_ID_TOKEN": "not a token",
            "eu_NOMAD_MINT_ROLE": "deployer",
            "NOMAD_MINT_ROLE": "of the other",
            "NOMAD_MINT_NOT_AN_INPUT": "of the other",
            "eu_NOMAD_MINT_VAULT_AUTH_ROLE": "deploy-app",
        }
        code = caller("mint", "--prefix", "eu_", "--shell-file", "token.sh")

        assert code == 0, caller.told
        assert "eu_NOMAD_MINT_ROLE" in caller.told
        assert "vault-addr from VAULT_ADDR" in caller.told

    def test_unknown_name(self, caller: Caller) -> None:
        """What is misspelt behind the prefix is named as it stands there."""
        caller.environ["eu_NOMAD_MINT_ROLL"] = "x"
        code = caller.mint("--prefix", "eu_", "--shell-file", "token.sh")

        assert code == 2
        assert "eu_NOMAD_MINT_ROLL" in caller.told

    def test_states_apart(self, caller: Caller) -> None:
        """Each prefix has a state of its own, and revokes that one alone."""
        caller.mint("--shell-file", "a.sh")
        caller.mint("--prefix", "eu_", "--shell-file", "b.sh")
        states = sorted(path.name for path in (caller.home / "project.tmp").iterdir())
        before = len(caller.world.nomad.tokens)
        revoked = caller("revoke", "--prefix", "eu_")

        assert states == ["eu_nomad-token-4711.state", "nomad-token-4711.state"]
        assert (before, revoked, len(caller.world.nomad.tokens)) == (2, 0, 1)
        assert sorted(path.name for path in Path().iterdir()) == ["a.sh"]

    def test_undo_handed_over_apart(self, caller: Caller) -> None:
        """The variable with the undo has the prefix too."""
        caller.mint("--prefix", "eu_", "--portable", "--dotenv", "report")

        assert f"eu_{KEPT}" in dotenv.parsed(Path("report").read_bytes())


class TestWords:
    """Inputs are named as whoever gave them knows them."""

    def test_of_the_template(self, caller: Caller) -> None:
        """What the template hands over is told by the template's own names, and where they are given."""
        caller.environ |= {"NOMAD_MINT_VAULT_MOUNT": "no such/mount", "NOMAD_MINT_ROLE": ""}
        code = caller("mint", "--shell-file", "token.sh")

        assert code == 2
        assert "`role` is missing: give it under `inputs:`" in caller.told
        assert "--role" not in caller.told

    def test_of_a_typed_command(self, caller: Caller) -> None:
        """Whoever types flags is told flags."""
        code = caller("mint", "--vault-mount", "nomad", "--shell-file", "token.sh")

        assert code == 2
        assert "`--role` is missing: give it" in caller.told
        assert "inputs:" not in caller.told

    def test_of_a_variable_of_the_project(self, caller: Caller) -> None:
        """A secret is no input of the template: it is told by its variable."""
        caller.environ |= {"NOMAD_MINT_ROLE": "deployer", "NOMAD_MINT_VAULT_AUTH_METHOD": "token"}
        code = caller("mint", "--shell-file", "token.sh")

        assert code == 2
        assert "`VAULT_TOKEN` is not set" in caller.told
