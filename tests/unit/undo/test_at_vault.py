"""The undo of what Vault granted: what is asked of it, and what is said of what lives on."""

import json
from datetime import timedelta

import httpx
import pytest

from fakes import DENIED, GONE, GONE_ANEW, VAULT, FakeClock, Fault, Faults, vault_error
from nomad_token.clients.http import Connections
from nomad_token.clients.vault import VaultPlace
from nomad_token.clock import Deadline
from nomad_token.revoke import undo
from nomad_token.secret import SecretStr
from nomad_token.state import Asked, Fact, HeldLease, HeldLogin, Ledger, Made, Plan, Undeleted
from nomad_token.undo.outcome import Ending, Means, Outcome
from through import answering

LENT, OWN = SecretStr("s.lentlentlent"), SecretStr("s.ownownown")
MAY, REVOKE, END = "sys/capabilities-self", "sys/leases/revoke", "auth/token/revoke-self"
NOTHING = Outcome(Ending.NOTHING_SAVED, "no token was minted, or it was undone already")
ENDS = "2026-03-04 06:06:07"
DENIES, DEAD, BUSY = vault_error(403, DENIED), vault_error(403, GONE), vault_error(503, "Vault is sealed")
RESET = httpx.ReadError("reset")
IN_VAIN = [RESET] * 60


def accessor(number: int) -> str:
    """Return the accessor of a Nomad token."""
    return f"acce5500-0000-4000-8000-{number:012d}"


class Store:
    """Leases by their token; the end of a token takes its own along, but not from another namespace."""

    def __init__(self, leases: int = 1, owner: SecretStr = OWN, *, namespace: str = "", login: str = "") -> None:
        """Hold *leases* of *owner*; the engine is in *namespace*, the login in the namespace *login*."""
        self.alive = {self.lease(number).lease_id: owner.get_secret_value() for number in range(1, leases + 1)}
        self.tokens = {LENT.get_secret_value(), OWN.get_secret_value()}
        self.place = VaultPlace(address=VAULT, namespace=namespace, auth_namespace=login)
        self.allows = True
        self.clock = FakeClock()
        self.faults = Faults()
        self.requests: list[str] = []
        self.namespaces: list[str] = []

    def lease(self, number: int = 1) -> HeldLease:
        """Return what is saved of a lease."""
        ends = FakeClock().now() + timedelta(seconds=3600)
        lease_id = f"nomad/creds/deploy/{number}"
        return HeldLease(lease_id=lease_id, accessor_id=accessor(number), secret=SecretStr("x" * 36), ends=ends)

    def undeleted(self, number: int = 1) -> Undeleted:
        """Return what is saved of a lease that Vault could not end at Nomad."""
        return Undeleted(accessor_id=accessor(number), lease_id=self.lease(number).lease_id, granted=False)

    def login(self, *, life: float | None = 3600, uses: int = 0, name: str = "a1") -> HeldLogin:
        """Return what is saved of a login; *life* in seconds, None for ever."""
        ends = None if life is None else self.clock.now() + timedelta(seconds=life)
        return HeldLogin(token=OWN, accessor=name, ends=ends, uses=uses)

    def asked(self, what: Made = "creds") -> Asked:
        """Return what is saved before a request."""
        path = {"creds": "nomad/creds/deploy", "login": "auth/jwt/login"}[what]
        named = "vault-deploy-" if what == "creds" else ""
        return Asked(what=what, path=path, named=named, at=self.clock.now())

    def undone(
        self, *facts: Fact, lent: SecretStr | None = None, is_lent: bool = False, seconds: float = 30
    ) -> Outcome:
        """Undo *facts*."""
        connections = Connections(self.clock, lambda _: None, answering(self._answer))
        by = Means(connections, self.clock, Deadline(self.clock, seconds), lent)
        plan = Plan(
            mint="0badcafe",
            vault=self.place,
            nomad=None,
            lent="vault-token" if is_lent else "",
            revoke=True,
            on_revoke_failure="warn",
            summary="never",
        )
        return undo(Ledger(facts), plan, by)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        self.requests.append(path)
        self.namespaces.append(request.headers.get("X-Vault-Namespace", ""))
        return self.faults.applied(path, lambda: self._work(request, path))

    def _work(self, request: httpx.Request, path: str) -> httpx.Response:
        token = request.headers.get("X-Vault-Token", "")
        if token not in self.tokens:
            return vault_error(403, GONE)
        body = json.loads(request.content or b"{}")
        if path == MAY:
            held = ["update"] if self.allows else ["deny"]
            return httpx.Response(200, json={"data": {each: held for each in body["paths"] if each == REVOKE}})
        if path == REVOKE:
            if not self.allows:
                return vault_error(403, DENIED)
            assert body["sync"] is True
            del self.alive[body["lease_id"]]
            return httpx.Response(204)
        self.tokens.remove(token)
        if not self.place.below:
            self.alive = {lease: owner for lease, owner in self.alive.items() if owner != token}
        return httpx.Response(204)


