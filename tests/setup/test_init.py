"""The first file: made from what a job gives, whole or not at all, and always one that the other parts take."""

import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nomad_token.command_line import command
from nomad_token.errors import InputError
from nomad_token.setup import shipped
from nomad_token.setup.answering import Given, answers
from nomad_token.setup.file import Setup, load, parse
from nomad_token.setup.first import written
from nomad_token.setup.objects import wanted

VAULT = {
    "--role": "deployer",
    "--vault-addr": "https://vault.example.com:8200/",
    "--vault-auth-role": "deploy-app",
    "--nomad-addr": "https://nomad.example.com:4646",
}
NOMAD = {"--nomad-auth-method": "github", "--nomad-addr": "https://nomad.example.com:4646"}
GITHUB = {"--repository-id": "123456789"}
GITLAB = {"--project-id": "42"}
IN_GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_REPOSITORY_ID": "74123456",
    "GITHUB_REPOSITORY": "octo-org/app",
    "GITHUB_SERVER_URL": "https://github.com",
}
IN_GITLAB = {"GITLAB_CI": "true", "CI_JOB_ID": "1", "CI_PROJECT_ID": "42", "CI_PROJECT_PATH": "group/app"}
IN_GITLAB |= {"CI_SERVER_URL": "https://gitlab.example.com"}


@dataclass
class Desk:
    """A folder, and what was said last."""

    folder: Path
    err: str = ""

    def __call__(self, *flags: "dict[str, str] | str", **environ: str) -> int:
        """Run `setup init` there, and return its exit code."""
        argv = [word for each in flags for word in (flags_of(each) if isinstance(each, dict) else [each])]
        out, err = StringIO(), StringIO()
        file = [] if "--file" in argv else ["--file", str(self.folder / "nomad-token.toml")]
        code = command(["setup", "init", *argv, *file], environ, out, err)
        self.err = err.getvalue()
        assert out.getvalue() == ""
        return code

    def setup(self) -> Setup:
        """Return what was written, as the other parts read it: with each file that it names."""
        setup, read = load(self.folder / "nomad-token.toml")
        assert wanted(setup, read)
        return setup


def flags_of(given: dict[str, str]) -> list[str]:
    """Return flags with their values as words."""
    return [word for pair in given.items() for word in pair]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Sit down where there is no terminal."""
    monkeypatch.setattr(sys, "stdin", StringIO())
    return Desk(tmp_path)


def test_vault_and_github(desk: Desk) -> None:
    """What the README's quick start says is enough: trust, engine and policy fit that job, and nothing else."""
    assert desk(VAULT, GITHUB, {"--repository": "octo-org/app"}) == 0
    setup = desk.setup()
    (engine,), (trust,), (policy,) = setup.engine, setup.vault_trust, setup.policy

    assert (engine.mount, engine.access.address, engine.plugin) == ("nomad", "https://nomad.example.com:4646", "nomad")
    assert [(role.name, role.policies, role.type) for role in engine.role] == [("deployer", ("deploy",), "client")]
    assert (trust.mount, trust.url) == ("jwt", "https://token.actions.githubusercontent.com")
    assert trust.role[0].audience == ("https://vault.example.com:8200",)
    assert trust.role[0].roles == ("nomad/deployer",)
    assert trust.role[0].claims == {
        "repository_id": ("123456789",),
        "ref": ("refs/heads/main",),
        "event_name": ("push", "workflow_dispatch"),
    }
    assert (policy.name, policy.rules) == ("deploy", "deploy.policy.hcl")
    assert (desk.folder / "deploy.policy.hcl").read_text() == shipped.rules("deploy")
    assert setup.nomad_trust == ()
    assert "octo-org/app" in (desk.folder / "nomad-token.toml").read_text()


