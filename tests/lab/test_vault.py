"""Vault as a server: states, tokens, policies, and the texts of both dialects (api-contract 3.1, 3.2)."""

from typing import Any

import pytest

from lab.ways import Ways, refusal
from nomad_token_lab import Dialect

_DENIED = "1 error occurred:\n\t* permission denied\n\n"
_INVALID = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"


@pytest.mark.parametrize(("dialect", "unknown"), [(Dialect.OPENBAO, "permission denied"), (Dialect.VAULT, _INVALID)])
def test_a_bad_token_and_a_policy_are_told_apart(ways: Ways, dialect: Dialect, unknown: str) -> None:
    """Both are 403: an unknown token has the dialect's text, a policy's denial begins `1 error occurred`."""
    ways.lab.vault.dialect = dialect
    revoked = ways.vault_token()
    ways.vault("POST", "auth/token/revoke-self", token=revoked)

    assert refusal(ways.creds("hvs.unknown")) == (403, [unknown])
    assert refusal(ways.creds(revoked)) == (403, [unknown])
    assert refusal(ways.creds("")) == (403, ["permission denied"])
    assert refusal(ways.vault("GET", "nomad/role/deployer", token=ways.vault_token())) == (403, [_DENIED])


def test_an_expired_token_is_an_unknown_one(ways: Ways) -> None:
    """The token's end is Vault's to see, by Vault's clock."""
    token = ways.vault_token(ttl="60s")
    ways.lab.vault.clock.offset = 61

    assert refusal(ways.creds(token)) == (403, [_INVALID])


def test_a_sealed_vault_answers_503_to_everything_but_its_state(ways: Ways) -> None:
    """Any API call says that it is sealed; health says it by its code."""
    ways.lab.vault.sealed = True
    health = ways.vault("GET", "sys/health")

    assert refusal(ways.login()) == (503, ["Vault is sealed"])
    assert (health.status_code, health.json()["sealed"]) == (503, True)
    assert ways.vault("GET", "sys/seal-status").json()["sealed"] is True


def test_health_tells_the_servers_time(ways: Ways) -> None:
    """A clock that is off shows in `server_time_utc` and in `Date` (api-contract 3.1)."""
    true = ways.vault("GET", "sys/health", token="")
    ways.lab.vault.clock.offset = -3600
    late = ways.vault("GET", "sys/health", token="")

    assert true.status_code == 200
    assert 3590 < true.json()["server_time_utc"] - late.json()["server_time_utc"] < 3610
    assert true.headers["date"] != late.headers["date"]


def test_a_bearer_serves_as_well_as_vaults_own_header(calm: Ways) -> None:
    """`Authorization: Bearer` is read too."""
    headers = {"Authorization": f"Bearer {calm.lab.root_token.get_secret_value()}"}
    answer = calm.http.get(f"{calm.lab.vault.addr}/v1/auth/token/lookup-self", headers=headers)

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ("{bad", "failed to decode JSON input: invalid character 'b' looking for beginning of value"),
        ("{", "failed to decode JSON input: unexpected EOF"),
        (
            "[]",
            "failed to decode JSON input: json: cannot unmarshal array into Go value of type map[string]interface {}",
        ),
    ],
)
def test_a_body_that_is_no_json_object_is_refused(calm: Ways, raw: str, error: str) -> None:
    """The text is that of Go's decoder."""
    answer = calm.http.post(f"{calm.lab.vault.addr}/v1/auth/jwt/login", content=raw)

    assert refusal(answer) == (400, [error])


def test_openbao_knows_no_namespace_and_vault_ignores_one(ways: Ways) -> None:
    """OpenBao answers 404, Vault's community edition goes on; both echo the header."""
    url = f"{ways.lab.vault.addr}/v1/auth/token/lookup-self"
    headers = {"X-Vault-Namespace": "team", "X-Vault-Token": ways.lab.root_token.get_secret_value()}
    vault = ways.http.get(url, headers=headers)
    ways.lab.vault.dialect = Dialect.OPENBAO
    bao = ways.http.get(url, headers=headers)

    assert vault.status_code == 200
    assert refusal(bao) == (404, ["namespace not found"])
    assert bao.headers["x-vault-namespace"] == "team"