def ended(leases: int) -> frozenset[str]:
    """Return the ids of the first *leases*."""
    return frozenset(f"nomad/creds/deploy/{number}" for number in range(1, leases + 1))


def left(number: int, reason: str) -> str:
    """Return what is said of a lease that lives."""
    by_hand = f"By hand: vault lease revoke nomad/creds/deploy/{number}"
    return f"The Nomad token {accessor(number)} may live until {ENDS} UTC. {reason}\n{by_hand}"


def undeleted(number: int, reason: str) -> str:
    """Return what is said of a lease that Vault could not end at Nomad."""
    by_hand = f"Vault goes on trying for some minutes; by hand: vault lease revoke nomad/creds/deploy/{number}"
    return f"The Nomad token {accessor(number)} may live, and without an end. {reason}\n{by_hand}"


BEFORE = (
    "The Nomad token {0} may live, and without an end: an earlier revoke left it, and Vault says no more of it.\n"
    "Look: nomad acl token info {0}; by hand: vault lease revoke nomad/creds/deploy/{1}"
)
RULE = (
    '\nAdd to a policy of the token: path "{}sys/leases/revoke" {{ capabilities = ["update"] '
    'allowed_parameters = {{ "lease_id" = ["nomad/creds/deploy/*"], "sync" = [] }} }}'
)


@pytest.mark.parametrize(("leases", "told"), [(1, "the lease"), (2, "the 2 leases")])
def test_what_was_lent_is_not_revoked(leases: int, told: str) -> None:
    """Each lease is revoked with the user's token, which lives on."""
    store = Store(leases, LENT)
    outcome = store.undone(*map(store.lease, range(1, leases + 1)), lent=LENT, is_lent=True)

    assert outcome == Outcome(Ending.REVOKED, f"Vault revoked {told}", ended=ended(leases))
    assert store.requests == [REVOKE] * leases
    assert (store.alive, LENT.get_secret_value() in store.tokens) == ({}, True)


def test_nothing_was_made_with_what_was_lent() -> None:
    """Without a lease nobody is asked; a read without an answer is named with its window and its line."""
    store = Store(0)
    silent = store.undone(lent=LENT, is_lent=True)
    outcome = store.undone(store.asked(), store.asked("login"), lent=LENT, is_lent=True)
    (notice,) = outcome.notices

    assert silent == NOTHING
    assert (outcome.ending, outcome.left, store.requests) == (Ending.NOTHING_SAVED, [], [])
    assert notice.startswith("`nomad/creds/deploy` was read at 05:06:07 UTC")
    assert "be named vault-deploy-… and be made between 05:06:07 and 05:06:07 UTC" in notice
    assert """'.[] | select(.Name | startswith("vault-deploy-")) | [.AccessorID, .Name, .CreateTime]'""" in notice


def test_what_was_lent_is_not_there() -> None:
    """Without the user's token each lease is named, and Vault is not asked as nobody."""
    store = Store(2, LENT)
    outcome = store.undone(store.lease(1), store.lease(2), is_lent=True)
    why = "`vault-token` was not handed over again."

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "`vault-token` was not there to do it with")
    assert (outcome.left, outcome.tokens_left) == ([left(1, why), left(2, why)], (accessor(1), accessor(2)))
    assert store.requests == []


@pytest.mark.parametrize("said", [GONE, GONE_ANEW])
def test_what_was_lent_is_gone(said: str) -> None:
    """A token that Vault no longer knows took its leases along, where they are in one namespace."""
    store = Store(2, LENT)
    store.faults.before(REVOKE, vault_error(403, said), vault_error(403, said))
    outcome = store.undone(store.lease(1), store.lease(2), lent=LENT, is_lent=True)

    assert outcome == Outcome(Ending.REVOKED, "already gone: Vault no longer knows `vault-token`, nor its 2 leases")


