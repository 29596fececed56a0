"""The action's image, built once as act and older runners build it, and a lab in which a deploy is trusted."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from container.runner import CHECKOUT
from nomad_token_lab import Lab

# The official Python images hold no byte code (docker-library/python, `Dockerfile-linux.template`).
_OFFICIAL_LIKE = "FROM python:3.13-slim\nRUN find /usr/lib /usr/local/lib -name '*.pyc' -delete\n"


def built(tag: str, *words: str, dockerfile: str | None = None) -> str:
    """Build an image with the classic builder, and return its *tag*."""
    done = subprocess.run(  # noqa: S603 - our own Dockerfile
        ["docker", "build", "--tag", tag, *words],  # noqa: S607 - the machine's docker
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        input=dockerfile,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"the image can't be built:\n{done.stdout}", pytrace=False)
    return tag


@pytest.fixture(scope="session")
def image() -> str:
    """Build the image."""
    return built("nomad-token:tests", str(CHECKOUT))


@pytest.fixture(scope="session")
def image_on_bare_python() -> str:
    """Build the image on a Python that comes without byte code, as the official one does."""
    base = built("nomad-token-tests:bare-python", "-", dockerfile=_OFFICIAL_LIKE)
    return built("nomad-token-tests:on-bare-python", "--build-arg", f"PYTHON_IMAGE={base}", str(CHECKOUT))


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running
