"""What every way to log in to Vault has in common, and what each sends (api-contract 3.3)."""

import json
from pathlib import Path

import pytest

from fakes import DENIED, VAULT, World, jwt, vault_error
from nomad_token.clients.failures import Answer, Refusal
from nomad_token.errors import Error, InputError, NoIdentity, NotFound, Refused, Temporary
from nomad_token.order import all_declared
from nomad_token.secret import SecretStr
from nomad_token.vault_auth import METHODS
from nomad_token.vault_auth.base import Borrowed, Circumstances, LoginRequest

CANARY = "canary-of-a-secret"
POD = jwt(sub="system:serviceaccount:ci:runner")
# What each method needs, and what it then sends where.
GIVEN: dict[str, dict[str, str]] = {
    "jwt": {"id-token": CANARY, "vault-auth-role": "deploy-app"},
    "approle": {"vault-role-id": "a-role-id", "vault-secret-id": CANARY},
    "kubernetes": {"vault-kubernetes-token-path": "/token", "vault-auth-role": "deploy-app"},
    "userpass": {"vault-username": "o'neill/x", "vault-password": CANARY},
    "ldap": {"vault-username": "bob", "vault-password": CANARY},
    "github": {"vault-github-token": CANARY},
    "token": {"vault-token": CANARY},
    "cert": {"vault-auth-role": "deploy-app"},
    "custom": {"vault-auth-payload": json.dumps({"secret": CANARY, "deep": {"n": 1}})},
}
SENT: dict[str, tuple[str, dict[str, object]]] = {
    "jwt": ("auth/m/login", {"jwt": CANARY, "role": "deploy-app"}),
    "approle": ("auth/m/login", {"role_id": "a-role-id", "secret_id": CANARY}),
    "kubernetes": ("auth/m/login", {"jwt": POD, "role": "deploy-app"}),
    "userpass": ("auth/m/login/o%27neill%2Fx", {"password": CANARY}),
    "ldap": ("auth/m/login/bob", {"password": CANARY}),
    "github": ("auth/m/login", {"token": CANARY}),
    "cert": ("auth/m/login", {"name": "deploy-app"}),
    "custom": ("auth/m/login", {"secret": CANARY, "deep": {"n": 1}}),
}


def circumstances(path: str = "m") -> Circumstances:
    """Make those of a job without an id token, in a pod."""

    def id_token(_audience: str) -> SecretStr:
        raise NoIdentity("There is no id token.")

    return Circumstances(VAULT, path, id_token, lambda file: f"{POD}\n" if file == Path("/token") else file.read_text())


def request(method: str, **changed: str) -> LoginRequest:
    """Make the login request of *method*."""
    given = GIVEN[method] | {name.replace("_", "-"): value for name, value in changed.items()}
    made = METHODS[method].read(World(given).platform.lookup).login_request(circumstances())
    assert isinstance(made, LoginRequest)
    return made


def refusal(status: int, *said: str) -> Refusal:
    """Make a refusal as the client does."""
    answer = vault_error(status, *said)
    return Refusal(VAULT, Answer(status, answer.headers, answer.text), list(said))


def test_every_method_is_in_the_table() -> None:
    """A method that is registered is tested here."""
    assert set(GIVEN) == {*SENT, "token"} == set(METHODS)


def test_token_is_lent() -> None:
    """A token that is given is used as it is: there is no login."""
    lent = METHODS["token"].read(World(GIVEN["token"]).platform.lookup).login_request(circumstances())

    assert isinstance(lent, Borrowed)
    assert lent.token.get_secret_value() == CANARY
    assert CANARY not in repr(lent)


@pytest.mark.parametrize("method", SENT)
def test_login_request(method: str) -> None:
    """Each method sends what Vault's own documentation asks for, to the path where it is mounted."""
    made = request(method)
    body = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value for name, value in made.body.items()
    }

    assert (made.path, body) == SENT[method]


@pytest.mark.parametrize(
    ("method", "terms"),
    [
        ("jwt", "auth/m/role/deploy-app"),
        ("approle", "auth/m/role/ROLE"),
        ("kubernetes", "auth/m/role/deploy-app"),
        ("userpass", "auth/m/users/o%27neill%2Fx"),
        ("ldap", "auth/m/config"),
        ("github", "auth/m/config"),
        ("cert", "auth/m/certs/deploy-app"),
        ("custom", "auth/m/role/ROLE"),
    ],
)
def test_terms(method: str, terms: str) -> None:
    """Each method says where the terms of its tokens are written, as far as a job can know."""
    assert request(method).terms == terms


@pytest.mark.parametrize("method", SENT)
def test_secrets_are_in_no_repr(method: str) -> None:
    """Neither the inputs of a method nor its request show a secret."""
    read = METHODS[method].read(World(GIVEN[method]).platform.lookup)

    assert CANARY not in f"{read!r} {read} {request(method)!r}"


