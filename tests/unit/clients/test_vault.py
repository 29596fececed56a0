"""Vault's API, endpoint by endpoint."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from fakes import DENIED, GONE, GONE_ANEW, VAULT, FakeClock, vault_error
from nomad_token.clients.failures import Answer, Lost, Refusal
from nomad_token.clients.http import Connection, Place
from nomad_token.clients.vault import CREDS_SECONDS, Vault, VaultPlace, nomad_refused, policy_denies
from nomad_token.secret import SecretStr
from through import Through

TOKEN = SecretStr("hvs.canary-token")
SECRET = "5ec7e700-0000-4000-8000-000000000001"
ACCESSOR = "acce5500-0000-4000-8000-000000000001"
AUTH: dict[str, Any] = {"client_token": "hvs.canary-login", "accessor": "abc", "lease_duration": 60, "num_uses": 0}
CREDS: dict[str, Any] = {
    "lease_id": "nomad/creds/deployer/abc.ns1",
    "lease_duration": 60,
    "renewable": True,
    "data": {"accessor_id": ACCESSOR, "secret_id": SECRET},
}


class Server:
    """Answers everything alike, and remembers what it was asked."""

    def __init__(self, answer: httpx.Response | Callable[[httpx.Request], httpx.Response]) -> None:
        """Answer with *answer*."""
        self._answer = answer
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        return self._answer if isinstance(self._answer, httpx.Response) else self._answer(request)

    def vault(self, namespace: str = "", auth_namespace: str = "") -> Vault:
        """Speak to this server."""
        to = Connection(
            Place(address=VAULT), clock=FakeClock(), trace=lambda _: None, transport=Through(httpx.MockTransport(self))
        )
        return Vault(to, VaultPlace(address=VAULT, namespace=namespace, auth_namespace=auth_namespace))


def answering(status: int = 200, body: object = None) -> Server:
    """Make a server that answers with JSON."""
    return Server(httpx.Response(status, json=body))


def test_log_in() -> None:
    """A login is a POST without a token, in the login's namespace; it returns the token, its life and its uses."""
    server = answering(body={"auth": AUTH | {"token_type": "batch", "num_uses": 3}, "data": None})
    login = server.vault("engine", "people").log_in("auth/jwt/login", {"jwt": SecretStr("a.b.c"), "role": "r"})

    (request,) = server.requests
    assert (request.method, request.url.path) == ("POST", "/v1/auth/jwt/login")
    assert json.loads(request.content) == {"jwt": "a.b.c", "role": "r"}
    assert request.headers["X-Vault-Namespace"] == "people"
    assert request.headers["X-Vault-Request"] == "true"
    assert "X-Vault-Token" not in request.headers
    assert login.client_token.get_secret_value() == "hvs.canary-login"
    assert (login.accessor, login.lease_duration, login.token_type, login.num_uses) == ("abc", 60, "batch", 3)
    assert "canary" not in repr(login)


def test_login_that_asks_for_a_second_factor_is_refused() -> None:
    """A 200 without a token, but with a second factor to give, is a refusal that says so."""
    body = {"auth": AUTH | {"client_token": "", "mfa_requirement": {"mfa_request_id": "x"}}}

    with pytest.raises(Refusal, match="200") as refused:
        answering(body=body).vault().log_in("auth/jwt/login", {})

    assert "second factor" in refused.value.said


@pytest.mark.parametrize(
    "changed",
    [
        {"client_token": ""},
        {"client_token": None},
        {"client_token": "hvs.two\nlines-of-it"},
        {"client_token": "hvs.größe-größe"},
        {"client_token": "short"},
        {"client_token": "x" * 5000},
        {"lease_duration": -1},
        {"lease_duration": "soon"},
        {"accessor": "x\n::add-mask::y"},
        {"accessor": "x" * 513},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_implausible_login_is_lost(changed: dict[str, object]) -> None:
    """A login whose answer can't be one counts as lost: something may have been made. It is not quoted."""
    with pytest.raises(Lost) as lost:
        answering(body={"auth": AUTH | changed}).vault().log_in("auth/jwt/login", {})

    assert f"plausible {next(iter(changed))}" in lost.value.reason
    assert str(next(iter(changed.values())))[:5] not in lost.value.reason or not next(iter(changed.values()))


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"<html>", b'{"auth":null}', b'{"auth":7}', b"[" * 100_000])
def test_answer_that_is_no_login_is_lost(content: bytes) -> None:
    """Any other success counts as lost."""
    with pytest.raises(Lost):
        Server(httpx.Response(200, content=content)).vault().log_in("auth/jwt/login", {})