def test_what_was_lent_is_gone_and_its_lease_is_elsewhere() -> None:
    """In another namespace a lease does not end with its token: it is named."""
    store = Store(1, LENT, namespace="app")
    store.faults.before(REVOKE, DEAD)
    outcome = store.undone(store.lease(), lent=LENT, is_lent=True)

    told = [left(1, f"Vault at {VAULT}: {GONE}")]
    assert outcome == Outcome(Ending.FAILED, "Vault did not do it", left=told, tokens_left=(accessor(1),))


def test_one_of_two_is_denied() -> None:
    """A policy's no is no sign that the token is gone; what was revoked is not named."""
    store = Store(2, LENT)
    store.faults.before(REVOKE, DENIES)
    outcome = store.undone(store.lease(1), store.lease(2), lent=LENT, is_lent=True)
    (named,) = outcome.left

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "Vault did not do it")
    assert list(store.alive) == ["nomad/creds/deploy/1"]
    assert named.startswith(f"The Nomad token {accessor(1)} may live until {ENDS} UTC. Vault at {VAULT}: 1 error")
    assert RULE.format("") in named
    assert named.endswith("By hand: vault lease revoke nomad/creds/deploy/1")


def test_one_is_gone_and_one_is_not_answered() -> None:
    """Where one is not heard of, nothing is known of the token, and both are named."""
    store = Store(2, LENT)
    store.faults.before(REVOKE, DEAD, *IN_VAIN)
    outcome = store.undone(store.lease(1), store.lease(2), lent=LENT, is_lent=True)

    assert outcome.ending is Ending.FAILED
    assert outcome.left == [left(1, f"Vault at {VAULT}: {GONE}"), left(2, f"Vault at {VAULT}: reset")]


def test_a_revoke_is_tried_again() -> None:
    """A lease may be revoked twice without harm."""
    store = Store(1, LENT)
    store.faults.before(REVOKE, RESET, BUSY)

    assert store.undone(store.lease(), lent=LENT, is_lent=True).ending is Ending.REVOKED
    assert store.requests == [REVOKE] * 3


def test_a_login_that_was_not_saved() -> None:
    """A torn state names its leases, the reads and the logins without an answer; nobody can be asked."""
    store = Store(2)
    outcome = store.undone(store.lease(1), store.lease(2), store.asked("login"))
    (notice,) = outcome.notices

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "what was saved is incomplete")
    assert outcome.left == [
        (
            f"The Nomad token {accessor(number)} may live until {ENDS} UTC: the login that asked for it can't be read "
            f"from what was saved. By hand: vault lease revoke nomad/creds/deploy/{number}"
        )
        for number in (1, 2)
    ]
    assert notice == (
        "The login at `auth/jwt/login` was sent at 05:06:07 UTC, and no answer tells whether it was granted: a Vault "
        "token that nobody holds may live until its token_ttl. No Nomad token hangs on it."
    )
    assert store.requests == []


def test_only_a_question_was_saved() -> None:
    """Without a lease nothing is left; a read and a login are told apart."""
    store = Store(0)
    outcome = store.undone(store.asked("login"), store.asked())

    assert (outcome.ending, outcome.line, outcome.left) == (NOTHING.ending, NOTHING.line, [])
    assert [notice.split()[0] for notice in outcome.notices] == ["The", "`nomad/creds/deploy`"]
    assert "The end of the login takes along what Vault has a lease for." in outcome.notices[1]
    assert store.undone() == NOTHING


@pytest.mark.parametrize(("leases", "told"), [(1, "the lease"), (2, "the 2 leases")])
def test_leases_and_then_the_login(leases: int, told: str) -> None:
    """Vault is asked whether it may be done, then each is revoked, then the login ends."""
    store = Store(leases)
    outcome = store.undone(store.login(), *map(store.lease, range(1, leases + 1)))

    assert outcome == Outcome(Ending.REVOKED, f"Vault revoked {told}", ended=ended(leases))
    assert store.requests == [MAY, *[REVOKE] * leases, END]


def test_the_login_takes_the_lease_along() -> None:
    """Where a lease may not be revoked by itself, the end of the login does it."""
    store = Store()
    store.allows = False
    outcome = store.undone(store.login(), store.lease())

    assert outcome == Outcome(Ending.REVOKED, "Vault revoked the login and its lease")
    assert (store.requests, store.alive) == ([MAY, END], {})


