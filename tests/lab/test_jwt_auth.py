"""Vault's jwt auth method: its refusals (api-contract 3.3), as recorded on OpenBao 2.7.2."""

import base64
import json
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from lab.ways import Ways, refusal
from nomad_token_lab import CLOSE, Answer, Fault


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        (
            {"repository_id": "9"},
            'error validating claims: claim "repository_id" does not match any associated bound claim values',
        ),
        (
            {"event_name": "pull_request"},
            'error validating claims: claim "event_name" does not match any associated bound claim values',
        ),
        ({"ref": None}, 'error validating claims: claim "ref" is missing'),
        ({"repository": None}, 'claim "repository" not found in token'),
        (
            {"aud": "https://elsewhere"},
            "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        ({"iss": "https://elsewhere"}, "error validating token: invalid issuer (iss) claim"),
        ({"exp": 1}, "error validating token: invalid expiration time (exp) claim: token is expired"),
        ({"nbf": 9999999999}, "error validating token: invalid not before (nbf) claim: token not yet valid"),
        ({"iat": 9999999999}, "error validating token: invalid issued at (iat) claim: token issued in the future"),
        (
            {"exp": None, "nbf": None, "iat": 1},
            "error validating token: invalid expiration time (exp) claim: token is expired",
        ),
        (
            {"exp": None, "nbf": None, "iat": None},
            "error validating token: no issued at (iat), not before (nbf), or expiration time (exp) claims in token",
        ),
    ],
)
def test_claims_that_do_not_fit_are_named(ways: Ways, claims: dict[str, Any], error: str) -> None:
    """Each bound that an id token misses is a 400 with its own text."""
    ways.lab.github.claims = claims

    assert refusal(ways.login()) == (400, [error])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"role": "nope", "jwt": "x"}, 'role "nope" could not be found'),
        ({"jwt": "x"}, "missing role"),
        ({"role": "deploy-app"}, "missing token"),
        (
            {"role": "deploy-app", "jwt": "abc"},
            (
                "error validating token: error verifying token signature: oidc: malformed jwt: "
                "go-jose/go-jose: compact JWS format must have three parts"
            ),
        ),
        (
            {"role": "deploy-app", "jwt": "a.b.c"},
            (
                "error validating token: error verifying token signature: oidc: malformed jwt: "
                "illegal base64 data at input byte 0"
            ),
        ),
    ],
)
def test_a_login_that_lacks_something_is_told_what(calm: Ways, body: dict[str, str], error: str) -> None:
    """Role and token are looked at in this order."""
    assert refusal(calm.vault("POST", "auth/jwt/login", body, token="")) == (400, [error])


def test_a_foreign_signature_and_an_unsigned_token_are_refused(calm: Ways) -> None:
    """A changed payload and the algorithm `none` don't get in."""
    header, payload, signature = calm.lab.github.id_token(calm.lab.audience).get_secret_value().split(".")
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none"}).encode()).decode().rstrip("=")

    assert refusal(calm.login(jwt=f"{header}.{payload}.{signature[::-1]}")) == (
        400,
        ["error validating token: error verifying token signature: failed to verify id token signature"],
    )
    status, (error,) = refusal(calm.login(jwt=f"{none}.{payload}."))
    assert status == 400
    assert 'oidc: malformed jwt: unexpected signature algorithm "none"' in error


def test_clocks_may_differ_by_a_minute(ways: Ways) -> None:
    """A skew within the leeway is forgiven, a greater one is an expired token (api-contract 5)."""
    ways.lab.vault.clock.offset = 300 + 30
    assert ways.login().status_code == 200

    ways.lab.vault.clock.offset = 300 + 90
    assert refusal(ways.login())[1] == ["error validating token: invalid expiration time (exp) claim: token is expired"]


