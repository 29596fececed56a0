"""The undo: from what was saved to proof that nothing of it lives."""

import inspect
import json
import re
import shlex
from datetime import timedelta

import httpx
import pytest
from msgspec.structs import replace

from fakes import DENIED, GONE, GONE_ANEW, NOMAD, VAULT, World, vault_error
from nomad_token import revoke
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.vault import VaultPlace
from nomad_token.clock import Deadline
from nomad_token.mint import mint
from nomad_token.revoke import undo
from nomad_token.secret import SecretStr
from nomad_token.state import (
    Accepted,
    Asked,
    Fact,
    HeldLease,
    HeldLogin,
    Ledger,
    Renewed,
    Settled,
    Undeleted,
)
from nomad_token.text import shown
from nomad_token.undo.outcome import Ending, Means, Outcome
from through import answering

LEASES, REVOKE_SELF, SELF = "sys/leases/revoke", "auth/token/revoke-self", "acl/token/self"


def minted(world: World) -> Ledger:
    """Mint, and return what was saved."""
    mint(world.order(), world.platform, world.outside)
    world.events.clear()
    return Ledger(world.platform.facts)


def undone(world: World, facts: Ledger, seconds: float = 30) -> Outcome:
    """Undo it."""
    assert facts.plan
    return undo(facts, facts.plan, Means(world.connections, world.clock, Deadline(world.clock, seconds)))


def without(ledger: Ledger, kind: type[Fact]) -> Ledger:
    """Return the ledger with the facts of a kind lost."""
    return Ledger(fact for fact in ledger.facts if not isinstance(fact, kind))


def test_there_are_six_endings() -> None:
    """An undo ends in one of six named ways."""
    assert len({ending.value for ending in Ending}) == len(Ending) == 6


def test_lease_then_login_then_proof() -> None:
    """The lease is revoked where that is allowed, then always the login, then Nomad is asked."""
    world = World()
    outcome = undone(world, minted(world))

    assert world.requests == [
        "POST /v1/sys/capabilities-self",
        "POST /v1/sys/leases/revoke",
        "POST /v1/auth/token/revoke-self",
        "GET /v1/acl/token/self",
    ]
    assert outcome.ending is Ending.REVOKED
    assert "Nomad refuses it" in outcome.line
    assert (outcome.left, outcome.notices, world.alive) == ([], [], [])


def test_denied_call_is_not_made() -> None:
    """Where a policy forbids it the lease is not revoked by itself: a denied call would alarm an audit log."""
    world = World()
    world.vault.may_revoke_leases = False
    outcome = undone(world, minted(world))

    assert "POST /v1/sys/leases/revoke" not in world.requests
    assert outcome.ending is Ending.REVOKED
    assert world.alive == []


@pytest.mark.parametrize("path", ["sys/capabilities-self", LEASES])
@pytest.mark.parametrize("fault", [httpx.ReadError("reset"), httpx.ConnectError("x"), vault_error(400, "failed")])
def test_lease_that_fails_is_the_logins(path: str, fault: httpx.Response | Exception) -> None:
    """Whatever goes wrong with the lease, the login's end takes it along; nothing is tried twice."""
    world = World()
    world.vault.faults.before(path, fault)
    outcome = undone(world, minted(world))

    assert outcome.ending is Ending.REVOKED
    assert world.alive == []
    assert world.requests.count(f"POST /v1/{path}") == 1
    assert world.requests.count("POST /v1/auth/token/revoke-self") == 1


@pytest.mark.parametrize("fault", [httpx.ReadError("reset"), httpx.ConnectError("x"), vault_error(503, "sealed")])
def test_login_is_revoked_in_the_end(fault: httpx.Response | Exception) -> None:
    """Ending the login is tried again; it may be sent twice without harm."""
    world = World()
    world.vault.faults.before(REVOKE_SELF, fault, fault)

    assert undone(world, minted(world)).ending is Ending.REVOKED
    assert world.alive == []