def test_a_lease_that_nomad_keeps() -> None:
    """Each that Vault may not have deleted is named; Nomad may still say that they are dead."""
    store = Store(2)
    store.faults.before(REVOKE, vault_error(400, "failed to revoke entry: x"))
    outcome = store.undone(store.login(), store.lease(1), store.lease(2))

    assert (outcome.ending, outcome.tokens_left) == (Ending.FAILED, (accessor(1),))
    assert outcome.facts == (store.undeleted(1),)
    assert outcome.line == "Vault ended the login, and could not delete a token at Nomad"
    assert outcome.left == [undeleted(1, f"Vault at {VAULT}: failed to revoke entry: x")]
    assert store.requests == [MAY, REVOKE, REVOKE, END]


@pytest.mark.parametrize("life", [3600, -1])
def test_a_lease_that_nomad_kept_before(life: float) -> None:
    """Of a login that is gone Vault says no more than that: what an earlier revoke left is still left."""
    store = Store(2)
    store.tokens.clear()
    outcome = store.undone(store.login(life=life), store.lease(1), store.lease(2), store.undeleted(2))

    assert outcome.ending is Ending.FAILED
    assert outcome.line.endswith(", and an earlier revoke left a token at Nomad")
    assert outcome.left == [BEFORE.format(accessor(2), 2)]


def test_two_that_nomad_kept_before() -> None:
    """Each is named, though what was saved of their leases may be torn."""
    store = Store(2)
    store.tokens.clear()
    outcome = store.undone(store.login(), store.lease(1), store.undeleted(1), store.undeleted(2))

    gone = "already gone: Vault no longer knows the login"
    assert outcome.line == f"{gone}, and an earlier revoke left 2 tokens at Nomad"
    assert outcome.left == [BEFORE.format(accessor(number), number) for number in (1, 2)]


def test_what_nomad_kept_before_and_not_now() -> None:
    """A login that is there still may revoke the lease once more: what Vault says now holds."""
    store = Store()
    outcome = store.undone(store.login(), store.lease(), store.undeleted())

    assert outcome == Outcome(Ending.REVOKED, "Vault revoked the lease", ended=ended(1))


def test_what_nomad_kept_before_and_what_it_keeps_now() -> None:
    """A login that ends before its end is answered hides neither."""
    store = Store(2)
    store.faults.before(REVOKE, vault_error(400, "failed to revoke entry: x"), RESET)
    store.faults.before(END, DEAD)
    outcome = store.undone(store.login(), store.lease(1), store.lease(2), store.undeleted(2))

    assert [text.splitlines()[0][-2:] for text in outcome.left] == [" x", "t."]
    assert outcome.facts == (store.undeleted(1),)


def test_what_was_lent_is_gone_and_a_token_was_left_before() -> None:
    """What was lent says no more of it either."""
    store = Store(1, LENT)
    store.tokens.clear()
    outcome = store.undone(store.lease(), store.undeleted(), lent=LENT, is_lent=True)

    gone = "already gone: Vault no longer knows `vault-token`, nor its lease"
    assert outcome.line == f"{gone}, and an earlier revoke left a token at Nomad"
    assert outcome.left == [BEFORE.format(accessor(1), 1)]


@pytest.mark.parametrize(("said", "kept"), [("failed to revoke entry: x", True), (DENIED, False)])
def test_what_was_lent_and_what_is_to_be_known(said: str, kept: bool) -> None:  # noqa: FBT001 - a column
    """That Nomad kept a token is told once; a policy's no is no sign of that."""
    store = Store(1, LENT)
    store.faults.before(REVOKE, vault_error(400, said))
    outcome = store.undone(store.lease(), lent=LENT, is_lent=True)

    assert (outcome.ending, outcome.tokens_left) == (Ending.FAILED, (accessor(1),))
    assert outcome.facts == ((store.undeleted(),) if kept else ())


def test_what_was_lent_and_a_token_that_is_gone() -> None:
    """A token that somebody deleted at Nomad is dead, whatever its lease is."""
    store = Store(1, LENT)
    store.faults.before(REVOKE, vault_error(400, "failed to revoke entry: 400 (Cannot delete nonexistent tokens: x)"))

    assert store.undone(store.lease(), lent=LENT, is_lent=True).ending is Ending.REVOKED


def test_a_token_that_is_gone_and_one_that_is_kept() -> None:
    """Each lease is asked for: what somebody deleted is no failure, and hides none."""
    store = Store(2)
    gone = vault_error(400, "failed to revoke entry: 400 (Cannot delete nonexistent tokens: x)")
    store.faults.before(REVOKE, gone, vault_error(400, "failed to revoke entry: x"))
    outcome = store.undone(store.login(), store.lease(1), store.lease(2))

    assert (outcome.ending, outcome.tokens_left) == (Ending.FAILED, (accessor(2),))


