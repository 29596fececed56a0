"""Seals: entries of the state that only somebody who had the lent credential can have written.

Under act, and in a shell, other steps of the job can write to the state. What is lent is not in it: so a seal made with
it keeps it from being sent to an address that they chose, and from revoking what they chose.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final

from nomad_token.secret import SecretStr

_SEALED: Final = re.compile(r'(\{.*),"number":(\d{1,6}),"seal":"([0-9a-f]{64})"\}', re.ASCII)


def sealed(line: str, key: SecretStr | None, mint: str, number: int) -> str:
    """Return *line*, a JSON object, with the seal of *key* for this place in *mint*; as it is without a key."""
    if key is None:
        return line
    content = line.removesuffix("}")
    return f'{content},"number":{number},"seal":"{_seal(content, key, mint, number)}"}}'


def unsealed(line: str) -> str:
    """Return *line* as it was before `sealed`, whether its seal is right or not."""
    found = _SEALED.fullmatch(line)
    return f"{found[1]}}}" if found else line


def genuine(lines: Iterable[str], key: SecretStr, mint: str) -> list[str]:
    """Return those of *lines* that were sealed with *key* for *mint*, and stand where they were written."""
    found: list[str] = []
    last = 0
    for line in lines:
        parts = _SEALED.fullmatch(line)
        if parts and (number := int(parts[2])) >= last and _is_right(parts[1], key, mint, number, parts[3]):
            found.append(line)
            last = number
    return found


def next_number(lines: Iterable[str]) -> int:
    """Return the number of the entry that comes after *lines*."""
    return max((int(parts[2]) for line in lines if (parts := _SEALED.fullmatch(line))), default=-1) + 1


def _seal(content: str, key: SecretStr, mint: str, number: int) -> str:
    message = f"nomad-token state\n{mint}\n{number}\n{content}"
    return hmac.new(key.get_secret_value().encode(), message.encode(), hashlib.sha256).hexdigest()


def _is_right(content: str, key: SecretStr, mint: str, number: int, seal: str) -> bool:
    return hmac.compare_digest(_seal(content, key, mint, number), seal)
