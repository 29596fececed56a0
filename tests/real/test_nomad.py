"""Nothing simulated but GitHub: a real Nomad that runs what is deployed, behind a real Vault, then a real OpenBao."""

import hashlib
import json
import re
import sysconfig
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import exported
import nomads
from answers import within
from container.act import act
from container.leaks import secrets_in
from gitlab import trust
from gitlab.pipelines import Project, installed
from gitlab.test_pipelines import QUICK_START
from jobs import on, operator
from nomad_token.secret import SecretStr
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust
from nomad_token_lab.runner import REVOKE, Step
from real.test_doctor import QUICK, asked
from real.test_outages import STRICT, delete_managers, meanwhile
from real.test_run import Run, wait_for
from real_lab import KINDS, Kind, RealLab, plain_job, real_lab
from setup.exporting import Desk
from setup.site import FILE, Site

WORKFLOW = """\
name: deploy
on: push
jobs:
  deploy:
    runs-on: ubuntu-latest
    container:
      image: python:3.13-slim
      options: --volume {nomad}:/usr/local/bin/nomad:ro
    steps:
      - uses: actions/checkout@v5
      - uses: ./
        with:
{inputs}
      - run: |
          cat >hello.nomad.hcl <<'END'
{job}
          END
          nomad job run hello.nomad.hcl
          echo "sum: $(printf %s "$NOMAD_TOKEN" | sha256sum)"
"""


@dataclass(frozen=True)
class Stack:
    """The servers, and what a deploy needs."""

    lab: RealLab
    nomad: nomads.Nomad
    job: Path

    def deploy(self, token: str) -> str:
        """Deploy with Nomad's own command, which waits until it runs; return what is wrong, or nothing."""
        assert within(30, self.nomad.is_ready)
        ran = nomads.command(self.nomad, token, "job", "run", self.job)
        return ran.stdout + ran.stderr if ran.returncode else ""


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Name each Vault."""
    found: Kind = request.param
    return found


@pytest.fixture
def nomad(tmp_path: Path) -> Iterator[nomads.Nomad]:
    """Serve a Nomad that runs jobs."""
    with nomads.nomad(tmp_path, config=nomads.RUNS_JOBS) as nomad:
        yield nomad


@pytest.fixture
def lab(kind: Kind, nomad: nomads.Nomad, tmp_path: Path) -> Iterator[RealLab]:
    """Serve a Vault before it, in which nobody is trusted yet."""
    with real_lab(kind, tmp_path, trusting=False) as lab:
        lab.use(nomad)
        yield lab


@pytest.fixture
def empty(lab: RealLab, nomad: nomads.Nomad, tmp_path: Path) -> Stack:
    """Return servers that trust nobody yet."""
    job = tmp_path / "hello.nomad.hcl"
    job.write_text(nomads.JOB)
    return Stack(lab, nomad, job)


@pytest.fixture
def stack(empty: Stack) -> Stack:
    """Return servers that trust a deploy of GitHub's."""
    empty.lab.trust()
    return empty


@pytest.fixture
def step(stack: Stack, tmp_path: Path) -> Step:
    """Make a step of a job that may ask for an id token."""
    return on(stack.lab, tmp_path)


def test_a_deploy(stack: Stack, step: Step) -> None:
    """Minted, deployed with, revoked: what was deployed goes on, and nothing can be done with the token any more."""
    before = stack.nomad.tokens()
    main = step.main(plain_job(stack.lab))
    token = main.variables["NOMAD_TOKEN"]
    deployed = stack.deploy(token)
    denied = nomads.command(stack.nomad, token, "acl", "token", "list")
    post = step.post()

    assert (main.code, deployed, post.code) == (0, "", 0), main.log + post.log
    assert (denied.returncode, "Permission denied" in denied.stderr) == (1, True)
    assert json.loads(main.outputs["policies"]) == ["deployer"]
    assert "Vault revoked the lease, and Nomad refuses it" in post.log
    assert "Permission denied" in stack.deploy(token)
    assert stack.nomad.runs("hello")
    assert stack.nomad.tokens() == before
    assert stack.lab.leases() == []


def test_twenty_tokens(stack: Stack, step: Step) -> None:
    """Many of one login are all known to Nomad, and all gone with it."""
    before = stack.nomad.tokens()
    names = [f"TOKEN_{number}" for number in range(20)]
    main = step.main(plain_job(stack.lab) | {"role": "\n".join(f"deployer | {name}" for name in names)})
    work = [stack.nomad.takes(main.variables[name]) for name in names]
    post = step.post()

    assert (main.code, post.code) == (0, 0), main.log + post.log
    assert all(work)
    assert stack.nomad.tokens() == before


