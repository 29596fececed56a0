"""What a secret must look like: one that doesn't is refused, not exported."""

import re
from typing import Final

from pydantic import AfterValidator, SecretStr

UUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def like(pattern: str) -> AfterValidator:
    """Refuse a secret that can't be one: a line break in it would be a second line of an environment file."""

    def check(secret: SecretStr) -> SecretStr:
        if not re.fullmatch(pattern, secret.get_secret_value(), re.ASCII):
            raise ValueError("not plausible")
        return secret

    return AfterValidator(check)
