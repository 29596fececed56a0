"""`POST /v1/acl/login`: from an id token to a Nomad token, by the binding rules (api-contract 2.6)."""

from typing import Any

import httpx
import pytest

from lab.nomad_logins import login, method, rule, set_up
from lab.ways import Ways, text
from nomad_token_lab import Lab


def test_a_login_gives_what_the_rules_bind(ways: Ways) -> None:
    """A client token for as long as the method says, with policies and roles together; it is asked for without one."""
    ways.nomad("POST", "acl/role", {"Name": "ship", "Policies": [{"Name": "deployer"}]})
    set_up(ways)
    rule(ways, BindType="role", BindName="ship")
    made = login(ways).json()

    assert (made["Name"], made["Type"], made["Global"]) == ("JWT-github", "client", False)
    assert (made["Policies"], [role["Name"] for role in made["Roles"]]) == (["deployer"], ["ship"])
    assert made["ExpirationTTL"] == "30m0s"
    assert ways.nomad("GET", "jobs", token=made["SecretID"]).status_code == 200
    assert [token.accessor for token in ways.lab.nomad.live_tokens()] == [made["AccessorID"]]
    ways.lab.advance(1801)
    assert text(ways.nomad("GET", "jobs", token=made["SecretID"])) == (403, "Permission denied")
    assert ways.lab.nomad.live_tokens() == []


def test_a_client_token_of_a_login_can_not_delete_itself_and_a_manager_can(ways: Ways) -> None:
    """Deletion is for managers; a management rule makes one, whatever else matches (api-contract 2.7)."""
    set_up(ways)
    client = login(ways).json()
    rule(ways, BindType="management", BindName="")
    manager = login(ways).json()

    assert (manager["Type"], manager["Policies"], manager["Roles"]) == ("management", None, None)
    own = ways.nomad("DELETE", f"acl/token/{client['AccessorID']}", token=client["SecretID"])
    assert text(own) == (403, "Permission denied")
    own = ways.nomad("DELETE", f"acl/token/{manager['AccessorID']}", token=manager["SecretID"])
    assert text(own) == (200, "")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"LoginToken": "x"}, "invalid login request: 1 error occurred:\n\t* missing auth method name\n\n"),
        ({"AuthMethodName": "x"}, "invalid login request: 1 error occurred:\n\t* missing login token\n\n"),
        (
            {},
            "invalid login request: 2 errors occurred:\n\t* missing auth method name\n\t* missing login token\n\n",
        ),
        ({"AuthMethodName": "x", "LoginToken": "x"}, 'auth-method "x" not found'),
        ({"AuthMethodName": "web", "LoginToken": "x"}, "unsupported auth-method type: OIDC"),
        (None, "Request body is empty"),
    ],
)
def test_a_login_that_lacks_something_is_told_what(calm: Ways, body: dict[str, str] | None, error: str) -> None:
    """The method is looked at before the token."""
    method(calm, Name="web", Type="OIDC")

    assert text(calm.nomad("POST", "acl/login", body, token="")) == (400, error)


@pytest.mark.parametrize(
    ("bound", "name"),
    [
        ({"Selector": 'value.ref == "refs/heads/main" and value.actor != "mallory"'}, "deployer"),
        ({"Selector": '"main" in value.ref', "BindName": "${value.actor}"}, "octocat"),
        ({"Selector": 'value.ref == "refs/heads/dev"'}, None),
        ({"Selector": 'value.actor matches "("'}, None),
        ({"Selector": 'sub == "x"'}, None),
        ({"BindName": "none"}, None),
        ({"BindType": "role", "BindName": "none"}, None),
    ],
)
def test_a_rule_binds_whom_it_fits(ways: Ways, bound: dict[str, str], name: str | None) -> None:
    """A claim is lower case in a name; what can't be evaluated, or does not exist, binds nothing."""
    ways.nomad("PUT", "acl/policy/octocat", {"Name": "octocat"})
    ways.lab.github.claims = {"actor": "OctoCat"}
    set_up(ways, bound=bound)
    answer = login(ways)

    if name is None:
        assert text(answer) == (400, "no role or policy bindings matched")
    else:
        assert answer.json()["Policies"] == [name]


@pytest.mark.parametrize(
    ("bound", "error"),
    [
        ({"BindName": "${value.ref}"}, 'computed "policy" bind name for bind target is invalid: "refs/heads/main"'),
        (
            {"BindType": "role", "BindName": "x-${value.none}"},
            (
                'cannot compute "role" bind name for bind target: At column 5, line 1: '
                "unknown variable accessed: value.none in:\n\nx-${value.none}"
            ),
        ),
        (
            {"BindName": "x-${value.ref"},
            'cannot compute "policy" bind name for bind target: expected expression in:\n\nx-${value.ref',
        ),
        (
            {"BindName": "${lower(value.ref}"},
            (
                'cannot compute "policy" bind name for bind target: At column 3, line 1: '
                "unknown variable accessed: lower(value.ref in:\n\n${lower(value.ref}"
            ),
        ),
    ],
)
def test_a_name_that_can_not_be_put_together_is_a_500(ways: Ways, bound: dict[str, str], error: str) -> None:
    """The rule fits, and what it would bind has no valid name."""
    set_up(ways, bound=bound)

    assert text(login(ways)) == (500, error)


