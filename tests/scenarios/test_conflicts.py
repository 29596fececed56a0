"""Inputs that can't stand together, through the program itself: exit code 2, and not a single request."""

import pytest

from nomad_token.conflicts import CONFLICTS, NOMAD, VAULT, Conflict
from nomad_token_lab import Lab
from nomad_token_lab.runner import Step


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda conflict: conflict.name)
def test_conflict(lab: Lab, step: Step, conflict: Conflict) -> None:
    """The example of each row, with servers that would answer, is refused in its words before any request."""
    there = {VAULT["vault-addr"]: lab.vault.addr, NOMAD["nomad-addr"]: lab.nomad.addr}
    main = step.main({name: there.get(value, value) for name, value in conflict.refused.items()})

    assert main.code == 2
    assert conflict.says in main.log
    assert lab.requests == []
    assert (main.variables, main.outputs, main.state) == ({}, {}, {})
