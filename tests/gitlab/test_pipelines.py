"""Whole pipelines with the template, on the lab: what is minted in them is dead after them, and nowhere to be read."""

import hashlib
import re
import stat
from pathlib import Path

import pytest

from container.leaks import secrets_in
from gitlab import trust
from gitlab.pipelines import Pipeline, Project
from jobs import lend, nothing_lives
from nomad_token_lab import Lab

QUICK_START, REFERENCED, WRAPPED, LIMITED, PAIR, RULES = trust.snippets("yaml")
INCLUDED = QUICK_START.partition("deploy:")[0]


def minted(lab: Lab) -> int:
    """Count the tokens that Nomad was asked for."""
    asked = [record for record in lab.requests if record.server == "nomad" and record.method in {"POST", "PUT"}]
    return sum(record.path in {"/v1/acl/token", "/v1/acl/login"} for record in asked)


def nothing_is_left(lab: Lab, project: Project, pipeline: Pipeline) -> bool:
    """Tell whether all that was minted is dead, and no secret stands in the log or in a file."""
    return nothing_lives(lab) and secrets_in(pipeline.log, lab) == [] and project.secrets() == {}


def test_the_quick_start(lab: Lab, project: Project) -> None:
    """The README's quick start has a token, deploys, and has none any more."""
    done = project.run(trust.on(lab, QUICK_START))

    assert done.code == 0, done.log
    assert "deployed app.nomad.hcl: 200" in done.log
    assert "Nomad refuses it" in done.log
    assert minted(lab) == 1
    assert nothing_is_left(lab, project, done)


def test_the_work_tree_has_no_token(lab: Lab, project: Project) -> None:
    """While the script runs, the token is in no file of the work tree; it is in one beside it, for its owner alone."""
    look = "printenv NOMAD_TOKEN | grep -rlFf -"
    script = f"""script:
    - if {look} .; then exit 9; fi
    - {look} "$CI_PROJECT_DIR.tmp"
    - test "$(stat -c %a $({look} "$CI_PROJECT_DIR.tmp") | sort -u)" = 600
    - nomad job run"""
    done = project.run(trust.on(lab, QUICK_START.replace("script: nomad job run", script)))

    assert done.code == 0, done.log
    assert "deployed app.nomad.hcl: 200" in done.log
    assert nothing_is_left(lab, project, done)


def test_a_leak_would_be_seen(lab: Lab, project: Project) -> None:
    """A script that prints the token, and keeps it in a file, is what these tests are to find."""
    print_and_keep = 'script: echo "$NOMAD_TOKEN" | tee "$CI_PROJECT_DIR.tmp/kept"'
    done = project.run(trust.on(lab, QUICK_START.replace("script: nomad job run app.nomad.hcl", print_and_keep)))

    assert done.code == 0, done.log
    assert len(secrets_in(done.log, lab)) == 1
    assert any(path.endswith("kept") for path in project.secrets())
    assert nothing_lives(lab)


def test_scripts_of_the_job_s_own(lab: Lab, project: Project) -> None:
    """The README's `!reference` form: the job's own before_script runs, and ours does."""
    project.program("prepared", "echo prepared")
    done = project.run(trust.on(lab, INCLUDED + REFERENCED.replace("./prepare.sh", "prepared")))

    assert done.code == 0, done.log
    assert done.log.index("> prepared") < done.log.index("Minted") < done.log.index("deployed")
    assert "Nomad refuses it" in done.log
    assert nothing_is_left(lab, project, done)


def test_one_command_alone(lab: Lab, project: Project) -> None:
    """The README's `run --` gives the token to the command, and keeps nothing for an after_script."""
    done = project.run(trust.on(lab, INCLUDED + WRAPPED))

    assert done.code == 0, done.log
    assert "deployed app.nomad.hcl: 200" in done.log
    assert minted(lab) == 1
    assert nothing_is_left(lab, project, done)


def test_a_time_limit(lab: Lab, project: Project) -> None:
    """The README's job with a time limit and a retry is one that GitLab's schema takes, and deploys."""
    done = project.run(trust.on(lab, INCLUDED + LIMITED))

    assert done.code == 0, done.log
    assert "deployed app.nomad.hcl: 200" in done.log
    assert nothing_is_left(lab, project, done)


