"""GitHub's part: the token request, the token, the documents behind it."""

from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet

from lab.ways import Ways


def _asked(ways: Ways, bearer: str, audience: str = "&audience=https%3A%2F%2Fvault.example.com") -> httpx.Response:
    url = ways.lab.github.environ()["ACTIONS_ID_TOKEN_REQUEST_URL"]
    return ways.http.get(f"{url}{audience}", headers={"Authorization": f"Bearer {bearer}"})


def _claims(ways: Ways, token: str) -> dict[str, Any]:
    issuer = ways.lab.github.addr
    keys = ways.http.get(ways.http.get(f"{issuer}/.well-known/openid-configuration").json()["jwks_uri"]).json()
    return jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"]).claims


def test_a_job_gets_an_id_token_that_the_published_keys_verify(calm: Ways) -> None:
    """The token is signed RS256, names the audience asked for, and lives five minutes."""
    answer = _asked(calm, calm.lab.github.environ()["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]).json()
    claims = _claims(calm, answer["value"])

    assert answer["count"] == len(answer["value"])
    assert claims["iss"] == calm.lab.github.addr
    assert claims["aud"] == "https://vault.example.com"
    assert claims["exp"] - claims["iat"] == 300
    assert claims["sub"] == "repo:octo-org/octo-app:ref:refs/heads/main"
    assert {"repository_id", "event_name", "job_workflow_ref", "runner_environment", "jti", "nbf"} <= claims.keys()


def test_the_audience_defaults_to_the_owners_address(calm: Ways) -> None:
    """Without `audience` GitHub puts the repository owner's URL."""
    answer = _asked(calm, calm.lab.github.environ()["ACTIONS_ID_TOKEN_REQUEST_TOKEN"], audience="").json()

    assert _claims(calm, answer["value"])["aud"] == "https://github.com/octo-org"


def test_a_wrong_request_token_is_refused(calm: Ways) -> None:
    """Only the job's own request token opens the endpoint."""
    assert _asked(calm, "someone-else").status_code == 401


def test_claims_can_be_changed_and_taken_away(ways: Ways) -> None:
    """A test says what the next token claims; None takes a claim out."""
    ways.lab.github.claims = {"environment": "production", "ref": None}
    claims = _claims(ways, ways.lab.github.id_token("x").get_secret_value())

    assert claims["environment"] == "production"
    assert "ref" not in claims
