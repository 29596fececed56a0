"""Nomad's ACL API, as far as it is used (api-contract 2)."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, Final

from msgspec import Meta, ValidationError, field
from msgspec.structs import replace

from nomad_token.clients.failures import Answer, Lost, Refusal
from nomad_token.clients.http import READ_SECONDS, Connection, Place
from nomad_token.clients.plausible import UUID, Accessor, NomadSecret
from nomad_token.said import FromNomad
from nomad_token.secret import SecretStr
from nomad_token.value import Time, Value, read

_A_PAGE: Final = 500
_MOST_PAGES: Final = 2000
_NO_SUCH_TOKEN: Final = (FromNomad.UNKNOWN_TOKEN, FromNomad.EXPIRED_TOKEN, FromNomad.DENIED)
# One word: it is printed, and handed to the next steps, as it is.
_Type = Annotated[str, Meta(pattern=r"^[a-z]{1,32}\Z")]


class TokenSelf(Value, kw_only=True):
    """What Nomad says of the token that asks (api-contract 2.2); its secret is not read."""

    accessor_id: str = field(name="AccessorID")
    type: _Type = field(name="Type")
    policies: tuple[str, ...] = field(default=(), name="Policies")
    is_global: bool = field(default=False, name="Global")
    expiration_time: Time | None = field(default=None, name="ExpirationTime")


class Minted(Value, kw_only=True):
    """A token as Nomad makes it (api-contract 2.2)."""

    accessor_id: Accessor = field(name="AccessorID")
    secret_id: NomadSecret = field(name="SecretID")
    type: _Type = field(name="Type")
    policies: tuple[str, ...] = field(default=(), name="Policies")
    expiration_time: Time | None = field(default=None, name="ExpirationTime")


class Standing(Enum):
    """What Nomad makes of a token."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ACLS = "no ACLs"


class NomadPlace(Place, kw_only=True):
    """Where a Nomad agent is, and which region to ask it for; an empty one is the agent's own."""

    region: str = ""


