"""GitHub's OIDC issuer, and the endpoint at which a job asks the runner's service for an id token."""

import hmac
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from nomad_token.secret import SecretStr
from nomad_token_lab import http, ids
from nomad_token_lab.clock import Clock

# The claims of a push to main, as docs.github.com lists them ("About security hardening with OpenID Connect").
_PUSH: Final[dict[str, str]] = {
    "sub": "repo:octo-org/octo-app:ref:refs/heads/main",
    "repository": "octo-org/octo-app",
    "repository_id": "74123456",
    "repository_owner": "octo-org",
    "repository_owner_id": "65123456",
    "repository_visibility": "private",
    "ref": "refs/heads/main",
    "ref_type": "branch",
    "ref_protected": "true",
    "sha": "7f3c1e2b9d4a5f60718293a4b5c6d7e8f9012345",
    "event_name": "push",
    "workflow": "deploy",
    "workflow_ref": "octo-org/octo-app/.github/workflows/deploy.yml@refs/heads/main",
    "workflow_sha": "7f3c1e2b9d4a5f60718293a4b5c6d7e8f9012345",
    "job_workflow_ref": "octo-org/octo-app/.github/workflows/deploy.yml@refs/heads/main",
    "job_workflow_sha": "7f3c1e2b9d4a5f60718293a4b5c6d7e8f9012345",
    "run_id": "1234567890",
    "run_number": "42",
    "run_attempt": "1",
    "actor": "octocat",
    "actor_id": "583231",
    "head_ref": "",
    "base_ref": "",
    "runner_environment": "github-hosted",
    "enterprise": "octo-enterprise",
    "enterprise_id": "1234",
}
_LIFE: Final = timedelta(minutes=5)
# GitHub dates `nbf` back, so that a slow clock elsewhere does not refuse a fresh token.
_BACKDATED: Final = timedelta(minutes=5)


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, parameters={"use": "sig", "alg": "RS256", "kid": ids.guid()})


class Issuer:
    """What GitHub is to a job: the only one who can say which repository and ref it runs for."""

    def __init__(self, clock: Clock) -> None:
        """Begin with the claims of a push to the main branch of one repository."""
        self.addr = ""
        self.clock = clock
        self.claims: dict[str, Any] = {}
        self.request_token = SecretStr(ids.base62(64))

    def environ(self) -> dict[str, str]:
        """Return the two variables that a job with `permissions: id-token: write` gets."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.addr}/idtoken?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.request_token.get_secret_value(),
        }

    def id_token(self, audience: str | None = None) -> SecretStr:
        """Return an id token as it is given to the next request; in `claims`, None takes a claim away."""
        now = self.clock()
        claims = {
            "iss": self.addr,
            "aud": audience or "https://github.com/octo-org",
            "jti": ids.guid(),
            "iat": int(now.timestamp()),
            "nbf": int((now - _BACKDATED).timestamp()),
            "exp": int((now + _LIFE).timestamp()),
            **_PUSH,
            **self.claims,
        }
        return self.signed(claims)

    def signed(self, claims: Mapping[str, Any]) -> SecretStr:
        """Return a JWT with *claims*, those that are None left out."""
        kept = {name: value for name, value in claims.items() if value is not None}
        return SecretStr(jwt.encode({"typ": "JWT", "alg": "RS256", "kid": _key().kid}, kept, _key()))

    @property
    def repository_id(self) -> str:
        """The id of the repository that the push is to."""
        return str(self.claims.get("repository_id", _PUSH["repository_id"]))

    @property
    def public_key(self) -> str:
        """The PEM of the key that it signs with."""
        return _key().as_pem(private=False).decode()

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/.well-known/jwks", self._jwks),
            Route("/idtoken", self._id_token),
        ]

    async def _discovery(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.addr,
                "jwks_uri": f"{self.addr}/.well-known/jwks",
                "subject_types_supported": ["public", "pairwise"],
                "response_types_supported": ["id_token"],
                "claims_supported": ["sub", "aud", "exp", "iat", "iss", "jti", "nbf", *_PUSH],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid"],
            }
        )

    async def _jwks(self, _request: Request) -> Response:
        return JSONResponse({"keys": [_key().as_dict(private=False)]})

    async def _id_token(self, request: Request) -> Response:
        given = http.bearer(request.headers, "x-none").encode()
        if not hmac.compare_digest(given, self.request_token.get_secret_value().encode()):
            return PlainTextResponse("Unauthorized", status_code=401)
        value = self.id_token(request.query_params.get("audience")).get_secret_value()
        return JSONResponse({"count": len(value), "value": value})
