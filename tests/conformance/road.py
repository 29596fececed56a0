"""The road of a job through a Vault under test."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from answers import done, token_of
from nomad_token_lab import Lab
from nomad_token_lab.nomad.tokens import Token

AUDIENCE: Final = "https://vault.test"
CREDS: Final = "nomad/creds/deployer"

Kept = Callable[[Mapping[str, Any]], Token]
"""What Nomad knows of a token that was minted."""


@dataclass(frozen=True)
class Job:
    """A job that has an id token and nothing else."""

    anonymous: httpx.Client
    root: httpx.Client
    lab: Lab

    def login(self, role: str | None = "deploy-app", **claims: object) -> httpx.Response:
        """Log in with an id token that has these *claims* besides, None taking one away."""
        self.lab.github.claims = claims
        body = {"jwt": self.lab.github.id_token(AUDIENCE).get_secret_value()}
        return self.anonymous.post("auth/jwt/login", json=body if role is None else {**body, "role": role})

    def login_on(self, **terms: object) -> dict[str, str]:
        """Log in at a role that may read creds and differs from the usual one in *terms*; return the token's header."""
        role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": [AUDIENCE]}
        policies = {"token_policies": ["creds-only"]}
        done(self.root.post("auth/jwt/role/other", json={**role, **policies, **terms}))
        return token_of(self.login("other"))

    def creds(self, token: Mapping[str, str] | None = None) -> httpx.Response:
        """Read the role's credentials with *token*, without one after a login."""
        return self.anonymous.get(CREDS, headers=token_of(self.login()) if token is None else token)

    def mint(self, token: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Return the answer of creds."""
        minted: dict[str, Any] = self.creds(token).raise_for_status().json()
        return minted

    def revoke(self, token: Mapping[str, str], lease: Mapping[str, Any], **how: object) -> httpx.Response:
        """Revoke *lease*."""
        return self.anonymous.post("sys/leases/revoke", json={"lease_id": lease["lease_id"], **how}, headers=token)
