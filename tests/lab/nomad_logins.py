"""Nomad's side of a login, as the tests of the lab set it up and walk it."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

from lab.ways import Ways

AUDIENCE: Final = "https://nomad.test"


def method(ways: Ways, config: Mapping[str, Any] | None = None, **fields: Any) -> httpx.Response:  # noqa: ANN401
    """Write the auth method `github`, which trusts the lab's issuer but for what *config* says otherwise."""
    whole = {
        "OIDCDiscoveryURL": ways.lab.github.addr,
        "BoundIssuer": [ways.lab.github.addr],
        "BoundAudiences": [AUDIENCE],
        "ClaimMappings": {"repository": "repository", "ref": "ref", "actor": "actor"},
        **(config or {}),
    }
    body = {"Type": "JWT", "TokenLocality": "local", "MaxTokenTTL": "30m", "Name": "github", "Config": whole, **fields}
    return ways.nomad("POST", "acl/auth-method", body)


def rule(ways: Ways, **fields: str) -> httpx.Response:
    """Write a binding rule: without *fields*, everybody gets the policy `deployer`."""
    body = {"AuthMethod": "github", "BindType": "policy", "BindName": "deployer", **fields}
    return ways.nomad("POST", "acl/binding-rule", body)


def set_up(ways: Ways, config: Mapping[str, Any] | None = None, bound: Mapping[str, str] | None = None) -> None:
    """Write a method and a rule, both of which Nomad has to take."""
    method(ways, config).raise_for_status()
    rule(ways, **(bound or {})).raise_for_status()


def login(ways: Ways, token: str | None = None, *, region: str = "") -> httpx.Response:
    """Log in with *token*, the job's id token by default."""
    id_token = ways.lab.github.id_token(AUDIENCE).get_secret_value() if token is None else token
    path = "acl/login" + (f"?region={region}" if region else "")
    return ways.nomad("POST", path, {"AuthMethodName": "github", "LoginToken": id_token}, token="")
