"""A Kubernetes cluster, as far as Vault's kubernetes auth method sees one: service account tokens and TokenReview."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nomad_token.secret import SecretStr
from nomad_token_lab import http, ids
from nomad_token_lab.id_tokens import audiences_of, public_keys, validated
from nomad_token_lab.issuer import Issuer

_ISSUER: Final = "https://kubernetes.default.svc.cluster.local"
_LIFE_SECONDS: Final = 3600


class Cluster:
    """Its API is at the issuer's address, and its tokens are signed with the issuer's key."""

    def __init__(self, issuer: Issuer) -> None:
        """Sign as *issuer* does."""
        self._issuer = issuer
        self._uids: dict[str, str] = {}

    @property
    def host(self) -> str:
        """What `kubernetes_host` is to be."""
        return self._issuer.addr

    @property
    def public_key(self) -> str:
        """The PEM that `pem_keys` is to hold."""
        return self._issuer.public_key

    def service_account_token(self, namespace: str, name: str, audience: str = "vault", **claims: Any) -> SecretStr:  # noqa: ANN401
        """Return a token as a pod finds it mounted; in *claims*, None takes one away.

        The claims are those of Kubernetes' docs, "Managing Service Accounts".
        """
        subject, now = f"system:serviceaccount:{namespace}:{name}", int(self._issuer.clock().timestamp())
        account = {"name": name, "uid": self._uids.setdefault(subject, ids.guid())}
        return self._issuer.signed(
            {
                "iss": _ISSUER,
                "sub": subject,
                "aud": [audience],
                "iat": now,
                "nbf": now,
                "exp": now + _LIFE_SECONDS,
                "kubernetes.io": {"namespace": namespace, "serviceaccount": account},
                **claims,
            }
        )

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/apis/authentication.k8s.io/v1/tokenreviews", self._review, methods=["POST"])]

    async def _review(self, request: Request) -> Response:
        spec = (await http.json_body(request))["spec"]
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
        wanted = spec.get("audiences") or []
        keys = public_keys([self.public_key])
        try:
            claims = validated(
                spec["token"], keys, fetched=False, now=self._issuer.clock(), issuer=_ISSUER, audiences=wanted
            )
        except ValueError as error:
            return JSONResponse({**review, "status": {"authenticated": False, "error": str(error)}}, 201)
        account = (claims.get("kubernetes.io") or {}).get("serviceaccount") or {}
        user = {"username": claims.get("sub"), "uid": account.get("uid"), "groups": ["system:serviceaccounts"]}
        status = {"authenticated": True, "user": user, "audiences": wanted or list(audiences_of(claims))}
        return JSONResponse({**review, "status": status}, 201)
