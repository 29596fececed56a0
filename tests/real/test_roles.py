"""The roles of docs/github.md and docs/gitlab.md on real servers."""

from collections.abc import Iterator

import pytest

from contract.roles import CASES, logged_in
from real_lab import KINDS, RealLab, real_lab


@pytest.fixture(scope="module", params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLab]:
    """Serve GitHub beside a real Vault, then a real OpenBao, that trusts a deploy."""
    with real_lab(request.param, tmp_path_factory.mktemp("roles")) as lab:
        yield lab


def test_whom_a_role_lets_in(lab: RealLab) -> None:
    """What a role binds must be in the id token; the rest may be as it is."""
    wrong = [
        (page, number, claims)
        for page, number, claims, is_let_in in CASES
        if (logged_in(lab, page, number, claims).status_code == 200) is not is_let_in
    ]

    assert wrong == []
