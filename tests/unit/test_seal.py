"""Entries that only somebody with the lent credential can have written."""

import json

import pytest

from fakes import ASKED_CREDS, LEASE, LOGIN, PLAN
from nomad_token.seal import genuine, next_number, sealed, unsealed
from nomad_token.secret import SecretStr
from nomad_token.state import Settled, dumps, read_ledger

KEY = SecretStr("hvs.lent-to-the-mint")
LINES = [dumps(fact) for fact in (PLAN, ASKED_CREDS, LEASE)]
SEALED = [sealed(line, KEY, PLAN.mint, number) for number, line in enumerate(LINES)]


def test_round_trip() -> None:
    """What is sealed is believed, is read as the fact that it is, and does not hold the key."""
    assert genuine(SEALED, KEY, PLAN.mint) == SEALED
    assert read_ledger(SEALED)[0].facts == [PLAN, ASKED_CREDS, LEASE]
    assert [unsealed(line) for line in SEALED] == LINES
    assert all(KEY.get_secret_value() not in line and json.loads(line)["seal"] for line in SEALED)


def test_without_a_key() -> None:
    """Where nothing is lent there is no seal."""
    assert [sealed(line, None, PLAN.mint, 7) for line in LINES] == LINES


@pytest.mark.parametrize(
    "planted",
    [
        dumps(LOGIN),
        sealed(dumps(LOGIN), SecretStr("another"), PLAN.mint, 3),
        sealed(dumps(Settled()), KEY, "another mint", 3),
        SEALED[2].replace(LEASE.lease_id, "database/creds/prod/x"),
        SEALED[2].replace('"number":2', '"number":3'),
        SEALED[1],
        SEALED[2][:-5],
        "",
    ],
)
def test_planted(planted: str) -> None:
    """An entry without the seal of its place is not believed, be it made up, changed, or copied from elsewhere."""
    assert genuine([*SEALED, planted], KEY, PLAN.mint) == SEALED


def test_next_number() -> None:
    """The next entry is numbered after the last one that has a number."""
    assert next_number([]) == next_number(LINES) == 0
    assert next_number([*SEALED, "torn"]) == len(SEALED)
