"""What a server's answer must look like: a secret that isn't plausible is refused, not exported."""

import re
from typing import Annotated, Final

from msgspec import Meta, ValidationError

from nomad_token.secret import SecretStr

UUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z"
Accessor = Annotated[str, Meta(pattern=UUID)]

_NAMED: Final = re.compile(r"`(?:\$\.)?(\w+)[^`]*`[^`]*\Z")


def check_like(pattern: str, secret: SecretStr, name: str) -> None:
    """Refuse a secret that can't be one: a line break in it would be a second line of an environment file.

    Raises `ValueError`, which is about the field of that *name*.
    """
    if not re.fullmatch(pattern, secret.get_secret_value(), re.ASCII):
        raise ValueError(f"not plausible: `{name}`")


def amiss(error: ValidationError) -> str:
    """Return the field that *error* is about, which its text names last; nothing of what was read is in it."""
    found = _NAMED.search(str(error))
    return found[1] if found else "content"
