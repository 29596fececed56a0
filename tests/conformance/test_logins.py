"""The auth methods: what the lab, the real Vault and the real OpenBao answer to the same setup and the same logins."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from answers import done, error
from certificates import Authority
from conformance.targets import Served, not_applicable
from nomad_token.said import FromVault
from nomad_token_lab import Lab, Member, logins

says = pytest.mark.says
PASSWORD: Final = "correct horse battery staple"
DENIED: Final = (403, ["permission denied"])


@dataclass(frozen=True)
class Server:
    """A server under test: a client with the root token, and one without any token."""

    served: Served
    root: httpx.Client
    anonymous: httpx.Client

    @property
    def is_openbao(self) -> bool:
        """Whether it is OpenBao, or the lab in its dialect."""
        return self.served.is_openbao

    def login(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Log in at `auth/<path>`."""
        return self.anonymous.post(f"/v1/auth/{path}", json=body)


@pytest.fixture(name="server")
def _server(served: Served) -> Iterator[Server]:
    with served.client(rooted=True) as root, served.client() as anonymous:
        policy = 'path "nomad/creds/deployer" { capabilities = ["read"] }'
        done(root.put("/v1/sys/policies/acl/nomad-deployer", json={"policy": policy}))
        yield Server(served, root, anonymous)


def _accepted(server: Server, answer: httpx.Response) -> tuple[dict[str, Any], str]:
    """Return the `auth` of a login for the policy that the role gives, and the display name of its token."""
    auth = answer.raise_for_status().json()["auth"]
    header = {"X-Vault-Token": auth["client_token"]}
    own = server.anonymous.get("/v1/auth/token/lookup-self", headers=header).raise_for_status().json()["data"]
    assert auth["policies"] == ["default", "nomad-deployer"]
    assert (auth["lease_duration"], auth["token_type"], auth["orphan"], auth["num_uses"]) == (1800, "service", True, 0)
    assert own["path"] == str(answer.request.url.path).removeprefix("/v1/")
    return auth, own["display_name"]


@says(FromVault.NO_SECRET_ID)
@says(FromVault.APPROLE, on=("lab", "openbao"))
@says(FromVault.OLD_ROLE_ID, FromVault.OLD_SECRET_ID, FromVault.OLD_NO_ROLE_ID, on=("vault-1.14",))
def test_approle(server: Server) -> None:
    """A role id and a secret id; a secret id is gone with its last use, and no role id is a 500 (api-contract 3.3)."""
    inputs = logins.approle(server.root, secret_id_num_uses=1)
    ids = {"role_id": inputs["vault-role-id"], "secret_id": inputs["vault-secret-id"]}
    auth, name = _accepted(server, server.login("approle/login", ids))
    spent, missing = server.login("approle/login", ids), server.login("approle/login", {"role_id": ids["role_id"]})
    nobody, unknown = server.login("approle/login", {}), server.login("approle/login", {**ids, "role_id": "none"})
    # Vault 1.14.2 has other words, which tell which of the two was wrong.
    is_old = server.served.is_vault_1_14

    assert (auth["metadata"], name) == ({"role_name": "deploy-app"}, "approle")
    assert error(spent) == (400, ["invalid secret id" if is_old else "invalid role or secret ID"])
    assert error(unknown) == (400, ["invalid role ID" if is_old else "invalid role or secret ID"])
    assert error(missing) == (400, ["missing secret_id"])
    assert error(nobody) == (
        500,
        ["failed to determine alias name from login request" if is_old else "missing role_id"],
    )


def test_approle_without_a_secret_id(server: Server) -> None:
    """A role may be bound to addresses instead; a role that is bound to nothing can't be made."""
    inputs = logins.approle(server.root, bind_secret_id=False, token_bound_cidrs="127.0.0.0/8")
    bare = server.root.put("/v1/auth/approle/role/bare", json={"bind_secret_id": False})

    assert "vault-secret-id" not in inputs
    _accepted(server, server.login("approle/login", {"role_id": inputs["vault-role-id"]}))
    assert error(bare) == (500, ["1 error occurred:\n\t* at least one constraint should be enabled on the role\n\n"])


def test_an_address_that_is_not_bound(server: Server) -> None:
    """Userpass refuses the login of another address; approle lets it in, and its token is refused."""
    bound = {"token_bound_cidrs": "192.0.2.0/24"}
    ids = logins.approle(server.root, bind_secret_id=False, **bound)
    logins.userpass(server.root, password=PASSWORD, **bound)
    login = server.login("approle/login", {"role_id": ids["vault-role-id"]})
    header = {"X-Vault-Token": login.json()["auth"]["client_token"]}

    assert error(server.login("userpass/login/deployer", {"password": PASSWORD})) == DENIED
    assert error(server.anonymous.get("/v1/auth/token/lookup-self", headers=header)) == DENIED


