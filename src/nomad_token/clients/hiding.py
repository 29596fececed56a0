"""What was sent as a secret, hidden in what is said of the request."""

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from nomad_token.secret import SecretStr

_SHORTEST_SECRET: Final = 8
"""A shorter word is not hidden: it may be anybody's, and is not masked either."""


class Hiding:
    """Hides the secrets of a request in what is said of it: a server, or a proxy, may say again what it was told."""

    def __init__(self, secrets: Iterable[SecretStr]) -> None:
        """Hide *secrets*, word by word."""
        words = {word for secret in secrets for word in secret.get_secret_value().split()}
        plain = {word for word in words if len(word) >= _SHORTEST_SECRET}
        # in JSON, in a URL, and the longest first: one may begin another
        spelt = {form for word in plain for form in (word, json.dumps(word)[1:-1], quote(word), quote(word, safe=""))}
        self._spelt = sorted(spelt, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return *text* without them."""
        for word in self._spelt:
            text = text.replace(word, "***")
        return text
