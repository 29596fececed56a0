"""Secrets that are known, in each form in which one could be in sight, and where they may be."""

import base64
import gc
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote, quote_plus

from faults.wire import Sent
from nomad_token.order import all_declared

HEADERS: Final = {"vault-headers": "X-Front-Door: canary-of-vault-s-header", "nomad-headers": "X-Gate: canary-at-nomad"}
PROXY: Final = "canary-of-a-proxy"
ENVIRON: Final = {"HTTPS_PROXY": f"http://somebody:{PROXY}@proxy.test:3128"}
_ANSWERED: Final = re.compile(rb'"(?:client_token|secret_id|SecretID|value)": ?"([^"]+)"')
_SHORTEST: Final = 8
_NO_SECRET: Final = re.compile(r"-----|^(role_id|secret_id|X-Front-Door|X-Gate)$")


def given(inputs: Mapping[str, str]) -> set[str]:
    """Return the secrets among *inputs*: a key's lines, a header's value, a payload's fields are ones by themselves."""
    secret = {one.name for one in all_declared() if one.secret}
    words = (word for name in secret & set(inputs) for word in re.split(r'[\s:"{},]+', inputs[name]))
    return {word for word in words if len(word) >= _SHORTEST and not _NO_SECRET.search(word)}


def answered(sent: Iterable[Sent]) -> set[str]:
    """Return the secrets that servers gave: id tokens, Vault's tokens, Nomad's."""
    return {found.decode() for each in sent if each.answer for found in _ANSWERED.findall(each.answer.body)}


def forms(secret: str) -> Iterator[str]:
    """List how *secret* may be written: plainly, in base64 at each offset, in a URL, in JSON, in XML."""
    yield from {secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]}
    yield from {html.escape(secret), html.escape(secret, quote=False)}
    for offset in range(3):
        coded = base64.b64encode(b"\0" * offset + secret.encode()).decode().rstrip("=")
        # without the letters that the bytes around it have a part in
        inner = coded[(offset * 8 + 5) // 6 : -1]
        yield from {inner, inner.translate(str.maketrans("+/", "-_"))}


def seen(text: str | bytes, secrets: Iterable[str]) -> set[str]:
    """Return the *secrets* that are in *text*, in any form."""
    where = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return {secret for secret in secrets if any(form in where for form in forms(secret))}


def without_masks(log: str) -> str:
    """Return *log* without the lines that hide a secret."""
    return "\n".join(line for line in log.splitlines() if not line.startswith("::add-mask::"))


def shown_by_objects(secrets: Iterable[str]) -> set[str]:
    """Return the kinds of our own objects, of those that there are now, that show one of *secrets* when they are told.

    In plain text alone: a `repr` encodes nothing.
    """
    wanted = list(secrets)
    kinds = set()
    for each in gc.get_objects():
        kind = type(each)
        # A class of somebody else's may have something else than a text there.
        if str(kind.__module__).split(".")[0] == "nomad_token":
            told = f"{each!r} {each}"
            if any(secret in told for secret in wanted):
                kinds.add(kind.__qualname__)
    return kinds
