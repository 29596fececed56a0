"""Nomad's login with an id token, and how it is refused (api-contract 2.6)."""

import time
from typing import Any

import httpx
import pytest

from conformance.targets import Agent, not_applicable, text
from nomad_token.said import FromNomad
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust

AUDIENCE = "https://nomad.test"
NOW = int(time.time())
says = pytest.mark.says
# The lab's profile up to 1.4 has no logins.
with_login = ("lab-nomad-1.10", "nomad")


@pytest.fixture
def trusting(agent: Agent) -> Agent:
    """A Nomad that trusts a deploy of the lab's GitHub."""
    if agent.target.release < (1, 5, 4):
        not_applicable("Nomad has JWT logins from 1.5.4 on")
    headers = {"X-Nomad-Token": agent.management_token.get_secret_value()}
    with httpx.Client(base_url=agent.addr, headers=headers, timeout=30) as manager:
        nomad_trust(NomadTrust(agent.lab.github.addr, AUDIENCE), manager)
    return agent


def _login(agent: Agent, method: str = "github", **claims: Any) -> httpx.Response:  # noqa: ANN401
    agent.lab.github.claims = claims
    id_token = agent.lab.github.id_token(AUDIENCE).get_secret_value()
    return agent.ask("POST", "acl/login", {"AuthMethodName": method, "LoginToken": id_token}, token="")


def test_no_login_before_1_5_4(agent: Agent) -> None:
    """An older server has no such path: 404 without a word (4)."""
    if agent.target.release >= (1, 5, 4):
        not_applicable("this Nomad has logins")

    assert text(_login(agent)) == (404, "")


def test_a_login_gives_a_token_that_ends(trusting: Agent) -> None:
    """A client token for as long as the method says, with the roles that its rules bind; no less can be asked for."""
    made = _login(trusting).json()

    assert (made["Type"], made["Global"], made["ExpirationTTL"]) == ("client", False, "30m0s")
    assert [role["Name"] for role in made["Roles"]] == ["deployer"]
    assert made["ExpirationTime"] > made["CreateTime"]
    assert trusting.ask("GET", "jobs", token=made["SecretID"]).status_code == 200
    own = trusting.ask("DELETE", f"acl/token/{made['AccessorID']}", token=made["SecretID"])
    assert text(own) == (403, "Permission denied")


@says(FromNomad.NO_AUTH_METHOD, on=with_login)
def test_a_method_that_is_not_there(trusting: Agent) -> None:
    """An unknown method is 400 (2.6)."""
    assert text(_login(trusting, "nobody")) == (400, 'auth-method "nobody" not found')


@says(FromNomad.METHOD_FOR_BROWSERS, on=with_login)
def test_a_method_for_people(trusting: Agent) -> None:
    """A method of type OIDC is 400 to a job (2.6)."""
    config = {
        "OIDCDiscoveryURL": trusting.lab.github.addr,
        "OIDCClientID": "x",
        "OIDCClientSecret": "x",
        "BoundAudiences": ["x"],
        "AllowedRedirectURIs": ["http://127.0.0.1/callback"],
    }
    method = {"Name": "people", "Type": "OIDC", "TokenLocality": "local", "MaxTokenTTL": "30m", "Config": config}
    trusting.ask("POST", "acl/auth-method", method).raise_for_status()

    assert text(_login(trusting, "people")) == (400, "unsupported auth-method type: OIDC")


@says(FromNomad.NO_RULE, on=with_login)
@pytest.mark.parametrize("claims", [{"repository_id": "1"}, {"event_name": "pull_request"}, {"ref": None}])
def test_no_rule_fits(trusting: Agent, claims: dict[str, Any]) -> None:
    """Another repository, event or ref binds nothing, which is 400 (2.6)."""
    assert text(_login(trusting, **claims)) == (400, "no role or policy bindings matched")


def test_a_rule_whose_role_is_gone_binds_nothing(trusting: Agent) -> None:
    """A rule counts only where what it binds exists (2.6)."""
    for role in trusting.ask("GET", "acl/roles").json():
        trusting.ask("DELETE", f"acl/role/{role['ID']}").raise_for_status()

    assert text(_login(trusting)) == (400, "no role or policy bindings matched")


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        pytest.param(
            {"aud": "https://elsewhere.test"},
            "invalid audience (aud) claim: audience claim does not match any expected audience",
            marks=says(FromNomad.AUDIENCE, on=with_login),
        ),
        pytest.param(
            {"exp": NOW - 600, "nbf": NOW - 900, "iat": NOW - 900},
            "invalid expiration time (exp) claim: token is expired",
            marks=says(FromNomad.EXPIRED, on=with_login),
        ),
        pytest.param(
            {"nbf": NOW + 3600, "iat": NOW, "exp": NOW + 7200},
            "invalid not before (nbf) claim: token not yet valid",
            marks=says(FromNomad.TOO_EARLY, on=with_login),
        ),
        pytest.param(
            {"iat": NOW + 3600, "exp": NOW + 7200},
            "invalid issued at (iat) claim: token issued in the future",
            marks=says(FromNomad.FROM_THE_FUTURE, on=with_login),
        ),
    ],
)
def test_an_id_token_is_refused_with_its_reason(trusting: Agent, claims: dict[str, Any], said: str) -> None:
    """All that is wrong with it is 401, and the words begin alike (2.6)."""
    prefix = "unable to validate provided token: unable to verify signature of JWT token: "

    assert text(_login(trusting, **claims)) == (401, prefix + said)


def test_another_issuer(trusting: Agent) -> None:
    """An issuer that is not bound is 401, and named (2.6)."""
    status, said = text(_login(trusting, iss="https://elsewhere.test"))

    assert status == 401
    assert said.startswith("unable to validate provided token: ")


def test_a_login_without_its_parts(trusting: Agent) -> None:
    """What is missing is 400 (2.6)."""
    answer = trusting.ask("POST", "acl/login", {"AuthMethodName": "github"}, token="")

    assert text(answer) == (400, "invalid login request: 1 error occurred:\n\t* missing login token\n\n")
