"""The value that all this is about."""

from datetime import datetime

from nomad_token.secret import SecretStr
from nomad_token.value import Value


class Credential(Value, kw_only=True):
    """A Nomad token, and what is known of it."""

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
    login_ends: datetime | None = None
    """When the Vault token ends that asked for it; None where it has no end, or that can't be known."""
    login_uses: int = 0
    """How often that token may be used; 0 is without limit."""
    life_set_by: str = ""
    """Where the operator says how long it lives, as a sentence."""
    access: str = ""
    """Where Vault says which Nomad it mints for; empty where Nomad itself granted the token."""
    revocable: bool = True
    """Whether anything of ours can end it before its time."""
    type: str = ""
    """`client` or `management`; empty when nobody could be asked."""
    verified: bool = False
    """Whether Nomad itself accepted it."""
    policies: tuple[str, ...] | None = None


def output_name(env_name: str) -> str:
    """Return the output that holds one of several tokens, the one of the variable *env_name*."""
    return f"token-{env_name.lower().replace('_', '-')}"
