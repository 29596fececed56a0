"""Nomad's ACL API, as far as it is used (api-contract 2)."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from nomad_token.clients.http import READ_SECONDS, Answer, Connection, Lost, Place, Refusal
from nomad_token.clients.plausible import UUID, like

_NO_SUCH_TOKEN: Final = ("ACL token not found", "ACL token expired", "Permission denied")
_RPC_HOP: Final = "rpc error: "
# Go writes nanoseconds, `datetime` reads microseconds.
_BEYOND_MICROSECONDS: Final = re.compile(r"(\.\d{6})\d+")


def _go_time(value: object) -> object:
    return _BEYOND_MICROSECONDS.sub(r"\1", value) if isinstance(value, str) else value


class Self(BaseModel):
    """What Nomad says of the token that asks (api-contract 2.2); its secret is not read."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    accessor_id: str = Field(alias="AccessorID")
    type: str = Field(alias="Type")
    policies: tuple[str, ...] = Field(default=(), alias="Policies")
    expiration_time: Annotated[AwareDatetime | None, BeforeValidator(_go_time)] = Field(
        default=None, alias="ExpirationTime"
    )


class Minted(BaseModel):
    """A token as Nomad makes it (api-contract 2.2)."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    accessor_id: str = Field(alias="AccessorID", pattern=UUID)
    secret_id: Annotated[SecretStr, like(UUID)] = Field(alias="SecretID")
    type: str = Field(alias="Type")
    policies: tuple[str, ...] = Field(default=(), alias="Policies")
    expiration_time: Annotated[AwareDatetime | None, BeforeValidator(_go_time)] = Field(
        default=None, alias="ExpirationTime"
    )


class Standing(Enum):
    """What Nomad makes of a token."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NO_ACLS = "no ACLs"


class NomadPlace(Place):
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

    def policies(self, secret: SecretStr, *, read_seconds: float) -> list[str]:
        """`GET /v1/acl/policies`: those of the token that there are. Raises `Refusal`, `NotSent`, `Lost`."""
        answer = self._send("GET", "/v1/acl/policies", secret, read_seconds=read_seconds)
        listed = answer.json()
        if answer.status != 200 or not isinstance(listed, list):
            raise Refusal(self.address, answer, [_said(answer)])
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
        if answer.status != 200 and "Cannot delete nonexistent tokens" not in answer.text:
            raise Refusal(self.address, answer, [_said(answer)])

    def named(self, manager: SecretStr, name: str, *, read_seconds: float) -> list[str]:
        """Return the accessors of the tokens that have exactly that *name*. Raises `Refusal`, `NotSent`, `Lost`."""
        answer = self._send("GET", "/v1/acl/tokens", manager, read_seconds=read_seconds)
        if answer.status != 200:
            raise Refusal(self.address, answer, [_said(answer)])
        stubs = answer.json()
        if not isinstance(stubs, list):
            raise Lost(self.address, "the answer to acl/tokens is not a list")
        mine = [stub for stub in stubs if isinstance(stub, dict) and stub.get("Name") == name]
        return [str(stub["AccessorID"]) for stub in mine if re.fullmatch(UUID, str(stub.get("AccessorID", "")))]

    def _made(self, path: str, body: Mapping[str, object], manager: SecretStr | None = None) -> Minted:
        answer = self._send("POST", path, manager, body=body, read_seconds=READ_SECONDS)
        if answer.status != 200:
            raise Refusal(self.address, answer, [_said(answer)])
        raw = answer.json()
        try:
            return Minted.model_validate(_without_nulls(raw))
        except ValidationError:
            raise Lost(self.address, f"the answer to {path} holds no plausible token") from None

    def _send(
        self,
        method: str,
        path: str,
        secret: SecretStr | None,
        *,
        body: Mapping[str, object] | None = None,
        read_seconds: float,
    ) -> Answer:
        return self._connection.send(
            method,
            path,
            headers={} if secret is None else {"X-Nomad-Token": secret},
            params={"region": self._place.region} if self._place.region else None,
            body=body,
            read_seconds=read_seconds,
        )

    def token_self(self, secret: SecretStr, *, read_seconds: float) -> Self:
        """`GET /v1/acl/token/self`; raises `Refusal`, `NotSent`, `Lost`. A success proves little: see `standing`."""
        answer = self._send("GET", "/v1/acl/token/self", secret, read_seconds=read_seconds)
        if answer.status != 200:
            raise Refusal(self.address, answer, [_said(answer)])
        try:
            return Self.model_validate(_without_nulls(answer.json()))
        except ValidationError:
            raise Lost(self.address, "the answer to token/self is not a token") from None

    def standing(
        self, secret: SecretStr, accessor_id: str, *, now: datetime, read_seconds: float
    ) -> tuple[Standing, Self | None]:
        """Ask Nomad of the token with *accessor_id*, the same for every version (api-contract 2.5).

        A 200 is not enough: newer versions answer it to a token that they don't know when ACLs are off, and older ones
        to an expired token. Raises `Refusal` for an answer that settles nothing (no leader), `NotSent`, `Lost`.
        """
        try:
            token = self.token_self(secret, read_seconds=read_seconds)
        except Refusal as refusal:
            if "ACL support disabled" in refusal.said:
                return Standing.NO_ACLS, None
            # Nomad's own words, since a proxy's 403 or another server's 404 says nothing of the token.
            if any(refusal.said.endswith(text) for text in _NO_SUCH_TOKEN):
                return Standing.REFUSED, None
            raise
        if token.accessor_id == "acls-disabled":
            return Standing.NO_ACLS, None
        over = token.expiration_time is not None and token.expiration_time <= now.astimezone(UTC)
        if token.accessor_id != accessor_id or over:
            return Standing.REFUSED, None
        return Standing.ACCEPTED, token


def _without_nulls(body: object) -> object:
    """Go writes an empty list as null."""
    return {name: value for name, value in body.items() if value is not None} if isinstance(body, dict) else body


def _said(answer: Answer) -> str:
    text = answer.text.strip()
    while text.startswith(_RPC_HOP):
        text = text[len(_RPC_HOP) :]
    return text
