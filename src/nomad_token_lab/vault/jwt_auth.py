"""Vault's jwt auth method, for tokens of OIDC issuers (api-contract 3.3)."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from nomad_token_lab.vault import fields, id_tokens
from nomad_token_lab.vault.backend import DONE, Call, Operation, Path, Reply
from nomad_token_lab.vault.entries import Entries
from nomad_token_lab.vault.errors import Refusal, UpstreamError, nothing_there
from nomad_token_lab.vault.state import Vault

_KEY_SOURCES = ("jwt_validation_pubkeys", "jwks_url", "oidc_discovery_url")
_NO_SOURCE = (
    "exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs', 'oidc_discovery_url', "
    "or 'provider_config' must be set"
)


class JwtAuth:
    """One mount of the method."""

    def __init__(self, vault: Vault, type_name: str) -> None:
        """Begin unconfigured."""
        self.type = type_name
        self._vault = vault
        self._config: dict[str, Any] | None = None
        self._roles = Entries("role", _role)
        read, update = Operation.READ, Operation.UPDATE
        self.paths = (
            Path("login", {update: self._login}, open=True),
            Path("config", {read: self._read_config, update: self._write_config}),
            *self._roles.paths(),
        )

    def _read_config(self, _call: Call) -> Reply:
        if self._config is None:
            raise nothing_there()
        return Reply(self._config)

    async def _write_config(self, call: Call) -> Reply:
        config: dict[str, Any] = {
            "jwks_url": fields.text(call.data, "jwks_url"),
            "oidc_discovery_url": fields.text(call.data, "oidc_discovery_url"),
            "oidc_discovery_ca_pem": fields.text(call.data, "oidc_discovery_ca_pem"),
            "jwt_validation_pubkeys": list(fields.strings(call.data, "jwt_validation_pubkeys")),
            "bound_issuer": fields.text(call.data, "bound_issuer"),
            "default_role": fields.text(call.data, "default_role"),
        }
        if sum(bool(config[name]) for name in _KEY_SOURCES) != 1:
            raise Refusal(400, _NO_SOURCE)
        if config["oidc_discovery_url"]:
            try:
                await self._jwks_uri(config["oidc_discovery_url"])
            except UpstreamError as error:
                raise Refusal(400, f"error checking oidc discovery URL: {error}") from error
        self._config = config
        return DONE

    async def _login(self, call: Call) -> Reply:
        config = self._config
        if config is None:
            raise Refusal(400, "could not load configuration")
        name = fields.text(call.data, "role") or config["default_role"]
        if not name:
            raise Refusal(400, "missing role")
        entry = self._roles.find(name)
        if entry is None:
            raise Refusal(400, f'role "{name}" could not be found')
        role = entry.own
        if role["role_type"] == "oidc":
            raise Refusal(400, "role with oidc role_type is not allowed")
        token = fields.text(call.data, "jwt")
        if not token:
            raise Refusal(400, "missing token")
        claims = await self._claims(token, config, role)
        if id_tokens.audiences_of(claims) and not role["bound_audiences"]:
            raise Refusal(400, "audience claim found in JWT but no audiences bound to the role")
        user = claims.get(role["user_claim"])
        if user is None:
            raise Refusal(400, f'claim "{role["user_claim"]}" not found in token')
        _check_bounds(role, claims)
        mapped = {new: str(claims[old]) for old, new in role["claim_mappings"].items() if old in claims}
        return self._vault.login(call, entry.terms, str(user), {"role": name, **mapped})

    async def _claims(self, token: str, config: Mapping[str, Any], role: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return id_tokens.validated(
                token,
                await self._keys(config),
                issuer=config["bound_issuer"],
                audiences=role["bound_audiences"],
                fetched=not config["jwt_validation_pubkeys"],
                subject=role["bound_subject"],
                now=self._vault.clock(),
            )
        except UpstreamError as error:
            text = f"error verifying token signature: fetching keys oidc: {error}"
            raise Refusal(400, f"error validating token: {text}") from error
        except ValueError as error:
            raise Refusal(400, f"error validating token: {error}") from error

    async def _keys(self, config: Mapping[str, Any]) -> KeySet:
        if pems := config["jwt_validation_pubkeys"]:
            return KeySet([RSAKey.import_key(pem) for pem in pems])
        url = config["jwks_url"] or await self._jwks_uri(config["oidc_discovery_url"])
        try:
            answer = await self._vault.upstream.request("GET", url)
        except UpstreamError as error:
            raise UpstreamError(f"get keys failed {error}") from error
        if answer.is_error:
            text = f"{answer.status_code} {answer.reason_phrase} {answer.text}"
            raise UpstreamError(f"get keys failed: {text}")
        try:
            return KeySet.import_key_set(answer.json())
        except (ValueError, KeyError, TypeError, JoseError) as error:
            raise UpstreamError(f"failed to decode keys: {error}") from error

    async def _jwks_uri(self, issuer: str) -> str:
        answer = await self._vault.upstream.request("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if answer.is_error:
            raise UpstreamError(f"{answer.status_code} {answer.reason_phrase}: {answer.text}")
        try:
            found = answer.json()
            named, keys = found["issuer"], found["jwks_uri"]
        except (ValueError, KeyError, TypeError) as error:
            raise UpstreamError(f"oidc: failed to decode provider discovery object: {error}") from error
        if named != issuer:
            raise UpstreamError(f'issuer did not match the returned issuer, expected "{issuer}" got "{named}"')
        return str(keys)


def _role(data: fields.Data) -> Mapping[str, Any]:
    role: dict[str, Any] = {
        "role_type": fields.text(data, "role_type", "oidc"),
        "user_claim": fields.text(data, "user_claim"),
        "bound_audiences": list(fields.strings(data, "bound_audiences")),
        "bound_subject": fields.text(data, "bound_subject"),
        "bound_claims": data.get("bound_claims") or {},
        "bound_claims_type": fields.text(data, "bound_claims_type", "string"),
        "claim_mappings": data.get("claim_mappings") or {},
    }
    if not role["user_claim"]:
        raise Refusal(400, "a user claim must be defined on the role")
    bounds = ("bound_audiences", "bound_subject", "bound_claims")
    if role["role_type"] == "jwt" and not any(role[name] for name in bounds):
        raise Refusal(400, "must have at least one bound constraint when creating/updating a role")
    return role


def _check_bounds(role: Mapping[str, Any], claims: Mapping[str, Any]) -> None:
    for name, bound in role["bound_claims"].items():
        if name not in claims:
            raise Refusal(400, f'error validating claims: claim "{name}" is missing')
        wanted = bound if isinstance(bound, list) else [bound]
        actual = claims[name] if isinstance(claims[name], list) else [claims[name]]
        fits = _globbed if role["bound_claims_type"] == "glob" else _equal
        if not any(fits(value, pattern) for value in actual for pattern in wanted):
            text = f'claim "{name}" does not match any associated bound claim values'
            raise Refusal(400, f"error validating claims: {text}")


def _equal(value: object, wanted: object) -> bool:
    return value == wanted


def _globbed(value: object, wanted: object) -> bool:
    return fnmatchcase(str(value), str(wanted))
