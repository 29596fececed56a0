"""Empty servers, in each dialect, and an operator of both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_token_lab import Lab
from nomad_token_lab.vault.state import Dialect
from setup.site import FILE, Site


@pytest.fixture(params=list(Dialect), ids=lambda dialect: dialect.name.lower())
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Serve a lab in which nothing is trusted, to an operator who has logged in to both servers, and the file."""
    with Lab(dialect=request.param) as lab:
        site = Site.of(lab, tmp_path)
        site.write(FILE)
        yield site
