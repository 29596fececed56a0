"""Facts that are saved, and what is known from them."""

import json
from datetime import timedelta

import pytest
from msgspec.structs import asdict, replace

from fakes import ASKED_CREDS, ASKED_LOGIN, AT, CANARY, LEASE, LOGIN, PLAN
from nomad_token.secret import SecretStr
from nomad_token.state import (
    Accepted,
    Asked,
    Fact,
    HeldLogin,
    Ledger,
    NothingMade,
    Renewed,
    Settled,
    Undeleted,
    Unreadable,
    dumps,
    loads,
    read_ledger,
)

FACTS: list[Fact] = [PLAN, ASKED_LOGIN, ASKED_CREDS, NothingMade(), LOGIN, LEASE, Settled()]
UNDELETED = Undeleted(accessor_id=LEASE.accessor_id, lease_id=LEASE.lease_id, granted=False)
FACTS += [
    UNDELETED,
    Accepted(accessor_id=LEASE.accessor_id),
    Renewed(ends=AT),
    Renewed(lease_id=LEASE.lease_id, ends=AT),
]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: type(fact).__name__)
def test_round_trip(fact: Fact) -> None:
    """What is written is one line, and is read as what it was, secrets included."""
    line = dumps(fact)

    assert line.splitlines() == [line]
    assert loads(line) == fact
    assert dumps(loads(line)) == line


@pytest.mark.parametrize("fact", [LOGIN, LEASE], ids=lambda fact: type(fact).__name__)
def test_secrets_are_shown_in_state_alone(fact: Fact) -> None:
    """A fact's secret stands in its line in plain text, and in no repr, str or dump for people."""
    assert CANARY in dumps(fact)
    for shown in (repr(fact), str(fact), repr(Ledger([fact]).facts), str(asdict(fact)), f"{asdict(fact)!r}"):
        assert CANARY not in shown


@pytest.mark.parametrize("name", ["id-token", "vault-secret-id", "vault-token\n", "VAULT-TOKEN"])
def test_lent_is_what_an_undo_needs(name: str) -> None:
    """No plan has another secret of the inputs sent along: a server would be given what proves who the job is."""
    lent = replace(PLAN, lent="nomad-management-token")
    with pytest.raises(Unreadable):
        loads(dumps(replace(PLAN, lent=name)))

    assert loads(dumps(lent)) == lent


@pytest.mark.parametrize(
    "address",
    ["", "x", "file:///etc", "https://", "https://[::1", "https://h\nx", "http://" + "x" * 3000, "https://h:99999"],
)
@pytest.mark.parametrize("place", ["vault", "nomad"])
def test_plan_without_an_address_is_unreadable(place: str, address: str) -> None:
    """A plan that names what can't be asked is no mint's, and is not tried."""
    fact = json.loads(dumps(PLAN))
    fact[place]["address"] = address

    with pytest.raises(Unreadable):
        loads(json.dumps(fact))


def test_torn_line_is_unreadable() -> None:
    """A line that was cut anywhere is refused, and never taken for another fact."""
    line = dumps(LOGIN)

    for end in range(len(line)):
        with pytest.raises(Unreadable):
            loads(line[:end])


@pytest.mark.parametrize(
    "changed",
    [
        {"v": 2},
        {"v": "1"},
        {"v": None},
        {"fact": "lease"},
        {"fact": "unheard of"},
        {"fact": None},
        {"token": None},
        {"token": 5},
        {"more": "x"},
        {"ends": "yesterday"},
        {"ends": "2026-03-04T05:06:07"},
        {"uses": "many"},
    ],
    ids=str,
)
def test_foreign_or_tampered_line_is_unreadable(changed: dict[str, object]) -> None:
    """A line of another version, or one that was changed, is refused without quoting what it holds."""
    line = json.dumps(json.loads(dumps(LOGIN)) | changed)

    with pytest.raises(Unreadable, match=r"^an entry of the saved state can't be read$") as refused:
        loads(line)

    assert CANARY not in f"{refused.value!r} {refused.value.__context__!r} {refused.value.__cause__!r}"


@pytest.mark.parametrize("accessor", ["", "x\n::add-mask::y", "##[error]", "a" * 1000])
def test_tampered_accessor_is_unreadable(accessor: str) -> None:
    """An accessor goes into the log: one that can't be one is refused."""
    line = json.dumps(json.loads(dumps(LEASE)) | {"accessor_id": accessor})

    with pytest.raises(Unreadable):
        loads(line)


