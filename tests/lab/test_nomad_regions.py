"""Two federated regions: what both know, and what only one does (api-contract 2.9)."""

import math
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from lab.ways import Ways, text
from nomad_token_lab import Lab

_DENIED = (403, "Permission denied")


@pytest.fixture
def two(http: httpx.Client) -> Iterator[Ways]:
    """A lab of the regions `global`, which is authoritative, and `eu`."""
    with Lab(trust=True, regions=("global", "eu")) as lab:
        yield Ways(lab, http)


def _token(two: Ways, region: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    wanted = {"Type": "client", "Policies": ["deployer"], **fields}
    made: dict[str, Any] = two.nomad("POST", f"acl/token?region={region}", wanted).json()
    return made


def _self(two: Ways, token: dict[str, Any], region: str) -> httpx.Response:
    return two.nomad("GET", f"acl/token/self?region={region}", token=token["SecretID"])


def _alive(two: Ways, region: str) -> list[str]:
    return [token.accessor for token in two.lab.regions[region].live_tokens()]


def test_a_local_token_is_known_where_it_was_made(two: Ways) -> None:
    """Elsewhere it is refused like one that never was."""
    here, there = _token(two, "global"), _token(two, "eu")

    assert _self(two, here, "global").status_code == 200
    assert text(_self(two, here, "eu")) == _DENIED
    assert text(_self(two, there, "global")) == _DENIED
    assert _self(two, there, "eu").status_code == 200
    assert (_alive(two, "global"), _alive(two, "eu")) == ([here["AccessorID"]], [there["AccessorID"]])


@pytest.mark.parametrize("region", ["global", "eu"])
def test_a_global_token_is_known_in_both(two: Ways, region: str) -> None:
    """Wherever it is asked for, the authoritative region makes it, and the end of it holds everywhere."""
    made = _token(two, region, Global=True)
    known = [_self(two, made, place).status_code for place in ("global", "eu")]
    own = list(two.lab.regions["eu"].tokens)
    deleted = two.nomad("DELETE", f"acl/token/{made['AccessorID']}?region={region}")

    assert (known, own) == ([200, 200], [])
    assert text(deleted) == (200, "")
    assert text(_self(two, made, "eu")) == _DENIED
    assert _alive(two, "eu") == []


def test_replication_takes_its_time(two: Ways) -> None:
    """A fresh global token is refused elsewhere for a while, and a deleted one accepted."""
    two.lab.regions["eu"].replication_lag = 30
    made = _token(two, "global", Global=True)
    fresh = _self(two, made, "eu")
    two.lab.advance(31)
    arrived = _self(two, made, "eu")
    two.nomad("DELETE", f"acl/token/{made['AccessorID']}")

    assert (text(fresh), arrived.status_code) == (_DENIED, 200)
    assert text(_self(two, made, "global")) == _DENIED
    assert _self(two, made, "eu").status_code == 200
    two.lab.advance(31)
    assert text(_self(two, made, "eu")) == _DENIED


def test_replication_may_stand_still(two: Ways) -> None:
    """What has come through before stays."""
    before = _token(two, "global", Global=True)
    two.lab.regions["eu"].replication_lag = math.inf
    after = _token(two, "global", Global=True)
    two.lab.advance(86400)

    assert two.lab.regions["eu"].replication_lag == math.inf
    assert _self(two, before, "eu").status_code == 200
    assert text(_self(two, after, "eu")) == _DENIED


def test_a_local_manager_makes_no_global_token_elsewhere(two: Ways) -> None:
    """The authoritative region, which is to do it, does not know who asks."""
    manager = _token(two, "eu", Type="management", Policies=None)["SecretID"]
    local = {"Type": "client", "Policies": ["x"]}

    assert two.nomad("POST", "acl/token?region=eu", local, token=manager).status_code == 200
    assert text(two.nomad("POST", "acl/token?region=eu", {**local, "Global": True}, token=manager)) == _DENIED
    assert text(two.nomad("PUT", "acl/policy/p?region=eu", {"Name": "p"}, token=manager)) == _DENIED


def test_policies_and_roles_are_everywhere(two: Ways) -> None:
    """They are written in the authoritative region, whichever was asked."""
    role = {"Name": "ship", "Policies": [{"Name": "deployer"}]}
    made = two.nomad("POST", "acl/role?region=eu", role).json()

    assert two.nomad("GET", f"acl/role/{made['ID']}").json() == made
    assert [policy["Name"] for policy in two.nomad("GET", "acl/policies?region=eu").json()] == ["deployer"]


def test_jobs_are_a_regions_own(two: Ways) -> None:
    """A job runs in the region that was asked."""
    two.nomad("PUT", "jobs?region=eu", {"Job": {"ID": "app"}})

    assert text(two.nomad("GET", "job/app")) == (404, "job not found")
    assert two.nomad("GET", "job/app?region=eu").status_code == 200


def test_each_region_has_an_address(two: Ways, http: httpx.Client) -> None:
    """Its own region is the default there; one that is not federated has no path to it."""
    eu, headers = two.lab.regions["eu"].addr, {"X-Nomad-Token": two.lab.management_token.get_secret_value()}
    config = http.get(f"{eu}/v1/agent/self", headers=headers).json()["config"]
    over_there = http.get(f"{eu}/v1/agent/self?region=global", headers=headers).json()["config"]

    assert (config["Region"], over_there["Region"]) == ("eu", "global")
    assert http.get(f"{eu}/v1/regions").json() == ["eu", "global"]
    assert text(http.get(f"{eu}/v1/jobs?region=mars", headers=headers)) == (500, "No path to region")


def test_a_region_without_a_leader_leaves_the_other_alone(two: Ways) -> None:
    """But nothing global can be made where the authoritative region has none."""
    two.lab.nomad.leader = False
    made = _token(two, "eu")

    assert _self(two, made, "eu").status_code == 200
    wanted = {"Type": "client", "Policies": ["x"], "Global": True}
    assert text(two.nomad("POST", "acl/token?region=eu", wanted)) == (500, "rpc error: No cluster leader")
