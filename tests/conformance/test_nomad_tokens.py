"""Nomad's ACL tokens: what each version says of good and bad ones (api-contract 2.1 to 2.5, 2.7)."""

from datetime import datetime
from typing import Any

import pytest

from answers import within
from conformance.targets import Agent, text
from nomad_token.said import FromNomad
from nomad_token_lab import Profile

UNKNOWN = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
OLD, NEW = Profile.UP_TO_1_4, Profile.FROM_1_10_1
says = pytest.mark.says


def test_no_token_is_told_apart_by_version(agent: Agent) -> None:
    """Without a token `token/self` is 500 up to 1.10.0, and a 200 that proves nothing from 1.10.1 (2.5)."""
    answer = agent.ask("GET", "acl/token/self", token="")

    if agent.profile is NEW:
        assert answer.json()["AccessorID"] == "anonymous"
    else:
        assert text(answer) == (500, "acl token lookup failed: missing secret id")


@says(FromNomad.UNKNOWN_TOKEN, on=("lab-nomad-1.4", "lab-nomad-1.10.0"))
@says(FromNomad.DENIED, on=("lab-nomad-1.10",))
def test_an_unknown_token(agent: Agent) -> None:
    """`token/self` is 404 up to 1.10.0, then 403; all else is 403, in other words up to 1.4 (2.5)."""
    own, other = (text(agent.ask("GET", path, token=UNKNOWN)) for path in ("acl/token/self", "acl/tokens"))

    assert own == ((403, "Permission denied") if agent.profile is NEW else (404, "ACL token not found"))
    assert other == (403, "ACL token not found" if agent.profile is OLD else "Permission denied")


def test_what_is_no_token(agent: Agent) -> None:
    """What is not shaped like one is a 500 at `token/self`, and nobody's to all else from 1.5 (2.5)."""
    own, other = (text(agent.ask("GET", path, token="no-uuid")) for path in ("acl/token/self", "acl/tokens"))

    no_uuid = (500, "acl token lookup failed: index error: UUID must be 36 characters")
    if agent.profile is NEW:
        assert (own[0], own[1].startswith("failed to parse signed token: ")) == (500, True)
    else:
        assert own == no_uuid
    assert other == (no_uuid if agent.profile is OLD else (403, "Permission denied"))


@says(FromNomad.EXPIRED_TOKEN)
def test_an_expired_token(agent: Agent) -> None:
    """Up to 1.10.0 `token/self` still answers 200 to it, from 1.10.1 500; managers see it a while longer (2.5)."""
    made = agent.client(ExpirationTTL=60 * 10**9)
    agent.wait(61)
    own = agent.ask("GET", "acl/token/self", token=made["SecretID"])
    itself = agent.ask("GET", f"acl/token/{made['AccessorID']}", token=made["SecretID"])
    other = agent.ask("GET", "jobs", token=made["SecretID"])
    manager = agent.ask("GET", f"acl/token/{made['AccessorID']}")

    assert text(itself) == (500, "ACL token expired")
    assert text(other) == ((500, "ACL token expired") if agent.profile is OLD else (403, "Permission denied"))
    assert manager.status_code == 200
    if agent.profile is NEW:
        assert text(own) == (500, "ACL token expired")
    else:
        assert (own.status_code, own.json()["ExpirationTime"]) == (200, made["ExpirationTime"])


@says(FromNomad.NO_ACLS)
@says(FromNomad.ACLS_DISABLED, on=("lab-nomad-1.10.5",))
def test_acls_that_are_off(agent: Agent, without_acls: str) -> None:
    """Every ACL call is 400 but for `token/self` from 1.10.1; other calls take any token (2.5)."""
    headers = {"X-Nomad-Token": UNKNOWN}
    own, policies, jobs = (
        agent.http.get(f"{without_acls}/v1/{path}", headers=headers)
        for path in ("acl/token/self", "acl/policies", "jobs")
    )
    login = agent.http.post(f"{without_acls}/v1/acl/login", json={})

    assert text(policies) == (400, "ACL support disabled")
    assert jobs.status_code == 200
    if agent.profile is NEW:
        assert own.json()["AccessorID"] == "acls-disabled"
    else:
        assert text(own) == (400, "ACL support disabled")
    assert text(login) == ((404, "") if agent.profile is OLD else (400, "ACL support disabled"))


def test_refusals_are_bare_text_and_answers_json(agent: Agent) -> None:
    """Plain text without a line end; a read carries the index headers (2.1)."""
    refused, read = agent.ask("GET", "acl/tokens", token=UNKNOWN), agent.ask("GET", "acl/token/self")

    assert refused.headers["content-type"] == "text/plain; charset=utf-8"
    assert not refused.text.endswith("\n")
    assert read.headers["content-type"] == "application/json"
    assert read.headers["x-nomad-knownleader"] == "true"