def test_without_vault(lab: Lab, project: Project) -> None:
    """The README's auth method of Nomad's lets the job log in with its other id token."""
    inputs = 'inputs: { nomad-addr: "https://nomad.example.com:4646", nomad-auth-method: gitlab }\n'
    done = project.run(trust.on(lab, re.sub(r"inputs: \{.*?\}\n", inputs, QUICK_START, flags=re.DOTALL)))
    (token,) = lab.nomad.live_tokens()

    assert done.code == 0, done.log
    assert "deployed app.nomad.hcl: 200" in done.log
    assert token.expires, "only a management token deletes it: it ends by itself"
    assert secrets_in(done.log, lab) == []
    assert project.secrets() == {}


def test_a_secret_is_a_variable(lab: Lab, project: Project) -> None:
    """A token that is lent comes as a masked variable of the project, and its lease alone is revoked."""
    lent = lend(lab)
    inputs = QUICK_START.replace("vault-auth-role: deploy-app", "vault-auth-method: token")
    done = project.run(trust.on(lab, inputs), VAULT_TOKEN=lent)

    assert done.code == 0, done.log
    assert "deployed app.nomad.hcl: 200" in done.log
    assert "Nomad refuses it" in done.log
    assert lent not in done.log
    assert nothing_is_left(lab, project, done)


TWO_CLUSTERS = """
include:
  - local: nomad-token.yml
    inputs: { role: deployer, vault-addr: "VAULT", vault-auth-role: deploy-app, nomad-addr: "NOMAD" }
  - local: nomad-token.yml
    inputs: { job-prefix: eu_, role: deployer, vault-addr: "VAULT", vault-auth-role: deploy-app, nomad-addr: "NOMAD",
              id-token-aud: "VAULT", env-name: EU_TOKEN }
"""
TWO_JOBS = """
deploy:
  extends: .nomad-token
  script: nomad job run here
deploy-eu:
  extends: .eu_nomad-token
  script: test -z "$NOMAD_TOKEN"; NOMAD_TOKEN=$EU_TOKEN nomad job run there
"""
ONE_JOB = """
deploy:
  extends: [".nomad-token:id", ".eu_nomad-token:id"]
  before_script:
    - !reference [.nomad-token, before_script]
    - !reference [.eu_nomad-token, before_script]
  script:
    - nomad job run here
    - NOMAD_TOKEN=$EU_TOKEN nomad job run there
  after_script:
    - !reference [.eu_nomad-token, after_script]
    - !reference [.nomad-token, after_script]
"""


def clusters(lab: Lab, text: str) -> str:
    """Return *text* with the lab as both clusters."""
    return text.replace('"VAULT"', f'"{lab.vault.addr}"').replace('"NOMAD"', f'"{lab.nomad.addr}"')


@pytest.mark.parametrize("jobs", [TWO_JOBS, ONE_JOB], ids=["a job for each", "one job for both"])
def test_included_twice(lab: Lab, project: Project, jobs: str) -> None:
    """Included with a prefix too, the file gives each job the token of its cluster, and one job both."""
    done = project.run(clusters(lab, TWO_CLUSTERS) + jobs)

    assert done.code == 0, done.log
    assert "deployed here: 200" in done.log
    assert "deployed there: 200" in done.log
    assert minted(lab) == 2
    assert done.log.count("Nomad refuses it") == 2
    assert nothing_is_left(lab, project, done)


def test_two_mints_in_one_job(lab: Lab, project: Project) -> None:
    """What a script mints beside ours is in the job's state too, and goes with it."""
    again = '\n    - nomad-token mint --env-name SECOND --shell-file "$CI_PROJECT_DIR.tmp/second.sh"'
    use = '\n    - . "$CI_PROJECT_DIR.tmp/second.sh"\n    - NOMAD_TOKEN=$SECOND nomad job run second'
    done = project.run(trust.on(lab, QUICK_START.replace(" nomad job run", f"{again}{use}\n    - nomad job run")))

    assert done.code == 0, done.log
    assert "deployed second: 200" in done.log
    assert "deployed app.nomad.hcl: 200" in done.log
    assert minted(lab) == 2
    assert done.log.count("Nomad refuses it") == 2
    assert nothing_is_left(lab, project, done)


