"""The auth methods: what the lab, the real Vault and the real OpenBao answer to the same setup and the same logins."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr

from answers import done, error
from certificates import Authority
from nomad_token_lab import Dialect, Lab, Member, logins

PASSWORD: Final = "correct horse battery staple"
DENIED: Final = (403, ["permission denied"])


@dataclass(frozen=True)
class Served:
    """A server under test: its name, a client with the root token, and one without any token."""

    name: str
    root: httpx.Client
    anonymous: httpx.Client

    @property
    def is_openbao(self) -> bool:
        """Whether it is OpenBao, or the lab in its dialect."""
        return self.name.endswith("openbao")

    def login(self, path: str, body: dict[str, Any]) -> httpx.Response:
        """Log in at `auth/<path>`."""
        return self.anonymous.post(f"/v1/auth/{path}", json=body)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """The lab whose GitHub and Kubernetes are asked by the server under test."""
    with Lab() as running:
        yield running


@pytest.fixture(params=["vault", "openbao", "lab-vault", "lab-openbao"])
def served(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Served]:
    """The real servers, then the lab in both dialects, which must say the same."""
    name: str = request.param
    if name.startswith("lab-"):
        lab.vault.dialect = Dialect(name.removeprefix("lab-"))
        addr, token = lab.vault.addr, lab.root_token
    else:
        real = request.getfixturevalue(f"real_{name}")
        addr, token = real.addr, real.root_token
    with _client(addr, token) as root, httpx.Client(base_url=addr, trust_env=False) as anonymous:
        policy = 'path "nomad/creds/deployer" { capabilities = ["read"] }'
        done(root.put("/v1/sys/policies/acl/nomad-deployer", json={"policy": policy}))
        yield Served(name, root, anonymous)
        for mount in root.get("/v1/sys/auth").json()["data"]:
            if mount != "token/":
                done(root.delete(f"/v1/sys/auth/{mount}"))


def _client(addr: str, token: SecretStr) -> httpx.Client:
    return httpx.Client(base_url=addr, headers={"X-Vault-Token": token.get_secret_value()}, trust_env=False)


def _accepted(served: Served, answer: httpx.Response) -> tuple[dict[str, Any], str]:
    """Return the `auth` of a login for the policy that the role gives, and the display name of its token."""
    auth = answer.raise_for_status().json()["auth"]
    header = {"X-Vault-Token": auth["client_token"]}
    own = served.anonymous.get("/v1/auth/token/lookup-self", headers=header).raise_for_status().json()["data"]
    assert auth["policies"] == ["default", "nomad-deployer"]
    assert (auth["lease_duration"], auth["token_type"], auth["orphan"], auth["num_uses"]) == (1800, "service", True, 0)
    assert own["path"] == str(answer.request.url.path).removeprefix("/v1/")
    return auth, own["display_name"]


def test_approle(served: Served) -> None:
    """A role id and a secret id; a secret id is gone with its last use, and no role id is a 500 (api-contract 3.3)."""
    inputs = logins.approle(served.root, secret_id_num_uses=1)
    ids = {"role_id": inputs["vault-role-id"], "secret_id": inputs["vault-secret-id"]}
    auth, name = _accepted(served, served.login("approle/login", ids))
    spent, missing = served.login("approle/login", ids), served.login("approle/login", {"role_id": ids["role_id"]})
    nobody, unknown = served.login("approle/login", {}), served.login("approle/login", {**ids, "role_id": "none"})
    # Vault 1.14.2 has other words, which tell which of the two was wrong.
    is_old = served.name == "vault"

    assert (auth["metadata"], name) == ({"role_name": "deploy-app"}, "approle")
    assert error(spent) == (400, ["invalid secret id" if is_old else "invalid role or secret ID"])
    assert error(unknown) == (400, ["invalid role ID" if is_old else "invalid role or secret ID"])
    assert error(missing) == (400, ["missing secret_id"])
    assert error(nobody) == (
        500,
        ["failed to determine alias name from login request" if is_old else "missing role_id"],
    )


def test_approle_without_a_secret_id(served: Served) -> None:
    """A role may be bound to addresses instead; a role that is bound to nothing can't be made."""
    inputs = logins.approle(served.root, bind_secret_id=False, token_bound_cidrs="127.0.0.0/8")
    bare = served.root.put("/v1/auth/approle/role/bare", json={"bind_secret_id": False})

    assert "vault-secret-id" not in inputs
    _accepted(served, served.login("approle/login", {"role_id": inputs["vault-role-id"]}))
    assert error(bare) == (500, ["1 error occurred:\n\t* at least one constraint should be enabled on the role\n\n"])