def test_everything_that_a_job_may_say(desk: Desk) -> None:
    """Mounts, audience, plugin, another address for Vault, environment and events are taken as they are given."""
    code = desk(
        VAULT,
        GITHUB,
        {"--vault-mount": "teams/nomad", "--vault-auth-path": "jwt-github", "--audience": "it's me"},
        {"--plugin": "openbao-plugin-secrets-nomad", "--nomad-address-for-vault": "http://10.0.0.5:4646"},
        {"--environment": "production", "--github-server": "https://ghe.example.com/"},
    )
    setup = desk.setup()
    (engine,), (trust,) = setup.engine, setup.vault_trust

    assert code == 0
    assert (engine.mount, engine.plugin) == ("teams/nomad", "openbao-plugin-secrets-nomad")
    assert engine.access.address == "http://10.0.0.5:4646"
    assert (trust.mount, trust.url) == ("jwt-github", "https://ghe.example.com/_services/token")
    assert trust.role[0].audience == ("it's me",)
    assert trust.role[0].roles == ("teams/nomad/deployer",)
    assert trust.role[0].claims == {"repository_id": ("123456789",), "environment": ("production",)}


def test_an_issuer_of_ones_own(desk: Desk) -> None:
    """An enterprise of GitHub's may have an issuer of its own, which is taken as it is given."""
    assert desk(VAULT, GITHUB, {"--issuer": "https://token.actions.githubusercontent.com/octo"}) == 0
    assert desk.setup().vault_trust[0].url == "https://token.actions.githubusercontent.com/octo"


def test_gitlab(desk: Desk) -> None:
    """A project of GitLab's is bound by its id, and to protected refs; an environment has to be a protected one."""
    extra = {"--gitlab": "https://gitlab.example.com/", "--environment": "production", "--ref": "main"}
    assert desk(VAULT, GITLAB, extra, "--event", "push", "--event", "web") == 0
    (trust,) = desk.setup().vault_trust

    assert trust.url == "https://gitlab.example.com"
    assert trust.role[0].claims == {
        "project_id": ("42",),
        "ref_protected": ("true",),
        "ref": ("main",),
        "pipeline_source": ("push", "web"),
        "environment": ("production",),
        "environment_protected": ("true",),
    }


def test_without_vault(desk: Desk) -> None:
    """With `nomad-auth-method` Nomad itself is to trust the job: a rule for each policy, and nothing of Vault's."""
    assert desk(NOMAD, GITHUB, "--policy", "deploy", "--policy", "readonly") == 0
    setup = desk.setup()
    (trust,) = setup.nomad_trust

    assert (trust.name, trust.audience) == ("github", ("https://nomad.example.com:4646",))
    assert [rule.policy for rule in trust.rule] == ["deploy", "readonly"]
    assert not setup.has_vault


def test_policies_alone(desk: Desk) -> None:
    """With `policies`, which `nomad-management` gives to a token, nobody has to be trusted: policies are written."""
    assert desk("--policies", "deploy, readonly") == 0
    setup = desk.setup()

    assert [policy.name for policy in setup.policy] == ["deploy", "readonly"]
    assert not setup.has_vault
    assert setup.nomad_trust == ()


def test_several_roles(desk: Desk) -> None:
    """Roles that a step mints together are made together, each with its own policies; one without any is refused."""
    roles = {**VAULT, "--role": "deployer | NOMAD_TOKEN, reader | READ_TOKEN"}
    refused = desk(roles, GITHUB, "--policy", "deployer=deploy")
    why = desk.err
    made = desk(roles, GITHUB, "--policy", "deployer=deploy", "--policy", "readonly")
    setup = desk.setup()

    assert (refused, made) == (2, 0)
    assert "The role `reader` has no policy" in why
    assert {role.name: role.policies for role in setup.engine[0].role} == {
        "deployer": ("deploy", "readonly"),
        "reader": ("readonly",),
    }
    assert setup.vault_trust[0].role[0].roles == ("nomad/deployer", "nomad/reader")


def test_a_policy_of_ones_own(desk: Desk) -> None:
    """A file of rules beside the setup's is named by it, and left as it is; one that is not there is refused."""
    missing = desk(VAULT, GITHUB, "--policy", "mine.policy.hcl")
    why = desk.err
    (desk.folder / "mine.policy.hcl").write_text('namespace "mine" { policy = "write" }')
    made = desk(VAULT, GITHUB, "--policy", "mine.policy.hcl")
    (policy,) = desk.setup().policy

    assert (missing, made) == (2, 0)
    assert "there is no file" in why
    assert (policy.name, policy.rules) == ("mine", "mine.policy.hcl")
    assert (desk.folder / "mine.policy.hcl").read_text() == 'namespace "mine" { policy = "write" }'


