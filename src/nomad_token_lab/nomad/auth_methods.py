"""Nomad's auth methods: whom a login trusts, and what its tokens are like (api-contract 2.6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from nomad_token_lab import durations, http
from nomad_token_lab.clock import Clock, rfc3339
from nomad_token_lab.nomad.errors import NomadError
from nomad_token_lab.nomad.hashes import hashed
from nomad_token_lab.nomad.policies import NAME
from nomad_token_lab.nomad.profile import JWT_LOGIN, REDACTED_SECRETS, TOKEN_NAME_FORMAT, Release
from nomad_token_lab.nomad.tokens import Bounds

NAME_FORMAT: Final = "${auth_method_type}-${auth_method_name}"

_TEXTS: Final = ("JWKSURL", "JWKSCACert", "OIDCDiscoveryURL", "OIDCClientID", "OIDCClientSecret")
_LISTS: Final = (
    "JWTValidationPubKeys",
    "OIDCScopes",
    "BoundAudiences",
    "BoundIssuer",
    "AllowedRedirectURIs",
    "DiscoveryCaPem",
    "SigningAlgs",
)
_MAPS: Final = ("ClaimMappings", "ListClaimMappings")
_LEEWAYS: Final = ("ExpirationLeeway", "NotBeforeLeeway", "ClockSkewLeeway")
_FLAGS: Final = ("OIDCEnablePKCE", "OIDCDisableUserInfo", "VerboseLogging")
_KEY_SOURCES: Final = ("OIDCDiscoveryURL", "JWKSURL", "JWTValidationPubKeys")


@dataclass(frozen=True)
class AuthMethod:
    """One method; `max_token_ttl` and the leeways of `config` are in nanoseconds."""

    name: str
    type: str
    locality: str
    name_format: str
    max_token_ttl: int
    default: bool
    config: Mapping[str, Any] | None
    created: datetime
    modified: datetime
    create_index: int = 0
    modify_index: int = 0

    @property
    def is_global(self) -> bool:
        """Whether its tokens are known in all regions."""
        return self.locality == "global"

    def stub(self) -> dict[str, Any]:
        """Return what lists show, to everybody."""
        return {
            "Name": self.name,
            "Type": self.type,
            "Default": self.default,
            "Hash": hashed(self.name, self.type, self.locality, self.name_format, self.max_token_ttl, self.config),
            "CreateIndex": self.create_index,
            "ModifyIndex": self.modify_index,
        }

    def full(self, release: Release) -> dict[str, Any]:
        """Return what a manager reads; newer versions keep the client secret to themselves."""
        config = dict(self.config or {})
        for name in _LEEWAYS:
            config[name] = durations.written(config[name]) if config.get(name) else ""
        if release >= REDACTED_SECRETS and config.get("OIDCClientSecret"):
            config["OIDCClientSecret"] = "redacted"
        named = {"TokenNameFormat": self.name_format} if release >= TOKEN_NAME_FORMAT else {}
        return {
            **self.stub(),
            **named,
            "MaxTokenTTL": durations.written(self.max_token_ttl),
            "TokenLocality": self.locality,
            "Config": config,
            "CreateTime": rfc3339(self.created),
            "ModifyTime": rfc3339(self.modified),
        }


class AuthMethods(dict[str, AuthMethod]):
    """The methods by name."""

    def __init__(self, clock: Clock, count: Callable[[], int]) -> None:
        """Begin empty; *count* numbers the writes."""
        super().__init__()
        self._clock = clock
        self._count = count

    def put(self, body: Mapping[str, Any], bounds: Bounds, release: Release) -> AuthMethod:
        """Make a method; of one that is there, what *body* leaves out stays, but for `Default`.

        Raises:
            NomadError: 400, it may not be, with all that is wrong, or there is a default method already.
        """
        wanted = self._merged(_read(body, self._clock()))
        if release < TOKEN_NAME_FORMAT:
            wanted = replace(wanted, name_format="")
        wrong = _wrong(wanted, bounds, ("OIDC", "JWT") if release >= JWT_LOGIN else ("OIDC",))
        if wrong:
            raise NomadError(400, f"auth method 0 invalid: {http.multierror(*wrong)}")
        default = next((method.name for method in self.values() if method.default), wanted.name)
        if wanted.default and default != wanted.name:
            raise NomadError(400, f"default method already exists: {default}")
        index = self._count()
        known = self.get(wanted.name)
        method = replace(
            wanted,
            name_format=wanted.name_format or NAME_FORMAT,
            created=known.created if known else wanted.created,
            create_index=known.create_index if known else index,
            modify_index=index,
        )
        self[method.name] = method
        return method

    def _merged(self, wanted: AuthMethod) -> AuthMethod:
        known = self.get(wanted.name)
        if known is None:
            return wanted
        return replace(
            wanted,
            type=wanted.type or known.type,
            locality=wanted.locality or known.locality,
            name_format=wanted.name_format or known.name_format,
            max_token_ttl=wanted.max_token_ttl or known.max_token_ttl,
            config=known.config if wanted.config is None else wanted.config,
        )

    def delete(self, name: str) -> None:
        """Delete a method.

        Raises:
            NomadError: 500, there is none.
        """
        if self.pop(name, None) is None:
            raise NomadError(500, "ACL auth method not found")
        self._count()


def _read(body: Mapping[str, Any], now: datetime) -> AuthMethod:
    given = {key.lower(): value for key, value in body.items()}
    try:
        return AuthMethod(
            name=str(given.get("name") or ""),
            type=str(given.get("type") or ""),
            locality=str(given.get("tokenlocality") or ""),
            name_format=str(given.get("tokennameformat") or ""),
            max_token_ttl=_nanoseconds(given.get("maxtokenttl")),
            default=bool(given.get("default")),
            config=None if given.get("config") is None else _config(given["config"]),
            created=now,
            modified=now,
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise NomadError(400, str(error)) from error


def _config(body: Mapping[str, Any]) -> dict[str, Any]:
    given = {key.lower(): value for key, value in body.items()}
    return {
        **{name: str(given.get(name.lower()) or "") for name in _TEXTS},
        **{name: list(given.get(name.lower()) or ()) for name in _LISTS},
        **{name: dict(given.get(name.lower()) or {}) for name in _MAPS},
        **{name: _nanoseconds(given.get(name.lower())) for name in _LEEWAYS},
        **{name: bool(given.get(name.lower())) for name in _FLAGS},
    }


def _nanoseconds(value: str | float | None) -> int:
    return durations.parse(value) if isinstance(value, str) and value else int(value or 0)


def _wrong(wanted: AuthMethod, bounds: Bounds, types: tuple[str, ...]) -> list[str]:
    wrong = []
    if not NAME.fullmatch(wanted.name):
        wrong.append(f"invalid name '{wanted.name}'")
    if wanted.locality not in {"local", "global"}:
        wrong.append(f"invalid token locality '{wanted.locality}'")
    if wanted.type not in types:
        wrong.append(f"invalid token type '{wanted.type}'")
    if not bounds.shortest <= wanted.max_token_ttl <= bounds.longest:
        shortest, longest = durations.written(bounds.shortest), durations.written(bounds.longest)
        was = durations.written(wanted.max_token_ttl)
        wrong.append(f"invalid MaxTokenTTL value '{was}' (should be between {shortest} and {longest})")
    if wanted.config is None:
        wrong.append("invalid config: missing auth method Config")
    elif wanted.type == "JWT" and not any(wanted.config[name] for name in _KEY_SOURCES):
        wrong.append(
            "invalid config: JWT auth method requires either OIDCDiscoveryURL, or JWKS URL, or JWTValidationPubKeys set"
        )
    return wrong
