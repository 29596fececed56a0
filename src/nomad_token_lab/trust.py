"""The trust that a deploy stands on, made over the servers' own APIs: the same for the lab and for real servers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

# What `nomad job run` needs, and reading the logs of what it started.
DEPLOYER: Final = """
namespace "default" {
  capabilities = ["list-jobs", "read-job", "submit-job", "read-logs"]
}
node {
  policy = "read"
}
"""

# The second rule is what lets a job see that its revocation worked; without it, revoke-self still does the work.
_NOMAD_DEPLOYER: Final = """
path "{mount}/creds/deployer" {{
  capabilities = ["read"]
}}
path "sys/leases/revoke" {{
  capabilities       = ["update"]
  allowed_parameters = {{
    "lease_id" = ["{mount}/creds/deployer/*"]
    "sync"     = []
  }}
}}
"""


@dataclass(frozen=True)
class Trust:
    """Whom Vault trusts, and where its Nomad is (`nomad_address` as Vault reaches it)."""

    oidc_discovery_url: str
    audience: str
    nomad_address: str
    repository_id: str = "74123456"
    ref: str = "refs/heads/main"
    plugin: str = "nomad"
    mount: str = "nomad"


def trust(settings: Trust, *, vault: httpx.Client, nomad: httpx.Client) -> None:
    """Set up everything between an id token of GitHub's and `nomad job run`.

    The clients have a server's address as `base_url` and carry a token that may do everything. Made are: in Nomad
    the policy `deployer` and a management token for Vault; in Vault the engine with the role `deployer`, and jwt
    auth with the role `deploy-app`.

    Raises:
        httpx.HTTPStatusError: a server refused, in its own words.
    """
    written(nomad, "acl/policy/deployer", {"Name": "deployer", "Rules": DEPLOYER})
    access = written(nomad, "acl/token", {"Name": "vault", "Type": "management"}).json()["SecretID"]
    _trust_in_nomad(settings, vault, access)
    _trust_in_github(settings, vault)


def _trust_in_nomad(settings: Trust, vault: httpx.Client, access: str) -> None:
    mount = settings.mount
    written(vault, f"sys/mounts/{mount}", {"type": settings.plugin})
    written(vault, f"{mount}/config/access", {"address": settings.nomad_address, "token": access})
    written(vault, f"{mount}/config/lease", {"ttl": "30m", "max_ttl": "1h"})
    written(vault, f"{mount}/role/deployer", {"policies": "deployer", "type": "client"})


def _trust_in_github(settings: Trust, vault: httpx.Client) -> None:
    issuer = settings.oidc_discovery_url
    written(vault, "sys/auth/jwt", {"type": "jwt"})
    written(vault, "auth/jwt/config", {"oidc_discovery_url": issuer, "bound_issuer": issuer})
    written(vault, "sys/policies/acl/nomad-deployer", {"policy": _NOMAD_DEPLOYER.format(mount=settings.mount)})
    written(vault, "auth/jwt/role/deploy-app", login_role(settings))


def login_role(settings: Trust) -> dict[str, Any]:
    """Return the role of the login: it binds what neither a rename nor a pull request's author can choose."""
    return {
        "role_type": "jwt",
        "user_claim": "repository",
        "bound_audiences": [settings.audience],
        "bound_claims": {
            "repository_id": settings.repository_id,
            "ref": settings.ref,
            "event_name": ["push", "workflow_dispatch"],
        },
        "token_policies": ["nomad-deployer"],
        "token_type": "service",
        "token_ttl": "30m",
        "token_max_ttl": "1h",
    }


def written(client: httpx.Client, path: str, body: Mapping[str, Any]) -> httpx.Response:
    """Write *body* at *path*, and return the answer.

    Raises:
        httpx.HTTPStatusError: with the server's own words.
    """
    answer = client.put(f"/v1/{path}", json=body)
    if answer.is_error:
        text = f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text.strip()}"
        raise httpx.HTTPStatusError(text, request=answer.request, response=answer)
    return answer