def test_creds() -> None:
    """The read carries the token, in the engine's namespace, and is awaited for longer than Vault itself waits."""
    seen: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200, json=CREDS)

    server = Server(answer)
    creds = server.vault("engine", "people").creds(TOKEN, "team/nomad", "deployer")

    (request,) = server.requests
    assert (request.method, request.url.path) == ("GET", "/v1/team/nomad/creds/deployer")
    assert request.headers["X-Vault-Token"] == TOKEN.get_secret_value()
    assert request.headers["X-Vault-Namespace"] == "engine"
    assert seen[0]["read"] == CREDS_SECONDS > 90
    assert (creds.lease_id, creds.lease_duration, creds.renewable) == ("nomad/creds/deployer/abc.ns1", 60, True)
    assert (creds.accessor_id, creds.secret_id.get_secret_value()) == (ACCESSOR, SECRET)
    assert SECRET not in repr(creds)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"data": {"accessor_id": ACCESSOR, "secret_id": SECRET + "\n"}}, "secret_id"),
        ({"data": {"accessor_id": ACCESSOR, "secret_id": "EOF\nNODE_OPTIONS=x"}}, "secret_id"),
        ({"data": {"accessor_id": ACCESSOR, "secret_id": ""}}, "secret_id"),
        ({"data": {"accessor_id": ACCESSOR + "\n::error::x", "secret_id": SECRET}}, "accessor_id"),
        ({"data": {"accessor_id": ACCESSOR + "\n", "secret_id": SECRET}}, "accessor_id"),
        ({"data": None}, "accessor_id, secret_id"),
        ({"data": []}, "accessor_id, secret_id"),
        ({"lease_id": ""}, "lease_id"),
        ({"lease_id": "x\n"}, "lease_id"),
        ({"lease_id": "nomad/$(id)"}, "lease_id"),
        ({"lease_id": "x" * 600}, "lease_id"),
        ({"lease_duration": -1}, "lease_duration"),
        ({"renewable": None}, "renewable"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_implausible_creds_are_lost(changed: dict[str, object], named: str) -> None:
    """A credential that could not be one, or could end a line, counts as lost; what is amiss is named, not quoted."""
    with pytest.raises(Lost) as lost:
        answering(body=CREDS | changed).vault().creds(TOKEN, "nomad", "deployer")

    assert lost.value.reason == f"the answer has no plausible {named}"
    assert lost.value.__suppress_context__


def test_creds_of_newer_versions() -> None:
    """Fields that this version does not know are no hindrance."""
    body = CREDS | {"mount_type": "nomad", "warnings": ["TTL capped"], "wrap_info": None, "auth": None}

    assert answering(body=body).vault().creds(TOKEN, "nomad", "deployer").lease_duration == 60


@pytest.mark.parametrize(
    ("held", "may"),
    [(["update"], True), (["root"], True), (["deny"], False), (["read", "create"], False), ([], False), (None, False)],
)
def test_may(held: object, may: bool) -> None:  # noqa: FBT001
    """A token may what its capabilities say; root may all."""
    server = answering(body={"data": {"sys/leases/revoke": held, "capabilities": held}})

    assert server.vault().may(TOKEN, "update", "sys/leases/revoke", read_seconds=1) is may
    assert json.loads(server.requests[0].content) == {"paths": ["sys/leases/revoke"]}
    assert server.requests[0].url.path == "/v1/sys/capabilities-self"


@pytest.mark.parametrize("held", [5, True, {"update": 1}, "no update here"])
def test_nonsense_is_no_permission(held: object) -> None:
    """Capabilities that are no list give none, and are no crash."""
    server = answering(body={"data": {"sys/leases/revoke": held}})

    assert not server.vault().may(TOKEN, "update", "sys/leases/revoke", read_seconds=1)


def test_may_not_ask() -> None:
    """A token that may not even ask may nothing."""
    server = Server(vault_error(403, DENIED))

    assert not server.vault().may(TOKEN, "update", "sys/leases/revoke", read_seconds=1)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_revoke_lease(status: int) -> None:
    """A lease is revoked in the engine's namespace, waiting for the engine; every success is one."""
    server = Server(httpx.Response(status, json={"warnings": ["x"]}) if status == 200 else httpx.Response(status))
    server.vault("engine", "people").revoke_lease(TOKEN, "nomad/creds/x/y", read_seconds=1)

    (request,) = server.requests
    assert (request.method, request.url.path) == ("POST", "/v1/sys/leases/revoke")
    assert json.loads(request.content) == {"lease_id": "nomad/creds/x/y", "sync": True}
    assert request.headers["X-Vault-Namespace"] == "engine"


def test_revoke_self() -> None:
    """The login ends in the login's namespace."""
    server = Server(httpx.Response(204))
    server.vault("engine", "people").revoke_self(TOKEN, read_seconds=1)

    (request,) = server.requests
    assert (request.method, request.url.path) == ("POST", "/v1/auth/token/revoke-self")
    assert request.headers["X-Vault-Namespace"] == "people"
    assert request.headers["X-Vault-Token"] == TOKEN.get_secret_value()


def test_no_namespace_no_header() -> None:
    """Without a namespace there is no header: a Vault without namespaces would echo it."""
    server = Server(httpx.Response(204))
    server.vault().revoke_self(TOKEN, read_seconds=1)

    assert "X-Vault-Namespace" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vault_error(400, "one", "two"), "one; two"),
        (vault_error(404), ""),
        (httpx.Response(502, text="<html>Bad Gateway</html>"), "<html>Bad Gateway</html>"),
        (httpx.Response(500, json={"errors": "odd"}), '{"errors":"odd"}'),
        (httpx.Response(500, json={"errors": [None, 7, {"a": 1}]}), "None; 7; {'a': 1}"),
        (httpx.Response(503), ""),
        (httpx.Response(206, text="part"), "part"),
    ],
    ids=repr,
)
def test_refusals_keep_what_was_said(answer: httpx.Response, said: str) -> None:
    """All that is no success is a refusal, with the server's words, whoever spoke them."""
    with pytest.raises(Refusal) as refused:
        Server(answer).vault().creds(TOKEN, "nomad", "deployer")

    assert (refused.value.status, refused.value.said, refused.value.address) == (answer.status_code, said, VAULT)