def test_another_refusal_ends_it() -> None:
    """What says nothing of Nomad is no reason to ask for the next lease: the end of the login is."""
    store = Store(2)
    store.faults.before(REVOKE, vault_error(400, "failed"))
    outcome = store.undone(store.login(), store.lease(1), store.lease(2))

    assert outcome == Outcome(Ending.REVOKED, "Vault revoked the login and its 2 leases")
    assert store.requests == [MAY, REVOKE, END]


def test_a_lease_that_nomad_keeps_and_a_login_that_lives() -> None:
    """What is said then is the login's: with it, all of it lives."""
    store = Store()
    store.faults.before(REVOKE, vault_error(400, "failed to revoke entry: x"))
    store.faults.before(END, vault_error(403, DENIED))
    outcome = store.undone(store.login(), store.lease())

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "Vault did not do it")
    assert (outcome.tokens_left, outcome.facts) == ((), (store.undeleted(),))


def test_a_login_alone() -> None:
    """Without a lease it is ended, and nothing else is asked."""
    store = Store(0)

    assert store.undone(store.login()) == Outcome(Ending.REVOKED, "Vault revoked the login")
    assert store.requests == [END]


@pytest.mark.parametrize(
    ("uses", "leases", "asks"),
    [(0, 1, True), (3, 1, False), (4, 1, True), (5, 2, False), (6, 2, True), (1, 1, False)],
)
def test_a_login_with_few_uses(uses: int, leases: int, asks: bool) -> None:  # noqa: FBT001 - a row of the table
    """A use each for the read, for the revoke, for the question and for the end: with one less, the end is all."""
    store = Store(leases)
    outcome = store.undone(store.login(uses=uses), *map(store.lease, range(1, leases + 1)))

    assert store.requests == ([MAY, *[REVOKE] * leases, END] if asks else [END])
    assert (outcome.ending, store.alive) == (Ending.REVOKED, {})


@pytest.mark.parametrize(("seconds", "revoked"), [(3, 1), (2.9, 0)])
def test_time_is_kept_for_the_login(seconds: float, revoked: int) -> None:
    """With less than three seconds left no lease is begun: the end of the login takes it along."""
    store = Store()
    outcome = store.undone(store.login(), store.lease(), seconds=seconds)

    assert store.requests == [MAY, *[REVOKE] * revoked, END]
    assert outcome.line == ("Vault revoked the lease" if revoked else "Vault revoked the login and its lease")


def test_the_end_of_the_login_is_not_answered() -> None:
    """Where the leases are revoked by themselves, a login that lives is told of, and is no failure."""
    store = Store()
    store.faults.before(END, *IN_VAIN)
    outcome = store.undone(store.login(), store.lease(), seconds=5)

    assert outcome == Outcome(
        Ending.REVOKED,
        "Vault revoked the lease",
        [
            (
                f"Vault did not revoke the login, which ends at 06:06:07 UTC. Vault at {VAULT}: reset "
                "By hand: vault token revoke -accessor a1"
            )
        ],
        lives=True,
        ended=ended(1),
    )


def test_a_login_that_lives_without_a_lease_and_an_end() -> None:
    """It may be a login for ever, whose accessor nobody knows."""
    store = Store(0)
    store.faults.before(END, *IN_VAIN)
    outcome = store.undone(store.login(life=None, name=""), seconds=5)

    assert outcome == Outcome(
        Ending.REVOKED,
        "no token was minted",
        [f"Vault did not revoke the login, which has no end. Vault at {VAULT}: reset"],
        lives=True,
    )


def test_neither_lease_nor_login_could_be_ended() -> None:
    """What may live is named with its end and with every line that is needed by hand."""
    store = Store(2)
    store.allows = False
    store.faults.before(END, DENIES)
    outcome = store.undone(store.login(), store.lease(1), store.lease(2))
    (text,) = outcome.left

    assert (outcome.ending, outcome.line, outcome.lives) == (Ending.FAILED, "Vault did not do it", False)
    assert text.startswith(f"The Nomad token may live: {accessor(1)}, {accessor(2)}. Vault at {VAULT}: ")
    assert f"; Vault ends the login at {ENDS} UTC." in text
    assert 'Add to a policy of the login\'s role: path "auth/token/revoke-self" { capabilities = ["update"] }' in text
    assert text.endswith(
        " By hand: vault lease revoke nomad/creds/deploy/1 && vault lease revoke nomad/creds/deploy/2 && "
        "vault token revoke -accessor a1"
    )