@pytest.mark.parametrize(
    ("mappings", "error"),
    [
        (
            {"ClaimMappings": {"nested": "x"}},
            "error converting claim 'nested' to string from unknown type map[string]interface {}",
        ),
        (
            {"ClaimMappings": {"groups": "x"}},
            "error converting claim 'groups' to string from unknown type []interface {}",
        ),
        (
            {"ListClaimMappings": {"mixed": "x"}},
            "value {'a': 1} in \"mixed\" list claim could not be parsed as string",
        ),
        ({"ListClaimMappings": {"nested": "x"}}, '"nested" list claim could not be converted to string list'),
    ],
)
def test_a_claim_of_an_odd_type_is_a_500(ways: Ways, mappings: dict[str, Any], error: str) -> None:
    """Only texts, numbers, booleans and lists of them have a name to map to."""
    ways.lab.github.claims = {"nested": {"a": 1}, "groups": ["dev"], "mixed": ["dev", {"a": 1}]}
    set_up(ways, mappings)

    assert text(login(ways)) == (500, error)


def test_claims_are_mapped_by_name_and_by_pointer(ways: Ways) -> None:
    """A claim of one value is a list of one; numbers and booleans are texts."""
    ways.lab.github.claims = {"nested": {"a/b": [{"n": 7}]}, "groups": ["dev", ""], "one": "x", "flag": True}
    set_up(
        ways,
        {
            "ClaimMappings": {"/nested/a~1b/0/n": "n", "flag": "flag", "/nested/none/x": "none"},
            "ListClaimMappings": {"groups": "groups", "one": "one", "gone": "gone"},
        },
        {
            "Selector": "value.n == 7 and value.flag == true and value.none is empty "
            "and dev in list.groups and x in list.one and list.gone is empty"
        },
    )

    assert login(ways).status_code == 200


@pytest.mark.parametrize(
    ("version", "name"), [("1.5.4", "JWT-github"), ("1.6.5", "JWT-github"), ("1.7.0", "github octo-org/octo-app")]
)
def test_a_token_is_named_as_the_method_says(ways: Ways, version: str, name: str) -> None:
    """From 1.7.0 on; before, all tokens of a method have one name."""
    ways.lab.nomad.version = version
    shown = method(ways, TokenNameFormat="${auth_method_name} ${value.repository}").json()
    rule(ways)

    assert login(ways).json()["Name"] == name
    assert ("TokenNameFormat" in shown) == (version == "1.7.0")


def test_a_name_that_needs_a_missing_claim_is_a_500(ways: Ways) -> None:
    """The login is refused, with everything else in order."""
    method(ways, TokenNameFormat="${value.none}")
    rule(ways)
    status, error = text(login(ways))

    assert status == 500
    assert error.startswith("failed to generate ACL token name: ")
    assert ways.lab.nomad.live_tokens() == []


def test_a_version_without_jwt_login_has_no_such_path(ways: Ways) -> None:
    """1.5.0 has auth methods, of type OIDC only; 1.4 has none (api-contract 4)."""
    ways.lab.nomad.version = "1.5.0"
    refused = method(ways)
    answer = login(ways)
    ways.lab.nomad.version = "1.4.14"

    assert text(refused) == (400, "auth method 0 invalid: 1 error occurred:\n\t* invalid token type 'JWT'\n\n")
    assert text(answer) == (404, "")
    assert text(ways.nomad("GET", "acl/auth-methods")) == (404, "")


def test_a_global_login_is_for_all_regions(http: httpx.Client) -> None:
    """The authoritative region makes its token; a local one is the region's that was asked."""
    with Lab(trust=True, regions=("global", "eu")) as lab:
        ways, known = Ways(lab, http), {}
        set_up(ways)
        for locality in ("local", "global"):
            method(ways, TokenLocality=locality)
            secret = login(ways, region="eu").json()["SecretID"]
            known[locality] = [
                ways.nomad("GET", f"acl/token/self?region={region}", token=secret).status_code
                for region in ("global", "eu")
            ]
        lab.regions["eu"].version = "1.5.0"
        mixed = login(ways)

    assert known == {"local": [403, 200], "global": [200, 200]}
    assert text(mixed) == (
        500,
        "all servers should be running version 1.5.4 or later to use JWT ACL auth methods",
    )
