"""Nomad's ACL tokens: their fields, their checks, their JSON (api-contract 2.2, 2.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from nomad_token_lab import durations, http
from nomad_token_lab.clock import rfc3339
from nomad_token_lab.nomad.errors import NomadError
from nomad_token_lab.nomad.hashes import hashed
from nomad_token_lab.nomad.policies import Roles
from nomad_token_lab.nomad.profile import EXPIRY_AND_ROLES, TTL_AS_TEXT, TTL_SHOWN_AS_TEXT, Release

_NAME_BYTES: Final = 256


@dataclass(frozen=True)
class Bounds:
    """What a token's life has to be between, in nanoseconds (`acl { token_min_expiration_ttl, … }`)."""

    shortest: int = 60 * durations.SECOND
    longest: int = 24 * 3600 * durations.SECOND


@dataclass
class Token:
    """A token as the server keeps it; `ttl` in nanoseconds, 0 without an end, `roles` by their ids."""

    accessor: str
    secret: str = field(repr=False)
    name: str
    type: str
    policies: tuple[str, ...]
    is_global: bool
    created: datetime
    roles: tuple[str, ...] = ()
    ttl: int = 0
    expires: datetime | None = None
    create_index: int = 0
    modify_index: int = 0
    unseen: int = 0
    """How many more times a follower that lags will not know it."""

    @property
    def is_management(self) -> bool:
        """Whether every call is allowed to it."""
        return self.type == "management"

    def stub(self, roles: Roles, release: Release) -> dict[str, Any]:
        """Return what lists show; links to roles that are gone are left out."""
        links = [{"ID": id_, "Name": roles[id_].name} for id_ in self.roles if id_ in roles]
        shown = {
            "AccessorID": self.accessor,
            "Name": self.name,
            "Type": self.type,
            "Policies": list(self.policies) or None,
            "Roles": links or None,
            "Global": self.is_global,
            "Hash": hashed(self.accessor, self.name, self.type, self.policies, self.roles, self.is_global),
            "CreateTime": rfc3339(self.created),
            "ExpirationTime": rfc3339(self.expires) if self.expires else None,
            "CreateIndex": self.create_index,
            "ModifyIndex": self.modify_index,
        }
        unknown = set() if release >= EXPIRY_AND_ROLES else {"Roles", "ExpirationTime"}
        return {name: value for name, value in shown.items() if name not in unknown}

    def full(self, roles: Roles, release: Release) -> dict[str, Any]:
        """Return the whole token, secret included; the TTL is a number of nanoseconds before Nomad 1.5."""
        body = {"AccessorID": self.accessor, "SecretID": self.secret, **self.stub(roles, release)}
        if release >= TTL_SHOWN_AS_TEXT:
            return {"ExpirationTTL": durations.written(self.ttl) if self.ttl else "", **body}
        return {"ExpirationTTL": self.ttl, **body} if release >= EXPIRY_AND_ROLES else body


@dataclass(frozen=True)
class Wanted:
    """What a request asks a token to be."""

    accessor: str
    name: str
    type: str
    policies: tuple[str, ...]
    is_global: bool
    ttl: int = 0
    expires: datetime | None = None
    roles: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any], roles: Roles, release: Release) -> "Wanted":
        """Read a request body, names in any case, as Go's decoder does; what *release* doesn't know is passed over.

        Raises:
            NomadError: 400, a duration or a time that can't be read, or a role that does not exist.
        """
        given = {name.lower(): value for name, value in body.items()}
        if release < EXPIRY_AND_ROLES:
            given = {**given, "roles": None, "expirationttl": None, "expirationtime": None}
        try:
            wanted = cls(
                accessor=given.get("accessorid") or "",
                name=given.get("name") or "",
                type=given.get("type") or "",
                policies=tuple(given.get("policies") or ()),
                is_global=bool(given.get("global")),
                ttl=_ttl(given.get("expirationttl") or 0, release),
                expires=_moment(given.get("expirationtime")),
                roles=tuple(dict.fromkeys(roles.linked(link).id for link in given.get("roles") or ())),
            )
        except (ValueError, TypeError, AttributeError) as error:
            raise NomadError(400, str(error)) from error
        return wanted

    def end(self, now: datetime) -> datetime | None:
        """Return when a token made *now* ends: a moment that is given counts before a TTL."""
        return self.expires or (now + timedelta(microseconds=self.ttl / 1000) if self.ttl else None)

    def check(self, now: datetime, bounds: Bounds, known: Token | None) -> None:
        """Refuse what may not be: out of *bounds*, or another life or reach than the *known* token has.

        Raises:
            NomadError: 400, with all that is wrong.
        """
        wrong = []
        if len(self.name.encode()) > _NAME_BYTES:
            wrong.append("token name too long")
        if self.type == "client" and not (self.policies or self.roles):
            wrong.append("client token missing policies or roles")
        elif self.type == "management" and (self.policies or self.roles):
            wrong.append("management token cannot be associated with policies or roles")
        elif self.type not in {"client", "management"}:
            wrong.append("token type must be client or management")
        wrong += self._changes(known) if known else self._life(now, bounds)
        if wrong:
            raise NomadError(400, f"token 0 invalid: {http.multierror(*wrong)}")

    def _life(self, now: datetime, bounds: Bounds) -> list[str]:
        wrong = []
        if self.ttl < 0:
            wrong.append(f"token expiration TTL '{durations.written(self.ttl)}' should not be negative")
        end = self.end(now)
        if end is None:
            return wrong
        ahead = round((end - now).total_seconds() * durations.SECOND)
        if ahead < 0:
            wrong.append("expiration time cannot be before create time")
        for is_wrong, than, bound in (
            (ahead > bounds.longest, "more", bounds.longest),
            (ahead < bounds.shortest, "less", bounds.shortest),
        ):
            if is_wrong:
                far = f"{than} than {durations.written(bound)} in the future"
                wrong.append(f"expiration time cannot be {far} (was {durations.written(ahead)})")
        return wrong

    def _changes(self, known: Token) -> list[str]:
        changes = (
            (self.is_global != known.is_global, "cannot toggle global mode"),
            (self.ttl != known.ttl, "cannot update expiration TTL"),
            (self.expires not in {None, known.expires}, "cannot update expiration time"),
        )
        return [text for changed, text in changes if changed]


def _ttl(value: str | float, release: Release) -> int:
    if not isinstance(value, str):
        return int(value)
    if release < TTL_AS_TEXT:
        raise ValueError(
            "json: cannot unmarshal string into Go struct field ACLToken.ExpirationTTL of type time.Duration"
        )
    return durations.parse(value)


def _moment(value: str | None) -> datetime | None:
    moment = datetime.fromisoformat(value) if value else None
    if moment and moment.tzinfo is None:
        raise ValueError(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00"')
    return moment
