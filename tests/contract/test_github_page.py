"""`docs/github.md`: it says what the program says, and names claims that there are."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Final

import pytest

from contract.pages import ROOT, blocks
from contract.test_troubleshooting import said
from nomad_token_lab import Lab

PAGE: Final = ROOT / "docs" / "github.md"
TEXT: Final = PAGE.read_text("utf-8")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running


def test_jobs_without_an_id_token_are_skipped_as_the_program_says() -> None:
    """The condition is the one of the log."""
    (job,) = (block.read()["deploy"] for block in blocks([PAGE], "yaml") if "dependabot" in block.text)

    assert f"if: {job['if']}" in said("test_no_id_token[fork-environ1-says1]")


def test_claims_of_the_table_are_in_an_id_token(lab: Lab) -> None:
    """Each claim that may be bound is one that an id token of GitHub's has; `environment` where the job has one."""
    lab.github.claims = {"environment": "production"}
    claims = json.loads(_part(lab.github.id_token().get_secret_value().split(".")[1]))
    named = re.findall(r"^\| `(\w+)` \| [a-z]", TEXT, re.MULTILINE)

    assert len(named) == 6
    assert set(named) <= set(claims)


def _part(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
