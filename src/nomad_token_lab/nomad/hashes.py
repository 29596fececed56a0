"""The `Hash` that Nomad shows of what it keeps: BLAKE2b-256 of the fields that users set."""

import base64
import hashlib


def hashed(*fields: object) -> str:
    """Return the hash as JSON shows it, in base64."""
    told = "".join(str(field) for field in fields)
    return base64.b64encode(hashlib.blake2b(told.encode(), digest_size=32).digest()).decode()
