"""What must not be in a log: everything secret that a lab handed out, told from what is not by its form and its use."""

import re
from typing import Final

from nomad_token_lab import Lab

_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_VAULT_TOKEN: Final = re.compile(r"\bhv[sb]\.[\w-]{8,}")
_ID_TOKEN: Final = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+")


def secrets_in(log: str, lab: Lab) -> list[str]:
    """List the secrets that *log* shows: tokens of Vault and of GitHub, and each UUID that is no token's accessor."""
    own = [lab.root_token, lab.management_token, lab.github.request_token]
    known = [secret.get_secret_value() for secret in own if secret.get_secret_value() in log]
    accessors = {*lab.nomad.tokens, *(record.path.rpartition("/")[2] for record in lab.requests if record.internal)}
    uuids = [found for found in _UUID.findall(log) if found not in accessors]
    return [*known, *uuids, *_VAULT_TOKEN.findall(log), *_ID_TOKEN.findall(log)]
