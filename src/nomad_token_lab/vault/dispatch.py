"""The way of a request through Vault: seal, token, uses, policy, route, operation, lease, in this order."""

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from nomad_token_lab import ids
from nomad_token_lab.clock import Clock
from nomad_token_lab.http import multierror
from nomad_token_lab.vault.backend import Backend, Call, Leasing, Operation, Path, Peer, Reply, Secret
from nomad_token_lab.vault.errors import Refusal, UpstreamError, denied
from nomad_token_lab.vault.namespaces import Namespace
from nomad_token_lab.vault.state import Vault
from nomad_token_lab.vault.system import furnish
from nomad_token_lab.vault.tokens import Token

_OF_ITSELF = frozenset(f"auth/token/{deed}-self" for deed in ("lookup", "renew", "revoke"))
_SPENT = "Secret cannot be returned; token had one use left, so leased credentials were immediately revoked."


def new_vault(clock: Clock) -> Vault:
    """Return a server with what is always mounted."""
    vault = Vault(clock)
    furnish(vault, vault.namespaces.root)
    return vault


@dataclass(frozen=True)
class Asked:
    """A request as it came: whether an UPDATE is a CREATE is still to be decided; `namespace` is what a header says."""

    operation: Operation
    path: str
    data: Mapping[str, Any]
    secret: str
    namespace: str
    peer: Peer
    left: Callable[[], bool]
    """Tell whether the client has left."""


@dataclass(frozen=True)
class Found:
    """Where a path leads: each part is None when there is no such thing; `at` is the path within the namespace."""

    namespace: Namespace
    at: str
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
    found = _find(vault, asked)
    vault.quotas.count(found.namespace.path + found.at)
    if found.path and found.path.open:
        return await _answer(vault, asked, found, None)
    token = vault.authenticated(asked.secret, asked.peer.address)
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


def _find(vault: Vault, asked: Asked) -> Found:
    namespace, at = _entered(vault, asked)
    mount = namespace.mount_of(at)
    if mount is None:
        return Found(namespace, at)
    backend = namespace.mounts[mount]
    for pattern in backend.paths:
        name = pattern.match(at.removeprefix(mount))
        if name is not None:
            return Found(namespace, at, mount, backend, pattern, name)
    return Found(namespace, at, mount, backend)


def _entered(vault: Vault, asked: Asked) -> tuple[Namespace, str]:
    """Return the namespace of a request; what a token asks about itself leads to its own, whatever the header says."""
    if not vault.is_openbao:
        return vault.namespaces.root, asked.path
    namespace = vault.namespaces.find(asked.namespace)
    if namespace is None:
        raise Refusal(404, "namespace not found")
    token = vault.tokens.find(asked.secret)
    home = vault.namespaces.find(token.namespace) if token else None
    if home and home.path and asked.path in _OF_ITSELF:
        return home, asked.path
    return vault.namespaces.enter(namespace, asked.path)


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
        whole = found.namespace.path + found.at
        if not vault.acl(token).allows(operation.value, whole, asked.data, sudo=sudo):
            raise denied()
    if found.backend is None:
        raise Refusal(404, f'no handler for route "{found.at}". route entry not found.')
    if found.path is None:
        raise Refusal(404, multierror("unsupported path"))
    handler = found.path.operations.get(operation)
    if handler is None:
        # The text of a login comes bare, as recorded on OpenBao 2.7.2.
        raise Refusal(405, multierror("unsupported operation") if token else "unsupported operation")
    call = Call(found.at, asked.data, token, found.name, found.mount, found.namespace.path, asked.peer)
    try:
        answered = handler(call)
        reply = await answered if inspect.isawaitable(answered) else answered
    except UpstreamError as error:
        raise Refusal(500, multierror(str(error))) from error
    if reply.secret and isinstance(found.backend, Leasing) and asked.left():
        await _leave(vault, found.backend, reply.secret)
    return _body(vault, call, found.backend, reply)


async def _leave(vault: Vault, engine: Leasing, secret: Secret) -> NoReturn:
    """Make no lease for a client that has left: a built-in engine deletes the *secret*, a plugin leaves it (trap 2)."""
    if not vault.is_openbao:
        with suppress(UpstreamError):
            await engine.revoke(secret.internal)
    raise Refusal(500, multierror("context canceled"))


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
