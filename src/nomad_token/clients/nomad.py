"""Nomad's ACL API, as far as it is used (api-contract 2)."""

import re
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError

from nomad_token.clients.http import Answer, Connection, Lost, Place, Refusal

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
    expiration_time: Annotated[datetime | None, BeforeValidator(_go_time)] = Field(default=None, alias="ExpirationTime")


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

    def token_self(self, secret: SecretStr, *, read_seconds: float) -> Self:
        """`GET /v1/acl/token/self`; raises `Refusal`, `NotSent`, `Lost`. A success proves little: see `standing`."""
        answer = self._connection.send(
            "GET",
            "/v1/acl/token/self",
            headers={"X-Nomad-Token": secret},
            params={"region": self._place.region} if self._place.region else None,
            read_seconds=read_seconds,
        )
        if answer.status != 200:
            raise Refusal(self.address, answer, [_said(answer)])
        body = answer.json()
        if isinstance(body, dict):
            body = {name: value for name, value in body.items() if value is not None}
        try:
            return Self.model_validate(body)
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
            if refusal.status in {401, 403, 404} or "ACL token expired" in refusal.said:
                return Standing.REFUSED, None
            raise
        if token.accessor_id == "acls-disabled":
            return Standing.NO_ACLS, None
        over = token.expiration_time is not None and token.expiration_time <= now.astimezone(UTC)
        if token.accessor_id != accessor_id or over:
            return Standing.REFUSED, None
        return Standing.ACCEPTED, token


def _said(answer: Answer) -> str:
    text = answer.text.strip()
    while text.startswith(_RPC_HOP):
        text = text[len(_RPC_HOP) :]
    return text
