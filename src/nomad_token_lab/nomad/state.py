"""Nomad's state and rules, without HTTP: tokens, jobs, regions, and who may do what (api-contract 2)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nomad_token_lab import ids
from nomad_token_lab.clock import Clock
from nomad_token_lab.http import NOMAD_AGENT
from nomad_token_lab.nomad.auth_methods import AuthMethods
from nomad_token_lab.nomad.binding_rules import BindingRules
from nomad_token_lab.nomad.errors import NomadError, denied
from nomad_token_lab.nomad.policies import Policies, Roles
from nomad_token_lab.nomad.profile import Profile, Release, release
from nomad_token_lab.nomad.rules import Rules
from nomad_token_lab.nomad.tokens import Bounds, Token, Wanted
from nomad_token_lab.vault.upstream import Upstream

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Caller:
    """Who asks, and what is allowed to it; `token` is None for anonymous, and where ACLs are off."""

    token: Token | None
    rules: Rules
    is_management: bool = False

    def require_management(self) -> None:
        """Refuse all but management tokens."""
        if not self.is_management:
            raise denied()

    def require_capability(self, namespace: str, capability: str) -> None:
        """Refuse a caller whose policies don't give *capability* in *namespace*."""
        if not (self.is_management or self.rules.namespace(namespace, capability)):
            raise denied()

    def require_level(self, subject: str, level: str) -> None:
        """Refuse a caller whose policies don't give *level* on *subject*."""
        if not (self.is_management or self.rules.level(subject, level)):
            raise denied()


class Shared:
    """What all regions have in common; the lab's are of one mind at once, but for tokens."""

    def __init__(self, clock: Clock, count: Callable[[], int]) -> None:
        """Begin empty; *count* numbers the writes."""
        self.policies = Policies(count)
        self.roles = Roles(self.policies, count)
        self.auth_methods = AuthMethods(clock, count)
        self.binding_rules = BindingRules(self.auth_methods, clock, count)
        self.namespaces = {"default"}
        self.upstream = Upstream(NOMAD_AGENT)


