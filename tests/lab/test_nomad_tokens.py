"""Nomad's ACL tokens over HTTP (api-contract 2.2, 2.3, 2.5, 2.7)."""

from typing import Any

import pytest

from lab.ways import Ways, text
from nomad_token_lab import Profile

_UNKNOWN = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
_UP_TO_1_4, _FROM_1_5, _FROM_1_10_1 = Profile.UP_TO_1_4, Profile.FROM_1_5, Profile.FROM_1_10_1
_NO_UUID = "acl token lookup failed: index error: UUID must be 36 characters"
_NO_JWT = "failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts"


def _client(ways: Ways, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    wanted = {"Name": "ci", "Type": "client", "Policies": ["deployer"], **fields}
    made: dict[str, Any] = ways.nomad("POST", "acl/token", wanted).json()
    return made


@pytest.mark.parametrize(
    ("profile", "secret", "at_self", "elsewhere"),
    [
        (_UP_TO_1_4, "", (500, "acl token lookup failed: missing secret id"), (403, "Permission denied")),
        (_FROM_1_5, "", (500, "acl token lookup failed: missing secret id"), (403, "Permission denied")),
        (_UP_TO_1_4, _UNKNOWN, (404, "ACL token not found"), (403, "ACL token not found")),
        (_FROM_1_5, _UNKNOWN, (404, "ACL token not found"), (403, "Permission denied")),
        (_FROM_1_10_1, _UNKNOWN, (403, "Permission denied"), (403, "Permission denied")),
        (_UP_TO_1_4, "no-uuid", (500, _NO_UUID), (500, _NO_UUID)),
        (_FROM_1_5, "no-uuid", (500, _NO_UUID), (403, "Permission denied")),
        (_FROM_1_10_1, "no-uuid", (500, _NO_JWT), (403, "Permission denied")),
    ],
)
def test_a_bad_token_is_refused_in_the_words_of_the_version(
    ways: Ways, profile: Profile, secret: str, at_self: tuple[int, str], elsewhere: tuple[int, str]
) -> None:
    """`token/self` and all other calls differ, by version (api-contract 2.5)."""
    ways.lab.nomad.profile = profile

    assert text(ways.nomad("GET", "acl/token/self", token=secret)) == at_self
    assert text(ways.nomad("GET", "acl/tokens", token=secret)) == elsewhere


def test_a_new_server_calls_nobody_anonymous(calm: Ways) -> None:
    """Without a token, 1.10.1 answers `token/self` with 200: not a proof of anything (api-contract 2.5)."""
    answer = calm.nomad("GET", "acl/token/self", token="").json()

    assert (answer["AccessorID"], answer["Policies"]) == ("anonymous", ["anonymous"])


@pytest.mark.parametrize(
    ("profile", "at_self", "elsewhere"),
    [
        (_UP_TO_1_4, 200, (500, "ACL token expired")),
        (_FROM_1_5, 200, (403, "Permission denied")),
        (_FROM_1_10_1, 500, (403, "Permission denied")),
    ],
)
def test_an_expired_token_is_known_to_some(
    ways: Ways, profile: Profile, at_self: int, elsewhere: tuple[int, str]
) -> None:
    """Old versions answer `token/self` with 200 for it; its own accessor says so (api-contract 2.5)."""
    ways.lab.nomad.profile = profile
    made = _client(ways, ExpirationTTL=60 * 10**9)
    ways.lab.advance(61)
    own = ways.nomad("GET", f"acl/token/{made['AccessorID']}", token=made["SecretID"])

    assert ways.nomad("GET", "acl/token/self", token=made["SecretID"]).status_code == at_self
    assert text(ways.nomad("GET", "jobs", token=made["SecretID"])) == elsewhere
    assert text(own) == (500, "ACL token expired")
    assert ways.nomad("GET", f"acl/token/{made['AccessorID']}").status_code == 200
    assert made["AccessorID"] not in [token.accessor for token in ways.lab.nomad.live_tokens()]


@pytest.mark.parametrize("profile", list(Profile))
def test_acls_that_are_off_say_so(ways: Ways, profile: Profile) -> None:
    """Every ACL call is 400, but `token/self` from 1.10.1; other calls just work (api-contract 2.5, 5)."""
    ways.lab.nomad.profile = profile
    ways.lab.nomad.acl_enabled = False
    own = ways.nomad("GET", "acl/token/self", token=_UNKNOWN)

    if profile is not _UP_TO_1_4:
        assert text(ways.nomad("GET", "acl/auth-methods", token="")) == (400, "ACL support disabled")
        assert text(ways.nomad("POST", "acl/login", {}, token="")) == (400, "ACL support disabled")
    assert text(ways.nomad("GET", "acl/policies")) == (400, "ACL support disabled")
    assert ways.nomad("GET", "jobs", token="").status_code == 200
    if profile is _FROM_1_10_1:
        assert own.json()["AccessorID"] == "acls-disabled"
    else:
        assert text(own) == (400, "ACL support disabled")


def test_refusals_are_bare_text_and_answers_json(calm: Ways) -> None:
    """Plain text without a line end; reads carry the index headers (api-contract 2.1)."""
    refused = calm.nomad("GET", "acl/tokens", token=_UNKNOWN)
    read = calm.nomad("GET", "acl/token/self")

    assert refused.headers["content-type"] == "text/plain; charset=utf-8"
    assert refused.text == "Permission denied"
    assert read.headers["content-type"] == "application/json"
    assert read.headers["x-nomad-knownleader"] == "true"


def test_a_token_is_what_was_asked_for(ways: Ways) -> None:
    """The whole object comes back, secret included; lists leave it out (api-contract 2.2)."""
    made = _client(ways, ExpirationTTL=600 * 10**9)
    listed = {stub["AccessorID"]: stub for stub in ways.nomad("GET", "acl/tokens").json()}
    prefixed = ways.nomad("GET", f"acl/tokens?prefix={made['AccessorID'][:13]}").json()

    assert next(iter(made)) == "ExpirationTTL"
    assert (made["ExpirationTTL"], made["Roles"], made["Global"]) == ("10m0s", None, False)
    assert made["ExpirationTime"] > made["CreateTime"]
    assert not {"SecretID", "ExpirationTTL"} & listed[made["AccessorID"]].keys()
    assert [stub["AccessorID"] for stub in prefixed] == [made["AccessorID"]]


@pytest.mark.parametrize("profile", list(Profile))
def test_a_follower_that_lags_does_not_know_a_fresh_token(ways: Ways, profile: Profile) -> None:
    """The first calls are refused as an unknown token's are, then it is known (nomad#17834)."""
    ways.lab.nomad.profile = profile
    ways.lab.nomad.follower_lag = 2
    made = _client(ways)
    unknown = (403, "Permission denied") if profile is _FROM_1_10_1 else (404, "ACL token not found")
    answers = [ways.nomad("GET", "acl/token/self", token=made["SecretID"]) for _ in range(3)]

    assert [text(answer) for answer in answers[:2]] == [unknown, unknown]
    assert answers[2].json()["AccessorID"] == made["AccessorID"]


def test_a_stale_read_meets_the_follower_that_lags(ways: Ways) -> None:
    """The leader knows the token, a stale read doesn't ask it (api-contract 2.9)."""
    ways.lab.nomad.follower_lag = 1
    made = _client(ways)

    assert ways.nomad("GET", "jobs", token=made["SecretID"]).status_code == 200
    assert text(ways.nomad("GET", "jobs?stale", token=made["SecretID"])) == (403, "Permission denied")
    assert ways.nomad("GET", "jobs?stale", token=made["SecretID"]).status_code == 200


@pytest.mark.parametrize(
    ("wanted", "errors"),
    [
        ({"Type": "client"}, ["client token missing policies or roles"]),
        (
            {"Type": "management", "Policies": ["x"]},
            ["management token cannot be associated with policies or roles"],
        ),
        ({"Name": "é" * 129}, ["token name too long", "token type must be client or management"]),
        (
            {"Type": "management", "ExpirationTTL": "-1s"},
            [
                "token expiration TTL '-1s' should not be negative",
                "expiration time cannot be before create time",
                "expiration time cannot be less than 1m0s in the future (was -1s)",
            ],
        ),
        (
            {"Type": "management", "ExpirationTTL": "30s"},
            ["expiration time cannot be less than 1m0s in the future (was 30s)"],
        ),
        (
            {"Type": "management", "ExpirationTTL": "48h"},
            ["expiration time cannot be more than 24h0m0s in the future (was 48h0m0s)"],
        ),
    ],
)
def test_a_token_that_may_not_be_is_refused_with_all_reasons(
    calm: Ways, wanted: dict[str, Any], errors: list[str]
) -> None:
    """Names count in bytes, lives have bounds (api-contract 2.3)."""
    count = f"{len(errors)} error{'s' if len(errors) > 1 else ''} occurred:\n"
    listed = "".join(f"\t* {error}\n" for error in errors)

    assert text(calm.nomad("POST", "acl/token", wanted)) == (400, f"token 0 invalid: {count}{listed}\n")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"Type": "client", "Roles": [{"Name": "x"}]}, "cannot find role x"),
        ({"Type": "client", "Policies": ["x"], "ExpirationTTL": "1d"}, 'time: invalid duration "1d"'),
        ({"Type": "client", "AccessorID": _UNKNOWN}, f"cannot find token {_UNKNOWN}"),
        (None, "Request body is empty"),
        ([], "json: cannot unmarshal into Go value"),
    ],
)
def test_a_body_that_makes_no_token_is_refused(calm: Ways, body: Any, error: str) -> None:  # noqa: ANN401
    """Each mistake has its text (api-contract 2.1, 2.3)."""
    assert text(calm.nomad("POST", "acl/token", body)) == (400, error)


