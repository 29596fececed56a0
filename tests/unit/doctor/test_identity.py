"""Who the job is: what is judged of an id token and of what binds it."""

from collections.abc import Mapping
from typing import Any

import pytest

from fakes import jwt
from nomad_token.clients.failures import Answer, Refusal
from nomad_token.doctor import identity
from nomad_token.doctor.finding import Finding, Unseen, Verdict
from nomad_token.errors import NoIdentity, Refused, Temporary
from nomad_token.issuers.vault import Access
from nomad_token.secret import SecretStr

AUDIENCE = "https://vault.test"
BOUND = {"bound_audiences": [AUDIENCE], "bound_claims": {"repository_id": "1", "event_name": ["push", "x"]}}
HELD = {"aud": AUDIENCE, "repository_id": 1, "event_name": "push"}


def judged(role: Mapping[str, Any] | Unseen | Refusal | None, **held: object) -> Finding:
    """Judge an id token against *role*; without claims there is none, and the audience alone counts."""
    token = SecretStr(jwt(**held)) if held else None
    return identity.bounds(role, token, AUDIENCE, path="auth/jwt", name="deploy-app", let_in=False)


@pytest.mark.parametrize(
    ("access", "at_desk", "verdict", "code"),
    [
        (Access(SecretStr("x"), None, ""), False, Verdict.OK, 0),
        (Access(SecretStr("x"), None, "", uses=3), False, Verdict.OK, 0),
        (NoIdentity("none"), True, Verdict.UNKNOWN, 0),
        (NoIdentity("none"), False, Verdict.BROKEN, 3),
        (Refused("no"), True, Verdict.BROKEN, 4),
        (Temporary("later"), False, Verdict.BROKEN, 75),
    ],
)
def test_the_login(access: Any, at_desk: bool, verdict: Verdict, code: int) -> None:  # noqa: ANN401, FBT001
    """A person at a desk lacks what a job has, and that is no fault; in a job it is."""
    found = identity.login(access, at_desk=at_desk, method="jwt")

    assert (found.verdict, found.exit_code) == (verdict, code)


@pytest.mark.parametrize(
    ("role", "held", "verdict", "says"),
    [
        (BOUND, HELD, Verdict.OK, ""),
        (BOUND, HELD | {"aud": ["x", AUDIENCE]}, Verdict.OK, ""),
        (BOUND, HELD | {"aud": "x"}, Verdict.BROKEN, "vault write auth/jwt/role/deploy-app -"),
        (BOUND, HELD | {"event_name": "y"}, Verdict.BROKEN, "event_name"),
        (BOUND, HELD | {"event_name": ["y", "x"]}, Verdict.OK, ""),
        (BOUND, {"aud": AUDIENCE, "event_name": "push"}, Verdict.BROKEN, "repository_id"),
        (BOUND | {"bound_claims": {"ref": "refs/*"}}, {"aud": AUDIENCE, "ref": "refs/x"}, Verdict.BROKEN, "refs/x"),
        (
            BOUND | {"bound_claims": {"ref": "refs/*"}, "bound_claims_type": "glob"},
            {"aud": AUDIENCE, "ref": "refs/x"},
            Verdict.OK,
            "",
        ),
        (BOUND, {}, Verdict.OK, ""),
        (BOUND | {"bound_audiences": None}, {}, Verdict.BROKEN, "bound_audiences"),
        (BOUND | {"bound_claims": None}, {}, Verdict.WARNING, "repository_id"),
        (BOUND | {"role_type": "oidc"}, {}, Verdict.BROKEN, "role_type=jwt"),
        (None, {}, Verdict.BROKEN, "knows no role `deploy-app`"),
        (Unseen("x"), {}, Verdict.UNKNOWN, ""),
        (Refusal("x", Answer(403, {}, ""), ["no"]), {}, Verdict.UNKNOWN, 'path "auth/jwt/role/*"'),
    ],
)
def test_the_bounds(role: Any, held: dict[str, object], verdict: Verdict, says: str) -> None:  # noqa: ANN401
    """Audience and each claim are compared as Vault does: any value of a list, as text, or as a glob."""
    found = judged(role, **held)

    assert found.verdict is verdict
    assert says in f"{found.what}\n{found.why}\n{found.fix}"


@pytest.mark.parametrize(
    ("stubs", "verdict"),
    [
        ([{"Name": "github", "Type": "JWT"}], Verdict.OK),
        ([{"Name": "github", "Type": "OIDC"}], Verdict.BROKEN),
        ([{"Name": "other", "Type": "JWT"}], Verdict.BROKEN),
        (None, Verdict.UNKNOWN),
        (Refusal("x", Answer(500, {}, ""), ["no"]), Verdict.UNKNOWN),
    ],
)
def test_the_method(stubs: Any, verdict: Verdict) -> None:  # noqa: ANN401
    """It must be there, and for jobs."""
    assert identity.method(stubs, "github").verdict is verdict


POLICY = {"AuthMethod": "github", "BindType": "policy", "BindName": "deployer"}


@pytest.mark.parametrize(
    ("rules", "policies", "verdict"),
    [
        ([POLICY], [{"Name": "deployer"}], Verdict.OK),
        ([POLICY], [], Verdict.BROKEN),
        ([POLICY], Unseen("x"), Verdict.OK),
        ([POLICY, {"AuthMethod": "github", "BindType": "role", "BindName": "r"}], [], Verdict.OK),
        ([POLICY | {"BindName": "${value.x}"}], [], Verdict.OK),
        ([POLICY | {"AuthMethod": "other"}], [{"Name": "deployer"}], Verdict.BROKEN),
        (Unseen("x"), [], Verdict.UNKNOWN),
    ],
)
def test_the_rules(rules: Any, policies: Any, verdict: Verdict) -> None:  # noqa: ANN401
    """A rule whose policy is not there is skipped by Nomad; what a claim decides can't be told."""
    assert identity.rules(rules, policies, "github").verdict is verdict