def test_an_address_that_is_not_bound(served: Served) -> None:
    """Userpass refuses the login of another address; approle lets it in, and its token is refused."""
    bound = {"token_bound_cidrs": "192.0.2.0/24"}
    ids = logins.approle(served.root, bind_secret_id=False, **bound)
    logins.userpass(served.root, password=PASSWORD, **bound)
    login = served.login("approle/login", {"role_id": ids["vault-role-id"]})
    header = {"X-Vault-Token": login.json()["auth"]["client_token"]}

    assert error(served.login("userpass/login/deployer", {"password": PASSWORD})) == DENIED
    assert error(served.anonymous.get("/v1/auth/token/lookup-self", headers=header)) == DENIED


@pytest.mark.parametrize("mount", ["userpass", "team/people"])
def test_userpass(served: Served, mount: str) -> None:
    """A wrong password and an unknown user are told in the same words, an absent one is a 500; any depth of mount."""
    inputs = logins.userpass(served.root, mount=mount, password=PASSWORD)
    path = f"{mount}/login/{inputs['vault-username']}"
    auth, name = _accepted(served, served.login(path, {"password": PASSWORD}))
    wrong, nobody = served.login(path, {"password": "x"}), served.login(f"{mount}/login/nobody", {"password": "x"})

    assert auth["metadata"] == {"username": "deployer"}
    assert name == f"{mount.replace('/', '-')}-deployer"
    assert error(wrong) == error(nobody) == (400, ["invalid username or password"])
    assert error(served.login(path, {})) == (500, ["missing password"])


def _userpass(served: Served) -> tuple[str, dict[str, str], dict[str, str]]:
    logins.userpass(served.root, password=PASSWORD)
    return "userpass/login/deployer", {"password": PASSWORD}, {"password": "x"}


def _approle(served: Served) -> tuple[str, dict[str, str], dict[str, str]]:
    inputs = logins.approle(served.root)
    right = {"role_id": inputs["vault-role-id"], "secret_id": inputs["vault-secret-id"]}
    return "approle/login", right, {**right, "secret_id": "x"}


@pytest.mark.parametrize("method", [_userpass, _approle])
def test_five_failures_lock_out(
    served: Served, method: Callable[[Served], tuple[str, dict[str, str], dict[str, str]]]
) -> None:
    """The sixth try is a 403, with the right secret too; a success before that begins the count anew."""
    path, right, wrong = method(served)
    first = [served.login(path, wrong).status_code for _ in range(4)]
    between = served.login(path, right).status_code
    then = [served.login(path, wrong).status_code for _ in range(5)]

    assert [*first, between, *then] == [400] * 4 + [200] + [400] * 5
    assert error(served.login(path, wrong)) == error(served.login(path, right)) == DENIED


def test_userpass_does_not_lock_out_who_does_not_exist(served: Served) -> None:
    """An unknown user is told the same however often."""
    logins.userpass(served.root, password=PASSWORD)
    answers = [error(served.login("userpass/login/nobody", {"password": "x"})) for _ in range(7)]

    assert answers == [(400, ["invalid username or password"])] * 7


@pytest.mark.parametrize("kind", ["ldap", "github"])
def test_openbao_has_neither_ldap_nor_github(served: Served, kind: str) -> None:
    """Vault mounts them, OpenBao's catalog does not have them (api-contract 3.3)."""
    answer = served.root.put(f"/v1/sys/auth/{kind}", json={"type": kind})

    if served.is_openbao:
        assert error(answer) == (400, [f"plugin not found in the catalog: {kind}"])
    else:
        assert answer.status_code == 204


def test_github(served: Served, lab: Lab) -> None:
    """A personal token of a member; a bad one and a stranger's are 500 (api-contract 3.3)."""
    if served.is_openbao:
        pytest.skip("OpenBao has no github auth method")
    lab.members.by_token |= {"ghp_member": Member("octocat"), "ghp_other": Member("octocat", ("other-org",))}
    early = served.root.put("/v1/sys/auth/early", json={"type": "github"})
    logins.github(served.root, personal_token="ghp_member", base_url=lab.github.addr)
    auth, name = _accepted(served, served.login("github/login", {"token": "ghp_member"}))
    bad = f"GET {lab.github.addr}/user: 401 Bad credentials []"

    assert early.status_code == 204
    assert (auth["metadata"], name) == ({"username": "octocat", "org": "octo-org"}, "github-octocat")
    assert error(served.login("github/login", {"token": "ghp_unknown"})) == (500, [bad])
    assert error(served.login("github/login", {"token": "ghp_other"})) == (
        500,
        ["user is not part of required org"],
    )
    assert error(served.login("early/login", {"token": "x"})) == (500, ["configuration has not been set"])


