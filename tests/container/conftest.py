"""The action's image, built once as act and older runners build it, and a lab in which a deploy is trusted."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from container.runner import CHECKOUT
from nomad_token_lab import Lab


@pytest.fixture(scope="session")
def image() -> str:
    """Build the image with the classic builder."""
    tag = "nomad-token:tests"
    done = subprocess.run(  # noqa: S603 - our own Dockerfile
        ["docker", "build", "--tag", tag, str(CHECKOUT)],  # noqa: S607 - the machine's docker
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"the image can't be built:\n{done.stdout}", pytrace=False)
    return tag


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running
