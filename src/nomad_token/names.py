"""How Nomad's tokens are named: by us, where Nomad itself makes them, and by Vault's engine."""

import re
from datetime import datetime
from typing import Final

_OWN: Final = re.compile(r"nomad-token-[0-9a-f]{8}-\d{8}T\d{12}", re.ASCII)
_BY_VAULT: Final = re.compile(r"vault-\w[^\x00-\x1f\x7f]*-\d{19}", re.ASCII)
"""`vault-ROLE-DISPLAY_NAME-NANOSECONDS` (api-contract 1.5); a login's display name may hold `/`, `@` and more."""


def own_name(mint: str, now: datetime) -> str:
    """Return a name that nobody else chooses, for a token of the mint with that id."""
    return f"nomad-token-{mint}-{now:%Y%m%dT%H%M%S%f}"


def is_own(name: str) -> bool:
    """Tell whether `own_name` made *name*."""
    return _OWN.fullmatch(name) is not None


def is_by_vault(name: str) -> bool:
    """Tell whether *name* is as Vault's engine names its tokens, whoever asked for them."""
    return _BY_VAULT.fullmatch(name) is not None