@pytest.mark.parametrize(
    ("status", "said", "denies"),
    [
        (403, DENIED, True),
        (403, GONE, False),
        (403, GONE_ANEW, False),
        (403, "", False),
        (400, DENIED, False),
    ],
)
def test_policy_denies(status: int, said: str, denies: bool) -> None:  # noqa: FBT001
    """A policy's 403 is told from that of a token that is gone, in both dialects (api-contract 3.1)."""
    assert policy_denies(Refusal(VAULT, Answer(status, {}, ""), [said])) is denies


@pytest.mark.parametrize(
    ("said", "nomad"),
    [
        ("1 error occurred:\n\t* Unexpected response code: 403 (Permission denied)\n\n", (403, "Permission denied")),
        ("1 error occurred:\n\t* Unexpected response code: 500 (No cluster leader)\n\n", (500, "No cluster leader")),
        (
            "Unexpected response code: 400 (token 0 invalid: 1 error occurred:\n\t* token name too long\n\n)\n\n",
            (400, "token 0 invalid: 1 error occurred:\n\t* token name too long\n\n"),
        ),
        ("Unexpected response code: 429 (slow (down)", (429, "slow (down")),
        ("permission denied", None),
        ("", None),
    ],
)
def test_nomad_refused(said: str, nomad: tuple[int, str] | None) -> None:
    """What Nomad said is read out of Vault's wrapping, line breaks included."""
    assert nomad_refused(Refusal(VAULT, Answer(500, {}, ""), [said])) == nomad


@pytest.mark.parametrize(
    ("engine", "login", "below"),
    [
        ("", "", ""),
        ("team", "team/", ""),
        ("team/app/", "team", "app/"),
        ("team/app", "root", "team/app/"),
        ("teams", "team", "teams/"),
    ],
)
def test_below(engine: str, login: str, below: str) -> None:
    """The engine's namespace as a policy of the login's writes it, however the two are written."""
    assert VaultPlace(address=VAULT, namespace=engine, auth_namespace=login).below == below


def test_renew_self() -> None:
    """A login renews itself, in its own namespace, by what its role says; the seconds that it was granted come back."""
    server = answering(body={"auth": AUTH | {"lease_duration": 1800}})
    granted = server.vault("engine", "people").renew_self(TOKEN, read_seconds=2)

    (request,) = server.requests
    assert (request.method, request.url.path) == ("POST", "/v1/auth/token/renew-self")
    assert json.loads(request.content) == {}
    assert request.headers["X-Vault-Token"] == TOKEN.get_secret_value()
    assert request.headers["X-Vault-Namespace"] == "people"
    assert request.extensions["timeout"]["read"] == 2
    assert granted == 1800


def test_renew_lease() -> None:
    """A lease is renewed in the engine's namespace, without an increment: the engine's own ttl counts."""
    server = answering(body={"lease_id": "nomad/creds/deployer/x", "lease_duration": 900, "renewable": True})
    granted = server.vault("engine", "people").renew_lease(TOKEN, "nomad/creds/deployer/x", read_seconds=2)

    (request,) = server.requests
    assert (request.method, request.url.path) == ("POST", "/v1/sys/leases/renew")
    assert json.loads(request.content) == {"lease_id": "nomad/creds/deployer/x"}
    assert request.headers["X-Vault-Namespace"] == "engine"
    assert request.extensions["timeout"]["read"] == 2
    assert granted == 900


@pytest.mark.parametrize("body", [{}, {"lease_duration": -1, "auth": {"lease_duration": -1}}, {"auth": None}, []])
def test_implausible_renewal_is_lost(body: object) -> None:
    """What tells no life is as good as no answer."""
    vault = answering(body=body).vault()

    with pytest.raises(Lost):
        vault.renew_self(TOKEN, read_seconds=2)
    with pytest.raises(Lost):
        vault.renew_lease(TOKEN, "nomad/creds/deployer/x", read_seconds=2)