def test_restarted_in_the_middle(stack: Stack, step: Step) -> None:
    """A restart that is over leaves no trace: the token deploys after it, and its lease ends it."""
    main = step.main(plain_job(stack.lab))
    stack.nomad.stop()
    stack.nomad.start()
    deployed = stack.deploy(main.variables["NOMAD_TOKEN"])
    post = step.post()

    assert (main.code, deployed, post.code) == (0, "", 0), post.log
    assert "Vault revoked the lease, and Nomad refuses it" in post.log


def test_away_at_the_end(stack: Stack, step: Step) -> None:
    """The token that could not be deleted is named; when Nomad is back, Vault ends it by itself."""
    main = step.main(plain_job(stack.lab) | STRICT)
    token = main.variables["NOMAD_TOKEN"]
    stack.nomad.stop()
    post = step.post()
    stack.nomad.start()

    assert post.code == 6, post.log
    assert main.outputs["accessor-id"] in post.log
    assert "Vault goes on trying for some minutes" in post.log
    wait_for(lambda: not stack.nomad.takes(token), 150)


def test_back_while_it_is_revoked(stack: Stack, step: Step) -> None:
    """Either Nomad is back in time, and says that the token is dead, or it is told as one that is left."""
    main = step.main(plain_job(stack.lab) | STRICT)
    token, accessor = main.variables["NOMAD_TOKEN"], main.outputs["accessor-id"]
    stack.nomad.stop()
    post = meanwhile(step, REVOKE, {}, stack.nomad.start)

    assert post.code == 6 or not stack.nomad.takes(token), post.log
    assert post.code in {0, 6}
    assert (f"The Nomad token {accessor} may live" in post.log) == (post.code == 6)
    wait_for(lambda: not stack.nomad.takes(token), 150)


def test_vaults_token_is_gone(stack: Stack, step: Step) -> None:
    """Vault can't delete what it made: that lives on and is named, until Vault has a new token."""
    main = step.main(plain_job(stack.lab) | STRICT)
    delete_managers(stack.lab)
    post = step.post()
    works = stack.nomad.takes(main.variables["NOMAD_TOKEN"])
    operator(stack.lab, "nomad/config/access", token=stack.nomad.management_token.get_secret_value())
    operator(stack.lab, "sys/leases/revoke", lease_id=main.outputs["lease-id"], sync=True)

    assert (post.code, works) == (6, True)
    assert f"Nomad still accepted the token {main.outputs['accessor-id']}" in post.log
    assert not stack.nomad.takes(main.variables["NOMAD_TOKEN"])


def test_a_policy_that_is_missing(stack: Stack, step: Step) -> None:
    """Nomad makes a token for policies that it does not have, and the log says so."""
    with stack.nomad.client() as manager:
        manager.delete("acl/policy/deployer").raise_for_status()
    main = step.main(plain_job(stack.lab))
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert "Nomad knows no policy `deployer`" in main.log


def test_nobody_leads_where_it_is_verified(stack: Stack, step: Step, tmp_path: Path) -> None:
    """A Nomad without a leader holds each request for 5 s: its answer is waited for, and told as what it is."""
    with nomads.nomad(tmp_path, "sick", nomads.LEADERLESS) as sick:
        main = step.main(plain_job(stack.lab) | {"nomad-addr": sick.addr, "verify": "required"})

    assert main.code == 75, main.log
    assert "there is no leader" in main.log


def test_past_its_first_end(stack: Stack, tmp_path: Path) -> None:
    """A lease that is shorter than the command is renewed, and Nomad knows the token to the end, and no longer."""
    operator(stack.lab, "nomad/config/lease", ttl="10s", max_ttl="1h")
    run = Run(stack.lab, tmp_path)
    try:
        wait_for(lambda: run.token)
        time.sleep(13)
        works = stack.nomad.takes(run.token)
    finally:
        code = run.end()

    assert code == 0, run.log
    assert works
    assert not stack.nomad.takes(run.token)


@pytest.mark.parametrize("desk", [False, True], ids=["job", "desk"])
def test_the_doctor_has_nothing_to_say(stack: Stack, tmp_path: Path, desk: bool) -> None:  # noqa: FBT001
    """Each link of a chain that holds does, or can't be seen; of the probe nothing is left."""
    with stack.lab.nomad_client() as manager:
        nomad_trust(NomadTrust(stack.lab.github.addr, stack.lab.audience), manager)
    before = stack.nomad.tokens()
    code, links, _ = asked(stack.lab, tmp_path, *QUICK, "--namespace", "default", "--mint", desk=desk)

    assert code == 0, links
    assert {link["verdict"] for link in links.values()} <= {"ok", "unknown", "skipped"}, links
    assert desk or links["verify"]["verdict"] == "ok"
    assert stack.nomad.tokens() == before