@pytest.mark.parametrize("written", [600 * 10**9, "10m"], ids=["number", "text"])
def test_a_life_is_read_as_a_number_everywhere(agent: Agent, written: object) -> None:
    """Nanoseconds are read by each version, text from 1.4.5; the answer tells the end, in its own encoding (2.2)."""
    wanted = {"Name": "n", "Type": "client", "Policies": ["deployer"], "ExpirationTTL": written}
    answer = agent.ask("POST", "acl/token", wanted)

    if isinstance(written, str) and agent.target.release < (1, 4, 5):
        assert answer.status_code == 400
        return
    made = answer.json()
    assert made["ExpirationTTL"] == ("10m0s" if agent.target.release >= (1, 5) else 600 * 10**9)
    life = datetime.fromisoformat(made["ExpirationTime"]) - datetime.fromisoformat(made["CreateTime"])
    assert life.total_seconds() == pytest.approx(600, abs=1)


def test_a_token_without_a_life_never_ends(agent: Agent) -> None:
    """No ExpirationTTL, no ExpirationTime: that is how Vault makes them (2.2)."""
    made = agent.client()

    assert made["ExpirationTime"] is None
    assert not made["ExpirationTTL"]
    assert (made["Type"], made["Policies"], made["Roles"], made["Global"]) == ("client", ["deployer"], None, False)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        pytest.param({"Name": "é" * 129}, "token name too long", marks=says(FromNomad.NAME_TOO_LONG)),
        ({"Policies": None}, "client token missing policies or roles"),
        ({"Type": "management"}, "management token cannot be associated with policies or roles"),
        ({"Type": "boss"}, "token type must be client or management"),
        pytest.param(
            {"ExpirationTTL": 30 * 10**9},
            "expiration time cannot be less than 1m0s in the future (was 30s)",
            marks=says(FromNomad.LIFE_OUT_OF_BOUNDS),
        ),
        pytest.param(
            {"ExpirationTTL": 48 * 3600 * 10**9},
            "expiration time cannot be more than 24h0m0s in the future (was 48h0m0s)",
            marks=says(FromNomad.LIFE_OUT_OF_BOUNDS),
        ),
    ],
)
def test_a_token_that_may_not_be(agent: Agent, wanted: dict[str, Any], error: str) -> None:
    """Names count in bytes, and lives have bounds: 1m and 24h where nothing is configured (2.3)."""
    whole = {"Name": "n", "Type": "client", "Policies": ["deployer"], **wanted}
    status, said = text(agent.ask("POST", "acl/token", whole))

    assert (status, error in said, said.startswith("token 0 invalid: 1 error occurred:")) == (400, True, True)


@says(FromNomad.NO_ACL_ROLE)
def test_a_role_that_is_not_there(agent: Agent) -> None:
    """An unknown role is refused (2.3)."""
    wanted = {"Name": "n", "Type": "client", "Roles": [{"Name": "nothing-there"}]}

    assert text(agent.ask("POST", "acl/token", wanted)) == (400, "cannot find role nothing-there")


def test_a_policy_that_is_not_there_is_not_noticed(agent: Agent) -> None:
    """The token is made, is known, and grants nothing; `acl/policies` lists what there is of its policies (2.4)."""
    made = agent.client(Policies=["deployer", "nothing-there"])
    useless = agent.client(Policies=["nothing-there"])
    listed = agent.ask("GET", "acl/policies", token=made["SecretID"]).json()

    assert sorted(made["Policies"]) == ["deployer", "nothing-there"]
    assert [policy["Name"] for policy in listed] == ["deployer"]
    assert agent.ask("GET", "acl/token/self", token=useless["SecretID"]).json()["Policies"] == ["nothing-there"]
    assert text(agent.ask("GET", "jobs", token=useless["SecretID"])) == (403, "Permission denied")


@says(FromNomad.DENIED, FromNomad.ALREADY_GONE)
def test_only_a_manager_deletes_and_only_what_is_there(agent: Agent) -> None:
    """A client token can't delete itself; a delete is an empty 200, and of a gone one 400 (2.3, 2.7)."""
    made = agent.client()
    path = f"acl/token/{made['AccessorID']}"
    own, first, second = (
        agent.ask("DELETE", path, token=made["SecretID"]),
        agent.ask("DELETE", path),
        agent.ask("DELETE", path),
    )

    assert text(own) == (403, "Permission denied")
    assert text(first) == (200, "")
    assert text(second) == (400, f"Cannot delete nonexistent tokens: {made['AccessorID']}")
    assert agent.ask("GET", "acl/token/self", token=made["SecretID"]).status_code in {403, 404}


def test_a_manager_that_is_not_global_may_end_itself(agent: Agent) -> None:
    """A management token deletes tokens, itself too (2.7)."""
    made = agent.client(Type="management", Policies=None)

    assert text(agent.ask("DELETE", f"acl/token/{made['AccessorID']}", token=made["SecretID"])) == (200, "")


