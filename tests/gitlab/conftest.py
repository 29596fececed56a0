"""A project of GitLab's, whose jobs a lab trusts as the pages have it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitlab import trust
from gitlab.pipelines import Project, installed
from nomad_token_lab import Lab


@pytest.fixture(scope="module")
def program() -> Path:
    """Install gitlab-ci-local."""
    return installed()


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab that trusts the job as the pages have it."""
    with Lab() as running:
        trust.set_up(running)
        yield running


@pytest.fixture
def project(tmp_path: Path, program: Path, lab: Lab) -> Project:
    """Make a project of GitLab's."""
    return Project(tmp_path, program, lab)