@pytest.mark.parametrize(
    ("config", "link", "code", "fix"),
    [(nomads.WITHOUT_ACLS, "acls", 4, "acl { enabled = true }"), (nomads.LEADERLESS, "leader", 75, "server members")],
    ids=["ACLs off", "no leader"],
)
def test_the_doctor_names_what_is_broken(
    stack: Stack, tmp_path: Path, config: Mapping[str, Any], link: str, code: int, fix: str
) -> None:
    """A Nomad without ACLs, or without a leader, is told as that."""
    with nomads.nomad(tmp_path, "sick", config) as sick:
        stack.lab.use(sick)
        ended, links, said = asked(stack.lab, tmp_path, *QUICK, desk=False)

    assert (ended, links[link]["verdict"]) == (code, "broken"), said
    assert fix in links[link]["fix"]


def test_the_doctor_and_vaults_token_that_is_gone(stack: Stack, tmp_path: Path) -> None:
    """The link between Vault and Nomad is named, with the line that mends it."""
    delete_managers(stack.lab)
    code, links, said = asked(stack.lab, tmp_path, *QUICK, "--mint", desk=False)

    assert (code, links["mint"]["verdict"]) == (4, "broken"), said
    assert "Nomad refused Vault: Permission denied" in links["mint"]["what"]
    assert "write nomad/config/access token=-" in links["mint"]["fix"]


def test_another_region(stack: Stack, tmp_path: Path) -> None:
    """A global token is known elsewhere by and by, which is waited for; its end gets there too."""
    with nomads.nomad(tmp_path, "eu", joins=stack.nomad) as eu:
        operator(stack.lab, "nomad/role/deployer", policies="deployer", **{"global": True})
        step = on(stack.lab, tmp_path / "global")
        main = step.main(plain_job(stack.lab) | {"nomad-region": "eu"})
        works = eu.takes(main.variables["NOMAD_TOKEN"])
        post = step.post()
        dead = not eu.takes(main.variables["NOMAD_TOKEN"])
        operator(stack.lab, "nomad/role/deployer", policies="deployer", **{"global": False})
        local = on(stack.lab, tmp_path / "local").main(plain_job(stack.lab) | {"nomad-region": "eu"})

    assert (main.code, works, post.code, dead) == (0, True, 0, True), main.log + post.log
    assert local.code == 4
    assert "The token is not known in the region `eu`" in local.log


def test_a_new_cluster(kind: Kind, tmp_path: Path) -> None:
    """Bootstrapped, planned, applied, deployed on; applied again, nothing changes."""
    with (
        nomads.nomad(tmp_path, config=nomads.RUNS_JOBS, bootstrapped=False) as nomad,
        real_lab(kind, tmp_path, trusting=False) as lab,
    ):
        lab.use(nomad)
        site = Site.of(lab, tmp_path)
        site.write(FILE)
        first = tmp_path / "operator.token"
        site.environ["NOMAD_TOKEN"] = ""
        assert site("bootstrap", "--out", str(first)) == 0, site.err
        nomad.management_token = SecretStr(first.read_text().strip())
        lab.use(nomad)
        site.environ["NOMAD_TOKEN"] = nomad.management_token.get_secret_value()
        assert site("setup", "plan") == 0
        assert {each["verdict"] for each in json.loads(site.out)["changes"]} == {"create"}
        assert site.apply() == 0, site.err
        assert "Proven: Vault minted a token of nomad/creds/deployer" in site.err
        (tmp_path / "hello.nomad.hcl").write_text(nomads.JOB)
        step, stack = on(lab, tmp_path), Stack(lab, nomad, tmp_path / "hello.nomad.hcl")
        main = step.main(plain_job(lab) | {"vault-auth-path": "jwt-github"})
        deployed = stack.deploy(main.variables["NOMAD_TOKEN"])
        post = step.post()

        assert (main.code, deployed, post.code) == (0, "", 0), main.log + post.log
        assert "Vault revoked the lease, and Nomad refuses it" in post.log
        assert site("setup", "apply", terminal=True) == 0
        assert site.out == "Nothing to do: all of it is there.\n"


def test_what_is_exported(empty: Stack, tmp_path: Path) -> None:
    """The scripts for `nomad` and `bao`, run by a plain shell with the real commands, leave a plan nothing to do."""
    folder, programs = tmp_path / "desk", tmp_path / "bin"
    folder.mkdir()
    programs.mkdir()
    (programs / "nomad").symlink_to(nomads.build())
    (programs / "bao").symlink_to(Path(sysconfig.get_path("scripts"), "bao"))
    desk = Desk(empty.lab, folder, empty.lab.real.addr)
    desk.write()
    exported.run(desk.export("nomad"), folder, desk.environ, programs)
    exported.run(desk.export("bao"), folder, desk.environ, programs)

    assert {change["verdict"] for change in desk.plan()["changes"]} == {"same"}