def test_lost_answer_to_the_end_of_the_login() -> None:
    """An end that was done and not heard of is one: Vault no longer knows the login."""
    world = World()
    world.vault.faults.after(REVOKE_SELF, httpx.ReadError("reset"))
    outcome = undone(world, minted(world))

    assert outcome.ending is Ending.REVOKED
    assert (outcome.left, outcome.notices, world.alive) == ([], [], [])


@pytest.mark.parametrize("said", [GONE, GONE_ANEW])
def test_already_gone(said: str) -> None:
    """A login that Vault no longer knows is success, in both dialects."""
    world = World()
    ledger = minted(world)
    world.vault.tokens.clear()
    world.nomad.tokens.clear()
    world.vault.faults.before(REVOKE_SELF, vault_error(403, said))
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.REVOKED
    assert "already gone" in outcome.line
    assert outcome.left == []


def test_gone_or_bound_to_another_address() -> None:
    """A login that was never used is not called gone: Vault says the same where it is bound to other addresses."""
    world = World()
    ledger = minted(world)
    assert ledger.plan
    assert ledger.login
    world.vault.faults.before(REVOKE_SELF, vault_error(403, GONE))
    outcome = undone(world, Ledger([ledger.plan, ledger.login]))

    assert outcome.ending is Ending.REVOKED
    assert outcome.line == "no token was minted"
    (notice,) = outcome.notices
    assert "token_bound_cidrs" in notice
    assert "2026-03-04 06:06:07 UTC" in notice


def test_twice_is_fine() -> None:
    """An undo after an undo finds that all is gone."""
    world = World()
    ledger = minted(world)
    undone(world, ledger)
    again = undone(world, ledger)

    assert again.ending is Ending.REVOKED
    assert (again.left, again.notices) == ([], [])


def test_denied_end_of_the_login() -> None:
    """A policy's 403 is not "gone": the token may live, its names and ends are told, and the rule to add."""
    world = World(nomad_addr="")
    world.vault.may_revoke_leases = False
    world.vault.faults.before(REVOKE_SELF, vault_error(403, DENIED))
    ledger = minted(world)
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    (left,) = outcome.left
    for part in (
        ledger.leases[0].accessor_id,
        'path "auth/token/revoke-self" { capabilities = ["update"] }',
        f"vault lease revoke {ledger.leases[0].lease_id}",
        "2026-03-04 06:06:07 UTC",
    ):
        assert part in left


def test_vault_that_is_gone() -> None:
    """A Vault that can't be reached for 30 s ends in failure, and in good time."""
    world = World(nomad_addr="")
    ledger = minted(world)
    for path in (REVOKE_SELF, "sys/capabilities-self"):
        world.vault.faults.before(path, *[httpx.ConnectError("unreachable")] * 100)
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    assert VAULT in outcome.left[0]
    assert sum(world.clock.slept) <= 30


def test_nomads_word_counts_more() -> None:
    """Where Vault refuses and Nomad refuses the token, the token is dead; the login may live, and can mint again."""
    world = World()
    ledger = minted(world)
    world.vault.faults.before(REVOKE_SELF, vault_error(403, DENIED))
    world.vault.may_revoke_leases = False
    world.nomad.tokens.clear()
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    assert len(outcome.left) == 1
    assert "Nomad refuses the token" in outcome.line


def test_confirmed_lease_and_a_login_that_stays() -> None:
    """A lease that Vault revoked is dead for sure; that the login stays is a notice with its end."""
    world = World(nomad_addr="")
    world.vault.faults.before(REVOKE_SELF, vault_error(403, DENIED))
    outcome = undone(world, minted(world))

    assert outcome.ending is Ending.REVOKED
    assert outcome.left == []
    assert len(outcome.notices) == 1
    assert "06:06:07 UTC" in outcome.notices[0]