def test_a_list_shows_names_and_no_secret(agent: Agent) -> None:
    """A lost answer's token is found by its name; a client token may not list (2.3)."""
    made = agent.client(Name="nomad-token-lost")
    stubs = [stub for stub in agent.ask("GET", "acl/tokens").json() if stub["Name"] == "nomad-token-lost"]

    assert [stub["AccessorID"] for stub in stubs] == [made["AccessorID"]]
    assert "SecretID" not in stubs[0]
    assert text(agent.ask("GET", "acl/tokens", token=made["SecretID"])) == (403, "Permission denied")


def test_the_second_page_may_be_the_first_again(agent: Agent) -> None:
    """Up to 1.10.0 a page of the whole list begins where words say so, to which 243 is before 8 (2.1)."""
    while not (size := _before_the_first(agent.ask("GET", "acl/tokens").json())):
        agent.client()
    first = agent.ask("GET", f"acl/tokens?per_page={size}")
    second = agent.ask("GET", f"acl/tokens?per_page={size}&next_token={first.headers['x-nomad-nexttoken']}")
    firsts, seconds = ({stub["AccessorID"] for stub in page.json()} for page in (first, second))

    if agent.profile is NEW:
        assert firsts.isdisjoint(seconds)
    else:
        assert firsts == seconds


def _before_the_first(stubs: list[dict[str, Any]]) -> int:
    """Return the place of a token that words put before the first one, which is older; 0 where there is none."""
    indices = [str(stub["CreateIndex"]) for stub in stubs]
    return next((place for place, index in enumerate(indices) if index < indices[0] and place), 0)


def test_the_list_by_the_first_digits_of_accessors(agent: Agent) -> None:
    """Two digits list theirs, in pages that go on; one digit is refused (2.1)."""
    made: dict[str, set[str]] = {}
    while not (alike := next((digits for digits, those in made.items() if len(those) == 2), "")):
        accessor = agent.client()["AccessorID"]
        made.setdefault(accessor[:2], set()).add(accessor)
    listed: list[str] = []
    following = ""
    for _ in range(3):
        page = agent.ask("GET", f"acl/tokens?prefix={alike}&per_page=1&next_token={following}")
        listed += [stub["AccessorID"] for stub in page.json()]
        if not (following := page.headers.get("x-nomad-nexttoken", "")):
            break
    odd = agent.ask("GET", "acl/tokens?prefix=8")

    assert made[alike] <= set(listed)
    assert len(listed) == len(set(listed))
    assert text(odd) == (500, "acl token lookup failed: index error: Input (without hyphens) must be even length")


def test_a_region_that_is_not_there(agent: Agent) -> None:
    """An unknown region is a 500 that proves nothing of the token (2.1)."""
    assert text(agent.ask("GET", "acl/token/self?region=mars")) == (500, "No path to region")


def test_no_leader(agent: Agent, leaderless: str) -> None:
    """Without a leader every call is a 500, after seconds, which proves nothing of the token (2.9)."""
    answer = agent.http.get(f"{leaderless}/v1/acl/token/self", headers={"X-Nomad-Token": UNKNOWN})

    assert text(answer) == (500, "No cluster leader")


def test_a_local_token_is_known_in_its_own_region(agent: Agent, elsewhere: str) -> None:
    """Elsewhere it is refused like one that never was (2.9)."""
    made = agent.client()
    here = agent.ask("GET", "acl/token/self", token=made["SecretID"])
    there = agent.ask("GET", f"acl/token/self?region={elsewhere}", token=made["SecretID"])

    assert here.status_code == 200
    assert text(there) == ((403, "Permission denied") if agent.profile is NEW else (404, "ACL token not found"))


@says(FromNomad.ONE_HOP)
def test_what_another_server_says_has_a_prefix(agent: Agent, elsewhere: str) -> None:
    """An error without a status of its own, relayed by the agent that was asked, begins with `rpc error: ` (2.1)."""
    here, there = (
        text(agent.ask("GET", f"acl/token/self{query}", token="no-uuid")) for query in ("", f"?region={elsewhere}")
    )

    assert there == (500, f"rpc error: {here[1]}")


def test_a_global_token_is_known_everywhere(agent: Agent, elsewhere: str) -> None:
    """It gets to the other region by and by, and so does its end (2.9)."""
    made = agent.client(Global=True)
    known = [_there(agent, elsewhere, made, status) for status in (200,)]
    agent.ask("DELETE", f"acl/token/{made['AccessorID']}").raise_for_status()

    assert made["Global"] is True
    assert known == [True]
    assert _there(agent, elsewhere, made, 403 if agent.profile is NEW else 404)


def _there(agent: Agent, region: str, made: dict[str, Any], status: int) -> bool:
    """Tell whether `token/self` comes to *status* in *region* within a minute."""
    path = f"acl/token/self?region={region}"
    return within(60, lambda: agent.ask("GET", path, token=made["SecretID"]).status_code == status)
