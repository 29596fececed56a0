"""`/v1/acl/…`: roles, auth methods, binding rules, login (api-contract 2.3, 2.6)."""

from starlette.responses import Response
from starlette.routing import Route

from nomad_token_lab.nomad.acl_api import full
from nomad_token_lab.nomad.errors import NomadError, denied
from nomad_token_lab.nomad.login import login
from nomad_token_lab.nomad.policies import Role
from nomad_token_lab.nomad.profile import AUTH_METHODS, EXPIRY_AND_ROLES, JWT_LOGIN
from nomad_token_lab.nomad.state import Nomad
from nomad_token_lab.nomad.wire import Call, route

_MANY = "GET DELETE WRITE"


def routes(nomad: Nomad) -> list[Route]:
    """Return the routes of what stands between an identity and a token."""
    return [
        route(nomad, "GET", "/v1/acl/roles", _roles, since=EXPIRY_AND_ROLES),
        route(nomad, "WRITE", "/v1/acl/role", _put_role, since=EXPIRY_AND_ROLES, home=True),
        route(nomad, "GET", "/v1/acl/role/name/{name}", _role_by_name, since=EXPIRY_AND_ROLES),
        route(nomad, _MANY, "/v1/acl/role/{id}", _role, since=EXPIRY_AND_ROLES, home=True),
        route(nomad, "GET", "/v1/acl/auth-methods", _methods, since=AUTH_METHODS),
        route(nomad, "WRITE", "/v1/acl/auth-method", _put_method, since=AUTH_METHODS, home=True),
        route(nomad, _MANY, "/v1/acl/auth-method/{name}", _method, since=AUTH_METHODS, home=True),
        route(nomad, "GET", "/v1/acl/binding-rules", _rules, since=AUTH_METHODS),
        route(nomad, "WRITE", "/v1/acl/binding-rule", _put_rule, since=AUTH_METHODS, home=True),
        route(nomad, _MANY, "/v1/acl/binding-rule/{id}", _rule, since=AUTH_METHODS, home=True),
        route(nomad, "WRITE", "/v1/acl/login", _login, since=JWT_LOGIN),
    ]


def _roles(call: Call) -> Response:
    caller, prefix = call.acl_caller(), call.request.query_params.get("prefix", "")
    mine = caller.token.roles if caller.token else ()
    found = [role for role in call.nomad.roles.values() if caller.is_management or role.id in mine]
    return call.read([role.full() for role in found if role.id.startswith(prefix)])


async def _put_role(call: Call) -> Response:
    call.acl_caller().require_management()
    return call.written(call.nomad.roles.put(await call.body()).full())


async def _role(call: Call) -> Response:
    id_ = call.part("id")
    if call.request.method == "GET":
        return _shown(call, call.nomad.roles.get(id_))
    if call.is_write:
        body = await call.body()
        if id_ not in [value for name, value in body.items() if name.lower() == "id"]:
            raise NomadError(400, "ACL role ID does not match request path")
        return await _put_role(call)
    call.acl_caller().require_management()
    call.nomad.roles.delete(id_)
    return call.written()


def _role_by_name(call: Call) -> Response:
    return _shown(call, call.nomad.roles.named(call.part("name")))


def _shown(call: Call, role: Role | None) -> Response:
    """Show *role* to a manager and to those whose token is linked to it."""
    caller = call.acl_caller()
    if not caller.is_management and (role is None or caller.token is None or role.id not in caller.token.roles):
        raise denied()
    if role is None:
        raise NomadError(404, "ACL role not found")
    return call.read(role.full())


def _methods(call: Call) -> Response:
    call.nomad.require_acl()
    return call.read([method.stub() for method in call.nomad.auth_methods.values()])


async def _put_method(call: Call) -> Response:
    call.acl_caller().require_management()
    nomad = call.nomad
    return call.written(nomad.auth_methods.put(await call.body(), nomad.bounds, nomad.release).full(nomad.release))


async def _method(call: Call) -> Response:
    nomad, name = call.nomad, call.part("name")
    if call.is_write:
        body = await call.body()
        if name not in [value for field, value in body.items() if field.lower() == "name"]:
            raise NomadError(400, "ACL auth-method name does not match request path")
        return await _put_method(call)
    call.acl_caller().require_management()
    if call.request.method == "DELETE":
        nomad.auth_methods.delete(name)
        return call.written()
    if name not in nomad.auth_methods:
        raise NomadError(404, "ACL auth-method not found")
    return call.read(nomad.auth_methods[name].full(nomad.release))


def _rules(call: Call) -> Response:
    call.acl_caller().require_management()
    return call.read([rule.stub() for rule in call.nomad.binding_rules.values()])


async def _put_rule(call: Call) -> Response:
    call.acl_caller().require_management()
    return call.written(call.nomad.binding_rules.put(await call.body()).full())


async def _rule(call: Call) -> Response:
    rules, id_ = call.nomad.binding_rules, call.part("id")
    if call.is_write:
        body = await call.body()
        if id_ not in [value for field, value in body.items() if field.lower() == "id"]:
            raise NomadError(400, "ACL binding rule ID does not match request path")
        return await _put_rule(call)
    call.acl_caller().require_management()
    if call.request.method == "DELETE":
        rules.delete(id_)
        return call.written()
    if id_ not in rules:
        raise NomadError(404, "ACL binding rule not found")
    return call.read(rules[id_].full())


async def _login(call: Call) -> Response:
    call.nomad.require_acl()
    nomad, token = await login(call.nomad, await call.body())
    return call.written(full(nomad, token))