def test_still_alive_at_nomad() -> None:
    """A token that Nomad accepts after Vault's yes is left alive: no line says the opposite."""
    world = World()
    world.vault.revokes_at_nomad = False
    ledger = minted(world)
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    assert "revoked" not in outcome.line
    (left,) = outcome.left
    assert ledger.leases[0].accessor_id in left
    assert f"vault lease revoke {ledger.leases[0].lease_id}" in left


NO_DELETE = vault_error(400, "failed to revoke entry: resp: x err: Delete: dial tcp 192.0.2.1:4646: connect: refused")


def test_vault_could_not_delete_it_and_nobody_can_say_more() -> None:
    """What Vault says of Nomad's refusal counts more than its yes to the login's end, which is given in advance."""
    world = World(nomad_addr="")
    world.vault.faults.before(LEASES, NO_DELETE)
    world.vault.revokes_at_nomad = False
    ledger = minted(world)
    outcome = undone(world, ledger)
    (lease,) = ledger.leases

    assert outcome.ending is Ending.FAILED
    assert outcome.line == "Vault ended the login, and could not delete the token at Nomad"
    (left,) = outcome.left
    assert left == (
        f"The Nomad token {lease.accessor_id} may live, and without an end. Vault at {VAULT}: "
        "failed to revoke entry: resp: x err: Delete: dial tcp 192.0.2.1:4646: connect: refused\n"
        f"Vault goes on trying for some minutes; by hand: vault lease revoke {lease.lease_id}"
    )
    assert outcome.notices == []


def test_vault_could_not_delete_it_and_nomad_cannot_be_asked() -> None:
    """Nomad being away for both, the token is left, and that is a failure."""
    world = World()
    ledger = minted(world)
    world.vault.faults.before(LEASES, NO_DELETE)
    world.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 100)
    outcome = undone(world, ledger)

    assert (outcome.ending, len(outcome.left), outcome.notices) == (Ending.FAILED, 1, [])


def test_vault_could_not_delete_it_at_first() -> None:
    """The end of the login may do what the end of the lease did not: Nomad's word makes it a success."""
    world = World()
    world.vault.faults.before(LEASES, NO_DELETE)
    outcome = undone(world, minted(world))

    assert outcome.ending is Ending.REVOKED
    assert "could not delete the token at Nomad, but Nomad refuses it (proven in " in outcome.line
    assert outcome.left == []


@pytest.mark.parametrize("refused", [1, 2])
def test_what_nomad_says_of_one_is_not_said_of_another(refused: int) -> None:
    """Of several tokens those are left that Nomad did not say are dead; where that is none, it is a success."""
    world = World(role="deployer | A_TOKEN\ndeployer | B_TOKEN")
    ledger = minted(world)
    world.vault.faults.before(LEASES, *[NO_DELETE] * refused)
    # The first is asked about, and dead; of the second nobody hears.
    world.nomad.faults.after(SELF, httpx.Response(403, text="ACL token not found"))
    world.nomad.faults.after(SELF, *[httpx.ConnectError("unreachable")] * 100)
    outcome = undone(world, ledger)
    first, second = ledger.leases

    if refused == 1:
        assert (outcome.ending, outcome.left) == (Ending.REVOKED, [])
        assert outcome.notices == [f"Nomad could not be asked whether the token {second.accessor_id} is dead."]
    else:
        assert (outcome.ending, outcome.notices) == (Ending.FAILED, [])
        (left,) = outcome.left
        assert second.accessor_id in left
        assert first.accessor_id not in left


def test_each_of_several_that_live_is_named_with_what_ends_it() -> None:
    """Each token that Nomad accepts after Vault's yes has the operator's command."""
    world = World(role="deployer | A_TOKEN\ndeployer | B_TOKEN")
    world.vault.revokes_at_nomad = False
    ledger = minted(world)
    outcome = undone(world, ledger)

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "Nomad still accepts it")
    assert len(outcome.left) == len(ledger.leases) == 2
    for lease, text in zip(ledger.leases, outcome.left, strict=True):
        assert text.startswith(f"Nomad still accepted the token {lease.accessor_id} at ")
        assert text.endswith(f" by hand: vault lease revoke {lease.lease_id}")


