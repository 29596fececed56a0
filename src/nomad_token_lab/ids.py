"""Identifiers and secrets in the form that the real servers give them."""

import secrets
import string
import uuid
from typing import Final

_BASE62: Final = string.ascii_letters + string.digits


def base62(length: int) -> str:
    """Return *length* random letters and digits, as in lease ids and Vault tokens."""
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def guid() -> str:
    """Return a random UUID in its 36-character form."""
    return str(uuid.uuid4())


def is_guid(text: str) -> bool:
    """Tell whether *text* is a UUID in its 36-character form."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False
