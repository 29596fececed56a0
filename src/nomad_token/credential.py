"""The value that all this is about."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, SecretStr


class Credential(BaseModel):
    """A Nomad token, and what is known of it."""

    model_config = ConfigDict(frozen=True)

    secret: SecretStr
    accessor_id: str
    issuer: str
    env_name: str
    lease_id: str = ""
    lease_duration: int | None = None
    """Seconds, as the issuer said."""
    lease_renewable: bool | None = None
    expires_at: datetime | None = None
    """The effective end: the earlier of the lease and the login token; None when it has none."""
    life_set_by: str = ""
    """Where the operator says how long it lives, as a sentence."""
    revocable: bool = True
    """Whether anything of ours can end it before its time."""
    type: str = ""
    """`client` or `management`; empty when nobody could be asked."""
    verified: bool = False
    """Whether Nomad itself accepted it."""
    policies: tuple[str, ...] | None = None
