"""Validation of an id token with the texts of hashicorp/cap (api-contract 2.6, `<cap text>`)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

# The leeway for clocks that differ, in seconds.
_SKEW: Final = 60


def validated(
    token: str, keys: KeySet, *, issuer: str, audiences: Sequence[str], subject: str, now: datetime
) -> Mapping[str, Any]:
    """Return the claims of *token*.

    Raises:
        ValueError: with cap's text.
    """
    claims = _verified(token, keys)
    if not any(claims.get(name) for name in ("iat", "nbf", "exp")):
        raise ValueError("no issued at (iat), not before (nbf), or expiration time (exp) claims in token")
    if issuer and claims.get("iss") != issuer:
        raise ValueError("invalid issuer (iss) claim")
    if subject and claims.get("sub") != subject:
        raise ValueError("invalid subject (sub) claim")
    if audiences and not set(audiences) & set(audiences_of(claims)):
        raise ValueError("invalid audience (aud) claim: audience claim does not match any expected audience")
    seconds = now.timestamp()
    if claims.get("nbf", 0) > seconds + _SKEW:
        raise ValueError("invalid not before (nbf) claim: token not yet valid")
    if claims.get("exp", seconds) < seconds - _SKEW:
        raise ValueError("invalid expiration time (exp) claim: token is expired")
    if claims.get("iat", 0) > seconds + _SKEW:
        raise ValueError("invalid issued at (iat) claim: token issued in the future")
    return claims


def audiences_of(claims: Mapping[str, Any]) -> Sequence[str]:
    """Return the `aud` claim, which may be one string, as a list."""
    audience = claims.get("aud") or ()
    return [audience] if isinstance(audience, str) else audience


def _verified(token: str, keys: KeySet) -> Mapping[str, Any]:
    if token.count(".") != 2:  # noqa: PLR2004 - header, payload, signature
        raise ValueError("error verifying token signature: go-jose/go-jose: compact JWS format must have three parts")
    try:
        algorithm = jws.extract_compact(token.encode()).headers().get("alg")
        if algorithm != "RS256":
            raise ValueError(
                "invalid algorithm (alg) header parameter: token signed with unexpected algorithm"
            )
        return jwt.decode(token, keys, algorithms=["RS256"]).claims
    except JoseError as error:
        text = "error verifying token signature: no known key successfully validated the token signature"
        raise ValueError(text) from error