@pytest.mark.parametrize("mount", ["userpass", "team/people"])
def test_userpass(server: Server, mount: str) -> None:
    """A wrong password and an unknown user are told in the same words, an absent one is a 500; any depth of mount."""
    inputs = logins.userpass(server.root, mount=mount, password=PASSWORD)
    path = f"{mount}/login/{inputs['vault-username']}"
    auth, name = _accepted(server, server.login(path, {"password": PASSWORD}))
    wrong, nobody = server.login(path, {"password": "x"}), server.login(f"{mount}/login/nobody", {"password": "x"})

    assert auth["metadata"] == {"username": "deployer"}
    assert name == f"{mount.replace('/', '-')}-deployer"
    assert error(wrong) == error(nobody) == (400, ["invalid username or password"])
    assert error(server.login(path, {})) == (500, ["missing password"])


def _userpass(server: Server) -> tuple[str, dict[str, str], dict[str, str]]:
    logins.userpass(server.root, password=PASSWORD)
    return "userpass/login/deployer", {"password": PASSWORD}, {"password": "x"}


def _approle(server: Server) -> tuple[str, dict[str, str], dict[str, str]]:
    inputs = logins.approle(server.root)
    right = {"role_id": inputs["vault-role-id"], "secret_id": inputs["vault-secret-id"]}
    return "approle/login", right, {**right, "secret_id": "x"}


@pytest.mark.parametrize("method", [_userpass, _approle])
def test_five_failures_lock_out(
    server: Server, method: Callable[[Server], tuple[str, dict[str, str], dict[str, str]]]
) -> None:
    """The sixth try is a 403, with the right secret too; a success before that begins the count anew."""
    path, right, wrong = method(server)
    first = [server.login(path, wrong).status_code for _ in range(4)]
    between = server.login(path, right).status_code
    then = [server.login(path, wrong).status_code for _ in range(5)]

    assert [*first, between, *then] == [400] * 4 + [200] + [400] * 5
    assert error(server.login(path, wrong)) == error(server.login(path, right)) == DENIED


def test_userpass_does_not_lock_out_who_does_not_exist(server: Server) -> None:
    """An unknown user is told the same however often."""
    logins.userpass(server.root, password=PASSWORD)
    answers = [error(server.login("userpass/login/nobody", {"password": "x"})) for _ in range(7)]

    assert answers == [(400, ["invalid username or password"])] * 7


@pytest.mark.parametrize("kind", ["ldap", "github"])
def test_openbao_has_neither_ldap_nor_github(server: Server, kind: str) -> None:
    """Vault mounts them, OpenBao's catalog does not have them (api-contract 3.3)."""
    answer = server.root.put(f"/v1/sys/auth/{kind}", json={"type": kind})

    if server.is_openbao:
        assert error(answer) == (400, [f"plugin not found in the catalog: {kind}"])
    else:
        assert answer.status_code == 204


@says(FromVault.GITHUB_ORGANISATION, FromVault.GITHUB_TOKEN, on=("vault", "lab-vault"))
def test_github(server: Server, lab: Lab) -> None:
    """A personal token of a member; a bad one and a stranger's are 500 (api-contract 3.3)."""
    if server.is_openbao:
        not_applicable("OpenBao has no github auth method")
    lab.members.by_token |= {"ghp_member": Member("octocat"), "ghp_other": Member("octocat", ("other-org",))}
    early = server.root.put("/v1/sys/auth/early", json={"type": "github"})
    logins.github(server.root, personal_token="ghp_member", base_url=lab.github.addr)
    auth, name = _accepted(server, server.login("github/login", {"token": "ghp_member"}))
    bad = f"GET {lab.github.addr}/user: 401 Bad credentials []"

    assert early.status_code == 204
    assert (auth["metadata"], name) == ({"username": "octocat", "org": "octo-org"}, "github-octocat")
    assert error(server.login("github/login", {"token": "ghp_unknown"})) == (500, [bad])
    assert error(server.login("github/login", {"token": "ghp_other"})) == (
        500,
        ["user is not part of required org"],
    )
    assert error(server.login("early/login", {"token": "x"})) == (500, ["configuration has not been set"])


