"""Nomad's auth methods and binding rules over HTTP: how they are written, shown and refused (api-contract 2.6)."""

from typing import Any

import pytest

from lab.ways import Ways, text

_UNKNOWN = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
_METHOD = {
    "Name": "ci",
    "Type": "JWT",
    "TokenLocality": "local",
    "MaxTokenTTL": "30m",
    "Config": {"JWKSURL": "http://127.0.0.1:1/jwks", "OIDCClientSecret": "canary", "ClockSkewLeeway": "30s"},
}
_RULE = {"AuthMethod": "ci", "BindType": "policy", "BindName": "deployer"}


def _ci(ways: Ways) -> dict[str, Any]:
    made: dict[str, Any] = ways.nomad("POST", "acl/auth-method", _METHOD).json()
    return made


def test_a_method_is_made_read_listed_and_deleted(ways: Ways) -> None:
    """Everybody may list methods, which shows names and types; the client secret is shown to nobody."""
    made = _ci(ways)
    (listed,) = ways.nomad("GET", "acl/auth-methods", token="").json()

    assert (made["MaxTokenTTL"], made["TokenNameFormat"]) == ("30m0s", "${auth_method_type}-${auth_method_name}")
    assert made["Config"]["OIDCClientSecret"] == "redacted"
    assert made["Config"]["ClockSkewLeeway"] == "30s"
    assert ways.nomad("GET", "acl/auth-method/ci").json() == made
    assert listed.keys() == {"Name", "Type", "Default", "Hash", "CreateIndex", "ModifyIndex"}
    assert text(ways.nomad("GET", "acl/auth-method/ci", token="")) == (403, "Permission denied")
    assert text(ways.nomad("DELETE", "acl/auth-method/ci")) == (200, "")
    assert text(ways.nomad("DELETE", "acl/auth-method/ci")) == (500, "ACL auth method not found")
    assert text(ways.nomad("GET", "acl/auth-method/ci")) == (404, "ACL auth-method not found")


def test_an_old_version_shows_the_client_secret(ways: Ways) -> None:
    """It is kept back from 1.9.7 on."""
    ways.lab.nomad.version = "1.9.6"

    assert _ci(ways)["Config"]["OIDCClientSecret"] == "canary"


def test_a_method_that_is_written_again_is_merged(ways: Ways) -> None:
    """What is left out stays, the config as a whole, but `Default` doesn't."""
    made = ways.nomad("POST", "acl/auth-method", {**_METHOD, "Default": True}).json()
    changed = ways.nomad("POST", "acl/auth-method/ci", {"Name": "ci", "MaxTokenTTL": 3600 * 10**9}).json()

    assert (changed["MaxTokenTTL"], changed["Config"], changed["Type"]) == ("1h0m0s", made["Config"], "JWT")
    assert (changed["Default"], changed["CreateIndex"]) == (False, made["CreateIndex"])
    assert text(ways.nomad("POST", "acl/auth-method/other", {"Name": "ci"})) == (
        400,
        "ACL auth-method name does not match request path",
    )


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        ({"Name": "a b"}, ["invalid name 'a b'"]),
        ({"TokenLocality": "moon"}, ["invalid token locality 'moon'"]),
        ({"Type": "SAML"}, ["invalid token type 'SAML'"]),
        ({"MaxTokenTTL": "30s"}, ["invalid MaxTokenTTL value '30s' (should be between 1m0s and 24h0m0s)"]),
        ({"Config": None}, ["invalid config: missing auth method Config"]),
        (
            {"Config": {}},
            [
                (
                    "invalid config: JWT auth method requires either OIDCDiscoveryURL, or JWKS URL, "
                    "or JWTValidationPubKeys set"
                )
            ],
        ),
        (
            {"TokenLocality": None, "Type": None, "MaxTokenTTL": None},
            [
                "invalid token locality ''",
                "invalid token type ''",
                "invalid MaxTokenTTL value '0s' (should be between 1m0s and 24h0m0s)",
            ],
        ),
    ],
)
def test_a_method_that_may_not_be_is_refused(calm: Ways, fields: dict[str, Any], errors: list[str]) -> None:
    """All that is wrong is told."""
    counted = f"{len(errors)} error{'s' if len(errors) > 1 else ''} occurred:\n"
    listed = "".join(f"\t* {error}\n" for error in errors)
    answer = calm.nomad("POST", "acl/auth-method", {**_METHOD, "Name": "refused", **fields})

    assert text(answer) == (400, f"auth method 0 invalid: {counted}{listed}\n")


