"""A lab with a trusted deploy, a step on it, and a snapshot that is one readable page a scenario."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode

from jobs import on
from nomad_token_lab import Lab
from nomad_token_lab.runner import Step


class _Page(SingleFileSnapshotExtension):
    """One text file a scenario."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running


@pytest.fixture
def step(lab: Lab, tmp_path: Path) -> Step:
    """Make a step of a job that may ask for an id token."""
    return on(lab, tmp_path)


@pytest.fixture
def page(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """Compare a transcript with the page that is kept for the test."""
    return snapshot.use_extension(_Page)
