"""What no real server on this machine can be asked about auth methods: the passing of time, ldap, a proxy in front.

The rest is in `tests/real/test_logins.py`, where real servers and the lab are asked the same.
"""

import pytest

from lab.ways import Ways, refusal
from nomad_token_lab import Dialect, logins

_PASSWORD = "correct horse battery staple"


def _log_in(ways: Ways, path: str, **body: str) -> tuple[int, list[str]]:
    answer = ways.vault("POST", f"auth/{path}", body, token="")
    return answer.status_code, answer.json().get("errors", [])


def test_ldap_takes_the_users_of_its_directory(ways: Ways) -> None:
    """A user's policies come on top of the method's; a wrong password counts (api-contract 3.3)."""
    ways.lab.vault.directory["deployer"] = _PASSWORD
    with ways.lab.vault_client() as root:
        inputs = logins.ldap(root, password=_PASSWORD, token_policies="everyone")
    path = f"ldap/login/{inputs['vault-username']}"
    right = ways.vault("POST", f"auth/{path}", {"password": _PASSWORD}, token="").json()["auth"]
    empty, wrong = _log_in(ways, path), [_log_in(ways, path, password="x") for _ in range(6)]

    assert right["policies"] == ["default", "everyone", "nomad-deployer"]
    assert right["metadata"] == {"username": "deployer"}
    assert empty == (400, ["password cannot be of zero length when passwordless binds are being denied"])
    assert wrong[:5] == [(400, ["ldap operation failed: failed to bind as user"])] * 5
    assert wrong[5] == _log_in(ways, path, password=_PASSWORD) == (403, ["permission denied"])
    assert ways.vault("GET", "auth/ldap/users/deployer").json()["data"]["policies"] == ["nomad-deployer"]
    assert ways.vault("LIST", "auth/ldap/users").json()["data"]["keys"] == ["deployer"]
    assert ways.vault("GET", "auth/ldap/config").json()["data"]["url"] == "ldap://127.0.0.1"


def test_a_user_who_is_gone_from_the_method_keeps_the_common_policies(ways: Ways) -> None:
    """The directory still knows the user; the method no longer gives anything for it."""
    ways.lab.vault.directory["deployer"] = _PASSWORD
    with ways.lab.vault_client() as root:
        logins.ldap(root, password=_PASSWORD)
    ways.vault("DELETE", "auth/ldap/users/deployer")
    auth = ways.vault("POST", "auth/ldap/login/deployer", {"password": _PASSWORD}, token="").json()["auth"]

    assert auth["policies"] == ["default"]
    assert refusal(ways.vault("GET", "auth/ldap/users/deployer")) == (404, [])
    assert refusal(ways.vault("LIST", "auth/ldap/users")) == (404, [])


def test_a_lockout_ends_after_a_quarter_of_an_hour(ways: Ways) -> None:
    """The right password then opens again."""
    with ways.lab.vault_client() as root:
        logins.userpass(root, password=_PASSWORD)
    for _ in range(5):
        _log_in(ways, "userpass/login/deployer", password="x")
    locked = _log_in(ways, "userpass/login/deployer", password=_PASSWORD)
    ways.lab.advance(15 * 60)

    assert locked == (403, ["permission denied"])
    assert _log_in(ways, "userpass/login/deployer", password=_PASSWORD)[0] == 200


def test_a_secret_id_ends_with_its_time(ways: Ways) -> None:
    """After `secret_id_ttl` it is as wrong as any other."""
    with ways.lab.vault_client() as root:
        inputs = logins.approle(root, secret_id_ttl="60s")
    ids = {"role_id": inputs["vault-role-id"], "secret_id": inputs["vault-secret-id"]}
    before = _log_in(ways, "approle/login", **ids)[0]
    ways.lab.advance(61)

    assert before == 200
    assert _log_in(ways, "approle/login", **ids) == (400, ["invalid role or secret ID"])


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"num_uses": 3}, "num_uses cannot be higher than the role's secret_id_num_uses"),
        ({"ttl": "2h"}, "ttl cannot be longer than the role's secret_id_ttl"),
    ],
)
def test_a_secret_id_has_no_more_than_its_role_gives(ways: Ways, asked: dict[str, object], error: str) -> None:
    """Uses and life are bounded by the role."""
    with ways.lab.vault_client() as root:
        logins.approle(root, secret_id_num_uses=2, secret_id_ttl="1h")

    assert refusal(ways.vault("POST", "auth/approle/role/deploy-app/secret-id", asked)) == (400, [error])


