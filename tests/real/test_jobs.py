"""Whole jobs on real servers: workflows in act with the action's own container, and pipelines with the template."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from container.act import Run, act
from container.leaks import secrets_in
from gitlab import trust
from gitlab.pipelines import Project, installed
from gitlab.test_pipelines import PAIR, QUICK_START
from jobs import quick_start
from nomad_token_lab import logins
from real_lab import KINDS, RealLab, real_lab
from setup.exporting import Desk


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealLab]:
    """Serve Nomad and GitHub, beside a real Vault, then a real OpenBao, that trusts nobody yet."""
    (tmp_path / "server").mkdir()
    with real_lab(request.param, tmp_path / "server", trusting=False) as lab:
        yield lab


def workflow(folder: Path, lab: RealLab, name: str, **secrets: str) -> Run:
    """Run a workflow that asks the real server."""
    variables = {"VAULT_ADDR": lab.real.addr, "NOMAD_ADDR": lab.nomad.addr}
    known = {"ID_TOKEN": lab.github.id_token(lab.audience).get_secret_value()} | secrets
    return act(folder, name, variables=variables, secrets=known)


def deployed(lab: RealLab) -> list[str]:
    """List the jobs that Nomad took."""
    return [name for _, name in lab.nomad.jobs]


def nothing_lives(lab: RealLab, before: set[str]) -> bool:
    """Ask both servers whether all is gone that was not there *before*."""
    return not (lab.nomad.live_tokens() or lab.leases() or lab.accessors() - before)


class TestWorkflow:
    """A workflow of GitHub's."""

    @pytest.fixture(autouse=True)
    def trusted(self, lab: RealLab) -> None:
        """Have the servers trust it."""
        lab.trust()

    @pytest.mark.parametrize(
        ("name", "code", "jobs"), [("plain", 0, ["hello"]), ("failing-step", 1, ["hello"]), ("failing-main", 1, [])]
    )
    def test_login_with_an_id_token(self, lab: RealLab, tmp_path: Path, name: str, code: int, jobs: list[str]) -> None:
        """Deployed with the token or failed: what was minted and what was logged in are gone from both servers."""
        before = lab.accessors()
        ran = workflow(tmp_path, lab, name)

        assert ran.code == code, ran.log
        assert deployed(lab) == jobs
        assert nothing_lives(lab, before)
        assert secrets_in(ran.log, lab) == []

    def test_secret_id(self, lab: RealLab, tmp_path: Path) -> None:
        """A login with a role id and a secret id."""
        with lab.vault_client() as vault:
            given = logins.approle(vault)
        before = lab.accessors()
        ran = workflow(tmp_path, lab, "approle", ROLE_ID=given["vault-role-id"], SECRET_ID=given["vault-secret-id"])

        assert ran.code == 0, ran.log
        assert deployed(lab) == ["hello"]
        assert "Nomad refuses it" in ran.log
        assert nothing_lives(lab, before)
        assert secrets_in(ran.log, lab) == []

    def test_twice_in_one_job(self, lab: RealLab, tmp_path: Path) -> None:
        """Each of two uses has a token of its own, and each post-step revokes its own."""
        before = lab.accessors()
        ran = workflow(tmp_path, lab, "twice")

        assert ran.code == 0, ran.log
        assert deployed(lab) == ["first", "second"]
        assert len(set(re.findall(r"Revoked (\S+):", ran.log))) == 2
        assert nothing_lives(lab, before)


class TestPipeline:
    """A pipeline of GitLab's."""

    @pytest.fixture
    def project(self, lab: RealLab, tmp_path: Path) -> Project:
        """Make a project whose jobs the servers trust as the README says."""
        trust.set_up(lab)
        return Project(tmp_path, installed(), lab)

    def test_quick_start(self, lab: RealLab, project: Project) -> None:
        """The README's quick start deploys, and leaves nothing."""
        before = lab.accessors()
        done = project.run(trust.on(lab, QUICK_START))

        assert done.code == 0, done.log
        assert "deployed app.nomad.hcl: 200" in done.log
        assert "Nomad refuses it" in done.log
        assert nothing_lives(lab, before)
        assert secrets_in(done.log, lab) == []
        assert project.secrets() == {}

    @pytest.mark.parametrize("script", ["nomad job run app.nomad.hcl", "exit 7"], ids=["deployed", "failed"])
    def test_two_jobs_of_their_own(self, lab: RealLab, project: Project, script: str) -> None:
        """Over a dotenv report: what one job made is revoked by another, also where the deploy between them failed."""
        before = lab.accessors()
        pipeline = PAIR.replace("make check", "echo checked").replace("IMAGE", "python:3.13-slim")
        done = project.run(trust.on(lab, pipeline.replace("nomad job run app.nomad.hcl", script)))

        assert done.code == (0 if script.startswith("nomad") else 1), done.log
        assert ("deployed app.nomad.hcl: 200" in done.log) == script.startswith("nomad")
        assert "Nomad refuses it" in done.log
        assert nothing_lives(lab, before)
        assert secrets_in(done.log, lab) == []


class TestAfterSetup:
    """Servers that were empty, `setup init`, `plan` and `apply`, and the job."""

    def set_up(self, lab: RealLab, folder: Path, inputs: dict[str, str], *whose: str) -> None:
        """Have an operator set up what a job with *inputs* needs."""
        folder.mkdir()
        desk = Desk(lab, folder, lab.real.addr)
        file = ["--file", str(folder / "nomad-token.toml")]
        flags = [word for name, value in inputs.items() for word in (f"--{name}", value)]
        assert desk("init", *flags, *whose, "--issuer", lab.github.addr, *file) == 0, desk.err
        assert {change["verdict"] for change in desk.plan()["changes"]} == {"create"}
        assert desk("apply", "--yes", *file) == 0, desk.err
        lab.mark()

    def test_workflow(self, lab: RealLab, tmp_path: Path) -> None:
        """A workflow's action logs in at Vault, and deploys."""
        self.set_up(lab, tmp_path / "desk", quick_start(lab, vault_addr=lab.real.addr), "--repository-id", "74123456")
        before = lab.accessors()
        ran = workflow(tmp_path, lab, "plain")

        assert ran.code == 0, ran.log
        assert deployed(lab) == ["hello"]
        assert "Nomad refuses it" in ran.log
        assert nothing_lives(lab, before)

    def test_workflow_without_vault(self, lab: RealLab, tmp_path: Path) -> None:
        """A workflow's action logs in at Nomad itself, and deploys."""
        inputs = {"nomad-addr": lab.nomad.addr, "nomad-auth-method": "github", "audience": lab.audience}
        self.set_up(lab, tmp_path / "desk", inputs, "--repository-id", "74123456")
        ran = workflow(tmp_path, lab, "nomad-login")

        assert ran.code == 0, ran.log
        assert deployed(lab) == ["hello"]

    def test_pipeline(self, lab: RealLab, tmp_path: Path) -> None:
        """A pipeline's job of the template logs in at Vault with GitLab's id token, and deploys."""
        lab.github.claims = dict(trust.CLAIMS)
        self.set_up(lab, tmp_path / "desk", quick_start(lab, vault_addr=lab.real.addr), "--project-id", "22")
        before = lab.accessors()
        done = Project(tmp_path, installed(), lab).run(trust.on(lab, QUICK_START))

        assert done.code == 0, done.log
        assert "deployed app.nomad.hcl: 200" in done.log
        assert "Nomad refuses it" in done.log
        assert nothing_lives(lab, before)
