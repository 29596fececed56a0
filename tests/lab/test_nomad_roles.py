"""Nomad's ACL roles over HTTP, and the tokens that are linked to them (api-contract 2.3)."""

from typing import Any

import pytest

from lab.ways import Ways, text

_UNKNOWN = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def _role(ways: Ways, name: str = "deploy", *policies: str) -> dict[str, Any]:
    wanted = {"Name": name, "Policies": [{"Name": policy} for policy in policies or ("deployer",)]}
    made: dict[str, Any] = ways.nomad("POST", "acl/role", wanted).json()
    return made


def _linked(ways: Ways, *links: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = ways.nomad("POST", "acl/token", {"Type": "client", "Roles": list(links)}).json()
    return made


def test_a_role_is_made_read_listed_and_deleted(ways: Ways) -> None:
    """By id and by name the same role is meant."""
    role = _role(ways, "deploy", "deployer", "deployer")
    path = f"acl/role/{role['ID']}"

    assert (role["Name"], role["Policies"]) == ("deploy", [{"Name": "deployer"}])
    assert ways.nomad("GET", path).json() == role
    assert ways.nomad("GET", "acl/role/name/deploy").json() == role
    assert ways.nomad("GET", f"acl/roles?prefix={role['ID'][:8]}").json() == [role]
    assert text(ways.nomad("DELETE", path)) == (200, "")
    assert text(ways.nomad("GET", path)) == (404, "ACL role not found")
    assert text(ways.nomad("GET", "acl/role/name/deploy")) == (404, "ACL role not found")
    assert text(ways.nomad("DELETE", path)) == (500, "ACL role not found")
    assert ways.nomad("GET", "acl/roles").json() == []


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"Name": "r", "Policies": [{"Name": "none"}]}, "cannot find policy none"),
        ({"Name": "taken", "Policies": [{"Name": "deployer"}]}, "role with name taken already exists"),
        ({"ID": _UNKNOWN, "Name": "r", "Policies": [{"Name": "deployer"}]}, f"cannot find role {_UNKNOWN}"),
        (
            {"Name": "a b", "Description": "d" * 257},
            (
                "role 0 invalid: 3 errors occurred:\n\t* invalid name 'a b'\n\t* description longer than 256\n"
                "\t* at least one policy should be specified\n\n"
            ),
        ),
    ],
)
def test_a_role_that_may_not_be_is_refused(ways: Ways, wanted: dict[str, Any], error: str) -> None:
    """Other than for a token, policies have to exist, and names are unique."""
    _role(ways, "taken")

    assert text(ways.nomad("POST", "acl/role", wanted)) == (400, error)


def test_a_role_is_changed_by_its_id(ways: Ways) -> None:
    """Its name may change; the id in body and path has to agree."""
    role = _role(ways)
    path = f"acl/role/{role['ID']}"
    renamed = ways.nomad("POST", path, {**role, "Name": "ship"}).json()

    assert (renamed["ID"], renamed["Name"], renamed["CreateIndex"]) == (role["ID"], "ship", role["CreateIndex"])
    assert renamed["ModifyIndex"] > role["ModifyIndex"]
    assert text(ways.nomad("POST", path, {**role, "ID": _UNKNOWN})) == (400, "ACL role ID does not match request path")


def test_a_token_has_what_its_roles_have(ways: Ways) -> None:
    """Linked by id or by name, once; the role's policies count in use and in the list of one's policies."""
    role = _role(ways)
    made = _linked(ways, {"Name": "deploy"}, {"ID": role["ID"]})
    mine = ways.nomad("GET", "acl/token/self", token=made["SecretID"]).json()

    assert made["Roles"] == mine["Roles"] == [{"ID": role["ID"], "Name": "deploy"}]
    assert mine["Policies"] is None
    assert ways.nomad("PUT", "jobs", {"Job": {"ID": "app"}}, token=made["SecretID"]).status_code == 200
    assert [policy["Name"] for policy in ways.nomad("GET", "acl/policies", token=made["SecretID"]).json()] == [
        "deployer"
    ]


def test_a_deleted_role_takes_what_it_gave(ways: Ways) -> None:
    """The token stays known, with nothing left that is allowed to it."""
    role = _role(ways)
    secret = _linked(ways, {"Name": "deploy"})["SecretID"]
    ways.nomad("DELETE", f"acl/role/{role['ID']}")

    assert ways.nomad("GET", "acl/token/self", token=secret).json()["Roles"] is None
    assert ways.nomad("GET", "acl/policies", token=secret).json() == []
    assert text(ways.nomad("PUT", "jobs", {"Job": {"ID": "app"}}, token=secret)) == (403, "Permission denied")


@pytest.mark.parametrize("link", [{"ID": _UNKNOWN}, {"Name": "none"}])
def test_a_link_to_a_role_that_is_not_there_is_refused(calm: Ways, link: dict[str, str]) -> None:
    """Other than for a policy, a token's role has to exist."""
    wanted = {"Type": "client", "Policies": ["deployer"], "Roles": [link]}

    assert text(calm.nomad("POST", "acl/token", wanted)) == (400, f"cannot find role {next(iter(link.values()))}")


def test_a_management_token_has_no_roles(ways: Ways) -> None:
    """Nor policies: everything is allowed to it."""
    _role(ways)
    answer = ways.nomad("POST", "acl/token", {"Type": "management", "Roles": [{"Name": "deploy"}]})

    assert "management token cannot be associated with policies or roles" in answer.text


def test_roles_are_shown_to_those_who_have_them(ways: Ways) -> None:
    """A holder reads and lists its own, and changes none; others see none."""
    mine, other = _role(ways), _role(ways, "other")
    secret = _linked(ways, {"Name": "deploy"})["SecretID"]

    assert [role["Name"] for role in ways.nomad("GET", "acl/roles", token=secret).json()] == ["deploy"]
    assert ways.nomad("GET", f"acl/role/{mine['ID']}", token=secret).status_code == 200
    assert text(ways.nomad("GET", f"acl/role/{other['ID']}", token=secret)) == (403, "Permission denied")
    assert text(ways.nomad("GET", "acl/role/name/none", token=secret)) == (403, "Permission denied")
    assert text(ways.nomad("DELETE", f"acl/role/{mine['ID']}", token=secret)) == (403, "Permission denied")
    assert text(ways.nomad("POST", "acl/role", {"Name": "x"}, token=secret)) == (403, "Permission denied")
    assert ways.nomad("GET", "acl/roles", token="").json() == []