def test_the_script_fails(lab: Lab, project: Project) -> None:
    """A job whose script fails has failed, and its token is revoked."""
    done = project.run(trust.on(lab, QUICK_START.replace("nomad job run app.nomad.hcl", "exit 7")))

    assert done.code == 1
    assert minted(lab) == 1
    assert "Nomad refuses it" in done.log
    assert nothing_is_left(lab, project, done)


def test_the_mint_fails(lab: Lab, project: Project) -> None:
    """A role that is not there fails the job before its script, and there is nothing to revoke."""
    done = project.run(trust.on(lab, QUICK_START.replace("role: deployer", "role: nobody")))

    assert done.code == 1
    assert "deployed" not in done.log
    assert "There is no state" in done.log
    assert nothing_is_left(lab, project, done)


def test_another_branch_is_refused(lab: Lab, project: Project) -> None:
    """The README's role of the login refuses a ref that is not protected, and says so in GitLab's words."""
    lab.github.claims["ref_protected"] = "false"
    done = project.run(trust.on(lab, QUICK_START))

    assert done.code == 1
    assert minted(lab) == 0
    assert "ref_protected" in done.log
    assert nothing_is_left(lab, project, done)


def test_traced(lab: Lab, project: Project) -> None:
    """A job that traces itself, before ours and after it, prints no token, and its own tracing goes on."""
    traced = REFERENCED.replace("    - ./prepare.sh", "    - set -x")
    traced = traced.replace("  after_script:\n", "  after_script:\n    - set -x\n") + "    - echo the end\n"
    done = project.run(trust.on(lab, INCLUDED + traced))

    assert done.code == 0, done.log
    assert "+ nomad job run app.nomad.hcl" in done.log
    assert "+ echo the end" in done.log
    assert nothing_is_left(lab, project, done)


@pytest.mark.parametrize("script", ["nomad job run app.nomad.hcl", "exit 7"], ids=["deployed", "failed"])
def test_two_jobs_of_their_own(lab: Lab, project: Project, script: str) -> None:
    """The README's dotenv pair: the deploy has the token, other jobs don't, and the last job revokes it in any case.

    The report that is left is its owner's alone, and all that it holds is dead.
    """
    checked = PAIR.replace("make check", 'test -z "$NOMAD_TOKEN$NOMAD_MINT_KEPT"').replace("IMAGE", "python:3.13-slim")
    done = project.run(trust.on(lab, checked.replace("nomad job run app.nomad.hcl", script)))
    left = list(project.folder.rglob("*nomad-token.env"))

    assert done.code == (0 if script.startswith("nomad") else 1), done.log
    assert ("deployed app.nomad.hcl: 200" in done.log) == script.startswith("nomad")
    assert re.search(r"PASS +other", done.log)
    assert re.search(r"PASS +nomad-token:revoke", done.log)
    assert minted(lab) == 1
    assert "Nomad refuses it" in done.log
    assert nothing_lives(lab)
    assert secrets_in(done.log, lab) == []
    assert left
    assert {path for path in project.secrets() if not path.endswith("nomad-token.env")} == set()
    assert {stat.S_IMODE(path.stat().st_mode) for path in left} == {0o600}


BOTH = TWO_CLUSTERS.replace("inputs: { ", "inputs: { separate-jobs: on_success, ")
DEPENDING = """
deploy:
  dependencies: ["nomad-token:mint", "eu_nomad-token:mint"]
  script:
    - nomad job run here
    - NOMAD_TOKEN=$EU_TOKEN nomad job run there
"""


def test_two_jobs_for_each_cluster(lab: Lab, project: Project) -> None:
    """With a prefix, each cluster has its own pair of jobs, and each revoke job what its own mint job handed over."""
    done = project.run(clusters(lab, BOTH) + DEPENDING)

    assert done.code == 0, done.log
    assert "deployed here: 200" in done.log
    assert "deployed there: 200" in done.log
    assert minted(lab) == 2
    assert done.log.count("Nomad refuses it") == 2
    assert nothing_lives(lab)
    assert secrets_in(done.log, lab) == []


