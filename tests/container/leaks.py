"""What must not be in a log: everything secret that a lab handed out, told from what is not by its form and its use."""

import re
from typing import Final

from nomad_token_lab import Lab

_TOKEN: Final = "/v1/acl/token/"
_UUID: Final = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_VAULT_TOKEN: Final = re.compile(r"\b(?:hv[sb]\.[\w-]{8,}|[sb]\.[A-Za-z0-9]{24})\b")
_ID_TOKEN: Final = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+")


def secrets_in(log: str, lab: Lab) -> list[str]:
    """List the secrets that *log* shows: tokens of Vault and of GitHub, and each UUID that is no token's accessor."""
    own = [lab.root_token, lab.management_token, lab.github.request_token]
    known = [secret.get_secret_value() for secret in own if secret.get_secret_value() in log]
    deleted = [record.path.rpartition("/")[2] for record in lab.requests if record.path.startswith(_TOKEN)]
    accessors = {*lab.nomad.tokens, *deleted}
    uuids = [found for found in _UUID.findall(log) if found not in accessors]
    return [*known, *uuids, *_VAULT_TOKEN.findall(log), *_ID_TOKEN.findall(log)]
