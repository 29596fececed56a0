"""`/v1/acl/…`: bootstrap, tokens, policies (api-contract 2.3 to 2.5)."""

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from nomad_token_lab import ids
from nomad_token_lab.nomad.errors import NomadError, denied
from nomad_token_lab.nomad.pages import page
from nomad_token_lab.nomad.policies import Policy
from nomad_token_lab.nomad.profile import Profile
from nomad_token_lab.nomad.rules import Rules
from nomad_token_lab.nomad.state import Nomad
from nomad_token_lab.nomad.tokens import Token, Wanted
from nomad_token_lab.nomad.wire import Call, route

_ANONYMOUS = {"AccessorID": "anonymous", "Name": "Anonymous Token", "Type": "client", "Policies": ["anonymous"]}
_DISABLED = {"AccessorID": "acls-disabled", "Name": "ACLs disabled token", "Type": "client", "Policies": None}


def routes(nomad: Nomad) -> list[Route]:
    """Return the routes of *nomad*'s ACL endpoints."""
    return [
        route(nomad, "WRITE", "/v1/acl/bootstrap", _bootstrap, home=True),
        route(nomad, "GET", "/v1/acl/tokens", _tokens),
        route(nomad, "WRITE", "/v1/acl/token", _mint),
        route(nomad, "GET", "/v1/acl/token/self", _self),
        route(nomad, "GET DELETE WRITE", "/v1/acl/token/{accessor}", _token),
        route(nomad, "DELETE", "/v1/acl/token/", _unnamed),
        route(nomad, "GET", "/v1/acl/policies", _policies),
        route(nomad, "GET DELETE WRITE", "/v1/acl/policy/{name}", _policy, home=True),
    ]


def full(nomad: Nomad, token: Token) -> dict[str, Any]:
    """Return *token* as *nomad*'s version writes it, secret included."""
    return token.full(nomad.roles, nomad.release)


async def _bootstrap(call: Call) -> Response:
    body = await call.body() if await call.request.body() else {}
    return call.written(full(call.nomad, call.nomad.bootstrap(body.get("BootstrapSecret", ""))))


def _tokens(call: Call) -> Response:
    call.acl_caller().require_management()
    query, nomad = call.request.query_params, call.nomad
    prefix = query.get("prefix", "")
    if len(prefix.replace("-", "")) % 2:
        raise NomadError(500, "acl token lookup failed: index error: Input (without hyphens) must be even length")
    found = [token for token in nomad.known() if token.accessor.startswith(prefix)]
    stubs = [token.stub(nomad.roles, nomad.release) for token in found]
    shown, next_token = page(stubs, query, nomad.release, indexed=not prefix)
    return call.read(shown, next_token=next_token)


async def _mint(call: Call) -> Response:
    call.nomad.require_acl()
    body = await call.body()
    # Which region is to do it is decided before anybody asks who wants it.
    if any(value for name, value in body.items() if name.lower() == "global"):
        call = call.at_home()
    call.acl_caller().require_management()
    nomad = call.nomad
    return call.written(full(nomad, nomad.mint(Wanted.of(body, nomad.roles, nomad.release))))


async def _token(call: Call) -> Response:
    accessor = call.part("accessor")
    if call.request.method == "GET":
        return call.read(full(call.nomad, _visible(call, accessor)))
    if call.is_write:
        body = await call.body()
        if accessor not in [value for name, value in body.items() if name.lower() == "accessorid"]:
            call.acl_caller().require_management()
            raise NomadError(400, "ACL token accessor does not match request path")
        return await _mint(call)
    call.acl_caller().require_management()
    if call.nomad.require_deletable(accessor).is_global:
        call = call.at_home()
        call.acl_caller().require_management()
    call.nomad.delete_token(accessor)
    return call.written()


def _unnamed(_call: Call) -> Response:
    raise NomadError(400, "Missing Token Accessor")


def _visible(call: Call, accessor: str) -> Token:
    """Return the token *accessor*: managers see all, even expired ones; others their own."""
    call.nomad.require_acl()
    own = call.nomad.by_secret(call.secret)
    if own and own.accessor == accessor and call.nomad.is_expired(own):
        raise NomadError(500, "ACL token expired")
    caller = call.acl_caller()
    if not ids.is_guid(accessor):
        raise NomadError(500, "acl token lookup failed: index error: UUID must be 36 characters")
    token = call.nomad.by_accessor(accessor)
    if caller.is_management:
        if token is None:
            raise NomadError(404, "ACL token not found")
        return token
    if token is None or token is not caller.token:
        raise denied()
    return token


def _self(call: Call) -> Response:
    """Answer as the version does: the one endpoint where versions differ most (api-contract 2.5)."""
    nomad, is_new = call.nomad, call.nomad.profile is Profile.FROM_1_10_1
    if not nomad.acl_enabled and is_new:
        return call.read(_DISABLED)
    nomad.require_acl()
    if not call.secret:
        if is_new:
            return call.read(_ANONYMOUS)
        raise NomadError(500, "acl token lookup failed: missing secret id")
    if not ids.is_guid(call.secret):
        if is_new:
            raise NomadError(
                500, "failed to parse signed token: go-jose/go-jose: compact JWS format must have three parts"
            )
        raise NomadError(500, "acl token lookup failed: index error: UUID must be 36 characters")
    token = nomad.seen(call.secret)
    if token is None:
        raise denied() if is_new else NomadError(404, "ACL token not found")
    if is_new and nomad.is_expired(token):
        raise NomadError(500, "ACL token expired")
    return call.read(full(nomad, token))


def _held(call: Call) -> list[Policy]:
    """Return the policies that exist and that the caller holds, by its roles too; a manager holds all."""
    caller = call.acl_caller()
    names = call.nomad.policies_of(caller.token) if caller.token else {"anonymous"}
    return [policy for policy in call.nomad.policies.values() if caller.is_management or policy.name in names]


def _policies(call: Call) -> Response:
    prefix = call.request.query_params.get("prefix", "")
    return call.read([policy.stub() for policy in _held(call) if policy.name.startswith(prefix)])


async def _policy(call: Call) -> Response:
    nomad, name = call.nomad, call.part("name")
    if call.request.method == "GET":
        held = {policy.name: policy for policy in _held(call)}
        if name in held:
            rules = held[name].rules
            return call.read({**held[name].stub(), "Rules": rules, "RulesJSON": Rules([rules]).read_out()})
        raise NomadError(404, "ACL policy not found") if call.caller().is_management else denied()
    call.acl_caller().require_management()
    if call.is_write:
        nomad.policies.put(name, await call.body())
    elif nomad.policies.pop(name, None) is None:
        raise NomadError(404, "ACL policy not found")
    return call.written()