def test_what_was_lent_does_not_revoke_it_and_it_is_dead() -> None:
    """Of a token that somebody deleted at Nomad nothing lives, whatever keeps its lease in Vault."""
    world = World()
    ledger = minted(world)
    assert ledger.plan
    assert ledger.login
    plan = replace(ledger.plan, lent="vault-token")
    world.vault.faults.before(LEASES, NO_DELETE)
    world.nomad.tokens.clear()
    by = Means(world.connections, world.clock, Deadline(world.clock, 30), ledger.login.token)
    outcome = undo(without(ledger, HeldLogin), plan, by)

    assert (outcome.ending, outcome.left) == (Ending.REVOKED, [])
    assert outcome.line.startswith("Vault did not do it, but Nomad refuses it (proven in ")


def test_a_nomad_that_never_knew_the_token_proves_nothing() -> None:
    """Another cluster refuses any token: against Vault's word its own does not count."""
    world = World()
    ledger = without(minted(world), Accepted)
    world.vault.faults.before(LEASES, NO_DELETE)
    world.nomad.tokens.clear()
    outcome = undone(world, ledger)
    (lease,) = ledger.leases

    assert (outcome.ending, len(outcome.left)) == (Ending.FAILED, 1)
    assert outcome.facts == (Undeleted(accessor_id=lease.accessor_id, lease_id=lease.lease_id, granted=False),)


def test_a_token_that_nobody_can_ask_about_stays_left() -> None:
    """What was left before, and whose lease is torn, is not dead because the others are."""
    world = World()
    ledger = minted(world)
    torn = "acce5500-0000-4000-8000-00000000000f"
    ledger.add(Undeleted(accessor_id=torn, lease_id="nomad/creds/deployer/torn", granted=False))
    world.vault.tokens.clear()
    world.nomad.tokens.clear()
    outcome = undone(world, ledger)
    (left,) = outcome.left

    assert outcome.ending is Ending.FAILED
    assert left.endswith("by hand: vault lease revoke nomad/creds/deployer/torn")


@pytest.mark.parametrize("is_asked", [True, False])
def test_what_vault_granted_before_and_nomad_kept(is_asked: bool) -> None:  # noqa: FBT001 - a column
    """Vault grants the end of a lease that is gone once more: only Nomad's word makes a success of it."""
    world = World()
    ledger = minted(world)
    world.vault.revokes_at_nomad = False
    world.vault.faults.before(REVOKE_SELF, vault_error(403, DENIED))
    first = undone(world, ledger)
    for fact in first.facts:
        ledger.add(fact)
    world.nomad.tokens.clear()
    if not is_asked:
        world.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 100)
    second = undone(world, ledger)

    assert first.ending is Ending.FAILED
    assert second.ending is (Ending.REVOKED if is_asked else Ending.FAILED)
    assert is_asked or "an earlier revoke left a token at Nomad" in second.line


def test_a_nomad_that_is_seen_to_accept_it_now_is_believed_later() -> None:
    """One that was silent at the mint, and accepted the token at the first undo, proves it dead at the second."""
    world = World()
    ledger = without(minted(world), Accepted)
    world.vault.revokes_at_nomad = False
    world.vault.faults.before(LEASES, NO_DELETE)
    first = undone(world, ledger)
    for fact in first.facts:
        ledger.add(fact)
    world.nomad.tokens.clear()
    second = undone(world, ledger)

    assert (first.ending, second.ending, second.left) == (Ending.FAILED, Ending.REVOKED, [])


