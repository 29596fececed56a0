"""The Nomad versions that answer differently where a token is bad (api-contract 2.5)."""

from enum import Enum


class Profile(Enum):
    """A range of versions, by the version that the lab says it is."""

    UP_TO_1_4 = "1.4.14"
    FROM_1_5 = "1.10.0"
    FROM_1_10_1 = "1.10.5"