@pytest.fixture
def cluster(served: Served, lab: Lab, tmp_path: Path) -> dict[str, str]:
    """Kubernetes auth for the account `deployer` in `ci` of the lab's cluster."""
    authority = Authority(tmp_path).certificate.read_text()
    done(served.root.put("/v1/sys/auth/bare", json={"type": "kubernetes"}))
    bound = {"bound_service_account_names": "a", "bound_service_account_namespaces": "b"}
    done(served.root.put("/v1/auth/bare/role/ci", json=bound))
    return logins.kubernetes(
        served.root, host=lab.cluster.host, ca_certificate=authority, public_key=lab.cluster.public_key
    )


def test_kubernetes(served: Served, lab: Lab, cluster: dict[str, str]) -> None:
    """A service account's token tells namespace and name, which come back as metadata (api-contract 3.3)."""
    jwt = lab.cluster.service_account_token("ci", "deployer").get_secret_value()
    role = cluster["vault-auth-role"]
    auth, name = _accepted(served, served.login("kubernetes/login", {"role": role, "jwt": jwt}))

    told = {key: auth["metadata"][key] for key in ("role", "service_account_name", "service_account_namespace")}
    assert told == {"role": role, "service_account_name": "deployer", "service_account_namespace": "ci"}
    assert name == "kubernetes-ci-deployer"