def test_a_body_that_is_no_json_is_refused(calm: Ways) -> None:
    """The text is that of Go's decoder (api-contract 2.1)."""
    headers = {"X-Nomad-Token": calm.lab.management_token.get_secret_value()}
    answer = calm.http.post(f"{calm.lab.nomad.addr}/v1/acl/token", content="{bad", headers=headers)

    assert text(answer) == (400, "invalid character 'b' looking for beginning of value")


def test_names_of_fields_are_read_in_any_case(ways: Ways) -> None:
    """As Go's decoder does (api-contract 2.1)."""
    made = ways.nomad("PUT", "acl/token", {"type": "client", "POLICIES": ["x"], "name": "n"}).json()

    assert (made["Type"], made["Policies"], made["Name"]) == ("client", ["x"], "n")


def test_an_update_may_change_policies_and_no_expiry(ways: Ways) -> None:
    """The accessor in body and path has to agree (api-contract 2.3)."""
    made = _client(ways, ExpirationTTL="1h")
    path = f"acl/token/{made['AccessorID']}"
    same = {"AccessorID": made["AccessorID"], "Type": "client", "Policies": ["other"], "ExpirationTTL": "1h"}
    changed = ways.nomad("POST", path, same).json()

    assert (changed["Policies"], changed["SecretID"]) == (["other"], made["SecretID"])
    assert text(ways.nomad("POST", path, {"AccessorID": _UNKNOWN, "Type": "client"})) == (
        400,
        "ACL token accessor does not match request path",
    )
    for field, value, error in (
        ("Global", True, "cannot toggle global mode"),
        ("ExpirationTTL", "2h", "cannot update expiration TTL"),
        ("ExpirationTTL", None, "cannot update expiration TTL"),
        ("ExpirationTime", "2099-01-01T00:00:00Z", "cannot update expiration time"),
    ):
        answer = ways.nomad("POST", path, {**same, field: value})
        assert text(answer) == (400, f"token 0 invalid: 1 error occurred:\n\t* {error}\n\n")