@says(FromVault.LDAP_NOT_REACHED, on=("vault",))
def test_ldap_whose_directory_is_down(server: Server) -> None:
    """The password was not looked at, and 400 says so in the words of the LDAP library."""
    if server.is_openbao:
        not_applicable("OpenBao has no ldap auth method")
    if server.served.is_lab:
        not_applicable("the lab's directory is never down")
    logins.ldap(server.root, password=PASSWORD, url="ldap://127.0.0.1:1", userdn="dc=x", userattr="cn")
    status, (text,) = error(server.login("ldap/login/deployer", {"password": PASSWORD}))

    assert status == 400
    assert text.startswith('1 error occurred:\n\t* error connecting to host "ldap://127.0.0.1:1"')


@pytest.fixture
def cluster(server: Server, lab: Lab, tmp_path: Path) -> dict[str, str]:
    """Kubernetes auth for the account `deployer` in `ci` of the lab's cluster."""
    authority = Authority(tmp_path).certificate.read_text()
    done(server.root.put("/v1/sys/auth/bare", json={"type": "kubernetes"}))
    bound = {"bound_service_account_names": "a", "bound_service_account_namespaces": "b"}
    done(server.root.put("/v1/auth/bare/role/ci", json=bound))
    return logins.kubernetes(
        server.root, host=lab.cluster.host, ca_certificate=authority, public_key=lab.cluster.public_key
    )


def test_kubernetes(server: Server, lab: Lab, cluster: dict[str, str]) -> None:
    """A service account's token tells namespace and name, which come back as metadata (api-contract 3.3)."""
    jwt = lab.cluster.service_account_token("ci", "deployer").get_secret_value()
    role = cluster["vault-auth-role"]
    auth, name = _accepted(server, server.login("kubernetes/login", {"role": role, "jwt": jwt}))

    told = {key: auth["metadata"][key] for key in ("role", "service_account_name", "service_account_namespace")}
    assert told == {"role": role, "service_account_name": "deployer", "service_account_namespace": "ci"}
    assert name == "kubernetes-ci-deployer"


@pytest.mark.parametrize(
    ("account", "claims", "text"),
    [
        pytest.param(("other", "deployer"), {}, "namespace not authorized", marks=says(FromVault.KUBERNETES_ACCOUNT)),
        pytest.param(
            ("ci", "other"), {}, "service account name not authorized", marks=says(FromVault.KUBERNETES_ACCOUNT)
        ),
        (
            ("ci", "deployer"),
            {"aud": ["other"]},
            "invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        (
            ("ci", "deployer"),
            {"exp": 2, "iat": 1, "nbf": 1},
            "invalid expiration time (exp) claim: token is expired",
        ),
        # The method does not look at the issuer, the cluster does.
        (("ci", "deployer"), {"iss": "https://elsewhere.test"}, "permission denied"),
    ],
)
@pytest.mark.usefixtures("cluster")
def test_kubernetes_refuses_with_403(
    server: Server, lab: Lab, account: tuple[str, str], claims: dict[str, Any], text: str
) -> None:
    """What does not fit is told; what the cluster does not confirm is not (api-contract 3.3)."""
    jwt = lab.cluster.service_account_token(*account, **claims).get_secret_value()

    assert error(server.login("kubernetes/login", {"role": "deploy-app", "jwt": jwt})) == (403, [text])


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        pytest.param(
            "kubernetes",
            {"role": "none", "jwt": "a.b.c"},
            400,
            'invalid role name "none"',
            marks=says(FromVault.KUBERNETES_ROLE),
        ),
        ("kubernetes", {"jwt": "a.b.c"}, 400, "missing role"),
        ("kubernetes", {"role": "deploy-app"}, 400, "missing jwt"),
        ("kubernetes", {"role": "deploy-app", "jwt": "a.b.c"}, 403, "permission denied"),
        pytest.param(
            "bare",
            {"role": "ci", "jwt": "a.b.c"},
            500,
            "could not load backend configuration",
            marks=says(FromVault.KUBERNETES_NOT_CONFIGURED),
        ),
    ],
)
@pytest.mark.usefixtures("cluster")
def test_kubernetes_without_what_it_needs(
    server: Server, path: str, body: dict[str, str], status: int, text: str
) -> None:
    """Role, token, signature and configuration are each looked at, in this order."""
    assert error(server.login(f"{path}/login", body)) == (status, [text])