@pytest.mark.parametrize("line", ["", "null", "[]", "{}", "7", '"x"', "[" * 100_000, "\ud800"])
def test_anything_else_is_unreadable(line: str) -> None:
    """What is no fact at all is refused."""
    with pytest.raises(Unreadable):
        loads(line)


def test_facts_are_frozen() -> None:
    """No fact is ever changed."""
    with pytest.raises(AttributeError, match="immutable"):
        LOGIN.uses = 3  # type: ignore[misc]


def ledger(*facts: Fact) -> Ledger:
    """Add facts one by one."""
    made = Ledger()
    for fact in facts:
        made.add(fact)
    return made


@pytest.mark.parametrize(
    ("facts", "waiting"),
    [
        ([PLAN], []),
        ([PLAN, ASKED_LOGIN], [ASKED_LOGIN]),
        ([PLAN, ASKED_LOGIN, NothingMade()], []),
        ([PLAN, ASKED_LOGIN, LOGIN], []),
        ([PLAN, ASKED_LOGIN, LOGIN, ASKED_CREDS], [ASKED_CREDS]),
        ([PLAN, ASKED_LOGIN, LOGIN, ASKED_CREDS, LEASE], []),
        ([PLAN, ASKED_LOGIN, LOGIN, ASKED_CREDS, NothingMade()], []),
        ([PLAN, ASKED_LOGIN, LOGIN, ASKED_CREDS, LEASE, ASKED_CREDS], [ASKED_CREDS]),
        ([PLAN, ASKED_LOGIN, LOGIN, ASKED_CREDS, Settled()], []),
        ([PLAN, ASKED_LOGIN, Settled(), ASKED_LOGIN], [ASKED_LOGIN]),
    ],
)
def test_unanswered(facts: list[Fact], waiting: list[Asked]) -> None:
    """A request that was asked is unanswered until what it made is held, or nothing was made, or all is settled."""
    assert ledger(*facts).unanswered == waiting


def test_open_begins_after_the_last_settlement() -> None:
    """What was settled is over; the plan holds for what comes after it too."""
    again = HeldLogin(token=SecretStr("hvs.canary-second"), accessor="", ends=None, uses=0)
    now = ledger(PLAN, ASKED_LOGIN, LOGIN, LEASE, Settled(), ASKED_LOGIN, again)

    assert now.open == [ASKED_LOGIN, again]
    assert now.plan == PLAN
    assert now.login == again
    assert now.leases == []
    assert ledger(PLAN, LOGIN, LEASE).leases == [LEASE]
    assert ledger().plan is None
    assert ledger(PLAN, LOGIN, Settled()).login is None


def test_renewed() -> None:
    """A renewal moves the end of the login, or of its lease, and of nothing else; the last one counts."""
    other = replace(LEASE, lease_id="nomad/creds/deployer/y")
    later, latest = AT + timedelta(minutes=20), AT + timedelta(minutes=40)
    renewed = ledger(PLAN, LOGIN, LEASE, other, Renewed(ends=later), Renewed(lease_id=LEASE.lease_id, ends=later))
    again = ledger(*renewed.facts, Renewed(ends=latest))

    assert renewed.login == replace(LOGIN, ends=later)
    assert renewed.leases == [replace(LEASE, ends=later), other]
    assert again.login == replace(LOGIN, ends=latest)
    assert again.leases == renewed.leases
    assert again.unanswered == []
    assert renewed.secrets == [LOGIN.token, LEASE.secret, other.secret]


def test_renewal_ends_with_what_is_settled() -> None:
    """A login that comes after everything was settled has its own end."""
    now = ledger(PLAN, LOGIN, Renewed(ends=AT + timedelta(hours=1)), Settled(), LOGIN)

    assert now.login == LOGIN


def test_undeleted() -> None:
    """What was left is known once, whether its lease can be read or not, and is over with what is settled."""
    assert ledger(LEASE, UNDELETED, UNDELETED).undeleted == [UNDELETED]
    assert ledger(UNDELETED).undeleted == [UNDELETED]
    assert ledger(LEASE).undeleted == []
    assert ledger(LEASE, UNDELETED, Settled()).undeleted == []


def test_accepted() -> None:
    """A token is known to be accepted until it is settled."""
    accepted = Accepted(accessor_id=LEASE.accessor_id)

    assert ledger(LEASE, accepted).accepted == {LEASE.accessor_id}
    assert ledger(LEASE, accepted, Settled()).accepted == set()


def test_entries_that_can_not_be_read_are_counted() -> None:
    """Each is left out, and the others stand."""
    ledger, unreadable = read_ledger(["torn", dumps(PLAN), "{}", dumps(LOGIN), "[]"])

    assert (len(ledger.facts), unreadable) == (2, 3)
