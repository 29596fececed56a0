"""GitLab's own schema takes the template as it is included, and its scripts are clean for every POSIX shell."""

import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gitlab import trust
from gitlab.pipelines import TEMPLATE, Project, installed
from nomad_token_lab import Lab

SCRIPTS = Path(sysconfig.get_path("scripts"))
QUICK_START, *OTHERS, PAIR, RULES = trust.snippets("yaml")
INCLUDED, DEPLOY = re.split(r"(?=^deploy:)", QUICK_START, flags=re.MULTILINE)
AGAIN = INCLUDED.replace("include:\n", "").replace("{ role", "{ job-prefix: eu_, separate-jobs: on_success, role")
TWICE = INCLUDED + AGAIN + DEPLOY


@pytest.fixture(scope="module")
def program() -> Path:
    """Install gitlab-ci-local."""
    return installed()


@pytest.fixture
def project(tmp_path: Path, program: Path) -> Iterator[Project]:
    """Make a project of GitLab's."""
    with Lab() as lab:
        yield Project(tmp_path, program, lab)


def refused(path: Path) -> str:
    """Return what GitLab's schema has against the file, or nothing."""
    done = subprocess.run(  # noqa: S603 - a pinned package's executable
        [
            *[str(SCRIPTS / "check-jsonschema"), "--builtin-schema", "vendor.gitlab-ci"],
            *["--data-transform", "gitlab-ci", str(path)],
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def included(snippet: str) -> str:
    """Return a pipeline that includes the file beside it."""
    return trust.local(snippet if "include:" in snippet else INCLUDED + snippet)


@pytest.mark.parametrize("snippet", [QUICK_START, *OTHERS, PAIR, PAIR + RULES, TWICE], ids=range(len(OTHERS) + 4))
def test_the_expanded_template(project: Project, tmp_path: Path, snippet: str) -> None:
    """Each of the README's pipelines, with the template put into it, is one that GitLab's schema takes."""
    path = tmp_path / "expanded.yml"
    path.write_text(project.expanded(included(snippet)), "utf-8")
    jobs = yaml.safe_load(path.read_text("utf-8"))

    assert refused(path) == ""
    assert any("nomad-token" in str(job) for job in jobs.values())


def test_the_spec(tmp_path: Path) -> None:
    """The header is one that the schema takes, which would not take a description that GitLab does not."""
    header = TEMPLATE.read_text("utf-8").partition("\n---\n")[0]
    right, wrong = tmp_path / "right.yml", tmp_path / "wrong.yml"
    right.write_text(header, "utf-8")
    wrong.write_text(header.replace("What the names", "What the names " * 100, 1), "utf-8")

    assert refused(right) == ""
    assert "is too long" in refused(wrong)


@pytest.mark.parametrize("scripts", ["before_script", "script", "after_script"])
def test_the_shell_parts(project: Project, scripts: str) -> None:
    """What of a job's scripts is one program is clean for dash, with the inputs of a second cluster put in."""
    jobs: dict[str, Any] = yaml.safe_load(project.expanded(included(TWICE)))
    programs = ["\n".join(job[scripts]) for job in jobs.values() if "nomad-token" in str(job) and scripts in job]
    # The file that is sourced is not there yet.
    command = [str(SCRIPTS / "shellcheck"), "--shell=dash", "--exclude=SC1090", "-"]
    judged = [
        subprocess.run(command, input=one, capture_output=True, text=True, check=False)  # noqa: S603 - as above
        for one in programs
        if "nomad-token: " in one
    ]

    assert judged
    assert [one.stdout for one in judged if one.returncode] == []