class Nomad:
    """One server of one region; the first of a federation is that of the authoritative region.

    Its switches may be turned at any time: `acl_enabled`, `leader`, `version` or `profile`, `bounds` of a token's life,
    `follower_lag` (how often a token made from then on is unknown to `token/self` and to stale reads, nomad#17834), and
    `replication_lag` (seconds after which another region's global tokens, and their ends, are known here).
    """

    def __init__(self, clock: Clock, region: str = "global", *, authoritative: "Nomad | None" = None) -> None:
        """Begin empty: ACLs on, not bootstrapped; what is global is shared with the region that is *authoritative*."""
        self.addr = ""
        self.clock = clock
        self.region = region
        self.version = Profile.FROM_1_10_1.value
        self.acl_enabled = True
        self.leader = True
        self.bounds = Bounds()
        self.follower_lag = 0
        self.tokens: dict[str, Token] = {}
        self.jobs: dict[tuple[str, str], dict[str, Any]] = {}
        self.index = 6
        self.bootstrapped_at = 0
        self._before_mark: set[str] = set()
        self._replication_lag = 0.0
        self._replicas: dict[str, Token] = {}
        self._deleted: dict[str, datetime] = {}
        self.authoritative = authoritative or self
        self.shared: Shared = authoritative.shared if authoritative else Shared(clock, self.next_index)
        shared = self.shared
        self.federation: dict[str, Nomad] = authoritative.federation if authoritative else {}
        self.policies, self.roles = shared.policies, shared.roles
        self.auth_methods, self.binding_rules = shared.auth_methods, shared.binding_rules
        self.upstream = shared.upstream
        self.federation[region] = self

    def federated(self, region: str) -> "Nomad":
        """Return the server of another region, for which this one is authoritative; the clock is the same."""
        return Nomad(self.clock, region, authoritative=self)

    @property
    def profile(self) -> Profile:
        """The range of versions that `version` is in; setting it sets the version to the one that stands for it."""
        return Profile.of(self.version)

    @profile.setter
    def profile(self, profile: Profile) -> None:
        self.version = profile.value

    @property
    def release(self) -> Release:
        """The numbers of `version`."""
        return release(self.version)

    @property
    def replication_lag(self) -> float:
        """Seconds; `math.inf` when nothing comes through any more."""
        return self._replication_lag

    @replication_lag.setter
    def replication_lag(self, seconds: float) -> None:
        self._pull()
        self._replication_lag = seconds

    def _pull(self) -> None:
        """Take over what the authoritative region has made and deleted, as far as it has come through."""
        home, now = self.authoritative, self.clock()
        if home is self:
            return
        for token in home.tokens.values():
            if token.is_global and (now - token.created).total_seconds() >= self._replication_lag:
                self._replicas[token.accessor] = token
        for accessor, at in home._deleted.items():  # noqa: SLF001 - another of this class
            if (now - at).total_seconds() >= self._replication_lag:
                self._replicas.pop(accessor, None)

    def known(self) -> Iterator[Token]:
        """Return the tokens that this region knows: its own, and what has been replicated to it."""
        self._pull()
        yield from list(self.tokens.values())
        yield from list(self._replicas.values())

    def mark(self) -> None:
        """Leave the tokens that live now out of `live_tokens` from here on."""
        self._before_mark = {token.accessor for token in self.known()}

    def live_tokens(self) -> list[Token]:
        """Return the tokens that were made since the mark and that this region would accept now."""
        return [
            token for token in self.known() if token.accessor not in self._before_mark and not self.is_expired(token)
        ]

    def is_expired(self, token: Token) -> bool:
        """Tell whether *token* has met its end (it is kept, and shown to managers, until collected)."""
        return token.expires is not None and token.expires <= self.clock()

    def next_index(self) -> int:
        """Count a write to the state."""
        self.index += 1
        return self.index

    def by_secret(self, secret: str) -> Token | None:
        """Return the token that *secret* belongs to, expired or not."""
        return next((token for token in self.known() if token.secret == secret), None)

    def by_accessor(self, accessor: str) -> Token | None:
        """Return the token *accessor*, expired or not."""
        return next((token for token in self.known() if token.accessor == accessor), None)

    def seen(self, secret: str) -> Token | None:
        """Return the token of *secret*, as a follower that lags behind knows it: not at the first calls."""
        token = self.by_secret(secret)
        if token and token.unseen:
            token.unseen -= 1
            return None
        return token

    def require_acl(self) -> None:
        """Refuse every ACL call when ACLs are off."""
        if not self.acl_enabled:
            raise NomadError(400, "ACL support disabled")

    def require_leader(self) -> None:
        """Refuse what only a leader can answer."""
        if not self.leader:
            raise NomadError(500, "No cluster leader")

    def caller(self, secret: str, *, stale: bool = False) -> Caller:
        """Return who *secret* is and may do, as every call but `token/self` sees it (api-contract 2.5)."""
        if not self.acl_enabled:
            return Caller(None, Rules(()), is_management=True)
        if not secret:
            return Caller(None, self._rules_of({"anonymous"}))
        old = self.profile is Profile.UP_TO_1_4
        token = self.seen(secret) if stale else self.by_secret(secret)
        if token is None:
            if old and not ids.is_guid(secret):
                raise NomadError(500, "acl token lookup failed: index error: UUID must be 36 characters")
            raise NomadError(403, "ACL token not found") if old else denied()
        if self.is_expired(token):
            raise NomadError(500, "ACL token expired") if old else denied()
        return Caller(token, self._rules_of(self.policies_of(token)), is_management=token.is_management)

    def policies_of(self, token: Token) -> set[str]:
        """Return the names of the policies of *token*, those of its roles included."""
        return {
            *token.policies,
            *(name for id_ in token.roles if id_ in self.roles for name in self.roles[id_].policies),
        }

    def _rules_of(self, names: set[str]) -> Rules:
        """Return what the policies *names* give together; one that does not exist gives nothing (api-contract 2.4)."""
        return Rules(self.policies[name].rules for name in names if name in self.policies)

    def bootstrap(self, secret: str = "") -> Token:
        """Make the first management token.

        Raises:
            NomadError: 400, done already, or *secret* is not a UUID.
        """
        self.require_acl()
        self.require_leader()
        if self.bootstrapped_at:
            raise NomadError(400, f"ACL bootstrap already done (reset index: {self.bootstrapped_at})")
        if secret and not ids.is_guid(secret):
            raise NomadError(400, "invalid acl token")
        wanted = Wanted("", "Bootstrap Token", "management", (), is_global=True)
        token = self._new(wanted, secret or ids.guid())
        self.bootstrapped_at = token.create_index
        return token

    def _new(self, wanted: Wanted, secret: str) -> Token:
        now, index = self.clock(), self.next_index()
        token = Token(
            accessor=ids.guid(),
            secret=secret,
            name=wanted.name,
            type=wanted.type,
            policies=wanted.policies,
            roles=wanted.roles,
            is_global=wanted.is_global,
            created=now,
            ttl=wanted.ttl,
            expires=wanted.end(now),
            create_index=index,
            modify_index=index,
            unseen=self.follower_lag,
        )
        self.tokens[token.accessor] = token
        return token

    def mint(self, wanted: Wanted) -> Token:
        """Make a token, or change the one whose accessor is named; unknown policies are accepted (api-contract 2.4).

        Raises:
            NomadError: 400, what is wanted may not be.
        """
        known = self.by_accessor(wanted.accessor)
        if wanted.accessor and known is None:
            raise NomadError(400, f"cannot find token {wanted.accessor}")
        wanted.check(self.clock(), self.bounds, known)
        if known is None:
            return self._new(wanted, ids.guid())
        known.name, known.type, known.policies, known.roles = wanted.name, wanted.type, wanted.policies, wanted.roles
        known.modify_index = self.next_index()
        return known

    def require_deletable(self, accessor: str) -> Token:
        """Return the token *accessor*.

        Raises:
            NomadError: 400, there is none, or *accessor* is not a UUID.
        """
        if not ids.is_guid(accessor):
            raise NomadError(
                400, "token lookup failed: acl token lookup failed: index error: UUID must be 36 characters"
            )
        token = self.by_accessor(accessor)
        if token is None:
            raise NomadError(400, f"Cannot delete nonexistent tokens: {accessor}")
        return token

    def delete_token(self, accessor: str) -> None:
        """Delete a token of this region's own.

        Raises:
            NomadError: as `require_deletable`.
        """
        self.require_deletable(accessor)
        del self.tokens[accessor]
        self._deleted[accessor] = self.clock()
        self.next_index()
