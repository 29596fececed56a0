"""Validation of an id token with the texts of hashicorp/cap, which Vault and Nomad share (api-contract 2.6).

The texts are those of cap's `jwt/jwt.go`, as recorded on OpenBao 2.7.2.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")


@dataclass(frozen=True)
class Leeways:
    """Seconds: what clocks may differ by, and what a missing `exp` or `nbf` is put together from."""

    skew: float = 60
    expiration: float = 150
    not_before: float = 150


def validated(  # noqa: PLR0913 - each is a bound of the role or of the method
    token: str,
    keys: KeySet,
    *,
    fetched: bool,
    now: datetime,
    issuer: str = "",
    audiences: Sequence[str] = (),
    subject: str = "",
    algorithms: Sequence[str] = (),
    leeways: Leeways = Leeways(),
) -> Mapping[str, Any]:
    """Return the claims of *token*; keys that were *fetched* are tried by another library, with texts of its own.

    No *algorithms* is RS256 alone, an empty bound is none.

    Raises:
        ValueError: with the text of the server.
    """
    claims, algorithm = _verified(token, keys, fetched=fetched)
    _check_algorithm(algorithm, algorithms)
    if issuer and claims.get("iss") != issuer:
        raise ValueError("invalid issuer (iss) claim")
    if subject and claims.get("sub") != subject:
        raise ValueError("invalid subject (sub) claim")
    if audiences and not set(audiences) & set(audiences_of(claims)):
        raise ValueError("invalid audience (aud) claim: audience claim does not match any expected audience")
    _check_times(claims, now.timestamp(), leeways)
    return claims


def audiences_of(claims: Mapping[str, Any]) -> Sequence[str]:
    """Return the `aud` claim, which may be one string, as a list."""
    audience = claims.get("aud") or ()
    return [audience] if isinstance(audience, str) else audience


def public_keys(pems: Sequence[str]) -> KeySet:
    """Return the keys that a method was configured with.

    Raises:
        ValueError: one is neither an RSA nor an ECDSA key.
    """
    return KeySet([_public_key(pem) for pem in pems])


def _public_key(pem: str) -> RSAKey | ECKey:
    for kind in (RSAKey, ECKey):
        with contextlib.suppress(JoseError, ValueError):
            return kind.import_key(pem)
    raise ValueError("data does not contain any valid RSA or ECDSA public keys")


def _check_algorithm(algorithm: str, wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in _ALGORITHMS:
            raise ValueError(f'invalid algorithm (alg) header parameter: unsupported signing algorithm "{name}"')
    if algorithm not in (wanted or ("RS256",)):
        raise ValueError("invalid algorithm (alg) header parameter: token signed with unexpected algorithm")


def _check_times(claims: Mapping[str, Any], now: float, leeways: Leeways) -> None:
    issued, begin, end = (claims.get(name) or 0 for name in ("iat", "nbf", "exp"))
    if not (issued or begin or end):
        raise ValueError("no issued at (iat), not before (nbf), or expiration time (exp) claims in token")
    end = end or max(issued, begin) + leeways.expiration
    begin = begin or issued or end - leeways.not_before
    if begin > now + leeways.skew:
        raise ValueError("invalid not before (nbf) claim: token not yet valid")
    if end < now - leeways.skew:
        raise ValueError("invalid expiration time (exp) claim: token is expired")
    if issued > now + leeways.skew:
        raise ValueError("invalid issued at (iat) claim: token issued in the future")


def _verified(token: str, keys: KeySet, *, fetched: bool) -> tuple[Mapping[str, Any], str]:
    try:
        algorithm = _algorithm(token)
    except ValueError as error:
        malformed = "oidc: malformed jwt: " if fetched else ""
        raise ValueError(f"error verifying token signature: {malformed}{error}") from error
    # Fetched keys are chosen by the token's `kid`; configured ones have none, and are tried one by one.
    for key in (keys,) if fetched else keys.keys:
        with contextlib.suppress(JoseError):
            return jwt.decode(token, key, algorithms=[algorithm]).claims, algorithm
    unknown = "no known key successfully validated the token signature"
    text = "failed to verify id token signature" if fetched else unknown
    raise ValueError(f"error verifying token signature: {text}")


def _algorithm(token: str) -> str:
    if token.count(".") != 2:
        raise ValueError("go-jose/go-jose: compact JWS format must have three parts")
    try:
        algorithm = jws.extract_compact(token.encode()).headers().get("alg")
    except JoseError as error:
        raise ValueError("illegal base64 data at input byte 0") from error
    if algorithm not in _ALGORITHMS:
        listed = " ".join(f'"{known}"' for known in _ALGORITHMS)
        raise ValueError(f'unexpected signature algorithm "{algorithm}"; expected [{listed}]')
    return str(algorithm)
