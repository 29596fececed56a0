"""Nomad's ACL tokens: their fields, their checks, their JSON (api-contract 2.2, 2.3)."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from nomad_token_lab import durations, http
from nomad_token_lab.clock import rfc3339
from nomad_token_lab.nomad.errors import NomadError

# Bounds of a server with default settings (`acl { token_min_expiration_ttl, token_max_expiration_ttl }`).
_MIN_TTL: Final = 60 * durations.SECOND
_MAX_TTL: Final = 24 * 3600 * durations.SECOND
_NAME_BYTES: Final = 256


@dataclass
class Token:
    """A token as the server keeps it; `ttl` in nanoseconds, 0 without an end."""

    accessor: str
    secret: str = field(repr=False)
    name: str
    type: str
    policies: tuple[str, ...]
    is_global: bool
    created: datetime
    ttl: int = 0
    expires: datetime | None = None
    create_index: int = 0
    modify_index: int = 0

    @property
    def is_management(self) -> bool:
        """Whether every call is allowed to it."""
        return self.type == "management"

    def stub(self) -> dict[str, Any]:
        """Return what lists show."""
        told = f"{self.accessor}{self.name}{self.type}{','.join(self.policies)}{self.is_global}"
        return {
            "AccessorID": self.accessor,
            "Name": self.name,
            "Type": self.type,
            "Policies": list(self.policies),
            "Roles": None,
            "Global": self.is_global,
            "Hash": base64.b64encode(hashlib.blake2b(told.encode(), digest_size=32).digest()).decode(),
            "CreateTime": rfc3339(self.created),
            "ExpirationTime": rfc3339(self.expires) if self.expires else None,
            "CreateIndex": self.create_index,
            "ModifyIndex": self.modify_index,
        }

    def full(self, *, ttl_as_number: bool) -> dict[str, Any]:
        """Return the whole token, secret included; the TTL is a number of nanoseconds before Nomad 1.5."""
        written = durations.written(self.ttl) if self.ttl else ""
        return {
            "ExpirationTTL": self.ttl if ttl_as_number else written,
            "AccessorID": self.accessor,
            "SecretID": self.secret,
            **self.stub(),
        }


@dataclass(frozen=True)
class Wanted:
    """What a request asks a token to be."""

    accessor: str
    name: str
    type: str
    policies: tuple[str, ...]
    is_global: bool
    ttl: int
    expires: datetime | None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Wanted":
        """Read a request body, names in any case, as Go's decoder does.

        Raises:
            NomadError: 400, a duration or a time that can't be read, or a role (the lab's Nomad has none).
        """
        given = {name.lower(): value for name, value in body.items()}
        for role in given.get("roles") or []:
            raise NomadError(400, f"cannot find role {role.get('ID') or role.get('Name')}")
        try:
            ttl = given.get("expirationttl") or 0
            expires = given.get("expirationtime")
            return cls(
                accessor=given.get("accessorid") or "",
                name=given.get("name") or "",
                type=given.get("type") or "",
                policies=tuple(given.get("policies") or ()),
                is_global=bool(given.get("global")),
                ttl=durations.parse(ttl) if isinstance(ttl, str) else int(ttl),
                expires=datetime.fromisoformat(expires) if expires else None,
            )
        except (ValueError, TypeError) as error:
            raise NomadError(400, str(error)) from error

    def end(self, now: datetime) -> datetime | None:
        """Return when a token made *now* ends."""
        return now + timedelta(microseconds=self.ttl / 1000) if self.ttl > 0 else self.expires

    def check(self, now: datetime, *, new: bool) -> None:
        """Refuse what may not be (a new one's end included).

        Raises:
            NomadError: 400, with all that is wrong.
        """
        wrong = []
        if len(self.name.encode()) > _NAME_BYTES:
            wrong.append("token name too long")
        if self.type == "client" and not self.policies:
            wrong.append("client token missing policies or roles")
        elif self.type == "management" and self.policies:
            wrong.append("management token cannot be associated with policies or roles")
        elif self.type not in {"client", "management"}:
            wrong.append("token type must be client or management")
        if self.ttl < 0:
            wrong.append(f"token expiration TTL '{durations.written(self.ttl)}' should not be negative")
        elif new and (end := self.end(now)):
            wrong += _end_is_wrong(round((end - now).total_seconds() * durations.SECOND))
        if wrong:
            raise NomadError(400, f"token 0 invalid: {http.multierror(*wrong)}")


def _end_is_wrong(ahead: int) -> list[str]:
    if ahead < 0:
        return ["expiration time cannot be before create time"]
    was = f"(was {durations.written(ahead)})"
    if ahead < _MIN_TTL:
        return [f"expiration time cannot be less than {durations.written(_MIN_TTL)} in the future {was}"]
    if ahead > _MAX_TTL:
        return [f"expiration time cannot be more than {durations.written(_MAX_TTL)} in the future {was}"]
    return []