def test_lookup_self_shows_what_a_token_is(ways: Ways) -> None:
    """A login's token is an orphan with a time to live; root has none."""
    token = ways.login().json()["auth"]["client_token"]
    own = ways.vault("GET", "auth/token/lookup-self", token=token).json()["data"]
    root = ways.vault("GET", "auth/token/lookup-self").json()["data"]

    assert own["display_name"] == "jwt-octo-org/octo-app"
    assert (own["path"], own["type"], own["orphan"]) == ("auth/jwt/login", "service", True)
    assert (own["creation_ttl"], own["meta"]) == (1800, {"role": "deploy-app"})
    assert 1790 <= own["ttl"] <= 1800
    assert (root["ttl"], root["expire_time"], root["policies"]) == (0, None, ["root"])


def test_renew_self_is_capped_by_the_maximum(ways: Ways) -> None:
    """An increment is honoured up to the role's max, counted from the login."""
    token = ways.login().json()["auth"]["client_token"]
    some = ways.vault("POST", "auth/token/renew-self", {"increment": "45m"}, token=token).json()
    more = ways.vault("POST", "auth/token/renew-self", {"increment": "2h"}, token=token).json()

    assert some["auth"]["lease_duration"] == 2700
    assert 3590 <= more["auth"]["lease_duration"] <= 3600
    assert "exceeded the effective max_ttl" in more["warnings"][0]
    assert refusal(ways.vault("POST", "auth/token/renew-self")) == (400, ["lease is not renewable"])


def test_a_batch_token_can_be_neither_renewed_nor_revoked(ways: Ways) -> None:
    """Its lease is capped by its own life, and ends with it (api-contract 1.5, 3.2)."""
    ways.vault("POST", "auth/jwt/role/deploy-app", {"token_type": "batch", "token_ttl": "90s"})
    login = ways.login().json()["auth"]
    creds = ways.creds(login["client_token"]).json()
    token = login["client_token"]

    assert (login["token_type"], login["accessor"], login["renewable"]) == ("batch", "", False)
    assert creds["lease_duration"] in {89, 90}
    assert refusal(ways.vault("POST", "auth/token/revoke-self", token=token)) == (
        400,
        ["batch tokens cannot be revoked"],
    )
    assert refusal(ways.vault("POST", "auth/token/renew-self", token=token)) == (
        400,
        ["batch tokens cannot be renewed"],
    )
    ways.lab.advance(91)
    assert ways.lab.nomad.live_tokens() == []


def test_revoking_a_token_revokes_its_children_and_their_leases(ways: Ways) -> None:
    """The tree falls as a whole; an orphan stays (api-contract 3.2)."""
    parent = ways.vault_token(policies=["root"])
    child, orphan = (
        ways.vault("POST", "auth/token/create", {"policies": ["nomad-deployer"], **kind}, token=parent)
        for kind in ({}, {"no_parent": True})
    )
    minted = ways.mint(child.json()["auth"]["client_token"])
    ways.vault("POST", "auth/token/revoke-self", token=parent)

    assert ways.creds(minted.vault_token).status_code == 403
    assert ways.creds(orphan.json()["auth"]["client_token"]).status_code == 200
    assert minted.accessor not in [token.accessor for token in ways.lab.nomad.live_tokens()]


def test_every_request_costs_a_use(ways: Ways) -> None:
    """A lookup and a refused call count too, and after the last the token is unknown (api-contract 7.5)."""
    token = ways.vault_token(num_uses=3)
    left = ways.vault("GET", "auth/token/lookup-self", token=token).json()["data"]["num_uses"]
    refused = ways.vault("GET", "nomad/config/access", token=token)
    last = ways.vault("POST", "sys/capabilities-self", {"path": "x"}, token=token)

    assert left == 2
    assert refused.status_code == 403
    assert last.json()["data"] == {"capabilities": ["deny"], "x": ["deny"]}
    assert refusal(ways.creds(token)) == (403, [_INVALID])