@says(FromVault.NO_TLS, on=("vault", "lab-vault"))
@says(FromVault.NO_CERTIFICATE, FromVault.CERTIFICATE, on=("openbao", "lab-openbao"))
def test_cert_without_tls(server: Server, tmp_path: Path) -> None:
    """Without TLS there is nothing to see; OpenBao does not tell that apart from TLS without a certificate."""
    logins.cert(server.root, authority=Authority(tmp_path).certificate.read_text())
    text = "no client certificate found" if server.is_openbao else "tls connection required"

    assert error(server.login("cert/login", {})) == (400, [text])
    assert error(server.root.put("/v1/auth/cert/certs/x", json={"certificate": "x"})) == (
        400,
        ["failed to parse certificate"],
    )


# tokens that a user lends


def _lent(server: Server, **fields: Any) -> tuple[dict[str, str], dict[str, Any]]:  # noqa: ANN401
    """Return the header of a token made for lending, and what it is told about itself."""
    header = {"X-Vault-Token": logins.token(server.root, **fields)["vault-token"]}
    return header, server.anonymous.get("/v1/auth/token/lookup-self", headers=header).json()["data"]


def test_a_periodic_token(server: Server) -> None:
    """Its life is its period, whatever `ttl` and `increment` say, and begins anew with each renewal."""
    header, own = _lent(server, period="1h", ttl="10m")
    body = {"increment": "2h"}
    renewed = server.anonymous.post("/v1/auth/token/renew-self", json=body, headers=header).json()

    assert (own["period"], own["creation_ttl"], own["explicit_max_ttl"]) == (3600, 3600, 0)
    assert renewed["auth"]["lease_duration"] == 3600


def test_a_period_ends_with_the_explicit_maximum(server: Server) -> None:
    """The period is capped, with a warning."""
    body = {"policies": ["nomad-deployer"], "period": "1h", "explicit_max_ttl": "30m"}
    made = server.root.post("/v1/auth/token/create", json=body).json()

    warning = 'period of "1h" exceeded the effective max_ttl of "30m"; period value is capped accordingly'
    assert made["warnings"] == [warning]
    assert made["auth"]["lease_duration"] == 1800


def test_a_batch_token(server: Server) -> None:
    """It has no accessor, and is neither renewed nor revoked."""
    header, own = _lent(server, type="batch", ttl="10m")
    answers = [server.anonymous.post(f"/v1/auth/token/{deed}-self", headers=header) for deed in ("renew", "revoke")]

    assert (own["type"], own["accessor"], own["renewable"], own["orphan"]) == ("batch", "", False, False)
    assert [error(answer) for answer in answers] == [
        (400, ["batch tokens cannot be renewed"]),
        (400, ["batch tokens cannot be revoked"]),
    ]


def test_a_token_with_few_uses(server: Server) -> None:
    """The lookup costs one of two, and the revocation is the other; a last lookup says -1, since 0 is without limit."""
    header, own = _lent(server, num_uses=2)
    revoked = server.anonymous.post("/v1/auth/token/revoke-self", headers=header)
    _, last = _lent(server, num_uses=1)

    assert (own["num_uses"], last["num_uses"]) == (1, -1)
    assert revoked.status_code == 204


def test_a_token_without_the_default_policy_may_not_even_look_at_itself(server: Server) -> None:
    """Neither lookup-self nor revoke-self is allowed to it."""
    told = logins.token(server.root, no_default_policy=True)
    header = {"X-Vault-Token": told["vault-token"]}
    answers = [
        server.anonymous.get("/v1/auth/token/lookup-self", headers=header),
        server.anonymous.post("/v1/auth/token/revoke-self", headers=header),
    ]

    assert [error(answer) for answer in answers] == [(403, ["1 error occurred:\n\t* permission denied\n\n"])] * 2


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"type": "batch", "num_uses": 2}, 'batch tokens cannot have "num_uses" set'),
        ({"type": "batch", "period": "1h"}, 'batch tokens cannot have "period" set'),
        ({"type": "batch", "explicit_max_ttl": "1h"}, 'batch tokens cannot have "explicit_max_ttl" set'),
        ({"type": "batch", "policies": ["root"]}, "batch tokens cannot be root tokens"),
        ({"type": "other"}, "invalid 'token_type' value"),
        ({"num_uses": -1}, "number of uses cannot be negative"),
    ],
)
def test_a_token_that_can_not_be(server: Server, fields: dict[str, object], text: str) -> None:
    """Contradictions are told."""
    answer = server.root.post("/v1/auth/token/create", json={"policies": ["nomad-deployer"], **fields})

    assert error(answer) == (400, [text])