def test_a_proxy_may_want_a_header(ways: Ways) -> None:
    """Without it every path is a page of the proxy's, and Vault is not asked."""
    ways.lab.vault.required_header = ("X-Proxy", "let me in")
    url = f"{ways.lab.vault.addr}/v1/sys/health"
    bare, wrong = ways.http.get(url), ways.http.get(url, headers={"X-Proxy": "hello"})

    assert bare.status_code == wrong.status_code == 403
    assert bare.headers["content-type"].startswith("text/html")
    assert "<h1>403 Forbidden</h1>" in bare.text
    assert ways.http.get(url, headers={"X-Proxy": "let me in"}).status_code == 200


@pytest.mark.parametrize("team", ["team", "team/platform"])
def test_creds_come_from_the_engine_of_the_namespace(ways: Ways, team: str) -> None:
    """Login in the root, engine below: the policy names the whole path, the lease id ends with the namespace's.

    The lease does not end with the login, and is revoked where it is.
    """
    ways.lab.vault.dialect = Dialect.OPENBAO
    at, header = "", {"X-Vault-Token": ways.lab.root_token.get_secret_value()}
    for part in team.split("/"):
        at += f"{part}/"
        parent = {**header, "X-Vault-Namespace": at.removesuffix(f"{part}/")}
        ways.http.put(f"{ways.lab.vault.addr}/v1/sys/namespaces/{part}", json={}, headers=parent).raise_for_status()
    access = ways.nomad("PUT", "acl/token", {"Name": "vault", "Type": "management"}).json()["SecretID"]
    for path, body in {
        "sys/mounts/nomad": {"type": "nomad"},
        "nomad/config/access": {"address": ways.lab.nomad.addr, "token": access},
        "nomad/role/deployer": {"policies": "deployer"},
    }.items():
        ways.vault("PUT", f"{team}/{path}", body).raise_for_status()
    rule = f'path "{team}/nomad/creds/deployer" {{ capabilities = ["read"] }}'
    ways.vault("PUT", "sys/policies/acl/nomad-deployer", {"policy": rule})
    token = ways.vault_token()
    by_header = {"X-Vault-Token": token, "X-Vault-Namespace": team}
    minted = ways.http.get(f"{ways.lab.vault.addr}/v1/nomad/creds/deployer", headers=by_header).json()
    here = ways.creds(token)
    ways.vault("POST", "auth/token/revoke-self", token=token)
    after = ways.nomad("GET", "acl/token/self", token=minted["data"]["secret_id"]).status_code
    ways.vault("POST", f"{team}/sys/leases/revoke", {"lease_id": minted["lease_id"]})

    assert len(minted["lease_id"].split(".")) == 2
    assert after == 200
    assert ways.nomad("GET", "acl/token/self", token=minted["data"]["secret_id"]).status_code == 403
    assert refusal(here) == (403, ["1 error occurred:\n\t* permission denied\n\n"])


def test_github_is_asked_where_the_method_says(ways: Ways) -> None:
    """An organization that GitHub does not know, and a GitHub that is away, are told when it is configured."""
    ways.vault("PUT", "sys/auth/github", {"type": "github"})
    unknown = {"organization": "none", "base_url": f"{ways.lab.github.addr}/"}
    away = {"organization": "octo-org", "base_url": "http://127.0.0.1:1/"}
    told = "1 error occurred:\n\t* unable to fetch the organization_id, you must manually set it in the config: "

    assert refusal(ways.vault("PUT", "auth/github/config", {})) == (400, ["organization is a required parameter"])
    assert refusal(ways.vault("PUT", "auth/github/config", unknown)) == (
        500,
        [f"{told}GET {ways.lab.github.addr}/orgs/none: 404 Not Found []\n\n"],
    )
    assert refusal(ways.vault("PUT", "auth/github/config", away)) == (
        500,
        [f'{told}Get "http://127.0.0.1:1/orgs/octo-org": dial tcp 127.0.0.1:1: connect: connection refused\n\n'],
    )


def test_what_a_method_keeps_secret_is_not_read_back(ways: Ways) -> None:
    """A user reads without its password, and an entry that is deleted is gone."""
    with ways.lab.vault_client() as root:
        logins.userpass(root, password=_PASSWORD)
    read = ways.vault("GET", "auth/userpass/users/deployer")

    assert read.json()["data"]["token_policies"] == ["nomad-deployer"]
    assert _PASSWORD not in read.text
    assert ways.vault("LIST", "auth/userpass/users").json()["data"]["keys"] == ["deployer"]
    assert ways.vault("DELETE", "auth/userpass/users/deployer").status_code == 204
    assert refusal(ways.vault("GET", "auth/userpass/users/deployer")) == (404, [])