def test_only_management_deletes_and_only_what_is_there(ways: Ways) -> None:
    """A client token can't delete itself; a gone one is 400 (api-contract 2.3, 2.7)."""
    made = _client(ways)
    path = f"acl/token/{made['AccessorID']}"
    own = ways.nomad("DELETE", path, token=made["SecretID"])
    deleted = ways.nomad("DELETE", path)

    assert text(own) == (403, "Permission denied")
    assert text(deleted) == (200, "")
    assert text(ways.nomad("DELETE", path)) == (400, f"Cannot delete nonexistent tokens: {made['AccessorID']}")
    assert text(ways.nomad("DELETE", "acl/token/x")) == (400, f"token lookup failed: {_NO_UUID}")
    assert text(ways.nomad("DELETE", "acl/token/")) == (400, "Missing Token Accessor")


def test_a_token_is_shown_to_managers_and_to_itself(ways: Ways) -> None:
    """Others get 403, a manager 404 for an unknown one (api-contract 2.3)."""
    mine, other = _client(ways), _client(ways)

    assert ways.nomad("GET", f"acl/token/{mine['AccessorID']}", token=mine["SecretID"]).status_code == 200
    assert ways.nomad("GET", f"acl/token/{other['AccessorID']}", token=mine["SecretID"]).status_code == 403
    assert text(ways.nomad("GET", f"acl/token/{_UNKNOWN}")) == (404, "ACL token not found")
    assert text(ways.nomad("GET", "acl/token/x")) == (500, _NO_UUID)


def test_the_cluster_is_bootstrapped_once(ways: Ways) -> None:
    """A second time is 400 with the index; a secret may be chosen (api-contract 2.3)."""
    done = ways.nomad("POST", "acl/bootstrap", token="")
    ways.lab.nomad.bootstrapped_at = 0
    bad = ways.nomad("POST", "acl/bootstrap", {"BootstrapSecret": "x"}, token="")
    made = ways.nomad("POST", "acl/bootstrap", {"BootstrapSecret": _UNKNOWN}, token="").json()

    assert text(done) == (400, "ACL bootstrap already done (reset index: 7)")
    assert text(bad) == (400, "invalid acl token")
    assert (made["SecretID"], made["Type"], made["Global"]) == (_UNKNOWN, "management", True)
