"""What an id token says of itself: read without any check, to explain a refusal."""

import base64
import binascii
import json
from typing import Final

from nomad_token.secret import SecretStr
from nomad_token.text import shown

_SHOWN: Final = ("iss", "sub", "aud", "repository_id", "ref", "event_name", "environment", "job_workflow_ref")


def claims(id_token: SecretStr) -> dict[str, object]:
    """Return the claims of *id_token* (RFC 7519), unverified; empty where it is no JWT."""
    parts = id_token.get_secret_value().split(".")
    if len(parts) != 3:
        return {}
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def displayed(id_token: SecretStr) -> str:
    """Return the claims that trust is usually bound to, as lines for an error's text."""
    held = claims(id_token)
    lines = [f"  {name}: {shown(held[name])}" for name in _SHOWN if name in held]
    return "\n".join(["The id token says (not verified):", *lines]) if lines else "The id token is not a JWT."
