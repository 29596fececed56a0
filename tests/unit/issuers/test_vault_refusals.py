"""What Vault's refusals mean, in words."""

import errno
import socket
import ssl

import pytest

from fakes import DENIED, GONE, GONE_ANEW, VAULT, vault_error
from nomad_token.clients.failures import Answer, Failure, Lost, NotSent, Refusal
from nomad_token.clients.vault import VaultPlace
from nomad_token.errors import Error, NotFound, Refused, Temporary
from nomad_token.issuers.vault_refusals import EngineRole, explain_creds, explain_login
from nomad_token.vault_auth.base import LoginRequest

ADVICE = "Some advice of the platform's."
REQUEST = LoginRequest("auth/ci/login", {}, lambda _: None, "auth/ci/role/deploy-app")
PLACE = VaultPlace(address=VAULT)
ENGINE = EngineRole("nomad", "deployer")


def refusal(status: int, *said: str) -> Refusal:
    """Make a refusal as the client does."""
    answer = vault_error(status, *said)
    return Refusal(VAULT, Answer(status, answer.headers, answer.text), list(said))


def wrapped(status: int, said: str) -> Refusal:
    """Make the refusal that passes on what Nomad said."""
    return refusal(500, f"1 error occurred:\n\t* Unexpected response code: {status} ({said})\n\n")


def complete(error: Error) -> Error:
    """Check that a text has what a person needs: what happened, and what to do."""
    assert error.what
    assert error.fix
    assert "\n" not in error.what
    return error


CREDS: list[tuple[Failure, type[Error], list[str]]] = [
    (
        refusal(400, 'role "deployer" not found'),
        NotFound,
        ['role "deployer" not found', "nomad/roles/", "`vault-auth-role`", "vault list nomad/role"],
    ),
    (
        refusal(400, "Secret cannot be returned; token had one use left, so leased credentials were revoked."),
        Refused,
        ["token_num_uses"],
    ),
    (
        refusal(403, DENIED),
        Refused,
        ['path "nomad/creds/deployer" { capabilities = ["read"] }', "`vault-mount`", "`vault-namespace`"],
    ),
    (refusal(403, GONE), Refused, ["token_ttl"]),
    (refusal(403, GONE_ANEW), Refused, ["token_ttl"]),
    (refusal(404, 'no handler for route "nomad/creds/x". route entry not found.'), NotFound, ["`vault-mount`"]),
    (refusal(404, "1 error occurred:\n\t* unsupported path\n\n"), NotFound, ["`vault-mount`", "vault secrets list"]),
    (
        refusal(500, '1 error occurred:\n\t* Put "http://n:4646/v1/acl/token": dial tcp: connection refused\n\n'),
        Temporary,
        ["Vault can't reach Nomad", "nomad/config/access"],
    ),
    (wrapped(400, "ACL support disabled"), Refused, ["acl { enabled = true }", "nomad acl bootstrap"]),
    (wrapped(500, "ACL support disabled"), Refused, ["acl { enabled = true }"]),
    (
        wrapped(403, "Permission denied"),
        Refused,
        ["nomad/config/access", "nomad acl token create", "its policies are not the trouble"],
    ),
    (wrapped(500, "ACL token expired"), Refused, ["nomad/config/access"]),
    (wrapped(403, "ACL token not found"), Refused, ["nomad/config/access"]),
    (
        wrapped(400, "token 0 invalid: 1 error occurred:\n\t* token name too long\n\n"),
        Refused,
        ["max_token_name_length"],
    ),
    (wrapped(429, "Your IP is issuing too many concurrent connections"), Temporary, ["http_max_conns_per_client"]),
    (
        refusal(500, '1 error occurred:\n\t* Put "http://192.0.2.1:4646/v1/acl/token": EOF\n\n'),
        Temporary,
        ["Vault had no answer from Nomad", "http_max_conns_per_client = 1000"],
    ),
    (
        refusal(
            500, '1 error occurred:\n\t* Put "https://192.0.2.1:4646/v1/acl/token": tls: failed: x509: unknown\n\n'
        ),
        Refused,
        ["does not trust Nomad's certificate", "It has expired", "vault read nomad/config/access"],
    ),
    (wrapped(500, "No cluster leader"), Temporary, ["leader", "nomad server members"]),
]


@pytest.mark.parametrize(("failure", "kind", "parts"), CREDS, ids=lambda value: str(getattr(value, "said", ""))[:60])
def test_creds(failure: Failure, kind: type[Error], parts: list[str]) -> None:
    """Each refusal of a creds read is told with its cause and its fix (api-contract 1.5)."""
    error = complete(explain_creds(failure, PLACE, ENGINE, ADVICE))

    assert type(error) is kind
    assert error.why
    for part in parts:
        assert part in error.text


