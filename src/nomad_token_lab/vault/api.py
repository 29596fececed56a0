"""Vault over HTTP: one application for every path, errors as `{"errors": […]}` (api-contract 3.1)."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nomad_token_lab import http
from nomad_token_lab.vault.backend import Operation
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
# Answers to these repeat their data at the top level, as they did before there was `data`.
_FLAT = ("sys/auth", "sys/mounts", "sys/capabilities-self", "sys/policies")


def app(vault: Vault) -> Starlette:
    """Return the application that serves *vault*."""

    async def health(_request: Request) -> Response:
        told = {"initialized": True, "sealed": vault.sealed, "standby": vault.sealed, "version": _version(vault)}
        modes = {"replication_performance_mode": "disabled", "replication_dr_mode": "disabled"}
        now = {"server_time_utc": int(vault.clock().timestamp())}
        return JSONResponse({**told, **modes, **now, **_CLUSTER}, 503 if vault.sealed else 200)

    async def seal_status(_request: Request) -> Response:
        shares = {"type": "shamir", "initialized": True, "sealed": vault.sealed, "t": 1, "n": 1, "progress": 0}
        return JSONResponse({**shares, "version": _version(vault), **_CLUSTER})

    async def any_path(request: Request) -> Response:
        try:
            status, body = await handle(vault, await _asked(vault, request))
        except Refusal as refusal:
            return _answer(request, refusal.status, {"errors": list(refusal.errors)})
        return _answer(request, status, body)

    return Starlette(
        routes=[
            Route("/v1/sys/health", health),
            Route("/v1/sys/seal-status", seal_status),
            Route("/v1/{path:path}", any_path, methods=list(_OPERATIONS)),
        ],
    )


def _version(vault: Vault) -> str:
    return "2.7.2" if vault.is_openbao else "1.20.0"


def _namespace(request: Request) -> str:
    return request.headers.get("x-vault-namespace", "").strip("/")


async def _asked(vault: Vault, request: Request) -> Asked:
    if vault.is_openbao and _namespace(request) not in {"", "root"}:
        raise Refusal(404, "namespace not found")
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
    return Asked(operation, request.path_params["path"], data or {}, secret)


def _answer(request: Request, status: int, body: dict[str, Any] | None) -> Response:
    headers = {"Cache-Control": "no-store", "Content-Type": "application/json"}
    if namespace := _namespace(request):
        headers["X-Vault-Namespace"] = f"{namespace}/"
    if body is None:
        return Response(status_code=status, headers=headers)
    if request.path_params["path"].startswith(_FLAT) and body.get("data"):
        body = {**body["data"], **body}
    return JSONResponse(body, status, headers)