def test_a_child_of_root_without_policies_is_root(server: Server) -> None:
    """Without `policies` and `ttl` a root token begets its like: no end, and nothing to renew."""
    auth = server.root.post("/v1/auth/token/create", json={}).json()["auth"]
    header = {"X-Vault-Token": auth["client_token"]}
    own = server.anonymous.get("/v1/auth/token/lookup-self", headers=header).json()["data"]
    renewed = server.anonymous.post("/v1/auth/token/renew-self", headers=header)
    done(server.anonymous.post("/v1/auth/token/revoke-self", headers=header))

    assert (auth["policies"], auth["lease_duration"], auth["renewable"]) == (["root"], 0, False)
    assert (own["expire_time"], own["ttl"], own["orphan"]) == (None, 0, False)
    assert error(renewed) == (400, ["lease is not renewable"])


# namespaces


@pytest.fixture
def namespaced(server: Server) -> Iterator[Server]:
    """OpenBao with userpass in a namespace `team`, and a policy there."""
    if not server.is_openbao:
        not_applicable("Vault's community edition has no namespaces")
    team = {"X-Vault-Namespace": "team"}
    done(server.root.put("/v1/sys/namespaces/team", json={}))
    policy = 'path "nomad/creds/deployer" { capabilities = ["read"] }'
    done(server.root.put("/v1/sys/policies/acl/nomad-deployer", json={"policy": policy}, headers=team))
    done(server.root.put("/v1/sys/auth/userpass", json={"type": "userpass"}, headers=team))
    user = {"password": PASSWORD, "token_policies": "nomad-deployer", "token_ttl": "30m"}
    done(server.root.put("/v1/team/auth/userpass/users/deployer", json=user))
    yield server
    done(server.root.delete("/v1/sys/namespaces/team"))


def test_vault_has_no_namespaces(server: Server) -> None:
    """They are of another edition (api-contract 3.1)."""
    if server.is_openbao:
        not_applicable("OpenBao has namespaces")
    answer = server.root.put("/v1/sys/namespaces/team", json={})

    assert error(answer) == (404, ["enterprise-only feature"])


def test_a_login_in_a_namespace(namespaced: Server) -> None:
    """By header and by path; the token ends with the namespace's id and is known without the header."""
    body, team = {"password": PASSWORD}, {"X-Vault-Namespace": "team/"}
    by_header = namespaced.anonymous.post("/v1/auth/userpass/login/deployer", json=body, headers=team)
    by_path = namespaced.anonymous.post("/v1/team/auth/userpass/login/deployer", json=body)
    token = by_header.json()["auth"]["client_token"]
    header = {"X-Vault-Token": token}
    own = namespaced.anonymous.get("/v1/auth/token/lookup-self", headers=header).json()["data"]
    elsewhere = namespaced.anonymous.post("/v1/auth/userpass/login/deployer", json=body)

    assert by_path.status_code == by_header.status_code == 200
    assert len(token.split(".")) == 3
    assert (own["display_name"], own["namespace_path"]) == ("team-auth-userpass-deployer", "team/")
    assert error(elsewhere) == DENIED


def test_what_a_namespaced_token_may_do(namespaced: Server) -> None:
    """Its policies hold below its namespace alone; an unknown namespace is 404, and echoed (api-contract 3.1)."""
    body = {"password": PASSWORD}
    login = namespaced.anonymous.post("/v1/team/auth/userpass/login/deployer", json=body)
    header = {"X-Vault-Token": login.json()["auth"]["client_token"]}
    paths = {"paths": ["nomad/creds/deployer", "team/nomad/creds/deployer"]}

    def ask(namespace: str | None) -> httpx.Response:
        headers = header if namespace is None else {**header, "X-Vault-Namespace": namespace}
        return namespaced.anonymous.post("/v1/sys/capabilities-self", json=paths, headers=headers)

    unknown = ask("none")
    assert ask("team").json()["data"] == {"nomad/creds/deployer": ["read"], "team/nomad/creds/deployer": ["deny"]}
    assert error(ask(None)) == (403, ["1 error occurred:\n\t* permission denied\n\n"])
    assert error(unknown) == (404, ["namespace not found"])
    assert unknown.headers["x-vault-namespace"] == "none"


def test_health_is_not_asked_in_a_namespace(namespaced: Server) -> None:
    """OpenBao refuses it, even in a namespace that exists."""
    answer = namespaced.anonymous.get("/v1/sys/health", headers={"X-Vault-Namespace": "team"})

    assert error(answer) == (400, ["operation unavailable in namespaces"])
