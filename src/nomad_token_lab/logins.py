"""Ways to log in, made over Vault's own API: the same for the lab and for real servers.

Each function mounts the auth method, binds what it makes to the policy `nomad-deployer` for half an hour, and returns
what a job then needs: the action's inputs, by their names. They raise `httpx.HTTPStatusError` when the server refuses,
in its own words.
"""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from nomad_token_lab.trust import written

POLICY: Final = "nomad-deployer"
ROLE: Final = "deploy-app"
USER: Final = "deployer"
_TERMS: Final[Mapping[str, Any]] = {"token_policies": [POLICY], "token_ttl": "30m", "token_max_ttl": "1h"}

Inputs = dict[str, str]


def token(vault: httpx.Client, **fields: Any) -> Inputs:  # noqa: ANN401 - fields of auth/token/create
    """Make a token to be lent; *fields* (`ttl`, `period`, `num_uses`, `type`) are those of `auth/token/create`."""
    made = written(vault, "auth/token/create", {"policies": [POLICY], "ttl": "30m", **fields})
    return {"vault-auth-method": "token", "vault-token": made.json()["auth"]["client_token"]}


def approle(vault: httpx.Client, *, mount: str = "approle", **terms: Any) -> Inputs:  # noqa: ANN401 - fields of a role
    """Make a role and a secret id; *terms* (`secret_id_ttl`, `bind_secret_id`, `token_num_uses`) go to the role."""
    role = f"auth/{mount}/role/{ROLE}"
    _mount(vault, mount, "approle")
    written(vault, role, {**_TERMS, **terms})
    role_id = _read(vault, f"{role}/role-id")["role_id"]
    inputs = {"vault-auth-method": "approle", "vault-auth-path": mount, "vault-role-id": role_id}
    if terms.get("bind_secret_id", True):
        inputs["vault-secret-id"] = written(vault, f"{role}/secret-id", {}).json()["data"]["secret_id"]
    return inputs


def userpass(
    vault: httpx.Client,
    *,
    mount: str = "userpass",
    user: str = USER,
    password: str,
    **terms: Any,  # noqa: ANN401
) -> Inputs:
    """Make a user; *terms* are its `token_*` fields."""
    _mount(vault, mount, "userpass")
    written(vault, f"auth/{mount}/users/{user}", {**_TERMS, "password": password, **terms})
    return _password("userpass", mount, user, password)


def ldap(
    vault: httpx.Client,
    *,
    mount: str = "ldap",
    user: str = USER,
    password: str,
    url: str = "ldap://127.0.0.1",
    **config: Any,  # noqa: ANN401
) -> Inputs:
    """Let a user of the directory at *url* in; *config* is the rest of the method's: `userdn`, `userattr`, `token_*`.

    The directory has to know the password: in the lab, `lab.vault.directory[user] = password`.
    """
    _mount(vault, mount, "ldap")
    written(vault, f"auth/{mount}/config", {"url": url, "token_ttl": "30m", "token_max_ttl": "1h", **config})
    written(vault, f"auth/{mount}/users/{user}", {"policies": POLICY})
    return _password("ldap", mount, user, password)


def github(
    vault: httpx.Client,
    *,
    mount: str = "github",
    organization: str = "octo-org",
    user: str = "octocat",
    personal_token: str,
    base_url: str,
) -> Inputs:
    """Let a member of *organization* in, as the API at *base_url* says.

    In the lab that is its GitHub's address, and `lab.members.by_token[personal_token] = Member(user)`.
    """
    _mount(vault, mount, "github")
    config = {"organization": organization, "base_url": f"{base_url.rstrip('/')}/"}
    written(vault, f"auth/{mount}/config", {**config, "token_ttl": "30m", "token_max_ttl": "1h"})
    written(vault, f"auth/{mount}/map/users/{user}", {"value": POLICY})
    return {"vault-auth-method": "github", "vault-auth-path": mount, "vault-github-token": personal_token}


def kubernetes(  # noqa: PLR0913 - each is a bound of the role or of the method
    vault: httpx.Client,
    *,
    mount: str = "kubernetes",
    host: str,
    ca_certificate: str,
    public_key: str,
    account: tuple[str, str] = ("ci", USER),
    audience: str = "vault",
) -> Inputs:
    """Let a service account, a namespace and a name, of the cluster at *host* in; the certificate and key are PEM.

    In the lab *host* and *public_key* are those of `lab.cluster`, which makes the tokens too.
    """
    _mount(vault, mount, "kubernetes")
    config = {"kubernetes_host": host, "kubernetes_ca_cert": ca_certificate, "pem_keys": [public_key]}
    written(vault, f"auth/{mount}/config", {**config, "disable_local_ca_jwt": True})
    namespace, name = account
    bound = {"bound_service_account_names": [name], "bound_service_account_namespaces": [namespace]}
    written(vault, f"auth/{mount}/role/{ROLE}", {**_TERMS, **bound, "audience": audience})
    return {"vault-auth-method": "kubernetes", "vault-auth-path": mount, "vault-auth-role": ROLE}


def cert(vault: httpx.Client, *, mount: str = "cert", authority: str, **terms: Any) -> Inputs:  # noqa: ANN401
    """Let clients in whose certificate is signed by *authority* (PEM), or is it; *terms* may bound their names."""
    _mount(vault, mount, "cert")
    written(vault, f"auth/{mount}/certs/{ROLE}", {**_TERMS, "certificate": authority, **terms})
    return {"vault-auth-method": "cert", "vault-auth-path": mount, "vault-auth-role": ROLE}


def _password(method: str, mount: str, user: str, password: str) -> Inputs:
    who = {"vault-username": user, "vault-password": password}
    return {"vault-auth-method": method, "vault-auth-path": mount, **who}


def _mount(vault: httpx.Client, mount: str, kind: str) -> None:
    """Mount the method, where it is not yet."""
    if f"{mount}/" not in _read(vault, "sys/auth"):
        written(vault, f"sys/auth/{mount}", {"type": kind})


def _read(vault: httpx.Client, path: str) -> dict[str, Any]:
    found: dict[str, Any] = vault.get(f"/v1/{path}").raise_for_status().json()["data"]
    return found
