"""What the next steps get of a credential: variables and outputs, as data."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Final

from nomad_token.credential import Credential
from nomad_token.inputs import JobInputs
from nomad_token.platforms.base import Export

if TYPE_CHECKING:
    from pydantic import SecretStr

OUTPUTS: Final = {
    "token": "The token's secret, where `export-output` is true. Masked; it does not reach another job.",
    "accessor-id": "The token's accessor, which names it in Nomad's audit log and is no secret.",
    "lease-id": "The lease in Vault that ends the token.",
    "lease-duration": "The lease's life as Vault gave it, in seconds; with `nomad-management`, the `ttl`.",
    "lease-renewable": "`true` where the lease can be renewed.",
    "expires-at": "When the token ends (RFC 3339, UTC): with Vault, the earlier of the lease's end and the login's.",
    "policies": "The token's Nomad policies as a JSON list; empty where Nomad was not asked.",
    "type": "`client` or `management`; empty where Nomad was not asked.",
    "issuer": "Who granted the token: `vault`, `nomad-login` or `nomad-management`.",
    "credentials": "All of this but the secret as a JSON list, one entry a token.",
}


def exported(credential: Credential, job: JobInputs, places: dict[str, str]) -> Export:
    """Choose what is exported; *places* are variables that were given as inputs, such as `NOMAD_ADDR`."""
    variables: dict[str, SecretStr | str] = dict(places)
    if into_environment(credential, job):
        variables[credential.env_name] = credential.secret
    outputs: dict[str, SecretStr | str] = {"token": credential.secret} if job.export_output else {}
    described = _described(credential)
    outputs |= {name: _text(value) for name, value in described.items()}
    outputs["credentials"] = json.dumps([{"env-name": credential.env_name} | described])
    return Export(variables, outputs)


def into_environment(credential: Credential, job: JobInputs) -> bool:
    """Tell whether the token goes into the environment: unasked, one that is known to be a manager's doesn't."""
    return job.export_env == "true" or (job.export_env == "auto" and credential.type != "management")


def rfc3339(moment: datetime) -> str:
    """Return *moment*, which is in UTC, to the second, with a Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _described(credential: Credential) -> dict[str, object]:
    """Return what is no secret, under the outputs' names; None for what can't be known."""
    return {
        "accessor-id": credential.accessor_id,
        "lease-id": credential.lease_id or None,
        "lease-duration": credential.lease_duration,
        "lease-renewable": credential.lease_renewable,
        "expires-at": rfc3339(credential.expires_at) if credential.expires_at else None,
        "policies": credential.policies,
        "type": credential.type or None,
        "issuer": credential.issuer,
    }


def _text(value: object) -> str:
    """Return *value* as an output: a string as it is, all else as JSON, nothing where it can't be known."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
