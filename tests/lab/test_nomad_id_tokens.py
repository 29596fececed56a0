"""What Nomad asks of an id token, and of those who vouch for it (api-contract 2.6)."""

from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from lab.nomad_logins import AUDIENCE, login, method, set_up
from lab.ways import Ways, text
from nomad_token_lab import CLOSE, Answer, Fault

_UNVERIFIED = "unable to validate provided token: unable to verify signature of JWT token: "
_KEY = RSAKey.generate_key(2048)


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        (
            {"aud": "https://elsewhere"},
            f"{_UNVERIFIED}invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        ({"exp": 1}, f"{_UNVERIFIED}invalid expiration time (exp) claim: token is expired"),
        ({"nbf": 9999999999}, f"{_UNVERIFIED}invalid not before (nbf) claim: token not yet valid"),
        ({"iat": 9999999999}, f"{_UNVERIFIED}invalid issued at (iat) claim: token issued in the future"),
        (
            {"exp": None, "nbf": None, "iat": None},
            f"{_UNVERIFIED}no issued at (iat), not before (nbf), or expiration time (exp) claims in token",
        ),
        ({"iss": "https://evil"}, "unable to validate provided token: invalid JWT issuer: https://evil"),
        (
            {"iss": None},
            (
                "unable to validate provided token: auth method specifies BoundIssuers but the provided token does not "
                "contain issuer information"
            ),
        ),
    ],
)
def test_an_id_token_that_does_not_fit_is_a_401(ways: Ways, claims: dict[str, Any], error: str) -> None:
    """The words "verify signature" are there for a wrong audience too."""
    set_up(ways)
    ways.lab.github.claims = claims

    assert text(login(ways)) == (401, error)


def test_an_issuer_is_bound_only_where_the_method_says(ways: Ways) -> None:
    """Without `BoundIssuer`, whoever signs with the keys may call himself anything."""
    set_up(ways, {"BoundIssuer": []})
    ways.lab.github.claims = {"iss": "https://anyone"}

    assert login(ways).status_code == 200


def test_a_token_that_is_none_or_is_changed_is_a_401(ways: Ways) -> None:
    """Its form is looked at first, then the signature."""
    set_up(ways)
    header, payload, signature = ways.lab.github.id_token(AUDIENCE).get_secret_value().split(".")
    unverified = f"{_UNVERIFIED}error verifying token signature: "

    assert text(login(ways, "abc")) == (
        401,
        f"{unverified}oidc: malformed jwt: go-jose/go-jose: compact JWS format must have three parts",
    )
    assert text(login(ways, f"{header}.{payload}.{signature[::-1]}")) == (
        401,
        f"{unverified}failed to verify id token signature",
    )


def test_clocks_may_differ_by_the_leeway(ways: Ways) -> None:
    """A minute by default, as much as the method says, or nothing when that is negative."""
    set_up(ways)
    ways.lab.nomad.clock.offset = 300 + 50
    default = login(ways).status_code
    method(ways, config={"ClockSkewLeeway": "-1s"})
    none = login(ways)
    method(ways, config={"ClockSkewLeeway": 3600 * 10**9})
    ways.lab.nomad.clock.offset = 300 + 3000

    assert (default, none.status_code) == (200, 401)
    assert none.text.endswith("token is expired")
    assert login(ways).status_code == 200


def test_a_missing_end_is_put_together_from_the_leeway(ways: Ways) -> None:
    """Without `exp` a token lives for 150 s from its issue, or for what the method says."""
    set_up(ways)
    ways.lab.github.claims = {"exp": None, "nbf": None}
    id_token = ways.lab.github.id_token(AUDIENCE).get_secret_value()
    ways.lab.nomad.clock.offset = 300
    default = login(ways, id_token)
    method(ways, config={"ExpirationLeeway": "10m"})

    assert (default.status_code, default.text[-16:]) == (401, "token is expired")
    assert login(ways, id_token).status_code == 200


def _signed(ways: Ways, key: RSAKey | ECKey, algorithm: str) -> str:
    now = int(ways.lab.nomad.clock().timestamp())
    claims = {"iss": ways.lab.github.addr, "aud": [AUDIENCE], "iat": now, "exp": now + 300}
    return jwt.encode({"alg": algorithm}, claims, key, algorithms=[algorithm])


