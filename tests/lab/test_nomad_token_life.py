"""How long Nomad's tokens live, by version, and how they are listed (api-contract 2.2, 2.3)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from lab.ways import Ways, text
from nomad_token_lab import Profile
from nomad_token_lab.nomad.tokens import Bounds


def _client(ways: Ways, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    wanted = {"Name": "ci", "Type": "client", "Policies": ["deployer"], **fields}
    made: dict[str, Any] = ways.nomad("POST", "acl/token", wanted).json()
    return made


@pytest.mark.parametrize(("version", "written"), [("1.4.5", 600 * 10**9), ("1.5.0", "10m0s"), ("2.0.6-dev", "10m0s")])
def test_the_ttl_is_read_in_both_encodings(ways: Ways, version: str, written: str | int) -> None:
    """From 1.4.5 on a duration is read too; each version writes its own encoding (api-contract 2.2)."""
    ways.lab.nomad.version = version

    assert _client(ways, ExpirationTTL="10m")["ExpirationTTL"] == written
    assert _client(ways, ExpirationTTL=600 * 10**9)["ExpirationTTL"] == written
    assert not _client(ways)["ExpirationTTL"]


def test_the_ttl_is_a_number_up_to_1_4_4(ways: Ways) -> None:
    """A text is refused in the words of Go's decoder (api-contract 2.2)."""
    ways.lab.nomad.profile = Profile.UP_TO_1_4
    refused = ways.nomad("POST", "acl/token", {"Type": "client", "Policies": ["x"], "ExpirationTTL": "10m"})

    assert _client(ways, ExpirationTTL=600 * 10**9)["ExpirationTTL"] == 600 * 10**9
    assert text(refused) == (
        400,
        "json: cannot unmarshal string into Go struct field ACLToken.ExpirationTTL of type time.Duration",
    )


def test_a_server_from_before_1_4_makes_a_token_that_does_not_end(ways: Ways) -> None:
    """What it doesn't know is ignored, and absent from the answer (api-contract 4)."""
    ways.lab.nomad.version = "1.3.16"
    made = _client(ways, ExpirationTTL=600 * 10**9, Roles=[{"Name": "none"}])
    ways.lab.advance(601)

    assert not {"ExpirationTTL", "ExpirationTime", "Roles"} & made.keys()
    assert ways.nomad("GET", "acl/policies", token=made["SecretID"]).status_code == 200
    assert made["AccessorID"] in [token.accessor for token in ways.lab.nomad.live_tokens()]
    assert text(ways.nomad("GET", "acl/roles")) == (404, "")


def test_a_moment_may_be_given_instead_of_a_ttl(ways: Ways) -> None:
    """`ExpirationTime` counts before a TTL, and has to be whole (api-contract 2.2)."""
    end = (ways.lab.nomad.clock() + timedelta(hours=1)).isoformat()
    made = _client(ways, ExpirationTime=end, ExpirationTTL="2h")
    status, error = text(ways.nomad("POST", "acl/token", {"Type": "management", "ExpirationTime": end[:19]}))

    assert datetime.fromisoformat(made["ExpirationTime"]) == datetime.fromisoformat(end)
    assert (status, error[:12]) == (400, "parsing time")


def test_the_bounds_of_a_life_are_the_servers(ways: Ways) -> None:
    """What is too long on one server is not on another (api-contract 2.2)."""
    ways.lab.nomad.bounds = Bounds(shortest=1, longest=10 * 10**9)

    assert _client(ways, ExpirationTTL="10s")["ExpirationTTL"] == "10s"
    assert (
        "cannot be more than 10s in the future (was 30s)"
        in ways.nomad("POST", "acl/token", {"Type": "client", "Policies": ["x"], "ExpirationTTL": "30s"}).text
    )


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ('filter=Name == "b"', ["b"]),
        ('filter=Name matches "^[ab]$" and Global == false', ["a"]),
        ("filter=Global == true", ["b"]),
        ('filter="deployer" in Policies', ["a", "b", "c"]),
        ('filter=Name in "x"', None),
        ('filter=Nam == "b"', None),
    ],
)
def test_a_list_is_filtered(ways: Ways, query: str, names: list[str] | None) -> None:
    """By go-bexpr over a token's fields; what can't be read or asked is a 400 (api-contract 2.3)."""
    for name in "abc":
        _client(ways, Name=name, Global=name == "b")
    listed = ways.nomad("GET", f"acl/tokens?{query}")
    made = {token.name for token in ways.lab.nomad.live_tokens()}

    if names is None:
        assert listed.status_code == 400
        assert listed.text.startswith("failed to ")
    else:
        assert [stub["Name"] for stub in listed.json() if stub["Name"] in made] == names


@pytest.mark.parametrize("query", ["", "&reverse=true", "&prefix="])
def test_a_list_comes_in_pages(ways: Ways, query: str) -> None:
    """`X-Nomad-NextToken` leads on; together the pages are the list (api-contract 2.1)."""
    for name in "abc":
        _client(ways, Name=name)
    whole = [stub["AccessorID"] for stub in ways.nomad("GET", f"acl/tokens?{query}").json()]
    paged: list[str] = []
    next_token = ""
    for _ in range(len(whole)):
        page = ways.nomad("GET", f"acl/tokens?per_page=2&next_token={next_token}{query}")
        paged += [stub["AccessorID"] for stub in page.json()]
        if not (next_token := page.headers.get("x-nomad-nexttoken", "")):
            break

    assert paged == whole
