"""The real servers as such, and what OpenBao answers on the road of a mint; the lab has to say the same."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

import servers
from answers import done, error, given, looked_up, token_of, within

ISSUER: Final = "https://issuer.test"
AUDIENCE: Final = "https://openbao.test"
CREDS: Final = "rabbit/creds/deployer"


@dataclass
class Upstream:
    """The part of RabbitMQ's API that OpenBao's built-in engine asks: users that exist until they are deleted."""

    addr: str = ""
    alive: set[str] = field(default_factory=set)
    refuses_deletion: bool = False


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """An upstream on loopback whose users a test can look at."""
    state = Upstream()

    class Requests(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.startswith("/api/users/"):
                state.alive.add(unquote(self.path.rsplit("/", 1)[1]))
            self.answer(HTTPStatus.CREATED)

        def do_DELETE(self) -> None:
            if state.refuses_deletion:
                return self.answer(HTTPStatus.BAD_REQUEST)
            state.alive.discard(unquote(self.path.rsplit("/", 1)[1]))
            return self.answer(HTTPStatus.NO_CONTENT)

        def answer(self, status: HTTPStatus) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        state.addr = f"http://127.0.0.1:{server.server_address[1]}"
        yield state
        server.shutdown()
        thread.join()


@pytest.fixture
def anonymous(real_openbao: servers.OpenBao) -> Iterator[httpx.Client]:
    """A client that sends no token."""
    with httpx.Client(base_url=f"{real_openbao.addr}/v1/", trust_env=False) as client:
        yield client


@pytest.fixture
def root(real_openbao: servers.OpenBao) -> Iterator[httpx.Client]:
    """A client with the root token."""
    headers = {"X-Vault-Token": real_openbao.root_token.get_secret_value()}
    with httpx.Client(base_url=f"{real_openbao.addr}/v1/", headers=headers, trust_env=False) as client:
        yield client


Login = Callable[..., httpx.Response]


@pytest.fixture
def login(root: httpx.Client, anonymous: httpx.Client) -> Iterator[Login]:
    """A login over jwt auth with roles `ci` (reads creds) and `ci-leases` (may revoke a lease too)."""
    key = RSAKey.generate_key(2048, private=True)
    done(root.post("sys/auth/jwt", json={"type": "jwt"}))
    public = key.as_pem(private=False).decode()
    done(root.post("auth/jwt/config", json={"jwt_validation_pubkeys": [public], "bound_issuer": ISSUER}))
    creds = f'path "{CREDS}" {{ capabilities = ["read"] }}'
    leases = 'path "sys/leases/revoke" { capabilities = ["update"] }'
    for role, policy in {"ci": creds, "ci-leases": f"{creds}\n{leases}"}.items():
        done(root.put(f"sys/policies/acl/{role}", json={"policy": policy}))
        bound = {"bound_audiences": [AUDIENCE], "bound_claims": {"repository": "acme/shop"}}
        made = {"role_type": "jwt", "user_claim": "sub", "token_policies": [role], **bound}
        done(root.post(f"auth/jwt/role/{role}", json=made))

    def with_claims(role: str | None = "ci", **claims: object) -> httpx.Response:
        now = int(time.time())
        standard = {"iss": ISSUER, "aud": AUDIENCE, "sub": "repo:acme/shop", "iat": now, "exp": now + 300}
        merged = {**standard, "repository": "acme/shop", **claims}
        id_token = jwt.encode(
            {"alg": "RS256"}, {name: value for name, value in merged.items() if value is not None}, key
        )
        body = {"jwt": id_token} if role is None else {"jwt": id_token, "role": role}
        return anonymous.post("auth/jwt/login", json=body)

    yield with_claims
    done(root.delete("sys/auth/jwt"))


@pytest.fixture
def engine(root: httpx.Client, upstream: Upstream) -> Iterator[str]:
    """The path of creds of a built-in engine with leases: the lease is the core's work, whichever engine made it."""
    done(root.post("sys/mounts/rabbit", json={"type": "rabbitmq"}))
    connection = {"connection_uri": upstream.addr, "username": "u", "password": "p", "verify_connection": False}
    done(root.post("rabbit/config/connection", json=connection))
    done(root.post("rabbit/roles/deployer", json={"vhosts": json.dumps({"/": {"read": ".*"}})}))
    yield CREDS
    upstream.refuses_deletion = False
    # Forced, because a deletion that the upstream refused in the test would keep the mount.
    done(root.put("sys/leases/revoke-force/rabbit"))
    done(root.delete("sys/mounts/rabbit"))