def test_a_token_that_dies_while_it_is_asked_for() -> None:
    """Nomad accepted it, and then refused it: that is proof, whatever was known before."""
    world = World()
    ledger = without(minted(world), Accepted)
    world.vault.faults.before(LEASES, NO_DELETE)
    world.vault.revokes_at_nomad = False
    (lease,) = ledger.leases
    lives = {"AccessorID": lease.accessor_id, "SecretID": lease.secret.get_secret_value(), "Type": "client"}
    world.nomad.faults.before(SELF, httpx.Response(200, json=lives))
    world.nomad.tokens.clear()
    outcome = undone(world, ledger)

    assert (outcome.ending, outcome.left) == (Ending.REVOKED, [])


def test_what_is_gone_at_nomad_is_no_failure() -> None:
    """A token that somebody deleted keeps its lease in Vault, and is dead all the same."""
    gone = vault_error(400, "failed to revoke entry: resp: x err: 400 (Cannot delete nonexistent tokens: x)")
    world = World(nomad_addr="")
    world.vault.faults.before(LEASES, gone)

    assert undone(world, minted(world)).ending is Ending.REVOKED


def test_nobody_to_prove_it() -> None:
    """A Nomad that can't be asked leaves a notice, and no failure: Vault did its part."""
    world = World()
    ledger = minted(world)
    world.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 100)
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.REVOKED
    assert len(outcome.notices) == 1
    assert ledger.leases[0].accessor_id in outcome.notices[0]


@pytest.mark.parametrize("after", [3600, 99999])
def test_expired(after: float) -> None:
    """A login whose time is over, and that Vault no longer knows, has taken the token along; Nomad proves it."""
    world = World()
    ledger = minted(world)
    world.clock.push(after)
    world.vault.tokens.clear()
    world.nomad.tokens.clear()
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.EXPIRED
    assert "06:06:07 UTC" in outcome.line


@pytest.mark.parametrize(("after", "ending"), [(5000, Ending.REVOKED), (7200, Ending.EXPIRED)])
def test_expired_is_judged_by_the_last_renewal(after: float, ending: Ending) -> None:
    """A login that was renewed, and that Vault no longer knows, has met its end only when the new one has come."""
    world = World()
    ledger = minted(world)
    assert ledger.login
    assert ledger.login.ends
    ledger.add(Renewed(ends=ledger.login.ends + timedelta(hours=1)))
    world.clock.push(after)
    world.vault.tokens.clear()
    world.nomad.tokens.clear()

    assert undone(world, ledger).ending is ending


def test_renewed_by_somebody() -> None:
    """A login that somebody renewed outlives what was saved of it, and is revoked all the same."""
    world = World()
    ledger = minted(world)
    world.clock.push(99999)
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.REVOKED
    assert world.alive == []


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(403, text="<html>Forbidden"), httpx.Response(200, text="<html>Sign in"), httpx.Response(405)],
)
def test_what_a_proxy_says_is_not_vaults_word(answer: httpx.Response) -> None:
    """An answer that is not in Vault's form revokes nothing, and proves nothing."""
    world = World(nomad_addr="")
    ledger = minted(world)
    world.vault.may_revoke_leases = False
    world.vault.faults.before(REVOKE_SELF, *[answer] * 100)
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    assert ledger.leases[0].accessor_id in outcome.left[0]


def test_expired_and_still_alive() -> None:
    """A login whose time is over by our clock, while Nomad takes the token, is no good end."""
    world = World()
    ledger = minted(world)
    world.clock.push(3600)
    world.vault.tokens.clear()
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    assert ledger.leases[0].accessor_id in outcome.left[0]


def test_expired_with_an_unanswered_read() -> None:
    """What an unanswered read may have left is named, however long ago the login ended: it has no end of its own."""
    world = World()
    ledger = without(minted(world), HeldLease)
    world.clock.push(3600)
    outcome = undone(world, ledger)

    assert any("vault-deployer-jwt-" in notice for notice in outcome.notices)


