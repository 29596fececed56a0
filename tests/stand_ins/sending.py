"""How a stand-in asks its server: with the standard library alone, since a script starts many of them."""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any


def put(url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> str | None:
    """Send *body*, and return the answer's text; None where it was refused, which is said then."""
    request = urllib.request.Request(url, json.dumps(body).encode(), dict(headers), method="PUT")  # noqa: S310 - ours
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        sys.stderr.write(f"Unexpected response code: {error.code} ({error.read().decode()})\n")
        return None
