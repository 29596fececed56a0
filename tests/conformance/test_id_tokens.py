"""What a login with an id token gives, and how each of its claims is refused (api-contract 3.1 to 3.3)."""

import time
from typing import Any, Final

import httpx
import pytest

from answers import done, error, given
from conformance.road import AUDIENCE, Job
from conformance.targets import Served
from nomad_token.said import FromVault

says = pytest.mark.says


def test_a_login_tells_what_its_token_is(job: Job, served: Served) -> None:
    """The answer says kind, life, uses and policies, so nothing need be asked (api-contract 3.2)."""
    auth = job.login().raise_for_status().json()["auth"]

    assert auth["client_token"].startswith("s." if served.is_openbao else "hvs.")
    assert (auth["token_type"], auth["lease_duration"], auth["renewable"]) == ("service", 1800, True)
    assert (auth["num_uses"], auth["orphan"], auth["mfa_requirement"]) == (0, True, None)
    assert auth["policies"] == auth["token_policies"] == ["default", "nomad-deployer"]
    assert auth["metadata"] == {"role": "deploy-app"}


NOW: Final = int(time.time())


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        pytest.param(
            {"aud": "https://elsewhere.test"},
            "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience",
            marks=says(FromVault.ID_TOKEN, FromVault.AUDIENCE),
        ),
        ({"iss": "https://elsewhere.test"}, "error validating token: invalid issuer (iss) claim"),
        pytest.param(
            {"exp": NOW - 600, "nbf": NOW - 900, "iat": NOW - 900},
            "error validating token: invalid expiration time (exp) claim: token is expired",
            marks=says(FromVault.EXPIRED),
        ),
        pytest.param(
            {"nbf": NOW + 3600, "iat": NOW, "exp": NOW + 7200},
            "error validating token: invalid not before (nbf) claim: token not yet valid",
            marks=says(FromVault.TOO_EARLY),
        ),
        pytest.param(
            {"iat": NOW + 3600, "exp": NOW + 7200},
            "error validating token: invalid issued at (iat) claim: token issued in the future",
            marks=says(FromVault.FROM_THE_FUTURE),
        ),
        (
            {"repository_id": "1"},
            'error validating claims: claim "repository_id" does not match any associated bound claim values',
        ),
        pytest.param(
            {"event_name": "pull_request"},
            'error validating claims: claim "event_name" does not match any associated bound claim values',
            marks=says(FromVault.CLAIMS),
        ),
        ({"ref": None}, 'error validating claims: claim "ref" is missing'),
        pytest.param(
            {"repository": None}, 'claim "repository" not found in token', marks=says(FromVault.NO_USER_CLAIM)
        ),
    ],
)
def test_an_id_token_is_refused_with_its_reason(job: Job, claims: dict[str, Any], text: str) -> None:
    """Each claim is refused in words of its own, with 400 (api-contract 3.3)."""
    assert error(job.login(**claims)) == (400, [text])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param({"jwt": "a.b.c"}, "missing role", marks=says(FromVault.NO_ROLE_GIVEN)),
        pytest.param(
            {"jwt": "a.b.c", "role": "nobody"}, 'role "nobody" could not be found', marks=says(FromVault.NO_LOGIN_ROLE)
        ),
        ({"role": "deploy-app"}, "missing token"),
    ],
)
@pytest.mark.usefixtures("job")
def test_a_login_without_its_parts(anonymous: httpx.Client, body: dict[str, str], text: str) -> None:
    """Role and token are asked for before the token is looked at (api-contract 3.3)."""
    assert error(anonymous.post("auth/jwt/login", json=body)) == (400, [text])


@pytest.mark.usefixtures("job")
def test_what_is_no_jwt(anonymous: httpx.Client) -> None:
    """What can't be read as a JWT is 400, with the library's reason behind it (api-contract 3.3)."""
    status, (text,) = error(anonymous.post("auth/jwt/login", json={"role": "deploy-app", "jwt": "a.b.c"}))

    assert status == 400
    assert text.startswith("error validating token: ")


def test_a_role_without_audiences(job: Job, served: Served, root: httpx.Client) -> None:
    """Vault 1.14 does not look at `aud` where the role has no `bound_audiences`; the others refuse (3.3)."""
    role = {"role_type": "jwt", "user_claim": "sub", "bound_claims": {"ref": "refs/heads/main"}}
    done(root.post("auth/jwt/role/open", json=role))

    answer = job.login("open")

    if served.is_vault_1_14:
        assert answer.status_code == 200
    else:
        assert error(answer) == (400, ["audience claim found in JWT but no audiences bound to the role"])


def test_a_login_where_nothing_is_mounted(anonymous: httpx.Client) -> None:
    """An auth method that isn't there looks like a refusal (api-contract 3.1)."""
    answer = anonymous.post("auth/elsewhere/login", json={"role": "deploy-app", "jwt": "a.b.c"})

    assert error(answer) == (403, ["permission denied"])


def test_a_role_that_was_read_may_be_written_back(job: Job, root: httpx.Client) -> None:
    """The line that our text for a refused audience gives: read the role, add one, write all of it back."""
    path, wanted = "auth/jwt/role/deploy-app", "https://other.test"
    role = root.get(path).json()["data"]
    refused = job.login(aud=wanted).status_code
    answer = root.post(path, json={**role, "bound_audiences": [*role["bound_audiences"], wanted]})

    assert refused == 400
    assert not answer.is_error
    assert given(root.get(path).json()["data"]) == given({**role, "bound_audiences": [AUDIENCE, wanted]})
    assert job.login(aud=wanted).status_code == job.login().status_code == 200


@says(FromVault.JWT_NOT_CONFIGURED)
def test_a_method_that_was_never_configured(anonymous: httpx.Client, root: httpx.Client) -> None:
    """Mounted and left alone, it says so with 400 (3.3)."""
    done(root.put("sys/auth/jwt", json={"type": "jwt"}))
    answer = anonymous.post("auth/jwt/login", json={"role": "deploy-app", "jwt": "a.b.c"})

    assert error(answer) == (400, ["could not load configuration"])


@says(FromVault.ROLE_FOR_BROWSERS)
def test_a_role_for_people(job: Job) -> None:
    """A role of type oidc, which is the default, is 400 to a job (3.3)."""
    role = {"user_claim": "sub", "allowed_redirect_uris": "http://127.0.0.1/callback"}
    done(job.root.put("auth/jwt/role/people", json=role))
    answer = job.login("people")

    assert error(answer) == (400, ["role with oidc role_type is not allowed"])
