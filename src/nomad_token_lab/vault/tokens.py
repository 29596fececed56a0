"""Vault's tokens and the tree that they grow in (api-contract 3.2)."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from nomad_token_lab import durations, ids
from nomad_token_lab.clock import Clock, rfc3339

# Vault's default of both the default and the maximum life, in seconds.
SYSTEM_TTL: Final = 768 * 3600

TokenType = Literal["service", "batch"]


@dataclass(frozen=True)
class Terms:
    """What a token is to be; lives in seconds, 0 for the system's; `num_uses` 0 for any number."""

    policies: tuple[str, ...] = ()
    ttl: int = 0
    max_ttl: int = 0
    explicit_max_ttl: int = 0
    num_uses: int = 0
    type: TokenType = "service"
    no_default_policy: bool = False
    renewable: bool = True
    period: int = 0
    bound_cidrs: tuple[str, ...] = ()

    @property
    def all_policies(self) -> tuple[str, ...]:
        """The policies with `default`, sorted; root stands alone."""
        if "root" in self.policies:
            return ("root",)
        return tuple(sorted({*self.policies, *(() if self.no_default_policy else ("default",))}))

    @property
    def cap(self) -> int:
        """The longest life, counted from creation."""
        return min(limit for limit in (self.max_ttl, self.explicit_max_ttl, SYSTEM_TTL) if limit)

    def granted(self, increment: int = 0, age: int = 0) -> tuple[int, tuple[str, ...]]:
        """Return the life from now of a token that is *age* seconds old, with the warnings when it was capped.

        A periodic token begins anew with each renewal, whatever the *increment*, and only `explicit_max_ttl` ends it.
        """
        if self.period:
            cap = self.explicit_max_ttl - age if self.explicit_max_ttl else self.period
            return capped(self.period, cap, "period")
        return capped(increment or capped(self.ttl, self.cap)[0], self.cap - age)

    def admits(self, address: str) -> bool:
        """Tell whether a request may come from *address*."""
        return not self.bound_cidrs or any(
            ipaddress.ip_address(address) in ipaddress.ip_network(block, strict=False) for block in self.bound_cidrs
        )


@dataclass
class Token:
    """A token as Vault keeps it; `expires` is None for the root token alone.

    `granted` is the life in seconds that the last answer told of.
    """

    id: str = field(repr=False)
    accessor: str
    terms: Terms
    display_name: str
    path: str
    created: datetime
    expires: datetime | None
    granted: int
    parent: str | None = field(default=None, repr=False)
    metadata: Mapping[str, str] | None = None
    entity_id: str = ""
    uses_left: int = 0
    namespace: str = ""

    @property
    def type(self) -> TokenType:
        """`service`, which is kept and can be revoked, or `batch`, which can't."""
        return self.terms.type

    @property
    def policies(self) -> tuple[str, ...]:
        """The names of its policies."""
        return self.terms.all_policies

    @property
    def renewable(self) -> bool:
        """Whether `renew-self` can lengthen its life."""
        return self.terms.renewable and self.type == "service" and self.expires is not None

    def ttl(self, now: datetime) -> int:
        """Return the seconds that are left, 0 for root."""
        return max(0, int((self.expires - now).total_seconds())) if self.expires else 0

    def as_auth(self) -> dict[str, Any]:
        """Return the `auth` object of a login."""
        return {
            "client_token": self.id,
            "accessor": self.accessor,
            "policies": list(self.policies),
            "token_policies": list(self.policies),
            "metadata": dict(self.metadata) if self.metadata is not None else None,
            "lease_duration": self.granted,
            "renewable": self.renewable,
            "entity_id": self.entity_id,
            "token_type": self.type,
            "orphan": self.parent is None,
            "mfa_requirement": None,
            "num_uses": self.terms.num_uses,
        }

    def as_data(self, now: datetime) -> dict[str, Any]:
        """Return the `data` of `lookup-self`."""
        lifetime = int((self.expires - self.created).total_seconds()) if self.expires else 0
        return {
            "accessor": self.accessor,
            "creation_time": int(self.created.timestamp()),
            "creation_ttl": lifetime,
            "display_name": self.display_name,
            "entity_id": self.entity_id,
            "expire_time": rfc3339(self.expires) if self.expires else None,
            "explicit_max_ttl": self.terms.explicit_max_ttl,
            **({"period": self.terms.period} if self.terms.period else {}),
            **({"namespace_path": self.namespace} if self.namespace else {}),
            "id": self.id,
            "issue_time": rfc3339(self.created),
            "meta": dict(self.metadata) if self.metadata is not None else None,
            # A use is counted before it is answered, and the last is told by -1: 0 is without limit.
            "num_uses": (self.uses_left or -1) if self.terms.num_uses else 0,
            "orphan": self.parent is None,
            "path": self.path,
            "policies": list(self.policies),
            "renewable": self.renewable,
            "ttl": self.ttl(now),
            "type": self.type,
        }


class Tokens:
    """The tokens that exist, by their id."""

    def __init__(self, clock: Clock) -> None:
        """Begin with none."""
        self._clock = clock
        self._known: dict[str, Token] = {}

    def __iter__(self) -> Any:  # noqa: ANN401 - an iterator of tokens
        return iter(list(self._known.values()))

    def find(self, secret: str) -> Token | None:
        """Return the token *secret*, alive or to be swept."""
        return self._known.get(secret)

    def add(self, token: Token) -> None:
        """Keep *token*."""
        self._known[token.id] = token

    def ended(self) -> list[Token]:
        """Return those that have met their end."""
        now = self._clock()
        return [token for token in self._known.values() if token.expires and token.expires <= now]

    def fell(self, token: Token) -> list[Token]:
        """Take *token* and all that descend from it out, and return them."""
        fallen = [self._known.pop(token.id)] if token.id in self._known else []
        for child in [known for known in self._known.values() if known.parent == token.id]:
            fallen += self.fell(child)
        return fallen


def capped(wanted: int, cap: int, word: str = "TTL") -> tuple[int, tuple[str, ...]]:
    """Return the life that is granted in seconds, and the warning when it is less than was *wanted*."""
    if wanted <= cap:
        return wanted or cap, ()
    short = durations.short
    exceeded = f'{word} of "{short(wanted)}" exceeded the effective max_ttl of "{short(cap)}"'
    return cap, (f"{exceeded}; {word} value is capped accordingly",)


def secret_for(token_type: TokenType, *, is_openbao: bool, namespace_id: str = "") -> str:
    """Return a new token's id, in the form of the product; outside the root namespace it ends with its id."""
    end = f".{namespace_id}" if namespace_id else ""
    if token_type == "batch":  # noqa: S105 - a kind, not a secret
        return ("b." if is_openbao else "hvb.") + ids.base62(140) + end
    return ("s." + ids.base62(24) if is_openbao else "hvs." + ids.base62(90)) + end


def end_of(now: datetime, seconds: int) -> datetime:
    """Return *now* and *seconds*."""
    return now + timedelta(seconds=seconds)