def test_what_is_missing_is_told_at_once(desk: Desk) -> None:
    """Without a terminal nothing is asked: each flag that is missing is named, with how to find a repository's id."""
    code = desk("--repository", "octo-org/app")

    assert code == 2
    for flag in ("--role", "--vault-addr", "--vault-auth-role", "--nomad-addr", "--repository-id"):
        assert f"{flag}` is missing" in desk.err or f"{flag} is missing" in desk.err
    assert "gh api repos/octo-org/app --jq .id" in desk.err
    assert list(desk.folder.iterdir()) == []


def test_inputs_are_read_as_a_mint_reads_them(desk: Desk) -> None:
    """Variables count as they do for a mint: those of Vault's and Nomad's own tools, and each input's own."""
    code = desk(
        GITHUB,
        VAULT_ADDR="https://vault.example.com",
        NOMAD_ADDR="https://nomad.example.com:4646",
        NOMAD_MINT_ROLE="deployer",
        NOMAD_MINT_VAULT_AUTH_ROLE="deploy-app",
        VAULT_AUTH_PATH="jwt-github",
    )
    setup = desk.setup()

    assert code == 0
    assert setup.engine[0].role[0].name == "deployer"
    assert (setup.vault_trust[0].mount, setup.vault_trust[0].role[0].name) == ("jwt-github", "deploy-app")


def test_in_a_job_the_project_is_known(desk: Desk) -> None:
    """In a job of GitHub's or GitLab's its own project is meant, by the id that the CI says, and its server."""
    in_github = desk(VAULT, **IN_GITHUB)
    github = desk.setup().vault_trust[0]
    in_gitlab = desk(VAULT, "--force", **IN_GITLAB)
    gitlab = desk.setup().vault_trust[0]

    assert (in_github, in_gitlab) == (0, 0)
    assert (github.platform, github.role[0].claims["repository_id"]) == ("github", ("74123456",))
    assert (gitlab.platform, gitlab.role[0].claims["project_id"]) == ("gitlab", ("42",))
    assert gitlab.url == "https://gitlab.example.com"


def test_another_repository_than_the_jobs(desk: Desk) -> None:
    """A repository that is named is not taken for the job's own: its id has to be given."""
    assert desk(VAULT, {"--repository": "octo-org/other"}, **IN_GITHUB) == 2
    assert "repos/octo-org/other" in desk.err


def test_nothing_is_overwritten(desk: Desk) -> None:
    """A file that is there and differs is left, and nothing is written; with --force it is replaced, and said so."""
    (desk.folder / "deploy.policy.hcl").write_text("# mine")
    refused = desk(VAULT, GITHUB)
    why = desk.err
    kept = (desk.folder / "deploy.policy.hcl").read_text(), (desk.folder / "nomad-token.toml").exists()
    forced = desk(VAULT, GITHUB, "--force")

    assert (refused, forced) == (2, 0)
    assert "deploy.policy.hcl: there already. Nothing was written." in why
    assert kept == ("# mine", False)
    assert (desk.folder / "deploy.policy.hcl").read_text() == shipped.rules("deploy")
    assert "Wrote" in desk.err
    assert sorted(path.name for path in desk.folder.iterdir()) == ["deploy.policy.hcl", "nomad-token.toml"]


def test_the_same_again_is_no_overwriting(desk: Desk) -> None:
    """Run again with the same answers, it finds its own files, and writes none."""
    first = desk(VAULT, GITHUB)
    before = (desk.folder / "nomad-token.toml").stat().st_mtime_ns
    second = desk(VAULT, GITHUB)

    assert (first, second) == (0, 0)
    assert (desk.folder / "nomad-token.toml").stat().st_mtime_ns == before
    assert "Wrote" not in desk.err


