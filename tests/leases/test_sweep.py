"""`sweep`: what mints without Vault left over, and nothing else."""

import json

from hypothesis import given
from hypothesis import strategies as st

from leases.conftest import Desk
from nomad_token.errors import InputError, LiveTokenLeft, Refused
from nomad_token.names import is_by_vault, is_own
from nomad_token_lab.faults import Answer, Fault

OWN = [f"nomad-token-0a1b2c3{n}-20260304T050607000000" for n in range(3)]
OTHERS = ["nomad-token", "nomad-token-x", f"{OWN[0]}-more", f"a {OWN[0]}", "vault-deployer-jwt-1700000000000000000"]


def test_a_dry_run(desk: Desk) -> None:
    """Without --delete nothing is deleted, and what would be is listed."""
    for name in [*OWN, *OTHERS]:
        desk.token(name)
    before = desk.names()
    assert desk("sweep", "--older-than", "0s") == 0

    assert [token["name"] for token in json.loads(desk.out)["tokens"]] == OWN
    assert "Nothing was deleted: --delete does it." in desk.err
    assert "1 more have a name as Vault's engine gives it" in desk.err
    assert desk.names() == before


def test_it_deletes_what_is_ours(desk: Desk) -> None:
    """Each of our names is deleted, and nobody else's: not one that begins or ends alike."""
    for name in [*OWN, *OTHERS]:
        desk.token(name)
    assert desk("sweep", "--older-than=0s", "--delete", terminal=True) == 0

    assert desk.names() == sorted(OTHERS)
    assert "Deleted 3 of 3." in desk.err
    assert desk("sweep", "--older-than=0s", "--delete") == 0
    assert "Deleted 0 of 0." in desk.err


def test_what_is_young_is_left(desk: Desk) -> None:
    """A mint that is at work has a token of such a name too: within an hour it is nobody's left-over."""
    desk.token(OWN[0])
    assert desk("sweep", "--delete") == 0

    assert desk.names() == [OWN[0]]


def test_one_that_can_not_be_deleted(desk: Desk) -> None:
    """The others are deleted, and it is named with the operator's line."""
    accessors = [desk.token(name) for name in OWN]
    answer = Answer(403, "Permission denied", content_type="text/plain")
    desk.lab.faults.append(Fault("nomad", "DELETE", accessors[1], answer))
    assert desk("sweep", "--older-than=0s", "--delete") == LiveTokenLeft.exit_code

    assert desk.names() == [OWN[1]]
    assert f"nomad acl token delete {accessors[1]}" in desk.err


def test_only_with_a_management_token(desk: Desk) -> None:
    """A client token, such as a job's, is used for nothing but to ask what it is."""
    secret = desk.creds()["data"]["secret_id"]
    desk.lab.requests.clear()
    assert desk("sweep", NOMAD_TOKEN=secret) == Refused.exit_code

    assert "is of type client, and was used for nothing" in desk.err
    assert [record.path for record in desk.lab.requests] == ["/v1/acl/token/self"]


def test_an_age_that_is_none(desk: Desk) -> None:
    """What can't be read is refused before the first request."""
    assert desk("sweep", "--older-than", "soon") == InputError.exit_code
    assert "--older-than: `soon` is not a duration" in desk.err
    assert desk.lab.requests == []


@given(st.text() | st.from_regex(r"nomad-token-[0-9a-f]{7,9}-[0-9T]{20,22}", fullmatch=True))
def test_a_name_is_ours_or_not(name: str) -> None:
    """Only a whole name of the exact form is; none is both ours and Vault's."""
    parts = name.split("-")
    form = len(parts) == 4 and name.startswith("nomad-token-") and len(parts[2]) == 8 and len(parts[3]) == 21

    assert is_own(name) <= form
    assert not (is_own(name) and is_by_vault(name))