def test_a_workflow(stack: Stack, tmp_path: Path) -> None:
    """The action's own container in act, and Nomad's own command in the step after it."""
    before = stack.nomad.tokens()
    inputs = plain_job(stack.lab) | {"id-token": "${{ secrets.ID_TOKEN }}"}
    workflow = WORKFLOW.format(
        nomad=nomads.build(),
        inputs="\n".join(f"          {name}: {value}" for name, value in inputs.items()),
        job="\n".join(f"          {line}" for line in nomads.JOB.splitlines()),
    )
    id_token = stack.lab.github.id_token(stack.lab.audience).get_secret_value()
    assert within(30, stack.nomad.is_ready)
    ran = act(tmp_path, workflow, variables={}, secrets={"ID_TOKEN": id_token})

    assert ran.code == 0, ran.log
    assert "Nomad refuses it" in ran.log
    assert stack.nomad.runs("hello")
    assert stack.nomad.tokens() == before
    found = set(secrets_in(ran.log, stack.lab))
    (token_sum,) = re.findall(r"sum: ([0-9a-f]{64})\b", ran.log)
    # Accessors of a Nomad that is not the lab's are not told from secrets there.
    assert [secret for secret in found if not nomads.UUID.fullmatch(secret)] == []
    assert token_sum not in {hashlib.sha256(uuid.encode()).hexdigest() for uuid in found}


def test_a_pipeline(empty: Stack, tmp_path: Path) -> None:
    """GitLab's template in gitlab-ci-local, and Nomad's own command in the script."""
    trust.set_up(empty.lab)
    before = empty.nomad.tokens()
    project = Project(tmp_path, installed(), empty.lab)
    project.program("nomad", f'exec "{nomads.build()}" "$@"')
    (project.folder / "app.nomad.hcl").write_text(nomads.JOB)
    assert within(30, empty.nomad.is_ready)
    done = project.run(trust.on(empty.lab, QUICK_START))

    assert done.code == 0, done.log
    assert "Nomad refuses it" in done.log
    assert empty.nomad.runs("hello")
    assert empty.nomad.tokens() == before


class TestWithoutVault:
    """Nomad grants the token itself."""

    @pytest.fixture
    def trusting(self, nomad: nomads.Nomad, tmp_path: Path) -> Iterator[Stack]:
        """Have Nomad trust a deploy of GitHub's."""
        job = tmp_path / "hello.nomad.hcl"
        job.write_text(nomads.JOB)
        with RealLab() as lab:
            lab.use(nomad)
            with lab.nomad_client() as manager:
                made = nomad_trust(NomadTrust(lab.github.addr, nomad.addr), manager)
            nomad.management_token = made.management_token
            yield Stack(lab, nomad, job)

    def test_a_login(self, trusting: Stack, tmp_path: Path) -> None:
        """Its token can't delete itself: it lives on, and the log says how long."""
        step = on(trusting.lab, tmp_path)
        main = step.main({"nomad-addr": trusting.nomad.addr, "nomad-auth-method": "github"})
        deployed = trusting.deploy(main.variables["NOMAD_TOKEN"])
        post = step.post()

        assert (main.code, deployed, post.code) == (0, "", 0), main.log + post.log
        assert trusting.nomad.takes(main.variables["NOMAD_TOKEN"])
        assert main.outputs["expires-at"].replace("T", " ").replace("Z", " UTC") in post.log

    def test_a_login_that_is_ended(self, trusting: Stack, tmp_path: Path) -> None:
        """With a management token at hand it is deleted."""
        lent = {"nomad-management-token": trusting.nomad.management_token.get_secret_value()}
        before = trusting.nomad.tokens()
        step = on(trusting.lab, tmp_path)
        main = step.main({"nomad-addr": trusting.nomad.addr, "nomad-auth-method": "github"} | lent)
        deployed = trusting.deploy(main.variables["NOMAD_TOKEN"])
        post = step.post(lent)

        assert (main.code, deployed, post.code) == (0, "", 0), main.log + post.log
        assert "Nomad refuses it" in post.log
        assert trusting.nomad.tokens() == before

    @pytest.mark.parametrize("what", [{"policies": "deployer"}, {"nomad-roles": "deployer"}, {"type": "management"}])
    def test_a_management_token(self, trusting: Stack, tmp_path: Path, what: dict[str, str]) -> None:
        """What it made is deleted."""
        lent = {"nomad-management-token": trusting.nomad.management_token.get_secret_value()}
        before = trusting.nomad.tokens()
        step = on(trusting.lab, tmp_path)
        main = step.main({"nomad-addr": trusting.nomad.addr, "export-env": "true"} | lent | what)
        deployed = trusting.deploy(main.variables["NOMAD_TOKEN"])
        post = step.post(lent)

        assert (main.code, deployed, post.code) == (0, "", 0), main.log + post.log
        assert "Nomad refuses it" in post.log
        assert trusting.nomad.tokens() == before
