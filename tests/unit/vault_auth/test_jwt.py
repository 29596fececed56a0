"""The jwt method: from an id token to a login request, and what its refusals mean."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import pytest

from fakes import INPUTS, VAULT, World, jwt
from nomad_token.clients.failures import Answer, Refusal
from nomad_token.errors import Error, NotFound, Refused, Temporary
from nomad_token.secret import SecretStr
from nomad_token.vault_auth import METHODS
from nomad_token.vault_auth.base import Circumstances, LoginRequest
from nomad_token.vault_auth.jwt import Jwt

TOKEN = jwt(aud=["https://vault.test:8200"], repository_id="42")


def request(
    inputs: Mapping[str, str] | None = None,
    *,
    role: str = "deploy-app",
    path: str = "jwt",
    asked: list[str] | None = None,
    token: str = TOKEN,
    addr: str = "https://Vault.test:8200/below",
) -> LoginRequest:
    """Make the login request of a job."""

    def id_token(audience: str) -> SecretStr:
        if asked is not None:
            asked.append(audience)
        return SecretStr(token)

    given = INPUTS | {"vault-auth-role": role} | dict(inputs or {})
    group = Jwt.read(World(given).platform.lookup)
    return group.login_request(Circumstances(addr, path, id_token, Path.read_text))


def explained(status: int, said: str, *, role: str = "deploy-app", token: str = TOKEN) -> Error:
    """Explain a refusal of the method."""
    error = request(role=role, token=token).explain(Refusal(VAULT, Answer(status, {}, ""), [said]))
    assert error is not None
    assert error.what
    assert error.why
    assert error.fix
    return error


def test_it_is_in_the_register() -> None:
    """The register's key is where Vault mounts the method by default."""
    assert METHODS["jwt"] is Jwt


def test_platform_is_asked_for_the_servers_origin() -> None:
    """Without a word on it the audience is the scheme, host and port of the address."""
    asked: list[str] = []
    made = request(asked=asked, path="ci/jwt")

    assert asked == ["https://vault.test:8200"]
    assert made.path == "auth/ci/jwt/login"
    assert made.body == {"jwt": SecretStr(TOKEN), "role": "deploy-app"}
    assert TOKEN not in repr(made)


def test_audience_may_be_given() -> None:
    """An audience that is given is the one that is asked for."""
    asked: list[str] = []
    request({"audience": "nomad"}, asked=asked)

    assert asked == ["nomad"]


def test_id_token_may_be_given() -> None:
    """An id token that is given is used, and none is asked for."""
    asked: list[str] = []
    made = request({"id-token": jwt(aud="given")}, asked=asked)

    assert asked == []
    assert made.body["jwt"] == SecretStr(jwt(aud="given"))


def test_no_role_leaves_it_to_the_server() -> None:
    """Without a role the server's default_role decides."""
    assert "role" not in request(role="").body


@pytest.mark.parametrize(
    ("said", "kind", "parts"),
    [
        ('role "deploy-app" could not be found', NotFound, ["`vault-auth-role`", "`vault-auth-path`", "`deploy-app`"]),
        (
            "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience",
            Refused,
            ["bound_audiences", "https://vault.test:8200", "`audience`", "not verified"],
        ),
        (
            "audience claim found in JWT but no audiences bound to the role",
            Refused,
            ["bound_audiences", "https://vault.test:8200"],
        ),
        (
            'error validating claims: claim "repository_id" does not match any associated bound claim values',
            Refused,
            ["repository_id: 42", "bound_claims", "vault read auth/jwt/role/deploy-app"],
        ),
        ('error validating claims: claim "p" is missing', Refused, ["bound_claims"]),
        ('claim "sub" not found in token', Refused, ["user_claim"]),
        (
            "error validating token: invalid expiration time (exp) claim: token is expired",
            Temporary,
            ["clocks", "`id-token`"],
        ),
        ("error validating token: invalid not before (nbf) claim: token not yet valid", Temporary, ["clocks"]),
        ("error validating token: invalid issued at (iat) claim: token issued in the future", Temporary, ["clocks"]),
        (
            "error validating token: error verifying token signature: no known key validated the token signature",
            Refused,
            ["iss: https://token.test", "oidc_discovery_url", "vault read auth/jwt/config"],
        ),
        ("could not load configuration", Refused, ["vault write auth/jwt/config", "iss: https://token.test"]),
        ("role with oidc role_type is not allowed", Refused, ["role_type=jwt"]),
    ],
)
def test_refusals(said: str, kind: type[Error], parts: list[str]) -> None:
    """Each refusal of the method is told with what it usually means and what to do (api-contract 3.3)."""
    error = explained(400, said)

    assert type(error) is kind
    assert said in error.what
    for part in parts:
        assert part in error.text
    assert TOKEN not in error.text


def test_no_role_at_all() -> None:
    """A server without a default_role wants a role."""
    error = explained(400, "missing role", role="")

    assert isinstance(error, NotFound)
    assert "default_role" in error.why
    assert "`vault-auth-role`" in error.fix


@pytest.mark.parametrize("audience", ["plain", ["one", "two"], 'a"b', "it's; $(reboot)"])
def test_audience_is_added_by_a_line_to_paste(audience: object) -> None:
    """The line that adds the audience to the role keeps the rest of it, and is safe to paste."""
    error = explained(400, "invalid audience (aud) claim", token=jwt(aud=audience))
    (line,) = (line for line in error.fix.splitlines() if "vault write" in line)
    words = shlex.split(line)

    first = audience[0] if isinstance(audience, list) else audience
    assert words[:4] == ["vault", "read", "-format=json", "auth/jwt/role/deploy-app"]
    assert words[-4:] == ["vault", "write", "auth/jwt/role/deploy-app", "-"]
    assert str(first).replace('"', '\\"') in words[words.index("jq") + 1]


@pytest.mark.parametrize("token", [jwt(), "opaque-not-a-jwt", jwt(aud=[])])
def test_audience_that_is_not_there(token: str) -> None:
    """An id token without an audience gets no advice to let `None` in."""
    fix = explained(400, "invalid audience (aud) claim", token=token).fix

    assert "None" not in fix
    assert "[]" not in fix


def test_what_is_no_jwt() -> None:
    """What was given and is no JWT at all is not compared with an issuer."""
    error = explained(400, "error validating token: oidc: malformed jwt", token="opaque-not-a-jwt")

    assert type(error) is Refused
    assert "not a JWT" in error.why
    assert "`id-token`" in error.fix
    assert "iss" not in error.fix.split()


def test_names_in_commands_are_quoted() -> None:
    """A role of strange letters is one word of the command."""
    error = explained(400, 'error validating claims: claim "x" is missing', role="a b;reboot")

    assert "vault read auth/jwt/role/'a b;reboot'" in error.fix


@pytest.mark.parametrize(("status", "said"), [(403, "permission denied"), (400, "missing token"), (500, "audience")])
def test_what_any_login_can_meet(status: int, said: str) -> None:
    """What is no refusal of the method's own is left to who knows it."""
    assert request().explain(Refusal(VAULT, Answer(status, {}, ""), [said])) is None


def test_servers_text_is_harmless() -> None:
    """What the server says can't begin a line, or command the runner."""
    error = explained(400, "audience\n::add-mask::x ##[error]")

    assert "\n::" not in error.text
    assert "##[" not in error.text
