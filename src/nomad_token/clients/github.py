"""The runner's id token endpoint (GitHub docs, "OpenID Connect reference")."""

import re
from collections.abc import Mapping
from typing import Final

from nomad_token.clients.failures import Lost, Refusal
from nomad_token.clients.http import Connection
from nomad_token.secret import SecretStr

_JWT: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_LONGEST: Final = 16 * 1024
"""Bytes; a real one has two to four thousand, and it becomes a line of the log, as a mask."""


def request_id_token(connection: Connection, path: str, query: Mapping[str, str], bearer: SecretStr) -> SecretStr:
    """Return an id token for the audience in *query*. Raises `Refusal`, `NotSent`, `Lost`."""
    answer = connection.send(
        "GET", path, params=query, headers={"Authorization": SecretStr(f"Bearer {bearer.get_secret_value()}")}
    )
    if answer.status != 200:
        raise Refusal(connection.address, answer, [answer.text])
    body = answer.json()
    value = body.get("value") if isinstance(body, dict) else None
    if not isinstance(value, str) or len(value) > _LONGEST or not _JWT.fullmatch(value):
        raise Lost(connection.address, "the answer holds no JWT")
    return SecretStr(value)
