"""How Nomad speaks HTTP: text for refusals, index headers for answers, the query parameters of every call."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nomad_token_lab import http
from nomad_token_lab.nomad.errors import NomadError
from nomad_token_lab.nomad.profile import Release
from nomad_token_lab.nomad.state import Caller, Nomad

_BOOL: Final = frozenset({"", "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"})
_WRITES: Final = ("PUT", "POST")  # the same to Nomad

Endpoint = Callable[["Call"], Awaitable[Response] | Response]


class Call:
    """A request, with what Nomad reads from it."""

    def __init__(self, nomad: Nomad, request: Request) -> None:
        """Wrap *request*, which *nomad* answers: the server of the region that was asked for."""
        self.nomad = nomad
        self.request = request
        self.secret = http.bearer(request.headers, "x-nomad-token")

    def at_home(self) -> "Call":
        """Return the call as the authoritative region answers it, to which what is global is forwarded.

        Raises:
            NomadError: 500, it has no leader.
        """
        self.nomad.authoritative.require_leader()
        return Call(self.nomad.authoritative, self.request)

    @property
    def is_write(self) -> bool:
        """Whether it is a PUT or a POST."""
        return self.request.method in _WRITES

    @property
    def namespace(self) -> str:
        """The namespace that is asked about."""
        return self.request.query_params.get("namespace") or "default"

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def caller(self) -> Caller:
        """Return who asks."""
        return self.nomad.caller(self.secret, stale="stale" in self.request.query_params)

    def acl_caller(self) -> Caller:
        """Return who asks, at an endpoint that is there only when ACLs are on."""
        self.nomad.require_acl()
        return self.caller()

    async def body(self) -> Mapping[str, Any]:
        """Return the JSON object that was sent.

        Raises:
            NomadError: 400, none was.
        """
        try:
            body = await http.json_body(self.request)
        except ValueError as error:
            raise NomadError(400, str(error)) from error
        if body is None:
            raise NomadError(400, "Request body is empty")
        if not isinstance(body, dict):
            raise NomadError(400, "json: cannot unmarshal into Go value")
        return body

    def read(self, value: object, *, next_token: str = "") -> Response:
        """Answer a read; *next_token* leads to the next page of a list."""
        headers = {
            **({"X-Nomad-NextToken": next_token} if next_token else {}),
            "X-Nomad-Index": str(self.nomad.index),
            "X-Nomad-KnownLeader": "true" if self.nomad.leader else "false",
            "X-Nomad-LastContact": "0",
        }
        return JSONResponse(value, headers=headers)

    def written(self, value: object = None) -> Response:
        """Answer a write: an empty 200 where there is nothing to tell."""
        headers = {"X-Nomad-Index": str(self.nomad.index)}
        return Response(headers=headers) if value is None else JSONResponse(value, headers=headers)


def route(  # noqa: PLR0913 - what a route is
    nomad: Nomad,
    methods: str,
    path: str,
    endpoint: Endpoint,
    *,
    leaderless: bool = False,
    since: Release = (),
    home: bool = False,
) -> Route:
    """Return the route *path* for *methods* (`GET DELETE`, `WRITE` being PUT and POST).

    It is there *since* a release; what it writes is global when it is of *home*, the authoritative region.
    """

    async def answered(request: Request) -> Response:
        asked = nomad
        try:
            if nomad.release < since:
                return PlainTextResponse("", 404)
            asked = _asked(nomad, request.query_params)
            call = Call(asked, request)
            if not leaderless and "stale" not in request.query_params:
                call.nomad.require_leader()
            answer = endpoint(call.at_home() if home and request.method != "GET" else call)
            return answer if isinstance(answer, Response) else await answer
        except NomadError as error:
            # What another server said comes with a prefix, unless it has a status of its own (api-contract 2.1).
            relayed = asked is not nomad and error.status == 500
            return PlainTextResponse(f"rpc error: {error.text}" if relayed else error.text, error.status)

    names = [name for word in methods.split() for name in (_WRITES if word == "WRITE" else (word,))]
    return Route(path, answered, methods=names)


def _asked(nomad: Nomad, query: Mapping[str, str]) -> Nomad:
    """Return the server of the region that is asked for, *nomad*'s own by default."""
    region = query.get("region") or nomad.region
    if region not in nomad.federation:
        raise NomadError(500, "No path to region")
    if query.get("stale", "") not in _BOOL:
        raise NomadError(400, "Expect `true` or `false` for `stale` query string parameter")
    if not re.fullmatch(r"\d*", query.get("index", "")):
        raise NomadError(400, "Invalid index")
    return nomad.federation[region]
