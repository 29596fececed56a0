"""Validation of an id token with the texts of hashicorp/cap (api-contract 2.6; recorded on OpenBao 2.7.2)."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

# Seconds: what clocks may differ by, and what a missing `exp` or `nbf` is put together from.
_SKEW: Final = 60
_LEEWAY: Final = 150
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA")


def validated(  # noqa: PLR0913 - each is a bound of the role or of the method
    token: str,
    keys: KeySet,
    *,
    issuer: str,
    audiences: Sequence[str],
    subject: str,
    fetched: bool,
    now: datetime,
) -> Mapping[str, Any]:
    """Return the claims of *token*; keys that were *fetched* are tried by another library, with texts of its own.

    Raises:
        ValueError: with the text of the server.
    """
    claims = _verified(token, keys, fetched=fetched)
    issued, begin, end = (claims.get(name) or 0 for name in ("iat", "nbf", "exp"))
    if not (issued or begin or end):
        raise ValueError("no issued at (iat), not before (nbf), or expiration time (exp) claims in token")
    if issuer and claims.get("iss") != issuer:
        raise ValueError("invalid issuer (iss) claim")
    if subject and claims.get("sub") != subject:
        raise ValueError("invalid subject (sub) claim")
    if audiences and not set(audiences) & set(audiences_of(claims)):
        raise ValueError("invalid audience (aud) claim: audience claim does not match any expected audience")
    seconds = now.timestamp()
    if (begin or issued - _LEEWAY) > seconds + _SKEW:
        raise ValueError("invalid not before (nbf) claim: token not yet valid")
    if (end or max(issued, begin) + _LEEWAY) < seconds - _SKEW:
        raise ValueError("invalid expiration time (exp) claim: token is expired")
    if issued > seconds + _SKEW:
        raise ValueError("invalid issued at (iat) claim: token issued in the future")
    return claims


def audiences_of(claims: Mapping[str, Any]) -> Sequence[str]:
    """Return the `aud` claim, which may be one string, as a list."""
    audience = claims.get("aud") or ()
    return [audience] if isinstance(audience, str) else audience


def _verified(token: str, keys: KeySet, *, fetched: bool) -> Mapping[str, Any]:
    try:
        _check_form(token)
    except ValueError as error:
        malformed = "oidc: malformed jwt: " if fetched else ""
        raise ValueError(f"error verifying token signature: {malformed}{error}") from error
    # Fetched keys are chosen by the token's `kid`; configured ones have none, and are tried one by one.
    for key in (keys,) if fetched else keys.keys:
        with contextlib.suppress(JoseError):
            return jwt.decode(token, key, algorithms=["RS256"]).claims
    unknown = "no known key successfully validated the token signature"
    text = "failed to verify id token signature" if fetched else unknown
    raise ValueError(f"error verifying token signature: {text}")


def _check_form(token: str) -> None:
    if token.count(".") != 2:
        raise ValueError("go-jose/go-jose: compact JWS format must have three parts")
    try:
        algorithm = jws.extract_compact(token.encode()).headers().get("alg")
    except JoseError as error:
        raise ValueError("illegal base64 data at input byte 0") from error
    if algorithm not in _ALGORITHMS:
        listed = " ".join(f'"{known}"' for known in _ALGORITHMS)
        raise ValueError(f'unexpected signature algorithm "{algorithm}"; expected [{listed}]')
