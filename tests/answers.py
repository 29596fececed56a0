"""What tests ask of a Vault's or an OpenBao's answer."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx


def done(answer: httpx.Response) -> None:
    """Raise when *answer* refuses a step of a test's set-up."""
    answer.raise_for_status()


def token_of(answer: httpx.Response) -> dict[str, str]:
    """Return the header that carries the token of a login's *answer*."""
    return {"X-Vault-Token": answer.raise_for_status().json()["auth"]["client_token"]}


def error(answer: httpx.Response) -> tuple[int, Any]:
    """Return the status and the error texts of *answer*."""
    return answer.status_code, answer.json()["errors"]


def within(seconds: float, fact: Callable[[], bool]) -> bool:
    """Tell whether *fact* comes true within *seconds*."""
    deadline = time.monotonic() + seconds
    while not fact():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def looked_up(root: httpx.Client, lease: dict[str, Any]) -> int:
    """Return the status of looking *lease* up: 200 while there is one, 400 when it is gone."""
    return root.put("sys/leases/lookup", json={"lease_id": lease["lease_id"]}).status_code


def given(role: Mapping[str, Any]) -> dict[str, Any]:
    """Return what *role* says: the lists that it leaves out are null before a write of them, and empty after it."""
    return {name: value for name, value in role.items() if value not in (None, [])}
