"""What a step imports is what its road needs."""

import subprocess
import sys

import pytest

_NEVER = (
    "requests",
    "httpx",
    "github",
    "jwt",
    "cryptography",
    "rich",
    "starlette",
    "uvicorn",
    "joserfc",
    "nomad_token_lab",
    "yaml",
    # a file of setup is read by it, and its import takes as long as all others together
    "pydantic",
    # of the standard library, what only a few roads need
    "asyncio",
    "difflib",
    "email",
    "http",
    "argparse",
)
_ROAD = (
    "import sys, nomad_token.__main__; nomad_token.__main__._begin(); "
    "import nomad_token.ending, nomad_token.platforms.action; {step}; print(*sys.modules)"
)


def modules(step: str) -> set[str]:
    """Import *step* in a fresh interpreter, as the program begins, and return all that came with it."""
    done = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-c", _ROAD.format(step=step)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("step", ["import nomad_token.order, nomad_token.mint", "import nomad_token.post"])
def test_no_step_imports_what_it_does_not_use(step: str) -> None:
    """Neither step imports the lab, nor what actions-toolkit or the tests bring along."""
    assert modules(step).isdisjoint(_NEVER)


def test_the_post_step_reads_no_inputs() -> None:
    """The post-step does not even import what reads inputs."""
    assert "nomad_token.inputs" not in modules("import nomad_token.post")
