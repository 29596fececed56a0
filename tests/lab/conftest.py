"""A lab for each test, or one for all tests that leave it as they found it."""

from collections.abc import Iterator

import httpx
import pytest

from lab.ways import Ways
from nomad_token_lab import Lab


@pytest.fixture(scope="session")
def http() -> Iterator[httpx.Client]:
    """One client for all; loopback needs neither proxy nor CA."""
    with httpx.Client(trust_env=False, verify=False) as client:  # noqa: S501
        yield client


@pytest.fixture
def ways(http: httpx.Client) -> Iterator[Ways]:
    """A trusted lab of the test's own."""
    with Lab(trust=True) as lab:
        yield Ways(lab, http)


@pytest.fixture(scope="session")
def calm(http: httpx.Client) -> Iterator[Ways]:
    """A trusted lab that many tests share: what they make in it, others don't look at."""
    with Lab(trust=True) as lab:
        yield Ways(lab, http)