def test_a_folder_that_is_not_there(desk: Desk) -> None:
    """Where nothing can be written, the file and the reason are named."""
    assert desk(VAULT, GITHUB, {"--file": str(desk.folder / "none" / "x.toml")}) == 2
    assert "can't be written: No such file or directory" in desk.err


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({**VAULT, "--repository-id": "octo-org/app"}, "is not a number"),
        ({**VAULT, **GITHUB, **GITLAB}, "flags are of both platforms"),
        ({**VAULT, **GITHUB, "--platform": "gitlab"}, "flags are of both platforms"),
        ({**VAULT, "--platform": "gitea"}, "neither github nor gitlab"),
        ({**VAULT, **GITHUB, "--ref": "main"}, "refs/heads/main"),
        ({**VAULT, **GITHUB, "--policy": "nothing"}, "none of readonly, deploy, ns-admin"),
        ({**VAULT, **GITHUB, "--policy": "my policy.hcl"}, "none of readonly, deploy, ns-admin"),
        ({**VAULT, **GITHUB, "--nomad-addr": "nomad:4646"}, "`--nomad-addr`: `nomad:4646` has no scheme"),
        ({**VAULT, **GITHUB, "--vault-addr": "vault"}, "`--vault-addr`: `vault` has no scheme"),
        ({**VAULT, **GITHUB, "--role": "a/b"}, "`--role`: `a/b` holds a path"),
        ({**VAULT, **GITHUB, "--environment": "*"}, "binds `environment` to any value at all"),
        ({**VAULT, **GITHUB, "--event": "pull_request_target"}, "without `environment`"),
        ({**VAULT, **GITHUB, "--environment": "\udcff"}, "environment"),
        ({**VAULT, **GITHUB, "--policy": "reader=deploy"}, "`--role` names no reader"),
        ({**NOMAD, **GITHUB, "--policy": "reader=deploy"}, "`--role` names no reader"),
        ({**NOMAD, **GITHUB, "--plugin": "nomad"}, "--plugin is of Vault's engine"),
        ({**VAULT, **NOMAD, **GITHUB}, "Several ways are meant"),
        ({**VAULT, **GITHUB, "--policies": "deploy"}, "Several ways are meant"),
        ({"--policies": "mine"}, "does not come with the program"),
    ],
)
def test_what_can_not_be(desk: Desk, given: dict[str, str], text: str) -> None:
    """What can't be, or would trust strangers, is refused by its name, and nothing is written."""
    assert desk(given) == 2
    assert text in desk.err
    assert list(desk.folder.iterdir()) == []


def test_two_policies_of_one_name(desk: Desk) -> None:
    """A file that has the name of a shipped policy is meant instead of it, not beside it; twice the same is once."""
    (desk.folder / "deploy.hcl").write_text('namespace "mine" { policy = "write" }')
    both = desk(VAULT, GITHUB, "--policy", "deploy", "--policy", "deploy.hcl")
    why = desk.err
    twice = desk(VAULT, GITHUB, "--policy", "deploy", "--policy", "deploy")

    assert (both, twice) == (2, 0)
    assert "two of them are named deploy" in why
    assert desk.setup().engine[0].role[0].policies == ("deploy",)


def test_without_vault_needs_no_more_than_a_flag(desk: Desk) -> None:
    """With --without-vault the way is told, and what it needs is what is missing; with a `role` it can't be."""
    missing = desk("--without-vault")
    why = desk.err
    both = desk("--without-vault", VAULT, GITHUB)

    assert (missing, both) == (2, 2)
    assert "--nomad-auth-method" in why
    assert "--repository-id or --project-id is missing" in why
    assert "--role" not in why


def test_a_folder_in_its_place(desk: Desk) -> None:
    """A folder of that name is no file to replace, and nothing is left beside it."""
    (desk.folder / "nomad-token.toml").mkdir()

    assert desk(VAULT, GITHUB, "--force") == 2
    assert "can't be written" in desk.err
    assert sorted(path.name for path in desk.folder.iterdir()) == ["deploy.policy.hcl", "nomad-token.toml"]


