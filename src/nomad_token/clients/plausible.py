"""What a server's answer must look like: a secret that isn't plausible is refused, not exported."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, SecretStr

UUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"

# Go writes nanoseconds, `datetime` reads microseconds.
_BEYOND_MICROSECONDS: Final = re.compile(r"(\.\d{6})\d+")


def _go_time(value: object) -> object:
    return _BEYOND_MICROSECONDS.sub(r"\1", value) if isinstance(value, str) else value


GoTime = Annotated[AwareDatetime, BeforeValidator(_go_time)]
"""A time as Go writes it (RFC 3339)."""


def like(pattern: str) -> AfterValidator:
    """Refuse a secret that can't be one: a line break in it would be a second line of an environment file."""

    def check(secret: SecretStr) -> SecretStr:
        if not re.fullmatch(pattern, secret.get_secret_value(), re.ASCII):
            raise ValueError("not plausible")
        return secret

    return AfterValidator(check)