def test_unanswered_read() -> None:
    """What Vault may have made without a lease is named: pattern, time window, and the operator's command."""
    world = World()
    ledger = without(minted(world), HeldLease)
    world.clock.push(90)
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.REVOKED
    assert world.vault.tokens == {}
    (notice,) = outcome.notices
    for part in ("nomad/creds/deployer", "vault-deployer-jwt-", "05:06:07", "05:07:37", "nomad acl token list -json"):
        assert part in notice


def test_unanswered_login() -> None:
    """A login that nobody holds is named, and does no harm to a Nomad token."""
    world = World()
    ledger = without(without(without(minted(world), HeldLease), HeldLogin), Settled)
    ledger = Ledger(fact for fact in ledger.facts if not (isinstance(fact, Asked) and fact.what == "creds"))
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.NOTHING_SAVED
    assert world.requests == []
    (notice,) = outcome.notices
    assert "auth/jwt/login" in notice


def test_lease_whose_login_is_lost() -> None:
    """A lease that is known while its login can't be read is left alive, and named: nothing here can revoke it."""
    world = World(nomad_addr="")
    ledger = without(minted(world), HeldLogin)
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    assert ledger.leases[0].accessor_id in outcome.left[0]
    assert f"vault lease revoke {ledger.leases[0].lease_id}" in outcome.left[0]


def test_read_whose_login_is_lost() -> None:
    """A read without an answer is not told as if it were a login, even where the login can't be read."""
    world = World(nomad_addr="")
    ledger = without(without(minted(world), HeldLease), HeldLogin)
    outcome = undone(world, ledger)

    assert any("vault-deployer-jwt-" in notice for notice in outcome.notices)
    assert not any("login at `nomad/creds" in notice for notice in outcome.notices)


@pytest.mark.parametrize("facts", [[], ["settled"]])
def test_nothing_saved(facts: list[str]) -> None:
    """Where nothing is open nothing is asked."""
    world = World()
    ledger = minted(world)
    if facts:
        ledger.add(Settled())
    else:
        ledger = Ledger([ledger.facts[0]])
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.NOTHING_SAVED
    assert (world.requests, outcome.notices, outcome.left) == ([], [], [])


def test_only_the_plans_addresses_are_asked() -> None:
    """Secrets go to the addresses that the mint saved, and nowhere else."""
    world = World()
    undone(world, minted(world))

    assert {place.address for place in world.connections._open} == {VAULT, NOMAD}  # noqa: SLF001


@pytest.mark.parametrize("seconds", [0.0, 1.0, 9.0])
def test_little_time_is_enough(seconds: float) -> None:
    """With little time left the login is ended all the same."""
    world = World()
    undone(world, minted(world), seconds)

    assert world.alive == []


def test_no_secret_is_in_an_outcome() -> None:
    """No outcome shows a secret, whatever a server says."""
    world = World()
    ledger = minted(world)
    assert ledger.login
    world.vault.may_revoke_leases = False
    world.vault.faults.before(REVOKE_SELF, vault_error(400, "no\n::add-mask::x ##[error]"))
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    assert ledger.login.token.get_secret_value() not in repr(outcome)
    assert "\n" not in "".join(outcome.left)
    assert "##[" not in repr(outcome)


@pytest.mark.parametrize("name", ['x")) | $ENV | (("', "it's $(reboot)", "\\", "größe", "n" * 400])
def test_name_is_one_string_in_the_line_to_paste(name: str) -> None:
    """Vault chooses how a token's name begins: in the line to paste it is a string of jq, in one word of a shell."""
    world = World(nomad_addr="")
    plan = minted(world).plan
    asked = Asked(what="creds", path="nomad/creds/deployer", named=name, at=world.clock.now())
    assert plan
    (notice,) = undone(world, Ledger([plan, asked])).notices
    *_, program = shlex.split(notice.partition("jq -c ")[2])
    told = re.fullmatch(r"\.\[\] \| select\(\.Name \| startswith\((\".*\")\)\) \| \[.*\]", program)

    assert told
    assert json.loads(told[1]) == shown(name)