@pytest.mark.parametrize("branch", ["main", "other"])
def test_two_jobs_where_the_deploy_is(lab: Lab, project: Project, branch: str) -> None:
    """With the README's rules, the two jobs are in the pipelines of that branch alone."""
    deploy = PAIR.replace(
        "  dependencies: [nomad", '  rules: [{ if: $CI_COMMIT_BRANCH == "main" }]\n  dependencies: [nomad'
    )
    pipeline = trust.on(lab, deploy.replace("make check", "echo checked") + RULES)
    done = project.run(pipeline.replace('"main"', f'"{branch}"'))
    passed = set(re.findall(r"PASS +(\S+)", done.log))

    assert done.code == 0, done.log
    assert passed == {"other", *(["nomad-token:mint", "deploy", "nomad-token:revoke"] if branch == "main" else [])}
    assert nothing_lives(lab)


def test_two_jobs_take_no_default_scripts(lab: Lab, project: Project) -> None:
    """What a pipeline has each job begin with needs that job's image: it keeps neither of the two from its work."""
    default = "default: { before_script: [./prepare.sh], after_script: [./tidy.sh] }\n"
    own = "deploy:\n  before_script: []\n  after_script: []"
    pipeline = default + PAIR.replace("deploy:", own).partition("other:")[0]
    done = project.run(trust.on(lab, pipeline))

    assert done.code == 0, done.log
    assert "prepare.sh" not in done.log
    assert "tidy.sh" not in done.log
    assert "Nomad refuses it" in done.log
    assert nothing_lives(lab)


def test_the_mint_job_fails(lab: Lab, project: Project) -> None:
    """A mint job that fails keeps the deploy from starting, and the revoke job then finds nothing to do."""
    pipeline = trust.on(lab, PAIR.replace("role: deployer", "role: nobody"))
    done = project.run(pipeline)
    # A job in .pre that fails ends everything here; GitLab starts those that are to run always.
    revoked = project.run(pipeline, "nomad-token:revoke")

    assert done.code == 1
    assert "deployed" not in done.log
    assert revoked.code == 0, revoked.log
    assert "There is no state" in revoked.log
    assert nothing_is_left(lab, project, done)


def test_no_jobs_of_their_own_unasked(lab: Lab, project: Project) -> None:
    """Without `separate-jobs` the file adds no job to a pipeline."""
    names = re.findall(r"PASS +(\S+)", project.run(trust.on(lab, QUICK_START)).log)

    assert names == ["deploy"]


DOWNLOAD = 'inputs: { tool: download, tool-url: "https://example.com/nomad-token", tool-sha256: "SUM", '


@pytest.mark.parametrize("right", [True, False], ids=["what was named", "something else"])
def test_what_is_downloaded_is_checked(lab: Lab, project: Project, tmp_path: Path, *, right: bool) -> None:
    """What `tool-url` names mints and revokes where it has `tool-sha256`, and is not run where it has another."""
    offered, ran = tmp_path / "offered", tmp_path / "ran"
    offered.write_text(f'#!/bin/sh\ntouch "{ran}"\nexec nomad-token "$@"\n', "utf-8")
    project.program("curl", f'while [ "$1" != -o ]; do shift; done; cp "{offered}" "$2"')
    wanted = hashlib.sha256(offered.read_bytes() if right else b"").hexdigest()
    done = project.run(trust.on(lab, QUICK_START.replace("inputs: { ", DOWNLOAD.replace("SUM", wanted))))

    assert done.code == (0 if right else 1), done.log
    assert ("deployed app.nomad.hcl: 200" in done.log) is right
    assert ("does not have tool-sha256" in done.log) is not right
    assert ran.exists() is right
    assert minted(lab) == int(right)
    assert nothing_is_left(lab, project, done)


@pytest.mark.parametrize("missing", ["tool-url", "tool-sha256"])
def test_what_is_downloaded_is_named(lab: Lab, project: Project, missing: str) -> None:
    """A download without an address, or without what it is to be, is refused by the name of the input."""
    inputs = re.sub(rf'{missing}: "[^"]*", ', "", DOWNLOAD.replace("SUM", "0" * 64))
    done = project.run(trust.on(lab, QUICK_START.replace("inputs: { ", inputs)))

    assert done.code == 1
    assert f"{missing} is missing" in done.log
    assert minted(lab) == 0