class Nomad:
    """One Nomad agent."""

    def __init__(self, connection: Connection, place: NomadPlace) -> None:
        """Speak over *connection*, which leads to *place*."""
        self._connection = connection
        self._place = place

    @property
    def address(self) -> str:
        """The agent's address, as it was given."""
        return self._place.address

    @property
    def region(self) -> str:
        """The region that is asked for; empty where it is the agent's own."""
        return self._place.region

    def of_own_region(self) -> "Nomad":
        """Return the same agent, asked for its own region."""
        return Nomad(self._connection, replace(self._place, region=""))

    def leader(self, *, read_seconds: float) -> Answer:
        """`GET /v1/status/leader`, which takes no token: the answer as it is. Raises `NotSent`, `Lost`."""
        return self._send("GET", "/v1/status/leader", None, read_seconds=read_seconds)

    def policies(self, secret: SecretStr, *, read_seconds: float) -> list[str]:
        """`GET /v1/acl/policies`: those of the token that there are. Raises `Refusal`, `NotSent`, `Lost`."""
        answer = self._send("GET", "/v1/acl/policies", secret, read_seconds=read_seconds)
        listed = answer.json()
        if answer.status != 200 or not isinstance(listed, list):
            raise Refusal(self.address, answer, [said(answer)])
        return [str(policy.get("Name")) for policy in listed if isinstance(policy, dict)]

    def log_in(self, auth_method: str, id_token: SecretStr) -> Minted:
        """`POST /v1/acl/login` (api-contract 2.6); raises `Refusal`, `NotSent`, `Lost`."""
        return self._made("/v1/acl/login", {"AuthMethodName": auth_method, "LoginToken": id_token})

    def create(self, manager: SecretStr, token: Mapping[str, object]) -> Minted:
        """`POST /v1/acl/token` with a management token (api-contract 2.3); raises `Refusal`, `NotSent`, `Lost`."""
        return self._made("/v1/acl/token", token, manager)

    def delete(self, manager: SecretStr, accessor_id: str, *, read_seconds: float) -> None:
        """`DELETE /v1/acl/token/<accessor>`; one that is gone is no failure. Raises `Refusal`, `NotSent`, `Lost`."""
        answer = self._send("DELETE", f"/v1/acl/token/{accessor_id}", manager, read_seconds=read_seconds)
        if answer.status == 200 and answer.text.strip() not in {"", "null"}:
            raise Lost(self.address, "the answer to a delete is not Nomad's, which has nothing to tell")
        if answer.status != 200 and FromNomad.ALREADY_GONE not in answer.text:
            raise Refusal(self.address, answer, [said(answer)])

    def tokens(self, manager: SecretStr, *, read_seconds: float, a_page: int = _A_PAGE) -> Iterator[dict[str, Any]]:
        """`GET /v1/acl/tokens`: what it lists, each once, without secrets. Raises `Refusal`, `NotSent`, `Lost`.

        Up to 1.10.0 a page may begin where an earlier one did, for ever (hashicorp/nomad#25792): all is then asked for
        by the first two digits of the accessors, whose pages go on.
        A Nomad that knows no pages answers with all of them (api-contract 2.1).
        """
        seen: set[object] = set()
        for stubs in self._pages(manager, "", a_page, read_seconds):
            if stubs and stubs[0].get("AccessorID") in seen:
                break
            yield from _unseen(stubs, seen)
        else:
            return
        for digits in range(256):
            for stubs in self._pages(manager, f"{digits:02x}", a_page, read_seconds):
                yield from _unseen(stubs, seen)

    def _pages(
        self, manager: SecretStr, prefix: str, a_page: int, read_seconds: float
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield the tokens whose accessors begin with *prefix*, page by page."""
        following = ""
        for _ in range(_MOST_PAGES):
            query = {"per_page": str(a_page), "prefix": prefix, "next_token": following}
            given = {name: value for name, value in query.items() if value}
            answer = self._send("GET", "/v1/acl/tokens", manager, params=given, read_seconds=read_seconds)
            if answer.status != 200:
                raise Refusal(self.address, answer, [said(answer)])
            stubs = answer.json()
            if not isinstance(stubs, list) or not all(isinstance(stub, dict) for stub in stubs):
                raise Lost(self.address, "the answer to acl/tokens is not a list of tokens")
            yield stubs
            following = answer.headers.get("x-nomad-nexttoken", "")
            if not following:
                return
        raise Lost(self.address, f"the list of tokens has no end after {_MOST_PAGES} pages")

    def named(self, manager: SecretStr, name: str, *, read_seconds: float) -> list[str]:
        """Return the accessors of the tokens that have exactly that *name*. Raises `Refusal`, `NotSent`, `Lost`."""
        mine = [stub for stub in self.tokens(manager, read_seconds=read_seconds) if stub.get("Name") == name]
        return [str(stub["AccessorID"]) for stub in mine if re.fullmatch(UUID, str(stub.get("AccessorID", "")))]

    def _made(self, path: str, body: Mapping[str, object], manager: SecretStr | None = None) -> Minted:
        answer = self._send("POST", path, manager, body=body, read_seconds=READ_SECONDS)
        if answer.status != 200:
            raise Refusal(self.address, answer, [said(answer)])
        return self._minted(answer.json(), path)

    def _minted(self, raw: object, path: str) -> Minted:
        try:
            return read(Minted, _without_nulls(raw))
        except ValidationError:
            raise Lost(self.address, f"the answer to {path} holds no plausible token") from None

    def _send(
        self,
        method: str,
        path: str,
        secret: SecretStr | None,
        *,
        body: Mapping[str, object] | None = None,
        params: Mapping[str, str] | None = None,
        read_seconds: float,
    ) -> Answer:
        told = {**(params or {}), **({"region": self._place.region} if self._place.region else {})}
        answer = self._connection.send(
            method,
            path,
            headers={} if secret is None else {"X-Nomad-Token": secret},
            params=told or None,
            body=body,
            read_seconds=read_seconds,
        )
        if 200 < answer.status < 300:
            raise Lost(self.address, f"HTTP {answer.status} is no answer of Nomad's")
        return answer

    def token_self(self, secret: SecretStr, *, read_seconds: float) -> TokenSelf:
        """`GET /v1/acl/token/self`; raises `Refusal`, `NotSent`, `Lost`. A success proves little: see `standing`."""
        answer = self._send("GET", "/v1/acl/token/self", secret, read_seconds=read_seconds)
        if answer.status != 200:
            raise Refusal(self.address, answer, [said(answer)])
        try:
            return read(TokenSelf, _without_nulls(answer.json()))
        except ValidationError:
            raise Lost(self.address, "the answer to token/self is not a token") from None

    def standing(
        self, secret: SecretStr, accessor_id: str, *, now: datetime, read_seconds: float
    ) -> tuple[Standing, TokenSelf | None]:
        """Ask Nomad of the token with *accessor_id*, the same for every version (api-contract 2.5).

        A 200 is not enough: newer versions answer it to a token that they don't know when ACLs are off, and older ones
        to an expired token. Raises `Refusal` for an answer that settles nothing (no leader), `NotSent`, `Lost`.
        """
        try:
            token = self.token_self(secret, read_seconds=read_seconds)
        except Refusal as refusal:
            if FromNomad.NO_ACLS in refusal.said:
                return Standing.NO_ACLS, None
            # Nomad's own words, since a proxy's 403 or another server's 404 says nothing of the token.
            if any(refusal.said.endswith(text) for text in _NO_SUCH_TOKEN):
                return Standing.REFUSED, None
            raise
        if token.accessor_id == FromNomad.ACLS_DISABLED:
            return Standing.NO_ACLS, None
        over = token.expiration_time is not None and token.expiration_time <= now.astimezone(UTC)
        if token.accessor_id != accessor_id or over:
            return Standing.REFUSED, None
        return Standing.ACCEPTED, token


def _unseen(stubs: list[dict[str, Any]], seen: set[object]) -> Iterator[dict[str, Any]]:
    """Yield what is not *seen* yet, and note it there."""
    for stub in stubs:
        if stub.get("AccessorID") not in seen:
            seen.add(stub.get("AccessorID"))
            yield stub


def _without_nulls(body: object) -> object:
    """Go writes an empty list as null."""
    return {name: value for name, value in body.items() if value is not None} if isinstance(body, dict) else body


def said(answer: Answer) -> str:
    """Return the text of a refusal, without the servers that it came by."""
    text = answer.text.strip()
    while text.startswith(FromNomad.ONE_HOP):
        text = text.removeprefix(FromNomad.ONE_HOP)
    return text