def test_keys_may_be_the_methods_own(ways: Ways) -> None:
    """Each is tried; RS256 alone is taken, unless the method names others."""
    other = ECKey.generate_key("P-256")
    pems = [key.as_pem(private=False).decode() for key in (other, _KEY)]
    set_up(ways, {"OIDCDiscoveryURL": "", "JWTValidationPubKeys": pems})
    elliptic = _signed(ways, other, "ES256")
    unknown = login(ways, _signed(ways, RSAKey.generate_key(2048), "RS256"))
    unexpected = login(ways, elliptic)

    assert login(ways, _signed(ways, _KEY, "RS256")).status_code == 200
    assert text(unknown) == (
        401,
        f"{_UNVERIFIED}error verifying token signature: no known key successfully validated the token signature",
    )
    assert text(unexpected) == (
        401,
        f"{_UNVERIFIED}invalid algorithm (alg) header parameter: token signed with unexpected algorithm",
    )
    method(ways, config={"OIDCDiscoveryURL": "", "JWTValidationPubKeys": pems, "SigningAlgs": ["ES256"]})
    assert login(ways, elliptic).status_code == 200


@pytest.mark.parametrize(
    ("config", "error"),
    [
        (
            {"JWTValidationPubKeys": ["no key"]},
            (
                "unable to validate provided token: unable to parse public key for JWT auth: "
                "data does not contain any valid RSA or ECDSA public keys"
            ),
        ),
        (
            {"SigningAlgs": ["HS256"]},
            f'{_UNVERIFIED}invalid algorithm (alg) header parameter: unsupported signing algorithm "HS256"',
        ),
    ],
)
def test_a_method_that_was_configured_wrong_is_known_at_login(ways: Ways, config: dict[str, Any], error: str) -> None:
    """Keys and algorithms are not looked at when they are written."""
    set_up(ways, config)

    assert text(login(ways)) == (401, error)


def test_keys_may_be_fetched_from_where_the_method_says(ways: Ways) -> None:
    """`JWKSURL` counts before discovery, and needs none; both are asked over HTTP."""
    set_up(ways, {"JWKSURL": f"{ways.lab.github.addr}/.well-known/jwks"})
    ways.lab.requests.clear()
    answer = login(ways)
    asked = [(record.path, record.internal) for record in ways.lab.requests if record.server == "github"]

    assert answer.status_code == 200
    assert asked == [("/.well-known/jwks", True)]


@pytest.mark.parametrize(
    ("answer", "path", "error"),
    [
        (CLOSE, "openid-configuration", 'unable to get validation keys from OIDC provider: Get "{url}": EOF'),
        (
            Answer(503, "later", content_type="text/plain"),
            "openid-configuration",
            "unable to get validation keys from OIDC provider: 503 Service Unavailable: later",
        ),
        (
            Answer(200, {"issuer": "https://evil", "jwks_uri": "x"}),
            "openid-configuration",
            (
                "unable to get validation keys from OIDC provider: issuer did not match the returned issuer, "
                'expected "{issuer}" got "https://evil"'
            ),
        ),
        (
            Answer(200, "no json"),
            "openid-configuration",
            "unable to get validation keys from OIDC provider: failed to decode OIDC discovery document: ",
        ),
        (
            Answer(404, "gone", content_type="text/plain"),
            "jwks",
            (
                "unable to verify signature of JWT token: error verifying token signature: "
                "fetching keys oidc: get keys failed: 404 Not Found gone"
            ),
        ),
        (
            CLOSE,
            "jwks",
            (
                "unable to verify signature of JWT token: error verifying token signature: "
                'fetching keys oidc: get keys failed Get "{url}": EOF'
            ),
        ),
        (
            Answer(200, "no json"),
            "jwks",
            (
                "unable to verify signature of JWT token: error verifying token signature: "
                "fetching keys oidc: failed to decode keys"
            ),
        ),
    ],
)
def test_an_issuer_that_can_not_be_asked_is_a_401(ways: Ways, answer: Any, path: str, error: str) -> None:  # noqa: ANN401
    """What went wrong is told: discovery on its own, keys as part of the signature's check."""
    set_up(ways)
    ways.lab.faults.append(Fault("github", "GET", path, answer))
    status, told = text(login(ways))
    expected = error.format(issuer=ways.lab.github.addr, url=f"{ways.lab.github.addr}/.well-known/{path}")

    assert status == 401
    assert told.startswith(f"unable to validate provided token: {expected}")