def test_the_root_token_is_not_in_the_log(real_openbao: servers.OpenBao) -> None:
    """A log that is kept when a test fails gives nothing away."""
    log = real_openbao.log.read_text()

    assert "core: vault is unsealed" in log
    assert real_openbao.root_token.get_secret_value() not in log


def test_vaults_root_token_is_not_in_its_log(real_vault: servers.Vault) -> None:
    """A log that is kept when a test fails gives nothing away here either."""
    log = real_vault.log.read_text()

    assert "core: vault is unsealed" in log
    assert real_vault.root_token.get_secret_value() not in log


@pytest.mark.parametrize("method", ["approle", "cert", "github", "jwt", "kubernetes", "ldap", "oidc", "userpass"])
def test_vault_has_the_auth_methods_that_ci_uses(real_vault: servers.Vault, method: str) -> None:
    """Each can be mounted at a path of its own."""
    headers = {"X-Vault-Token": real_vault.root_token.get_secret_value()}
    with httpx.Client(base_url=f"{real_vault.addr}/v1/", headers=headers, trust_env=False) as client:
        mounted = client.post(f"sys/auth/mounted-{method}", json={"type": method})
        done(client.delete(f"sys/auth/mounted-{method}"))

    assert mounted.status_code == HTTPStatus.NO_CONTENT


def test_a_sealed_vault_is_503(tmp_path: Path) -> None:
    """A sealed Vault answers every call with 503, a login too, and so does its health (api-contract 3.1)."""
    with servers.vault(tmp_path) as own, httpx.Client(base_url=f"{own.addr}/v1/", trust_env=False) as client:
        done(client.put("sys/seal", headers={"X-Vault-Token": own.root_token.get_secret_value()}))
        login = client.post("auth/jwt/login", json={"role": "ci", "jwt": "a.b.c"})
        health = client.get("sys/health")

    assert error(login) == (503, ["Vault is sealed"])
    assert (health.status_code, health.json()["initialized"], health.json()["sealed"]) == (503, True, True)


def test_vault_is_missing_where_there_is_no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that can't build Vault is told what it lacks."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(servers.Missing, match="there is no `go` on the PATH"):
        servers.build_vault()


def test_a_build_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Go's own last lines are told, and no half binary is kept."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")

    with pytest.raises(RuntimeError, match=r"(?s)Vault can't be built \(1\); the last lines:.*vendor"):
        servers.build_vault()
    assert list((tmp_path / ".cache" / "nomad-token").iterdir()) == []


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    """A server that can't start is told with its own last lines, not with a time-out."""
    (tmp_path / "openbao.hcl").symlink_to("/dev/null")

    with pytest.raises(RuntimeError, match=r"(?s)ended with 1; its last lines:.*storage"), servers.openbao(tmp_path):
        pass


def test_no_nomad_engine_is_built_in(root: httpx.Client) -> None:
    """OpenBao has the Nomad engine as a plugin only: without it, enabling one is 400 (api-contract 6)."""
    answer = root.post("sys/mounts/nomad", json={"type": "nomad"})

    assert error(answer) == (400, ["plugin not found in the catalog: nomad"])


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        (
            {"aud": "https://elsewhere.test"},
            "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        (
            {"repository": "acme/other"},
            'error validating claims: claim "repository" does not match any associated bound claim values',
        ),
        ({"repository": None}, 'error validating claims: claim "repository" is missing'),
        ({"iss": "https://elsewhere.test"}, "error validating token: invalid issuer (iss) claim"),
        ({"role": "nobody"}, 'role "nobody" could not be found'),
        ({"role": None}, "missing role"),
    ],
)
def test_a_refused_login_is_400_with_its_reason(login: Login, claims: dict[str, Any], text: str) -> None:
    """Audience, bound claim, issuer and role are each refused in words of their own (api-contract 3.3)."""
    assert error(login(**claims)) == (400, [text])


