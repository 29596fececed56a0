"""Nomad over HTTP: the application, and what tells of the server itself (api-contract 2.1, 2.3)."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from nomad_token_lab.nomad import acl_api, identity_api, jobs_api
from nomad_token_lab.nomad.state import Nomad
from nomad_token_lab.nomad.wire import Call, route


def app(nomad: Nomad) -> Starlette:
    """Return the application that serves *nomad*."""
    server = [
        route(nomad, "GET", "/v1/status/leader", _leader, leaderless=True),
        route(nomad, "GET", "/v1/regions", _regions, leaderless=True),
        route(nomad, "GET", "/v1/agent/health", _health, leaderless=True),
        route(nomad, "GET", "/v1/agent/self", _agent, leaderless=True),
    ]
    routes = [*server, *acl_api.routes(nomad), *identity_api.routes(nomad), *jobs_api.routes(nomad)]
    return Starlette(routes=routes, exception_handlers={404: _no_route, 405: _no_method})


def _no_route(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("", 404)


def _no_method(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("Invalid method", 405)


def _leader(call: Call) -> Response:
    return call.read("127.0.0.1:4647" if call.nomad.leader else "")


def _regions(call: Call) -> Response:
    return call.read(sorted(call.nomad.federation))


def _health(call: Call) -> Response:
    ok = call.nomad.leader
    message = "ok" if ok else "No cluster leader"
    return JSONResponse({"server": {"ok": ok, "message": message}}, 200 if ok else 500)


def _agent(call: Call) -> Response:
    call.caller().require_level("agent", "read")
    nomad = call.nomad
    return call.read(
        {
            "config": {
                "Region": nomad.region,
                "Datacenter": "dc1",
                "ACL": {"Enabled": nomad.acl_enabled},
                "Version": {"Version": nomad.version, "VersionPrerelease": ""},
            },
            "member": {"Name": f"lab.{nomad.region}", "Status": "alive"},
            "stats": {"nomad": {"server": "true", "leader": str(nomad.leader).lower()}},
        }
    )