def test_a_read_without_an_answer_and_a_login_that_lives() -> None:
    """A token that nobody saw may live with the login: that is a failure, and no policy's."""
    store = Store(0)
    store.faults.before(END, *IN_VAIN)
    outcome = store.undone(store.login(life=None, name=""), store.asked(), seconds=5)

    assert outcome.ending is Ending.FAILED
    assert outcome.left == [f"The Nomad token may live: one that was asked for and not seen. Vault at {VAULT}: reset."]
    assert len(outcome.notices) == 1


@pytest.mark.parametrize(("life", "ending"), [(1, Ending.REVOKED), (0, Ending.EXPIRED), (-1, Ending.EXPIRED)])
def test_a_login_that_is_gone(life: float, ending: Ending) -> None:
    """At its end it was ended by Vault; before, by somebody else, and its leases with it."""
    store = Store()
    store.tokens.clear()
    outcome = store.undone(store.login(life=life), store.lease())
    at = f"{store.clock.now() + timedelta(seconds=life):%H:%M:%S}"
    line = "already gone: Vault no longer knows the login" if life > 0 else f"Vault ended it at {at} UTC"

    assert outcome == Outcome(ending, line)


@pytest.mark.parametrize(
    ("life", "name", "known", "ends"), [(3600, "a1", "a1", f"ends at {ENDS} UTC"), (None, "", "unknown", "has no end")]
)
def test_a_login_that_was_never_of_use(life: float | None, name: str, known: str, ends: str) -> None:
    """Vault says the same of a login that is bound to other addresses: it may live."""
    store = Store(0)
    store.tokens.clear()
    outcome = store.undone(store.login(life=life, name=name))

    notice = (
        f"Vault refuses the login's token (accessor {known}): it is gone, or bound to other addresses than this one "
        f"(token_bound_cidrs), and then {ends}. No Nomad token hangs on it."
    )

    assert outcome == Outcome(Ending.REVOKED, "no token was minted", [notice])


def test_a_lease_in_another_namespace() -> None:
    """It is revoked without a question, since no end of a login takes it along; each in its own namespace."""
    store = Store(2, namespace="ns/app", login="ns")
    outcome = store.undone(store.login(), store.lease(1), store.lease(2))

    assert outcome == Outcome(Ending.REVOKED, "Vault revoked the 2 leases", ended=ended(2))
    assert store.requests == [REVOKE, REVOKE, END]
    assert store.namespaces == ["ns/app", "ns/app", "ns"]


def test_a_login_in_another_namespace_that_is_gone() -> None:
    """One that was asked to read is gone, and not bound to other addresses."""
    store = Store(0, namespace="ns/app", login="ns")
    store.tokens.clear()
    outcome = store.undone(store.login(), store.asked())

    assert (outcome.ending, outcome.line) == (Ending.REVOKED, "already gone: Vault no longer knows the login")


def test_a_lease_in_another_namespace_that_is_denied() -> None:
    """It is named with the rule as the login's namespace writes it; the login ends all the same."""
    store = Store(1, namespace="ns/app", login="ns")
    store.allows = False
    outcome = store.undone(store.login(), store.lease(), store.asked())
    (named,) = outcome.left
    (notice,) = outcome.notices

    assert (outcome.ending, outcome.line) == (
        Ending.FAILED,
        "Vault did not revoke the lease, and in another namespace none ends with the login",
    )
    assert RULE.format("app/") in named
    assert OWN.get_secret_value() not in store.tokens
    assert "In another namespace no lease ends with the login. It would be named" in notice


def test_a_login_that_lives_beside_a_lease_in_another_namespace() -> None:
    """Where neither could be ended, both are told of."""
    store = Store(1, namespace="ns/app", login="ns")
    store.allows = False
    store.faults.before(END, *IN_VAIN)
    outcome = store.undone(store.login(), store.lease(), seconds=5)

    assert outcome.ending is Ending.FAILED
    assert len(outcome.left) == 1
    assert outcome.notices[0].startswith("Vault did not revoke the login, which ends at 06:06:07 UTC.")


@pytest.mark.parametrize("fault", [httpx.Response(400, json={"errors": []}), httpx.Response(400, text="")])
def test_a_refusal_without_a_word(fault: Fault) -> None:
    """Where Vault gives no reason, the status is told."""
    store = Store(1, LENT)
    store.faults.before(REVOKE, fault)

    assert store.undone(store.lease(), lent=LENT, is_lent=True).left == [left(1, f"Vault at {VAULT}: HTTP 400")]