def test_a_role_without_audiences_refuses_a_token_with_one(ways: Ways) -> None:
    """An audience that nothing is bound to is an error, not a pass."""
    role = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_claims": {"ref": "refs/heads/*"},
        "bound_claims_type": "glob",
    }
    ways.vault("POST", "auth/jwt/role/unbound", role)

    assert refusal(ways.login("unbound")) == (
        400,
        ["audience claim found in JWT but no audiences bound to the role"],
    )
    ways.vault("POST", "auth/jwt/role/unbound", {"bound_audiences": [ways.lab.audience]})
    assert ways.login("unbound").status_code == 200


def test_an_oidc_role_is_not_for_jobs(ways: Ways) -> None:
    """The role type has to be jwt, and oidc is the default."""
    ways.vault("POST", "auth/jwt/role/people", {"user_claim": "sub"})

    assert refusal(ways.login("people")) == (400, ["role with oidc role_type is not allowed"])


def test_a_method_that_is_not_configured_says_so(ways: Ways) -> None:
    """Enabled but without keys, it can't validate anything."""
    ways.vault("POST", "sys/auth/other", {"type": "jwt"})
    answer = ways.vault("POST", "auth/other/login", {"role": "x", "jwt": "y"}, token="")

    assert refusal(answer) == (400, ["could not load configuration"])


def test_a_method_that_is_not_enabled_looks_like_a_refusal(calm: Ways) -> None:
    """The login path of an unmounted method is a 403 without a token (api-contract 3.1)."""
    body = {"role": "x", "jwt": "y"}

    assert refusal(calm.vault("POST", "auth/nope/login", body, token="")) == (403, ["permission denied"])
    assert refusal(calm.vault("POST", "auth/nope/login", body)) == (
        404,
        ['no handler for route "auth/nope/login". route entry not found.'],
    )


def test_a_stale_token_beside_a_login_is_ignored(calm: Ways) -> None:
    """Login paths ask for no token, so a dead one in the header does no harm (api-contract 3.1)."""
    id_token = calm.lab.github.id_token(calm.lab.audience).get_secret_value()
    answer = calm.vault("POST", "auth/jwt/login", {"role": "deploy-app", "jwt": id_token}, token="hvs.stale")

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (CLOSE, 'get keys failed Get "{issuer}/.well-known/jwks": EOF'),
        (Answer(500, "oops"), "get keys failed: 500 Internal Server Error oops"),
    ],
)
def test_an_issuer_that_is_away_is_an_error_of_validation(ways: Ways, fault: Any, error: str) -> None:  # noqa: ANN401
    """The keys can't be had, so the token can't be validated: still a 400."""
    ways.lab.faults.append(Fault("github", "GET", "jwks", fault))
    prefix = "error validating token: error verifying token signature: fetching keys oidc: "

    assert refusal(ways.login()) == (400, [prefix + error.format(issuer=ways.lab.github.addr)])


@pytest.mark.parametrize(
    ("url", "error"),
    [
        (
            "http://127.0.0.1:1",
            (
                'Get "http://127.0.0.1:1/.well-known/openid-configuration": '
                "dial tcp 127.0.0.1:1: connect: connection refused"
            ),
        ),
        ("{issuer}/deeper", "404 Not Found: Not Found"),
        ("{issuer}/", 'issuer did not match the returned issuer, expected "{issuer}/" got "{issuer}"'),
    ],
)
def test_a_wrong_discovery_url_is_refused_when_it_is_written(calm: Ways, url: str, error: str) -> None:
    """The discovery document is fetched, and has to name its own address."""
    issuer = calm.lab.github.addr
    answer = calm.vault("POST", "auth/jwt/config", {"oidc_discovery_url": url.format(issuer=issuer)})

    assert refusal(answer) == (400, ["error checking oidc discovery URL: " + error.format(issuer=issuer)])


@pytest.mark.parametrize(
    ("role", "error"),
    [
        ({}, "a user claim must be defined on the role"),
        ({"user_claim": "sub"}, "must have at least one bound constraint when creating/updating a role"),
        (
            {"user_claim": "sub", "bound_subject": "x", "token_type": "x"},
            "invalid 'token_type' value \"x\"",
        ),
        (
            {"user_claim": "sub", "bound_subject": "x", "token_ttl": "abc"},
            'error converting input for field "token_ttl": time: invalid duration "abc"',
        ),
        (
            {"user_claim": "sub", "bound_subject": "x", "token_ttl": -5},
            "error converting input for field \"token_ttl\": cannot provide negative value '-5'",
        ),
        (
            {"user_claim": "sub", "bound_subject": "x", "token_ttl": "2h", "token_max_ttl": "1h"},
            "'token_ttl' cannot be greater than 'token_max_ttl'",
        ),
        (
            {"user_claim": "sub", "bound_subject": "x", "token_no_default_policy": "perhaps"},
            (
                'error converting input for field "token_no_default_policy": '
                "'' cannot parse value as 'bool': strconv.ParseBool: invalid syntax"
            ),
        ),
    ],
)
def test_a_role_that_makes_no_sense_is_refused(calm: Ways, role: dict[str, Any], error: str) -> None:
    """A role's mistakes are told when it is written."""
    assert refusal(calm.vault("POST", "auth/jwt/role/bad", {"role_type": "jwt", **role})) == (400, [error])


def test_what_was_configured_can_be_read_back(calm: Ways) -> None:
    """Config and role read as they were written, lives in seconds; what is not there is an empty 404."""
    config = calm.vault("GET", "auth/jwt/config").json()["data"]
    role = calm.vault("GET", "auth/jwt/role/deploy-app").json()["data"]

    assert config["bound_issuer"] == calm.lab.github.addr
    assert role["bound_claims"]["event_name"] == ["push", "workflow_dispatch"]
    assert (role["token_ttl"], role["token_max_ttl"]) == (1800, 3600)
    assert "deploy-app" in calm.vault("LIST", "auth/jwt/role").json()["data"]["keys"]
    assert refusal(calm.vault("GET", "auth/jwt/role/none")) == (404, [])


def test_a_static_key_has_texts_of_its_own(ways: Ways) -> None:
    """Keys that are configured are tried by another library than those that are fetched (api-contract 2.6)."""
    jwks = ways.http.get(f"{ways.lab.github.addr}/.well-known/jwks").json()
    pem = RSAKey.import_key(jwks["keys"][0]).as_pem(private=False).decode()
    config = {"jwt_validation_pubkeys": [pem], "default_role": "deploy-app"}
    written = ways.vault("POST", "auth/jwt/config", config)
    token = ways.lab.github.id_token(ways.lab.audience).get_secret_value()
    error = "error validating token: error verifying token signature: "

    assert written.status_code == 204
    assert ways.vault("POST", "auth/jwt/login", {"jwt": token}, token="").status_code == 200
    assert refusal(ways.login(jwt=token[:-40] + "A" * 40)) == (
        400,
        [error + "no known key successfully validated the token signature"],
    )
    assert refusal(ways.login(jwt="abc")) == (
        400,
        [error + "go-jose/go-jose: compact JWS format must have three parts"],
    )


def test_a_bound_subject_has_to_fit(ways: Ways) -> None:
    """The role's subject is compared as a whole."""
    ways.vault("POST", "auth/jwt/role/deploy-app", {"bound_subject": "repo:octo-org/other:ref:refs/heads/main"})

    assert refusal(ways.login()) == (400, ["error validating token: invalid subject (sub) claim"])


@pytest.mark.parametrize("body", ["<html>", "{}", "[]"])
def test_documents_that_are_no_documents_are_refused(ways: Ways, body: str) -> None:
    """A page where JSON should be fails the login, and the configuration, without ado."""
    html = Answer(200, body, content_type="text/html")
    ways.lab.faults += [
        Fault("github", "GET", "openid-configuration", html),
        Fault("github", "GET", "jwks", html),
    ]
    config = {"oidc_discovery_url": ways.lab.github.addr}

    assert refusal(ways.vault("POST", "auth/jwt/config", config))[0] == 400
    assert refusal(ways.login())[0] == 400
    assert ways.login().status_code == 200


def test_keys_may_be_had_by_address(ways: Ways) -> None:
    """A JWKS address serves as well as discovery; exactly one source of keys has to be given."""
    both = {"jwks_url": "http://x", "oidc_discovery_url": "http://y"}
    by_address = {"jwks_url": f"{ways.lab.github.addr}/.well-known/jwks", "bound_issuer": ways.lab.github.addr}

    assert refusal(ways.vault("POST", "auth/jwt/config", both))[1][0].startswith("exactly one of ")
    assert ways.vault("POST", "auth/jwt/config", by_address).status_code == 204
    assert ways.login().status_code == 200
    assert ways.vault("DELETE", "auth/jwt/role/deploy-app").status_code == 204
    assert refusal(ways.login()) == (400, ['role "deploy-app" could not be found'])
    assert refusal(ways.vault("LIST", "auth/jwt/role")) == (404, [])