def test_a_role_that_was_read_may_be_written_back(root: httpx.Client, login: Login) -> None:
    """OpenBao takes all that it gives of a jwt role: the way of our text for a refused audience."""
    path, wanted = "auth/jwt/role/ci", "https://other.test"
    role = root.get(path).json()["data"]
    refused = login(aud=wanted).status_code
    answer = root.post(path, json={**role, "bound_audiences": [*role["bound_audiences"], wanted]})

    assert refused == HTTPStatus.BAD_REQUEST
    assert answer.is_success
    assert given(root.get(path).json()["data"]) == given({**role, "bound_audiences": [AUDIENCE, wanted]})
    assert login(aud=wanted).status_code == login().status_code == HTTPStatus.OK


def test_a_login_at_no_mount_is_403(anonymous: httpx.Client) -> None:
    """An auth method that isn't mounted looks like a refusal, not like 404 (api-contract 3.1)."""
    answer = anonymous.post("auth/elsewhere/login", json={"role": "ci", "jwt": "a.b.c"})

    assert error(answer) == (403, ["permission denied"])


def test_creds_of_no_mount_are_403_to_a_limited_token(anonymous: httpx.Client, login: Login) -> None:
    """A wrong mount can't be told from a missing policy; only root gets the 404 (api-contract 1.5)."""
    answer = anonymous.get("nomad/creds/deployer", headers=token_of(login()))

    assert error(answer) == (403, ["1 error occurred:\n\t* permission denied\n\n"])


@pytest.mark.parametrize(("role", "capability"), [("ci", "deny"), ("ci-leases", "update")])
def test_capabilities_tell_whether_a_lease_may_be_revoked(
    anonymous: httpx.Client, login: Login, role: str, capability: str
) -> None:
    """The default policy lets a token ask what it may do, and does not let it revoke a lease."""
    paths = {"paths": ["sys/leases/revoke"]}
    answer = anonymous.post("sys/capabilities-self", json=paths, headers=token_of(login(role)))

    assert answer.json()["data"]["sys/leases/revoke"] == [capability]


def test_revoke_self_takes_the_lease_along(
    root: httpx.Client, anonymous: httpx.Client, login: Login, engine: str, upstream: Upstream
) -> None:
    """204 comes at once, what was leased dies soon after, and the login token is refused from then on."""
    token = token_of(login())
    lease = anonymous.get(engine, headers=token).raise_for_status().json()
    before = lease["data"]["username"] in upstream.alive
    answer = anonymous.post("auth/token/revoke-self", headers=token)

    assert before
    assert answer.status_code == HTTPStatus.NO_CONTENT
    assert within(5, lambda: not upstream.alive)
    assert within(5, lambda: looked_up(root, lease) == HTTPStatus.BAD_REQUEST)
    assert error(anonymous.get("auth/token/lookup-self", headers=token)) == (403, ["permission denied"])


def test_revoke_self_hides_an_upstream_that_refuses(
    root: httpx.Client, anonymous: httpx.Client, login: Login, engine: str, upstream: Upstream
) -> None:
    """204 of revoke-self proves nothing: with an upstream that refuses, the credential and its lease live on."""
    token = token_of(login())
    lease = anonymous.get(engine, headers=token).raise_for_status().json()
    upstream.refuses_deletion = True
    answer = anonymous.post("auth/token/revoke-self", headers=token)
    time.sleep(0.3)

    assert answer.status_code == HTTPStatus.NO_CONTENT
    assert lease["data"]["username"] in upstream.alive
    assert looked_up(root, lease) == HTTPStatus.OK


def test_a_sync_revoke_reports_an_upstream_that_refuses(
    anonymous: httpx.Client, login: Login, engine: str, upstream: Upstream
) -> None:
    """`sys/leases/revoke` with `sync` is 400 while the upstream refuses, 204 after; a second time is 204 too."""
    token = token_of(login("ci-leases"))
    lease = anonymous.get(engine, headers=token).raise_for_status().json()
    request = {"lease_id": lease["lease_id"], "sync": True}
    upstream.refuses_deletion = True
    refused = anonymous.post("sys/leases/revoke", json=request, headers=token)
    upstream.refuses_deletion = False
    accepted = [anonymous.post("sys/leases/revoke", json=request, headers=token).status_code for _ in range(2)]

    assert refused.status_code == HTTPStatus.BAD_REQUEST
    assert refused.json()["errors"][0].startswith("failed to revoke entry: ")
    assert accepted == [HTTPStatus.NO_CONTENT] * 2
    assert not upstream.alive
