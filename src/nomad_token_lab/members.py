"""GitHub's API, as far as Vault's github auth method asks it: who a personal token is, and what it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nomad_token_lab import http

_ORGANIZATIONS: Final[Mapping[str, int]] = {"octo-org": 65123456, "other-org": 65123457}


@dataclass(frozen=True)
class Member:
    """Whose a personal token is; `teams` are slugs within the first of the `organizations`."""

    login: str
    organizations: tuple[str, ...] = ("octo-org",)
    teams: tuple[str, ...] = ()


class Members:
    """What GitHub knows; a test puts personal tokens into `by_token`. The organizations are octo-org and other-org."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.by_token: dict[str, Member] = {}

    def routes(self) -> list[Route]:
        """Return the routes (docs.github.com, REST API)."""
        return [
            Route("/user", self._user),
            Route("/user/orgs", self._organizations),
            Route("/user/teams", self._teams),
            Route("/orgs/{name}", self._organization),
        ]

    def _member(self, request: Request) -> Member | None:
        return self.by_token.get(http.bearer(request.headers, "x-none"))

    async def _user(self, request: Request) -> Response:
        member = self._member(request)
        return JSONResponse({"login": member.login, "id": 583231}) if member else _bad_credentials()

    async def _organizations(self, request: Request) -> Response:
        member = self._member(request)
        return JSONResponse([_told(name) for name in member.organizations]) if member else _bad_credentials()

    async def _teams(self, request: Request) -> Response:
        member = self._member(request)
        if member is None:
            return _bad_credentials()
        home = _told(next(iter(member.organizations), ""))
        return JSONResponse([{"name": slug, "slug": slug, "id": 1, "organization": home} for slug in member.teams])

    async def _organization(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _ORGANIZATIONS:
            return JSONResponse({"message": "Not Found"}, 404)
        return JSONResponse(_told(name))


def _told(organization: str) -> dict[str, Any]:
    return {"login": organization, "id": _ORGANIZATIONS.get(organization, 0)}


def _bad_credentials() -> Response:
    return JSONResponse({"message": "Bad credentials"}, 401)