@pytest.mark.parametrize("method", SENT)
def test_foreign_refusals_are_left_to_others(method: str) -> None:
    """A refusal that any login can meet is not explained as the method's own."""
    assert request(method).explain(refusal(503, "Vault is sealed")) is None
    assert request(method).explain(refusal(429, "rate limit quota exceeded")) is None


@pytest.mark.parametrize("method", METHODS)
def test_inputs_say_who_reads_them(method: str) -> None:
    """The pages tell with which method each of its inputs is read, and require none of them in any case."""
    own = {one.name for one in METHODS[method].declared()}

    for one in all_declared():
        assert (f"vault-auth-method: {method}" in one.read_with) == (one.name in own)
        assert not (one.read_with and one.required)


@pytest.mark.parametrize(
    ("method", "status", "said", "kind", "parts"),
    [
        ("approle", 400, "invalid role or secret ID", Refused, ["`vault-secret-id`", "auth/m/role/ROLE/secret-id"]),
        ("approle", 400, "missing secret_id", Refused, ["`vault-secret-id`"]),
        ("approle", 400, "invalid role ID", Refused, ["`vault-role-id`"]),
        ("approle", 400, "invalid secret id", Refused, ["`vault-secret-id`"]),
        ("approle", 500, "failed to determine alias name from login request", Refused, ["`vault-role-id`"]),
        ("cert", 400, "tls connection required", Refused, ["`vault-client-cert`"]),
        (
            "cert",
            500,
            "failed to verify client's certificate: x509: certificate has expired",
            Refused,
            ["openssl x509"],
        ),
        ("cert", 400, "client certificate must be supplied", Refused, ["`vault-client-cert`"]),
        ("userpass", 400, "invalid username or password", Refused, ["`vault-username`", "`vault-password`"]),
        ("userpass", 403, "permission denied", Refused, ["locks a user out", "vault auth list", "token_bound_cidrs"]),
        ("ldap", 400, "ldap operation failed: invalid credentials", Refused, ["`vault-password`"]),
        ("ldap", 400, '* error connecting to host "ldap://d": dial tcp', Temporary, ["not looked at", "auth/m/config"]),
        ("github", 500, "user is not part of required org", Refused, ["read:org", "auth/m/config"]),
        ("cert", 400, "no client certificate found", Refused, ["`vault-client-cert`", "proxy"]),
        ("custom", 400, "missing role_id", Refused, ["`vault-auth-payload`", "vault path-help auth/m/login"]),
        ("cert", 400, "invalid certificate or no client certificate supplied", Refused, ["auth/m/certs/deploy-app"]),
        ("kubernetes", 400, 'invalid role name "deploy-app"', NotFound, ["`vault-auth-role`", "auth/m/role"]),
        ("kubernetes", 403, "service account name not authorized", Refused, ["serviceaccount:ci:runner", "deploy-app"]),
        ("kubernetes", 403, "namespace not authorized", Refused, ["bound_service_account_namespaces"]),
        ("kubernetes", 403, "permission denied", Refused, ["TokenReview", "vault auth list"]),
        ("kubernetes", 500, "could not load backend configuration", Error, ["never configured", "auth/m/config"]),
    ],
)
def test_refusals(method: str, status: int, said: str, kind: type[Error], parts: list[str]) -> None:
    """Each refusal of a method is told with its cause and its fix."""
    error = request(method).explain(refusal(status, said))

    assert isinstance(error, kind)
    assert said.split(" ", maxsplit=1)[0] in error.what
    assert error.why
    assert [part for part in parts if part not in error.text] == []


def test_denied_by_policy_is_no_login() -> None:
    """A method explains no refusal of a later request."""
    assert request("approle").explain(refusal(403, DENIED)) is None


def test_no_service_account(tmp_path: Path) -> None:
    """A file that isn't there is a missing identity: it says where it was looked for, and why it may be missing."""
    with pytest.raises(NoIdentity) as refused:
        request("kubernetes", vault_kubernetes_token_path=str(tmp_path / "token"))

    assert str(tmp_path / "token") in refused.value.text
    assert "`vault-kubernetes-token-path`" in refused.value.text


@pytest.mark.parametrize("payload", ["", "x", "[1]", '"x"', "{"])
def test_payload_that_is_none(payload: str) -> None:
    """A payload that is no JSON object is refused by its name, without being shown."""
    with pytest.raises(InputError) as refused:
        request("custom", vault_auth_payload=payload)

    assert "`vault-auth-payload`" in refused.value.text


@pytest.mark.parametrize("method", ["approle", "userpass", "ldap", "custom"])
def test_what_locks_out_is_tried_twice_at_most(method: str) -> None:
    """A password is not tried a third time: five failures lock the user out."""
    assert request(method).locks_out
