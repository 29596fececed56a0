"""The pages' roles of a login trust the job that they are for, and nobody else."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from contract.roles import CASES, ROLES, Claims, logged_in
from nomad_token_lab import Lab
from nomad_token_lab.trust import Trust, login_role


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab in which a deploy is trusted."""
    with Lab(trust=True) as running:
        yield running


@pytest.mark.parametrize(("page", "number", "claims", "is_let_in"), CASES)
def test_whom_a_role_lets_in(lab: Lab, page: str, number: int, claims: Claims, is_let_in: bool) -> None:  # noqa: FBT001 - a row of the table
    """What a role binds must be in the id token; the rest may be as it is."""
    assert (logged_in(lab, page, number, claims).status_code == 200) is is_let_in


def test_roles_differ_in_what_they_bind() -> None:
    """All else is as in the README's role, but the claim that names the user."""

    def unbound(role: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in role.items() if not name.startswith(("bound_claims", "user_claim"))}

    plain = login_role(Trust("issuer", "https://vault.example.com:8200", "nomad"))
    roles = [role for page in ROLES.values() for role in page]

    assert len(roles) == 4
    assert [unbound(role) for role in roles] == [unbound(plain)] * 4
