"""`POST /v1/acl/login`: a Nomad token for somebody else's id token (api-contract 2.6)."""

from collections.abc import Mapping
from typing import Any, Final

from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from nomad_token_lab import http, id_tokens
from nomad_token_lab.durations import SECOND
from nomad_token_lab.id_tokens import Leeways
from nomad_token_lab.nomad.auth_methods import NAME_FORMAT, AuthMethod
from nomad_token_lab.nomad.claims import Mapped, interpolated, mapped
from nomad_token_lab.nomad.errors import NomadError
from nomad_token_lab.nomad.profile import JWT_LOGIN, TOKEN_NAME_FORMAT
from nomad_token_lab.nomad.state import Nomad
from nomad_token_lab.nomad.tokens import Token, Wanted
from nomad_token_lab.vault.errors import UpstreamError
from nomad_token_lab.vault.upstream import Upstream

_OLD_SERVER: Final = "all servers should be running version 1.5.4 or later to use JWT ACL auth methods"


async def login(nomad: Nomad, body: Mapping[str, Any]) -> tuple[Nomad, Token]:
    """Return the token, and the server that made it: a global one is the authoritative region's.

    Raises:
        NomadError: the login is refused.
    """
    nomad.require_acl()
    if any(server.release < JWT_LOGIN for server in nomad.federation.values()):
        raise NomadError(500, _OLD_SERVER)
    given = {key.lower(): value for key, value in body.items()}
    name, token = str(given.get("authmethodname") or ""), str(given.get("logintoken") or "")
    missing = [
        text for text, value in (("missing auth method name", name), ("missing login token", token)) if not value
    ]
    if missing:
        raise NomadError(400, f"invalid login request: {http.multierror(*missing)}")
    method = nomad.auth_methods.get(name)
    if method is None:
        raise NomadError(400, f'auth-method "{name}" not found')
    if method.is_global:
        nomad = nomad.authoritative
        nomad.require_leader()
    if method.type != "JWT":
        raise NomadError(400, f"unsupported auth-method type: {method.type}")
    claims = await _claims(nomad, method, token)
    return nomad, nomad.mint(_wanted(nomad, method, claims))


async def _claims(nomad: Nomad, method: AuthMethod, token: str) -> Mapped:
    config = method.config or {}
    try:
        claims = await _validated(nomad, config, token)
    except ValueError as error:
        raise NomadError(401, f"unable to validate provided token: {error}") from error
    try:
        return mapped(claims, config["ClaimMappings"], config["ListClaimMappings"])
    except ValueError as error:
        raise NomadError(500, str(error)) from error


async def _validated(nomad: Nomad, config: Mapping[str, Any], token: str) -> Mapping[str, Any]:
    url = await _keys_url(nomad.upstream, config)
    try:
        claims = id_tokens.validated(
            token,
            await _fetched(nomad.upstream, url) if url else _configured(config),
            fetched=bool(url),
            now=nomad.clock(),
            audiences=config["BoundAudiences"],
            algorithms=config["SigningAlgs"],
            leeways=_leeways(config),
        )
    except _BadKeyError:
        raise
    except UpstreamError as error:
        text = f"error verifying token signature: fetching keys oidc: {error}"
        raise ValueError(f"unable to verify signature of JWT token: {text}") from error
    except ValueError as error:
        raise ValueError(f"unable to verify signature of JWT token: {error}") from error
    _check_issuer(claims, config["BoundIssuer"])
    return claims


class _BadKeyError(ValueError):
    """What the method was configured with is no key; the server says so without "verify signature"."""


def _configured(config: Mapping[str, Any]) -> KeySet:
    try:
        return id_tokens.public_keys(config["JWTValidationPubKeys"])
    except ValueError as error:
        raise _BadKeyError(f"unable to parse public key for JWT auth: {error}") from error


def _check_issuer(claims: Mapping[str, Any], bound: list[str]) -> None:
    if not bound:
        return
    if "iss" not in claims:
        raise ValueError(
            "auth method specifies BoundIssuers but the provided token does not contain issuer information"
        )
    if claims["iss"] not in bound:
        raise ValueError(f"invalid JWT issuer: {claims['iss']}")


def _leeways(config: Mapping[str, Any]) -> Leeways:
    usual = Leeways()

    def seconds(name: str, default: float) -> float:
        return max(config[name], 0) / SECOND if config[name] else default

    return Leeways(
        skew=seconds("ClockSkewLeeway", usual.skew),
        expiration=seconds("ExpirationLeeway", usual.expiration),
        not_before=seconds("NotBeforeLeeway", usual.not_before),
    )


async def _keys_url(upstream: Upstream, config: Mapping[str, Any]) -> str:
    """Return where the keys are, "" when the method holds them itself."""
    if config["JWTValidationPubKeys"]:
        return ""
    if config["JWKSURL"]:
        return str(config["JWKSURL"])
    try:
        return await _discovered(upstream, config["OIDCDiscoveryURL"])
    except (UpstreamError, ValueError) as error:
        raise ValueError(f"unable to get validation keys from OIDC provider: {error}") from error


async def _discovered(upstream: Upstream, issuer: str) -> str:
    answer = await upstream.request("GET", f"{issuer.removesuffix('/')}/.well-known/openid-configuration")
    if answer.status_code != 200:
        raise ValueError(f"{answer.status_code} {answer.reason_phrase}: {answer.text}")
    try:
        found = answer.json()
        named, url = found["issuer"], found["jwks_uri"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"failed to decode OIDC discovery document: {error}") from error
    if named != issuer:
        raise ValueError(f'issuer did not match the returned issuer, expected "{issuer}" got "{named}"')
    return str(url)


async def _fetched(upstream: Upstream, url: str) -> KeySet:
    try:
        answer = await upstream.request("GET", url)
    except UpstreamError as error:
        raise UpstreamError(f"get keys failed {error}") from error
    if answer.status_code != 200:
        raise UpstreamError(f"get keys failed: {answer.status_code} {answer.reason_phrase} {answer.text}")
    try:
        return KeySet.import_key_set(answer.json())
    except (ValueError, KeyError, TypeError, JoseError) as error:
        raise UpstreamError(f"failed to decode keys: {error}") from error


def _wanted(nomad: Nomad, method: AuthMethod, claims: Mapped) -> Wanted:
    bound = nomad.binding_rules.bound(method.name, claims, roles=nomad.roles, policies=nomad.policies)
    if not (bound.roles or bound.policies or bound.is_management):
        raise NomadError(400, "no role or policy bindings matched")
    named = {"auth_method_type": method.type, "auth_method_name": method.name, **claims.variables()}
    name_format = method.name_format if nomad.release >= TOKEN_NAME_FORMAT else NAME_FORMAT
    try:
        name = interpolated(name_format, named)
    except ValueError as error:
        raise NomadError(500, f"failed to generate ACL token name: {error}") from error
    return Wanted(
        accessor="",
        name=name,
        type="management" if bound.is_management else "client",
        policies=bound.policies,
        roles=bound.roles,
        is_global=method.is_global,
        ttl=method.max_token_ttl,
        expires=None,
    )
