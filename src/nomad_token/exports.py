"""What the next steps get of a credential: variables and outputs, as data."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from nomad_token.credential import Credential, output_name
from nomad_token.inputs import JobInputs
from nomad_token.platforms.base import Export

if TYPE_CHECKING:
    from nomad_token.secret import SecretStr


def exported(credentials: Sequence[Credential], job: JobInputs, places: dict[str, str]) -> Export:
    """Choose what is exported; *places* are variables that were given as inputs, such as `NOMAD_ADDR`."""
    variables: dict[str, SecretStr | str] = dict(places)
    variables |= {each.env_name: each.secret for each in credentials if into_environment(each, job)}
    outputs: dict[str, object] = (
        {_token_output(each, credentials): each.secret for each in credentials} if job.export_output else {}
    )
    outputs |= _shared([_described(each) for each in credentials])
    outputs["credentials"] = [{"env-name": each.env_name} | _described(each) for each in credentials]
    return Export(variables, outputs)


def _token_output(credential: Credential, credentials: Sequence[Credential]) -> str:
    return "token" if len(credentials) == 1 else output_name(credential.env_name)


def _shared(described: list[dict[str, object]]) -> dict[str, object]:
    """Return what holds for all: the first end, and else what is the same, None for what differs."""
    first, *rest = described
    same = {name: value if all(each[name] == value for each in rest) else None for name, value in first.items()}
    # RFC 3339 in UTC sorts as the times do.
    ends = [str(each["expires-at"]) for each in described if each["expires-at"]]
    return same | {"expires-at": min(ends, default=None)}


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