@pytest.mark.parametrize(
    ("account", "claims", "text"),
    [
        (("other", "deployer"), {}, "namespace not authorized"),
        (("ci", "other"), {}, "service account name not authorized"),
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
    served: Served, lab: Lab, account: tuple[str, str], claims: dict[str, Any], text: str
) -> None:
    """What does not fit is told; what the cluster does not confirm is not (api-contract 3.3)."""
    jwt = lab.cluster.service_account_token(*account, **claims).get_secret_value()

    assert error(served.login("kubernetes/login", {"role": "deploy-app", "jwt": jwt})) == (403, [text])


@pytest.mark.parametrize(
    ("path", "body", "status", "text"),
    [
        ("kubernetes", {"role": "none", "jwt": "a.b.c"}, 400, 'invalid role name "none"'),
        ("kubernetes", {"jwt": "a.b.c"}, 400, "missing role"),
        ("kubernetes", {"role": "deploy-app"}, 400, "missing jwt"),
        ("kubernetes", {"role": "deploy-app", "jwt": "a.b.c"}, 403, "permission denied"),
        ("bare", {"role": "ci", "jwt": "a.b.c"}, 500, "could not load backend configuration"),
    ],
)
@pytest.mark.usefixtures("cluster")
def test_kubernetes_without_what_it_needs(
    served: Served, path: str, body: dict[str, str], status: int, text: str
) -> None:
    """Role, token, signature and configuration are each looked at, in this order."""
    assert error(served.login(f"{path}/login", body)) == (status, [text])


def test_cert_without_tls(served: Served, tmp_path: Path) -> None:
    """Without TLS there is nothing to see; OpenBao does not tell that apart from TLS without a certificate."""
    logins.cert(served.root, authority=Authority(tmp_path).certificate.read_text())
    text = "no client certificate found" if served.is_openbao else "tls connection required"

    assert error(served.login("cert/login", {})) == (400, [text])
    assert error(served.root.put("/v1/auth/cert/certs/x", json={"certificate": "x"})) == (
        400,
        ["failed to parse certificate"],
    )


# tokens that a user lends


def _lent(served: Served, **fields: Any) -> tuple[dict[str, str], dict[str, Any]]:  # noqa: ANN401
    """Return the header of a token made for lending, and what it is told about itself."""
    header = {"X-Vault-Token": logins.token(served.root, **fields)["vault-token"]}
    return header, served.anonymous.get("/v1/auth/token/lookup-self", headers=header).json()["data"]


def test_a_periodic_token(served: Served) -> None:
    """Its life is its period, whatever `ttl` and `increment` say, and begins anew with each renewal."""
    header, own = _lent(served, period="1h", ttl="10m")
    body = {"increment": "2h"}
    renewed = served.anonymous.post("/v1/auth/token/renew-self", json=body, headers=header).json()

    assert (own["period"], own["creation_ttl"], own["explicit_max_ttl"]) == (3600, 3600, 0)
    assert renewed["auth"]["lease_duration"] == 3600


def test_a_period_ends_with_the_explicit_maximum(served: Served) -> None:
    """The period is capped, with a warning."""
    body = {"policies": ["nomad-deployer"], "period": "1h", "explicit_max_ttl": "30m"}
    made = served.root.post("/v1/auth/token/create", json=body).json()

    warning = 'period of "1h" exceeded the effective max_ttl of "30m"; period value is capped accordingly'
    assert made["warnings"] == [warning]
    assert made["auth"]["lease_duration"] == 1800


def test_a_batch_token(served: Served) -> None:
    """It has no accessor, and is neither renewed nor revoked."""
    header, own = _lent(served, type="batch", ttl="10m")
    answers = [served.anonymous.post(f"/v1/auth/token/{deed}-self", headers=header) for deed in ("renew", "revoke")]

    assert (own["type"], own["accessor"], own["renewable"], own["orphan"]) == ("batch", "", False, False)
    assert [error(answer) for answer in answers] == [
        (400, ["batch tokens cannot be renewed"]),
        (400, ["batch tokens cannot be revoked"]),
    ]


def test_a_token_with_few_uses(served: Served) -> None:
    """The lookup costs one of two, and the revocation is the other."""
    header, own = _lent(served, num_uses=2)
    revoked = served.anonymous.post("/v1/auth/token/revoke-self", headers=header)

    assert own["num_uses"] == 1
    assert revoked.status_code == 204


def test_a_token_without_the_default_policy_may_not_even_look_at_itself(served: Served) -> None:
    """Neither lookup-self nor revoke-self is allowed to it."""
    told = logins.token(served.root, no_default_policy=True)
    header = {"X-Vault-Token": told["vault-token"]}
    answers = [
        served.anonymous.get("/v1/auth/token/lookup-self", headers=header),
        served.anonymous.post("/v1/auth/token/revoke-self", headers=header),
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
def test_a_token_that_can_not_be(served: Served, fields: dict[str, object], text: str) -> None:
    """Contradictions are told."""
    answer = served.root.post("/v1/auth/token/create", json={"policies": ["nomad-deployer"], **fields})

    assert error(answer) == (400, [text])


def test_a_child_of_root_without_policies_is_root(served: Served) -> None:
    """Without `policies` and `ttl` a root token begets its like: no end, and nothing to renew."""
    auth = served.root.post("/v1/auth/token/create", json={}).json()["auth"]
    header = {"X-Vault-Token": auth["client_token"]}
    own = served.anonymous.get("/v1/auth/token/lookup-self", headers=header).json()["data"]
    renewed = served.anonymous.post("/v1/auth/token/renew-self", headers=header)
    done(served.anonymous.post("/v1/auth/token/revoke-self", headers=header))

    assert (auth["policies"], auth["lease_duration"], auth["renewable"]) == (["root"], 0, False)
    assert (own["expire_time"], own["ttl"], own["orphan"]) == (None, 0, False)
    assert error(renewed) == (400, ["lease is not renewable"])


# namespaces


@pytest.fixture
def namespaced(served: Served) -> Iterator[Served]:
    """OpenBao with userpass in a namespace `team`, and a policy there."""
    if not served.is_openbao:
        pytest.skip("Vault's community edition has no namespaces")
    team = {"X-Vault-Namespace": "team"}
    done(served.root.put("/v1/sys/namespaces/team", json={}))
    policy = 'path "nomad/creds/deployer" { capabilities = ["read"] }'
    done(served.root.put("/v1/sys/policies/acl/nomad-deployer", json={"policy": policy}, headers=team))
    done(served.root.put("/v1/sys/auth/userpass", json={"type": "userpass"}, headers=team))
    user = {"password": PASSWORD, "token_policies": "nomad-deployer", "token_ttl": "30m"}
    done(served.root.put("/v1/team/auth/userpass/users/deployer", json=user))
    yield served
    done(served.root.delete("/v1/sys/namespaces/team"))


def test_vault_has_no_namespaces(served: Served) -> None:
    """They are of another edition (api-contract 3.1)."""
    if served.is_openbao:
        pytest.skip("OpenBao has namespaces")
    answer = served.root.put("/v1/sys/namespaces/team", json={})

    assert error(answer) == (404, ["enterprise-only feature"])


def test_a_login_in_a_namespace(namespaced: Served) -> None:
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


def test_what_a_namespaced_token_may_do(namespaced: Served) -> None:
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


def test_health_is_not_asked_in_a_namespace(namespaced: Served) -> None:
    """OpenBao refuses it, even in a namespace that exists."""
    answer = namespaced.anonymous.get("/v1/sys/health", headers={"X-Vault-Namespace": "team"})

    assert error(answer) == (400, ["operation unavailable in namespaces"])
