"""The Nomad versions that answer differently where a token is bad (api-contract 2.5)."""

import re
from enum import Enum
from typing import Final

# A version as numbers that compare.
Release = tuple[int, ...]

EXPIRY_AND_ROLES: Final[Release] = (1, 4)
TTL_AS_TEXT: Final[Release] = (1, 4, 5)
AUTH_METHODS: Final[Release] = (1, 5)
TTL_SHOWN_AS_TEXT: Final[Release] = (1, 5)
JWT_LOGIN: Final[Release] = (1, 5, 4)
TOKEN_NAME_FORMAT: Final[Release] = (1, 7)
REDACTED_SECRETS: Final[Release] = (1, 9, 7)
PAGES_BY_NUMBER: Final[Release] = (1, 10, 1)


class Profile(Enum):
    """A range of versions, by the one of them that the lab says it is: the narrowest in what it understands."""

    UP_TO_1_4 = "1.4.4"
    FROM_1_5 = "1.10.0"
    FROM_1_10_1 = "1.10.5"

    @classmethod
    def of(cls, version: str) -> "Profile":
        """Return the range that *version* is in."""
        if release(version) >= (1, 10, 1):
            return cls.FROM_1_10_1
        return cls.FROM_1_5 if release(version) >= (1, 5) else cls.UP_TO_1_4


def release(version: str) -> Release:
    """Return the numbers of *version*: `2.0.6-dev` is 2, 0, 6."""
    return tuple(int(number) for number in re.findall(r"\d+", version.partition("-")[0]))