def test_what_is_asked() -> None:
    """Each question is asked once, in order, with what is offered, and none whose answer is given."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return {"Whose jobs are trusted, github or gitlab [github]: ": "gitlab\n"}.get(question, "\n")

    given = Given({"vault-addr": "https://v", "nomad-addr": "https://n"}, ask=ask)
    with pytest.raises(InputError, match="--project-id is missing"):
        answers(given)

    assert asked == [
        "The role of Vault's Nomad engine [deployer]: ",
        "The role of the job's login [deploy-app]: ",
        "Whose jobs are trusted, github or gitlab [github]: ",
        "The project's id, as its page in GitLab shows it: ",
    ]


def test_a_terminal_that_is_closed(tmp_path: Path) -> None:
    """Where the terminal ends instead of answering, nothing is taken for an answer, and nothing is written."""
    ours, theirs = pty.openpty()
    os.write(ours, b"\x04")
    program = [sys.executable, "-P", "-m", "nomad_token", "setup", "init"]
    done = subprocess.run(  # noqa: S603 - our own command
        program, stdin=theirs, capture_output=True, cwd=tmp_path, env={"PATH": os.defpath}, timeout=60, check=False
    )
    os.close(ours)
    os.close(theirs)

    assert done.returncode == 2, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_is_asked(tmp_path: Path) -> None:
    """On a terminal each thing that is missing is asked for, with what is offered for it: return takes that."""
    ours, theirs = pty.openpty()
    program = [sys.executable, "-P", "-m", "nomad_token", "setup", "init"]
    os.write(ours, b"\nhttps://vault.example.com:8200\n\nhttps://nomad.example.com:4646\n\n123\n")
    done = subprocess.run(  # noqa: S603 - our own command
        program,
        stdin=theirs,
        capture_output=True,
        cwd=tmp_path,
        env={"PATH": os.defpath},
        text=True,
        timeout=60,
        check=False,
    )
    os.close(ours)
    os.close(theirs)

    assert done.returncode == 0, done.stderr
    assert "The role of Vault's Nomad engine [deployer]: " in done.stderr
    setup = parse((tmp_path / "nomad-token.toml").read_text())
    assert setup.engine[0].role[0].name == "deployer"
    assert setup.vault_trust[0].role[0].claims["repository_id"] == ("123",)


INPUTS = {"role", "vault-addr", "vault-auth-role", "nomad-addr", "nomad-auth-method"}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NAMED = st.sampled_from(["", "production", "it's", "a b", 'a"b', "*", "rel/*", "refs/heads/main", "ü"]) | TEXT


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    way=st.sampled_from([VAULT, NOMAD]),
    whose=st.sampled_from([GITHUB, GITLAB, {"--repository-id": "7", "--repository": "octo-org/app"}]),
    environment=NAMED,
    ref=NAMED,
    events=st.lists(NAMED, max_size=2),
    audience=NAMED,
    policies=st.lists(st.sampled_from(["deploy", "readonly", "ns-admin", "mine.policy.hcl"]), max_size=3),
    server=st.sampled_from(["", "https://git.example.com/"]),
)
def test_each_file_is_one_that_the_others_take(  # noqa: PLR0913, PLR0917 - each is drawn
    way: dict[str, str],
    whose: dict[str, str],
    environment: str,
    ref: str,
    events: list[str],
    audience: str,
    policies: list[str],
    server: str,
) -> None:
    """Whatever is given, what comes out is refused in words, or read back as it was meant, the same each time."""
    found = {name.removeprefix("--") if name[2:] in INPUTS else name: value for name, value in {**way, **whose}.items()}
    found |= {"--environment": environment, "--ref": ref, "audience": audience}
    found |= {"--github-server": server} if "--repository-id" in whose else {"--gitlab": server}

    def make() -> str:
        return written(answers(Given(found, policies=policies, events=events)))

    try:
        text = make()
        setup = parse(text)
    except InputError:
        return
    of_vault = [role for trust in setup.vault_trust for role in trust.role]
    claims = [*(role.claims for role in of_vault), *(rule.claims for trust in setup.nomad_trust for rule in trust.rule)]
    audiences = {*(role.audience for role in of_vault), *(trust.audience for trust in setup.nomad_trust)}

    assert make() == text
    assert claims
    for each in claims:
        assert not environment.strip() or each["environment"] == (environment.strip(),)
        assert each.get("repository_id") or each.get("project_id")
        assert each.get("environment") or each.get("event_name") or each.get("ref_protected")
    assert not audience.strip() or audiences == {(audience.strip(),)}
