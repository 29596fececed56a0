"""Nomad's state and rules, without HTTP: tokens, policies, jobs, and who may do what (api-contract 2)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nomad_token_lab import http, ids
from nomad_token_lab.clock import Clock
from nomad_token_lab.nomad.errors import NomadError, denied
from nomad_token_lab.nomad.profile import Profile
from nomad_token_lab.nomad.rules import Rules
from nomad_token_lab.nomad.tokens import Token, Wanted

_POLICY_NAME: Final = re.compile(r"[a-zA-Z0-9-]{1,128}")


@dataclass(frozen=True)
class Policy:
    """A named set of rules, kept as the text that was given."""

    name: str
    description: str
    rules: str
    create_index: int
    modify_index: int


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


class Nomad:
    """One server of one region. Its switches may be turned at any time: `acl_enabled`, `leader`, `profile`."""

    region: Final = "global"

    def __init__(self, clock: Clock) -> None:
        """Begin empty: ACLs on, not bootstrapped."""
        self.addr = ""
        self.clock = clock
        self.profile = Profile.FROM_1_10_1
        self.acl_enabled = True
        self.leader = True
        self.tokens: dict[str, Token] = {}
        self.policies: dict[str, Policy] = {}
        self.jobs: dict[tuple[str, str], dict[str, Any]] = {}
        self.index = 6
        self.bootstrapped_at = 0
        self._before_mark: set[str] = set()

    def mark(self) -> None:
        """Leave the tokens that live now out of `live_tokens` from here on."""
        self._before_mark = set(self.tokens)

    def live_tokens(self) -> list[Token]:
        """Return the tokens that were made since the mark and that Nomad would accept now."""
        return [token for token in self.tokens.values() if token.accessor not in self._before_mark | self._expired()]

    def _expired(self) -> set[str]:
        now = self.clock()
        return {token.accessor for token in self.tokens.values() if token.expires and token.expires <= now}

    def is_expired(self, token: Token) -> bool:
        """Tell whether *token* has met its end (it is kept, and shown to managers, until collected)."""
        return token.accessor in self._expired()

    def next_index(self) -> int:
        """Count a write to the state."""
        self.index += 1
        return self.index

    def by_secret(self, secret: str) -> Token | None:
        """Return the token that *secret* belongs to, expired or not."""
        return next((token for token in self.tokens.values() if token.secret == secret), None)

    def require_acl(self) -> None:
        """Refuse every ACL call when ACLs are off."""
        if not self.acl_enabled:
            raise NomadError(400, "ACL support disabled")

    def require_leader(self) -> None:
        """Refuse what only a leader can answer."""
        if not self.leader:
            raise NomadError(500, "No cluster leader")

    def caller(self, secret: str) -> Caller:
        """Return who *secret* is and may do, as every call but `token/self` sees it (api-contract 2.5)."""
        if not self.acl_enabled:
            return Caller(None, Rules(()), is_management=True)
        if not secret:
            return Caller(None, self.rules_of(("anonymous",)))
        old = self.profile is Profile.UP_TO_1_4
        token = self.by_secret(secret)
        if token is None:
            if old and not ids.is_guid(secret):
                raise NomadError(500, "acl token lookup failed: index error: UUID must be 36 characters")
            raise NomadError(403, "ACL token not found") if old else denied()
        if self.is_expired(token):
            raise NomadError(500, "ACL token expired") if old else denied()
        return Caller(token, self.rules_of(token.policies), is_management=token.is_management)

    def rules_of(self, names: tuple[str, ...]) -> Rules:
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
        wanted = Wanted("", "Bootstrap Token", "management", (), is_global=True, ttl=0, expires=None)
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
            is_global=wanted.is_global,
            created=now,
            ttl=wanted.ttl,
            expires=wanted.end(now),
            create_index=index,
            modify_index=index,
        )
        self.tokens[token.accessor] = token
        return token

    def mint(self, wanted: Wanted) -> Token:
        """Make a token, or change the one whose accessor is named; unknown policies are accepted (api-contract 2.4).

        Raises:
            NomadError: 400, what is wanted may not be.
        """
        if not wanted.accessor:
            wanted.check(self.clock(), new=True)
            return self._new(wanted, ids.guid())
        known = self.tokens.get(wanted.accessor)
        if known is None:
            raise NomadError(400, f"cannot find token {wanted.accessor}")
        wanted.check(self.clock(), new=False)
        for changed, text in (
            (wanted.is_global != known.is_global, "cannot toggle global mode"),
            (wanted.ttl not in {0, known.ttl}, "cannot update expiration TTL"),
            (wanted.expires not in {None, known.expires}, "cannot update expiration time"),
        ):
            if changed:
                raise NomadError(400, f"token 0 invalid: {http.multierror(text)}")
        known.name, known.type, known.policies = wanted.name, wanted.type, wanted.policies
        known.modify_index = self.next_index()
        return known

    def delete_token(self, accessor: str) -> None:
        """Delete a token.

        Raises:
            NomadError: 400, there is none, or *accessor* is not a UUID.
        """
        if not ids.is_guid(accessor):
            raise NomadError(
                400, "token lookup failed: acl token lookup failed: index error: UUID must be 36 characters"
            )
        if accessor not in self.tokens:
            raise NomadError(400, f"Cannot delete nonexistent tokens: {accessor}")
        del self.tokens[accessor]
        self.next_index()

    def put_policy(self, name: str, body: Mapping[str, Any]) -> None:
        """Make or replace a policy.

        Raises:
            NomadError: 400, another name in the body, a name or rules that may not be.
        """
        given = {key.lower(): value for key, value in body.items()}
        if given.get("name", name) != name:
            raise NomadError(400, "ACL policy name does not match request path")
        if not _POLICY_NAME.fullmatch(name):
            bad_name = http.multierror(f"invalid name '{name}'")
            raise NomadError(400, f"policy 0 invalid: {bad_name}")
        rules = given.get("rules") or ""
        try:
            Rules([rules])
        except (ValueError, AttributeError) as error:
            raise NomadError(400, f"policy 0 invalid: {http.multierror(f'failed to parse rules: {error}')}") from error
        index = self.next_index()
        created = self.policies[name].create_index if name in self.policies else index
        self.policies[name] = Policy(name, given.get("description") or "", rules, created, index)
