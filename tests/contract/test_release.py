"""The release workflow does what is rehearsed and tested, and is given no more than it needs for it."""

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from release.__main__ import PARTS
from release.rehearse import base_image
from release.version import REQUEST

_ROOT: Final = Path(__file__).parents[2]
_WORKFLOWS: Final = sorted((_ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE: Final[dict[Any, Any]] = yaml.safe_load((_ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8"))
JOBS: Final[dict[str, dict[str, Any]]] = RELEASE["jobs"]
# What leaves the repository is done by these alone, and by each with one power to write, or a signature.
POWERS: Final = {
    "check": {"contents": "read"},
    "distributions": {"contents": "read"},
    "image": {"contents": "read", "packages": "write"},
    "registries": {"packages": "write", "id-token": "write", "attestations": "write"},
    "tag": {"contents": "write"},
    "pypi": {"contents": "read", "id-token": "write"},
    "gitlab": {"contents": "read"},
}


def scripts(job: str) -> str:
    """Return all that a job runs in a shell."""
    return "\n".join(step.get("run", "") for step in JOBS[job]["steps"])


def calls() -> list[list[str]]:
    """List the words of each call of `dev.py release` in the workflow."""
    lines = [line for job in JOBS for line in scripts(job).splitlines() if "dev.py release" in line]
    return [shlex.split(line)[3:] for line in lines]


def test_the_workflow_calls_what_is_tested() -> None:
    """Each part is called with the arguments that it takes, and every part is called."""
    made = {words[0]: len(words) - 1 for words in calls()}

    assert made == {name: len(part.arguments) for name, part in PARTS.items()}


def test_it_starts_with_what_asks_for_a_version() -> None:
    """A tag of that form, which is not the one that users see, or a person, who publishes nothing."""
    starts = RELEASE[True]  # `on` is a boolean in YAML 1.1

    assert starts == {"push": {"tags": [f"{REQUEST}*.*.*"]}, "workflow_dispatch": None}
    assert JOBS["registries"]["if"] == "needs.check.outputs.publish == 'true'"


def test_nothing_is_published_without_the_image() -> None:
    """The tags, PyPI and GitLab come after the job that a rehearsal skips."""

    def before(job: str) -> set[str]:
        needs = JOBS[job].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*(before(one) for one in direct))

    assert [job for job in ("tag", "pypi", "gitlab") if "registries" not in before(job)] == []
    assert {"check", "distributions", "image"} <= before("registries")


def test_a_rehearsal_pushes_no_image() -> None:
    """The one push before that job is under a condition in its script."""
    pushing = [line for line in scripts("image").splitlines() if "push=true" in line]
    guarded = scripts("image").partition("if [[ $PUBLISH == true ]]; then")[2].partition("else")[0]

    assert len(pushing) == 1
    assert pushing[0] in guarded


@pytest.mark.parametrize(("there", "creates"), [("false", False), ("true", True), ("", True)])
def test_a_draft_is_no_release(tmp_path: Path, there: str, creates: bool) -> None:  # noqa: FBT001
    """What an earlier attempt published is left as it is; a draft of that name keeps nothing from being published."""
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho "$2" >> calls\ntest "$2" = create || {{ printf "{there}"; test -n "{there}"; }}\n')
    gh.chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "VERSION": "1.2.3"}
    script = JOBS["tag"]["steps"][-1]["run"]
    bash = ["bash", "-e", "-o", "pipefail", "-c", script]
    subprocess.run(bash, cwd=tmp_path, env=environ, check=True, timeout=60)  # noqa: S603 - the workflow's own

    assert ("create" in (tmp_path / "calls").read_text().split()) is creates


def test_powers() -> None:
    """The workflow has none, and each job what it needs."""
    assert RELEASE["permissions"] == {}
    assert {job: about["permissions"] for job, about in JOBS.items()} == POWERS


@pytest.mark.parametrize("path", _WORKFLOWS, ids=lambda path: path.name)
def test_everything_is_pinned(path: Path) -> None:
    """Each action by its commit with its version beside it, and no checkout leaves a credential behind."""
    text = path.read_text("utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    steps = [step for job in yaml.safe_load(text)["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]

    assert [
        name
        for name, rest in used
        if name != "./" and not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", name + rest)
    ] == []
    assert [step for step in checkouts if step["with"]["persist-credentials"] is not False] == []
    assert checkouts


def test_images_are_pinned_in_a_release() -> None:
    """What the release runs in Docker is by digest: the builder, and Python, whose digest is looked up once."""
    assert re.fullmatch(r"moby/buildkit:v[\d.]+@sha256:[0-9a-f]{64}", RELEASE["env"]["BUILDKIT"])
    assert 'PYTHON_IMAGE=$BASE"' in scripts("image")
    assert '"base=$PYTHON@$digest"' in scripts("check")
    assert re.fullmatch(r"python:3\.\d+-slim", base_image(_ROOT))


def test_the_image_is_of_its_commit_s_time() -> None:
    """Built again, the image says the same of when it was made."""
    assert JOBS["image"]["env"]["SOURCE_DATE_EPOCH"] == "${{ needs.check.outputs.epoch }}"
    assert JOBS["check"]["outputs"]["epoch"] == "${{ steps.check.outputs.epoch }}"


def test_no_expression_is_in_a_script() -> None:
    """What somebody names is handed to a shell by the environment alone."""
    assert [job for job in JOBS if "${{" in scripts(job)] == []


def test_gitlab_makes_a_version_of_the_mirrored_tag() -> None:
    """The tag that is mirrored starts the pipeline's job that the catalog takes a version from."""
    text = (_ROOT / ".gitlab-ci.yml").read_text("utf-8")
    job = yaml.safe_load(text.partition("\nrelease:\n")[2])
    pattern = job["rules"][0]["if"].split("=~ ")[1].strip("/")

    assert re.search(pattern, "1.2.3")
    assert job["release"]["tag_name"] == "$CI_COMMIT_TAG"