def test_a_duration_that_is_none_is_refused(calm: Ways) -> None:
    """In the words of Go's parser."""
    answer = calm.nomad("POST", "acl/auth-method", {**_METHOD, "MaxTokenTTL": "1d"})

    assert text(answer) == (400, 'time: invalid duration "1d"')


def test_there_is_one_default_method(ways: Ways) -> None:
    """A second one is refused by the name of the first."""
    ways.nomad("POST", "acl/auth-method", {**_METHOD, "Default": True})
    again = ways.nomad("POST", "acl/auth-method", {**_METHOD, "Default": True})

    assert again.status_code == 200
    assert text(ways.nomad("POST", "acl/auth-method", {**_METHOD, "Name": "second", "Default": True})) == (
        400,
        "default method already exists: ci",
    )


def test_a_rule_is_made_read_listed_changed_and_deleted(ways: Ways) -> None:
    """Managers only; the list leaves out what is bound."""
    _ci(ways)
    rule = ways.nomad("POST", "acl/binding-rule", {**_RULE, "Selector": 'value.a == "b"'}).json()
    path = f"acl/binding-rule/{rule['ID']}"
    (listed,) = ways.nomad("GET", "acl/binding-rules").json()
    changed = ways.nomad("POST", path, {"ID": rule["ID"], "BindName": "other"}).json()

    assert listed.keys() == {"ID", "Description", "AuthMethod", "Hash", "CreateIndex", "ModifyIndex"}
    assert (rule["Selector"], rule["BindName"]) == ('value.a == "b"', "deployer")
    assert (changed["Selector"], changed["BindName"], changed["BindType"]) == ("", "other", "policy")
    assert ways.nomad("GET", path).json() == changed
    assert text(ways.nomad("GET", path, token="")) == (403, "Permission denied")
    assert text(ways.nomad("POST", path, {"ID": _UNKNOWN})) == (400, "ACL binding rule ID does not match request path")
    assert text(ways.nomad("DELETE", path)) == (200, "")
    assert text(ways.nomad("DELETE", path)) == (500, "ACL binding rule not found")
    assert text(ways.nomad("GET", path)) == (404, "ACL binding rule not found")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"AuthMethod": "none"}, "ACL auth method none not found"),
        ({"ID": _UNKNOWN}, f"cannot find binding rule {_UNKNOWN}"),
        ({"AuthMethod": ""}, "binding rule 0 invalid: 1 error occurred:\n\t* auth method is missing\n\n"),
        ({"BindType": ""}, "binding rule 0 invalid: 1 error occurred:\n\t* bind type is missing\n\n"),
        ({"BindType": "x"}, 'binding rule 0 invalid: 1 error occurred:\n\t* unsupported bind type: "x"\n\n'),
        ({"BindName": ""}, "binding rule 0 invalid: 1 error occurred:\n\t* bind name is missing\n\n"),
        ({"BindType": "management"}, "binding rule 0 invalid: 1 error occurred:\n\t* bind name should be empty\n\n"),
        ({"Description": "d" * 257}, "binding rule 0 invalid: 1 error occurred:\n\t* description longer than 256\n\n"),
        (
            {"Selector": "value.a"},
            (
                "binding rule 0 invalid: 1 error occurred:\n"
                "\t* selector is invalid: 1:8 (7): no match found, unexpected 'EOF'\n\n"
            ),
        ),
    ],
)
def test_a_rule_that_may_not_be_is_refused(ways: Ways, fields: dict[str, str], error: str) -> None:
    """A selector is only read when it is written; what it asks is found out at login."""
    _ci(ways)

    assert text(ways.nomad("POST", "acl/binding-rule", {**_RULE, **fields})) == (400, error)


def test_a_rule_stays_with_its_method(ways: Ways) -> None:
    """Another method needs another rule."""
    _ci(ways)
    ways.nomad("POST", "acl/auth-method", {**_METHOD, "Name": "other"})
    rule = ways.nomad("POST", "acl/binding-rule", _RULE).json()

    assert text(ways.nomad("POST", f"acl/binding-rule/{rule['ID']}", {**rule, "AuthMethod": "other"})) == (
        400,
        "cannot update auth method for binding rule, create a new rule instead",
    )
