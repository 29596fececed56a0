"""The trust that the roads without Vault stand on, made over Nomad's own API: the same for the lab and a real Nomad."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from nomad_token.secret import SecretStr
from nomad_token_lab.trust import DEPLOYER


@dataclass(frozen=True)
class NomadTrust:
    """Whom Nomad trusts (`oidc_discovery_url` as Nomad reaches it), and for how long (a Go duration)."""

    oidc_discovery_url: str
    audience: str
    repository_id: str = "74123456"
    ref: str = "refs/heads/main"
    events: tuple[str, ...] = ("push", "workflow_dispatch")
    max_token_ttl: str = "30m"  # noqa: S105 - a duration
    is_global: bool = False


@dataclass(frozen=True)
class Made:
    """What was made, by the names that a job gives as inputs; the token is what `nomad-management` asks with."""

    policy: str
    role: str
    auth_method: str
    binding_rule: str
    management_token: SecretStr


def nomad_trust(settings: NomadTrust, nomad: httpx.Client) -> Made:
    """Set up everything between an id token of GitHub's and `nomad job run`.

    The client has a server's address as `base_url` and carries a management token. The tokens of a login, and the
    management token, are global when the settings are.

    Raises:
        httpx.HTTPStatusError: the server refused, in its own words.
    """
    _put(nomad, "acl/policy/deployer", {"Name": "deployer", "Rules": DEPLOYER})
    _made(nomad, "acl/role", {"Name": "deployer", "Policies": [{"Name": "deployer"}]})
    _made(nomad, "acl/auth-method", auth_method(settings))
    rule = _made(nomad, "acl/binding-rule", binding_rule(settings))
    management = {"Name": "nomad-token", "Type": "management", "Global": settings.is_global}
    token = _made(nomad, "acl/token", management)
    return Made(
        policy="deployer",
        role="deployer",
        auth_method="github",
        binding_rule=rule["ID"],
        management_token=SecretStr(token["SecretID"]),
    )


def auth_method(settings: NomadTrust) -> dict[str, Any]:
    """Return the method: the run's number is in the tokens' names, so that each can be told from the next."""
    claims = ("repository", "repository_id", "ref", "event_name", "run_id")
    return {
        "Name": "github",
        "Type": "JWT",
        "TokenLocality": "global" if settings.is_global else "local",
        "TokenNameFormat": "${auth_method_name}-${value.repository}-${value.run_id}",
        "MaxTokenTTL": settings.max_token_ttl,
        "Config": {
            "OIDCDiscoveryURL": settings.oidc_discovery_url,
            "BoundIssuer": [settings.oidc_discovery_url],
            "BoundAudiences": [settings.audience],
            "ClaimMappings": {name: name for name in claims},
        },
    }


def binding_rule(settings: NomadTrust) -> dict[str, Any]:
    """Return the rule: it binds what neither a rename nor a pull request's author can choose."""
    events = " or ".join(f'value.event_name == "{event}"' for event in settings.events)
    selector = f'value.repository_id == "{settings.repository_id}" and value.ref == "{settings.ref}" and ({events})'
    return {"AuthMethod": "github", "Selector": selector, "BindType": "role", "BindName": "deployer"}


def _made(nomad: httpx.Client, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = _put(nomad, path, body).json()
    return made


def _put(nomad: httpx.Client, path: str, body: Mapping[str, Any]) -> httpx.Response:
    answer = nomad.put(f"/v1/{path}", json=body)
    if answer.is_error:
        text = f"{answer.request.method} {answer.url}: {answer.status_code} {answer.text.strip()}"
        raise httpx.HTTPStatusError(text, request=answer.request, response=answer)
    return answer
