"""Vault over HTTP: one application for every path, errors as `{"errors": […]}` (api-contract 3.1)."""

from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nomad_token_lab import http
from nomad_token_lab.vault.backend import Operation, Peer
from nomad_token_lab.vault.dispatch import Asked, handle
from nomad_token_lab.vault.errors import Refusal
from nomad_token_lab.vault.state import Vault

_OPERATIONS = {
    "GET": Operation.READ,
    "POST": Operation.UPDATE,
    "PUT": Operation.UPDATE,
    "DELETE": Operation.DELETE,
    "LIST": Operation.LIST,
}
_CLUSTER = {"cluster_name": "vault-cluster-lab", "cluster_id": "00000000-0000-4000-8000-000000000000"}
# The page of a proxy that lets nobody through without its header.
_FORBIDDEN = "<html>\r\n<head><title>403 Forbidden</title></head>\r\n<body><h1>403 Forbidden</h1></body>\r\n</html>"
# Answers to these repeat their data at the top level, as they did before there was `data`.
_FLAT = ("sys/auth", "sys/mounts", "sys/capabilities-self", "sys/policies")


def app(vault: Vault) -> ASGIApp:
    """Return the application that serves *vault*."""

    async def health(request: Request) -> Response:
        if vault.is_openbao and request.headers.get("x-vault-namespace", "").strip("/"):
            return _answer(request, 400, {"errors": ["operation unavailable in namespaces"]})
        told = {"initialized": True, "sealed": vault.sealed, "standby": vault.sealed, "version": _version(vault)}
        modes: dict[str, str | bool] = {"replication_performance_mode": "disabled", "replication_dr_mode": "disabled"}
        if not vault.is_openbao:
            modes["performance_standby"] = False
        now = {"server_time_utc": int(vault.clock().timestamp())}
        return JSONResponse({**told, **modes, **now, **_CLUSTER}, 503 if vault.sealed else 200)

    async def seal_status(_request: Request) -> Response:
        shares = {"type": "shamir", "initialized": True, "sealed": vault.sealed, "t": 1, "n": 1, "progress": 0}
        return JSONResponse({**shares, "version": _version(vault), **_CLUSTER})

    async def any_path(request: Request) -> Response:
        try:
            status, body = await handle(vault, await _asked(request))
        except Refusal as refusal:
            answer = _answer(request, refusal.status, {"errors": list(refusal.errors)})
            answer.headers.update(refusal.headers)
            return answer
        return _answer(request, status, body)

    served = Starlette(
        routes=[
            Route("/v1/sys/health", health),
            Route("/v1/sys/seal-status", seal_status),
            Route("/v1/{path:path}", any_path, methods=list(_OPERATIONS)),
        ],
    )

    async def behind_a_proxy(scope: Scope, receive: Receive, send: Send) -> None:
        if vault.required_header:
            name, value = vault.required_header
            if Headers(scope=scope).get(name) != value:
                await HTMLResponse(_FORBIDDEN, 403)(scope, receive, send)
                return
        await served(scope, receive, send)

    return behind_a_proxy


def _version(vault: Vault) -> str:
    return "2.7.2" if vault.is_openbao else "1.20.0"


def _peer(request: Request) -> Peer:
    tls = request.scope["state"]["transport"].get_extra_info("ssl_object")
    address = request.client.host if request.client else ""
    return Peer(address, tls is not None, tls.getpeercert(binary_form=True) if tls else None)


async def _asked(request: Request) -> Asked:
    try:
        data = await http.json_body(request)
    except ValueError as error:
        raise Refusal(400, f"failed to decode JSON input: {error}") from error
    if not isinstance(data, dict | None):
        text = "json: cannot unmarshal array into Go value of type map[string]interface {}"
        raise Refusal(400, f"failed to decode JSON input: {text}")
    operation = _OPERATIONS[request.method]
    if operation is Operation.READ and request.query_params.get("list") == "true":
        operation = Operation.LIST
    secret = http.bearer(request.headers, "x-vault-token")
    namespace = request.headers.get("x-vault-namespace", "")
    left = request.scope["state"]["transport"].is_closing
    return Asked(operation, request.path_params["path"], data or {}, secret, namespace, _peer(request), left)


def _answer(request: Request, status: int, body: dict[str, Any] | None) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
    if namespace := request.headers.get("x-vault-namespace"):
        headers["X-Vault-Namespace"] = namespace
    if body is None:
        return Response(status_code=status, headers=headers)
    if request.path_params.get("path", "").startswith(_FLAT) and body.get("data"):
        body = {**body["data"], **body}
    return JSONResponse(body, status, headers)