LOGIN: list[tuple[Failure, type[Error], list[str]]] = [
    (
        refusal(403, GONE),
        Refused,
        ["auth/ci/login", "`vault-auth-path`", "`vault-auth-namespace`", "vault auth list"],
    ),
    (refusal(200, "the login asks for a second factor (mfa_requirement)"), Refused, ["second factor"]),
]
BOTH: list[tuple[Failure, type[Error], list[str]]] = [
    (refusal(503, "Vault is sealed"), Temporary, ["sealed", "vault operator unseal"]),
    (refusal(429, 'request path "x": rate limit quota exceeded'), Temporary, ["rate limit quota exceeded"]),
    (refusal(412, 'missing "X-Vault-Request" header'), Temporary, ["Run the job again"]),
    (refusal(307, "redirects to https://elsewhere.test/v1/x"), Refused, ["elsewhere.test", "`vault-addr`"]),
    (refusal(500, "internal error"), Temporary, ["500", "internal error", "`vault-addr`"]),
    (refusal(502, "<html>Bad Gateway</html>"), Temporary, ["502", "proxy"]),
    (refusal(418, "teapot"), Refused, ["418", "teapot"]),
    (refusal(500), Temporary, ["500", "nothing more"]),
    (Lost(VAULT, "Server disconnected"), Temporary, [VAULT, "Server disconnected", ADVICE, "`vault-addr`"]),
    (NotSent(VAULT, "x", socket.gaierror(-2, "x")), Temporary, ["name of the host is unknown", ADVICE]),
    (NotSent(VAULT, "x", ConnectionRefusedError()), Temporary, ["Nothing listens", ADVICE]),
    (NotSent(VAULT, "x", ssl.SSLCertVerificationError("x")), Temporary, ["certificate", ADVICE]),
    (NotSent(VAULT, "x", ssl.SSLError("x")), Temporary, ["no TLS", ADVICE]),
    (NotSent(VAULT, "x", TimeoutError()), Temporary, ["does not answer", ADVICE]),
    (NotSent(VAULT, "No route to host", OSError(errno.EHOSTUNREACH, "x")), Temporary, ["No route to host", ADVICE]),
]


@pytest.mark.parametrize(("failure", "kind", "parts"), LOGIN + BOTH, ids=lambda value: str(value)[:70])
def test_login(failure: Failure, kind: type[Error], parts: list[str]) -> None:
    """Each failure of a login that is not its method's own is told with its cause and its fix."""
    error = complete(explain_login(failure, REQUEST, PLACE, ADVICE))

    assert type(error) is kind
    for part in parts:
        assert part in error.text


@pytest.mark.parametrize(("failure", "kind", "parts"), BOTH, ids=lambda value: str(value)[:70])
def test_what_any_request_can_meet(failure: Failure, kind: type[Error], parts: list[str]) -> None:
    """What any request can meet is told alike for a creds read."""
    error = complete(explain_creds(failure, PLACE, ENGINE, ADVICE))

    assert type(error) is kind
    for part in parts:
        assert part in error.text


def test_methods_own_words_come_first() -> None:
    """What the auth method knows of a refusal is said."""
    own = Refused("own words", fix="x")

    assert explain_login(refusal(403, GONE), LoginRequest("p", {}, lambda _: own, "t"), PLACE, "") is own


def test_second_factor_is_not_a_proxys() -> None:
    """A second factor is what it is: no proxy is blamed, and what to do is said."""
    error = explain_login(refusal(200, "the login asks for a second factor (mfa_requirement)"), REQUEST, PLACE, "")

    assert "proxy" not in error.text
    assert "MFA" in error.text or "second factor" in error.why + error.fix


@pytest.mark.parametrize("login", [True, False])
def test_unknown_namespace(login: bool) -> None:  # noqa: FBT001
    """A namespace that Vault does not know is named, the one that the request went to."""
    here = VaultPlace(address=VAULT, namespace="engine", auth_namespace="people")
    failure = refusal(404, "namespace not found")
    error = explain_login(failure, REQUEST, here, "") if login else explain_creds(failure, here, ENGINE, "")

    assert isinstance(error, NotFound)
    assert f"`{'people' if login else 'engine'}`" in error.text
    assert f"`{'engine' if login else 'people'}`" not in error.text
    assert f"`{'vault-auth-namespace' if login else 'vault-namespace'}`" in error.fix


def test_mount_is_the_one_that_was_given() -> None:
    """Commands to paste name the mount and the role of the job."""
    error = explain_creds(refusal(403, DENIED), PLACE, EngineRole("team/nomad", "app"), "")

    assert 'path "team/nomad/creds/app" { capabilities = ["read"] }' in error.fix


@pytest.mark.parametrize(
    "failure",
    [
        refusal(400, 'role "x" not found\n::add-mask::x ##[error]'),
        refusal(403, f"{DENIED}\n::error::##[x"),
        refusal(307, "redirects to https://x/\n::stop-commands::##[x"),
        refusal(429, "\n::error::##[x"),
        refusal(500, "\n::error::##[x"),
        wrapped(403, "Permission denied\n::error::##[x"),
        wrapped(500, "dial tcp\n::error::##[x"),
        Lost(VAULT, "\n::error::##[x"),
    ],
    ids=repr,
)
def test_servers_text_is_harmless(failure: Failure) -> None:
    """What a server says can't begin a line, or command the runner."""
    for error in (explain_creds(failure, PLACE, ENGINE, ""), explain_login(failure, REQUEST, PLACE, "")):
        assert "\n::" not in error.text
        assert "##[" not in error.text