def test_revoke_self_is_no_read(calm: Ways) -> None:
    """GET is 405 for root, and 403 for a token whose policy gives `update` alone."""
    assert refusal(calm.vault("GET", "auth/token/revoke-self")) == (
        405,
        ["1 error occurred:\n\t* unsupported operation\n\n"],
    )
    assert calm.vault("GET", "auth/token/revoke-self", token=calm.vault_token()).status_code == 403
    assert refusal(calm.vault("GET", "auth/jwt/login", token="")) == (405, ["unsupported operation"])


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"type": "batch", "policies": ["root"]}, "batch tokens cannot be root tokens"),
        (
            {"policies": "a", "num_uses": "many"},
            (
                'error converting input for field "num_uses": '
                "'' cannot parse value as 'int': strconv.ParseInt: invalid syntax"
            ),
        ),
        ({"ttl": "x"}, 'error converting input for field "ttl": time: invalid duration "x"'),
    ],
)
def test_a_token_that_may_not_be_is_refused(calm: Ways, fields: dict[str, Any], error: str) -> None:
    """`auth/token/create` says what is wrong."""
    assert refusal(calm.vault("POST", "auth/token/create", fields)) == (400, [error])


def test_flags_are_read_in_gos_spellings(calm: Ways) -> None:
    """`true` and `1` are yes, `F` is no, as text or as JSON's own."""
    made = [
        calm.vault("POST", "auth/token/create", {"policies": "a", "no_default_policy": spelt}).json()["auth"]
        for spelt in ("true", "1", True, "F", False)
    ]

    assert [auth["policies"] for auth in made] == [["a"], ["a"], ["a"], ["a", "default"], ["a", "default"]]


def test_a_child_holds_no_policy_that_its_parent_lacks(ways: Ways) -> None:
    """Only root may give what it does not name."""
    ways.vault("PUT", "sys/policies/acl/maker", {"policy": 'path "auth/token/create" {capabilities=["update"]}'})
    maker = ways.vault_token(policies=["maker"])
    more = ways.vault("POST", "auth/token/create", {"policies": ["nomad-deployer"]}, token=maker)
    same = ways.vault("POST", "auth/token/create", {}, token=maker)

    assert refusal(more) == (400, ["child policies must be subset of parent"])
    assert same.json()["auth"]["policies"] == ["default", "maker"]


def test_a_policy_that_does_not_exist_is_a_warning(calm: Ways) -> None:
    """Vault makes the token, and says so."""
    made = calm.vault("POST", "auth/token/create", {"policies": ["none"]}).json()

    assert made["warnings"] == ['Policy "none" does not exist']


def test_policies_can_be_written_read_listed_and_deleted(ways: Ways) -> None:
    """A policy that can't be read is refused when it is written."""
    path = "sys/policies/acl/some"
    unknown = {"policy": 'path "x" {capabilities=["foo"]}'}
    ways.vault("PUT", path, {"policy": 'path "x" {capabilities=["read"]}'})

    assert ways.vault("GET", path).json()["data"]["policy"] == 'path "x" {capabilities=["read"]}'
    assert ways.vault("LIST", "sys/policies/acl").json()["data"]["keys"] == [
        "default",
        "nomad-deployer",
        "root",
        "some",
    ]
    assert ways.vault("DELETE", path).status_code == 204
    assert refusal(ways.vault("GET", path)) == (404, [])
    assert refusal(ways.vault("PUT", path, {})) == (400, ["'policy' parameter not supplied or empty"])
    assert refusal(ways.vault("PUT", path, {"policy": 'path "x" {'}))[1][0].startswith("failed to parse policy: At 1:")
    assert refusal(ways.vault("PUT", path, unknown)) == (
        400,
        ['failed to parse policy: path "x": path "x": invalid capability "foo"'],
    )


def test_mounts_can_be_listed_and_not_taken_twice(calm: Ways) -> None:
    """Engines and auth methods are two tables."""
    assert calm.vault("GET", "sys/mounts").json()["data"]["nomad/"]["type"] == "nomad"
    assert calm.vault("GET", "sys/auth").json()["data"].keys() == {"jwt/", "token/"}
    assert calm.vault("GET", "sys/auth/jwt").json()["data"]["type"] == "jwt"
    assert refusal(calm.vault("POST", "sys/auth/jwt", {"type": "jwt"})) == (400, ["path is already in use at jwt/"])
    assert refusal(calm.vault("GET", "sys/auth/x")) == (400, ["No auth engine at x/"])
    assert refusal(calm.vault("GET", "sys/nope")) == (404, ["1 error occurred:\n\t* unsupported path\n\n"])
