"""The way of a request through Vault: seal, token, uses, policy, route, operation, lease, in this order."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nomad_token_lab import ids
from nomad_token_lab.clock import Clock
from nomad_token_lab.http import multierror
from nomad_token_lab.vault.backend import Backend, Call, Leasing, Operation, Path, Reply
from nomad_token_lab.vault.errors import Refusal, UpstreamError, denied
from nomad_token_lab.vault.state import Vault
from nomad_token_lab.vault.system import System
from nomad_token_lab.vault.token_auth import TokenAuth
from nomad_token_lab.vault.tokens import Token

_SPENT = "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked."


def new_vault(clock: Clock) -> Vault:
    """Return a server with what is always mounted."""
    vault = Vault(clock)
    vault.mounts |= {"sys/": System(vault), "auth/token/": TokenAuth(vault)}
    return vault


@dataclass(frozen=True)
class Asked:
    """A request as it came: `write` is a POST or PUT, whose operation is still to be decided."""

    operation: Operation
    path: str
    data: Mapping[str, Any]
    secret: str


@dataclass(frozen=True)
class Found:
    """Where a path leads: each part is None when there is no such thing."""

    mount: str = ""
    backend: Backend | None = None
    path: Path | None = None
    name: str = ""


async def handle(vault: Vault, asked: Asked) -> tuple[int, dict[str, Any] | None]:
    """Return status and body.

    Raises:
        Refusal: the answer is an error.
    """
    if vault.sealed:
        raise Refusal(503, "Vault is sealed")
    vault.expire()
    found = _find(vault, asked.path)
    if found.path and found.path.open:
        return await _answer(vault, asked, found, None)
    token = vault.authenticated(asked.secret)
    is_last_use = _use(token)
    try:
        status, body = await _answer(vault, asked, found, token)
    finally:
        if is_last_use:
            vault.revoke_token(token)
            await vault.settle_soon()
    if is_last_use and body and body["lease_id"]:
        raise Refusal(400, _SPENT)
    return status, body


def _find(vault: Vault, path: str) -> Found:
    mount = max((mount for mount in vault.mounts if path.startswith(mount)), key=len, default=None)
    if mount is None:
        return Found()
    backend = vault.mounts[mount]
    for pattern in backend.paths:
        name = pattern.match(path.removeprefix(mount))
        if name is not None:
            return Found(mount, backend, pattern, name)
    return Found(mount, backend)


def _use(token: Token) -> bool:
    """Count a use, a refused one too, of a token with a number of them; tell whether it was the last."""
    if not token.terms.num_uses:
        return False
    token.uses_left -= 1
    return token.uses_left == 0


async def _answer(vault: Vault, asked: Asked, found: Found, token: Token | None) -> tuple[int, dict[str, Any] | None]:
    operation = asked.operation
    if operation is Operation.UPDATE and found.path and found.path.exists and not found.path.exists(found.name):
        operation = Operation.CREATE
    if token is not None:
        sudo = found.path is not None and found.path.sudo
        if not vault.acl(token).allows(operation.value, asked.path, asked.data, sudo=sudo):
            raise denied()
    if found.backend is None:
        raise Refusal(404, f'no handler for route "{asked.path}". route entry not found.')
    if found.path is None:
        raise Refusal(404, multierror("unsupported path"))
    handler = found.path.operations.get(operation)
    if handler is None:
        # The text of a login comes bare, as recorded on OpenBao 2.7.2.
        raise Refusal(405, multierror("unsupported operation") if token else "unsupported operation")
    call = Call(asked.path, asked.data, token, found.name, found.mount)
    try:
        answered = handler(call)
        reply = await answered if inspect.isawaitable(answered) else answered
    except UpstreamError as error:
        raise Refusal(500, multierror(str(error))) from error
    return _body(vault, call, found.backend, reply)


def _body(vault: Vault, call: Call, backend: Backend, reply: Reply) -> tuple[int, dict[str, Any] | None]:
    if reply.status != 200:  # done, or queued
        return reply.status, None
    warnings = list(reply.warnings)
    body: dict[str, Any] = {
        "request_id": ids.guid(),
        "lease_id": "",
        "renewable": False,
        "lease_duration": 0,
        "data": reply.data,
        "wrap_info": None,
        "warnings": None,
        "auth": None,
    }
    lease = reply.lease
    if reply.secret and isinstance(backend, Leasing):
        lease, capped = vault.lease(call, backend, reply.secret)
        warnings += capped
        body["data"] = reply.secret.data
    if lease:
        body |= {"lease_id": lease.id, "renewable": True, "lease_duration": lease.granted}
    if reply.token:
        body["auth"] = reply.token.as_auth()
    if warnings:
        body["warnings"] = warnings
    if not vault.is_openbao:
        body["mount_type"] = "" if reply.token else backend.type
    return reply.status, body