def test_flow_decides_nothing_anew() -> None:
    """The undo knows no issuer and no input: all that it does comes from state."""
    source = inspect.getsource(revoke)

    assert "nomad_token.inputs" not in source
    assert "nomad_token.issuers" not in source


def test_secret_names_are_kept_apart() -> None:
    """With a namespace for the login and one for the engine, each request goes to its own."""
    world = World(nomad_addr="")
    minted_here = minted(world)
    assert minted_here.plan
    seen: list[tuple[str, str]] = []
    place = VaultPlace(address=VAULT, namespace="engine", auth_namespace="people")
    plan = replace(minted_here.plan, vault=place, nomad=None)

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, request.headers.get("X-Vault-Namespace", "")))
        return world.vault(request)

    connections = type(world.connections)(world.clock, lambda _: None, answering(answer))
    undo(minted_here, plan, Means(connections, world.clock, Deadline(world.clock, 30)))

    assert seen == [("/v1/sys/leases/revoke", "engine"), ("/v1/auth/token/revoke-self", "people")]


@pytest.mark.parametrize("fault", [DENIED, GONE])
def test_lease_below_the_login(fault: str) -> None:
    """A lease of a namespace below the login's outlives the login: without its own revoke it is left alive."""
    world = World(nomad_addr="", vault_namespace="team/app", vault_auth_namespace="team")
    ledger = minted(world)
    world.vault.faults.before("sys/leases/revoke", vault_error(403, fault))
    outcome = undone(world, ledger)

    assert outcome.ending is Ending.FAILED
    (left,) = outcome.left
    assert ledger.leases[0].accessor_id in left
    assert ('path "app/sys/leases/revoke"' in left) == (fault == DENIED)
    assert world.requests[-1].endswith(REVOKE_SELF)


def test_neither_lease_nor_login_below_it() -> None:
    """Where Vault can't be reached, both the lease and the login above it are named, with the operator's lines."""
    world = World(nomad_addr="", vault_namespace="team/app", vault_auth_namespace="team")
    ledger = minted(world)
    for path in ("sys/leases/revoke", "auth/token/revoke-self"):
        world.vault.faults.before(path, *[httpx.ConnectError("refused")] * 99)
    outcome = undone(world, ledger)

    assert ledger.login
    (left,), (notice,) = outcome.left, outcome.notices
    assert ledger.leases[0].accessor_id in left
    assert "vault lease revoke" in left
    assert f"vault token revoke -accessor {ledger.login.accessor}" in notice


def test_lost_read_below_the_login() -> None:
    """Of a lease that may be there, no line says that it ends with the login where it would not."""
    world = World(nomad_addr="", vault_namespace="team/app", vault_auth_namespace="team")
    outcome = undone(world, without(minted(world), HeldLease))

    (notice,) = outcome.notices
    assert "vault-deployer-" in notice
    assert "takes along" not in notice


def test_few_uses_are_counted() -> None:
    """With several leases a use-limited login needs two uses a lease and two more."""
    world = World(nomad_addr="")
    ledger = minted(world)
    login = ledger.login
    assert login
    assert ledger.plan
    lease = ledger.leases[0]
    for uses, asks in ((5, False), (6, True)):
        world.events.clear()
        limited = replace(login, uses=uses, ends=world.clock.now() + timedelta(minutes=5))
        facts = Ledger([ledger.plan, limited, lease, replace(lease, secret=SecretStr("x" * 36))])
        undone(world, facts)

        assert ("POST /v1/sys/capabilities-self" in world.requests) is asks


def test_place_without_vault() -> None:
    """A plan without a Vault has nothing to ask it."""
    world = World()
    ledger = minted(world)
    assert ledger.plan
    plan = replace(ledger.plan, vault=None, nomad=NomadPlace(address=NOMAD))
    outcome = undo(Ledger([plan]), plan, Means(world.connections, world.clock, Deadline(world.clock, 30)))

    assert outcome.ending is Ending.NOTHING_SAVED
