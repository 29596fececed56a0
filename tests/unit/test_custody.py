"""Custody: masked and saved before anything else happens."""

import errno
import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from fakes import ASKED_LOGIN, CANARY, LEASE, LOGIN, PLAN, Event, RecordingPlatform
from nomad_token.clients.tls import Tls
from nomad_token.clients.vault import VaultPlace
from nomad_token.custody import Custody
from nomad_token.errors import InputError
from nomad_token.seal import genuine
from nomad_token.secret import SecretStr
from nomad_token.signals import Signals
from nomad_token.state import MOST_BYTES, Asked, HeldLogin, NothingMade, Plan, Renewed, Settled, Undeleted, dumps

LATER = LOGIN.ends and LOGIN.ends + timedelta(hours=1)


def platform() -> RecordingPlatform:
    """Make a platform with a list of its own."""
    events: list[Event] = []
    return RecordingPlatform(events, {})


def custody(on: RecordingPlatform, plan: Plan = PLAN) -> Custody:
    """Take custody on a platform."""
    return Custody(on, Signals(), plan=plan)


def test_plan_is_saved_at_once() -> None:
    """The post-step's decisions are saved before anything is asked."""
    on = platform()
    custody(on)

    assert on.facts == [PLAN]


def test_hold_masks_then_saves() -> None:
    """A secret is masked first, then its undo is saved, and nothing stands between."""
    on = platform()
    kept = custody(on)
    kept.asked(ASKED_LOGIN)
    kept.hold([LOGIN.token], LOGIN)

    assert on.events == [("keep", "plan"), ("keep", "asked"), ("mask", CANARY), ("keep", "login")]
    assert on.facts == kept.ledger.facts == [PLAN, ASKED_LOGIN, LOGIN]


def test_ledger_knows_what_could_not_be_saved() -> None:
    """A fact whose save failed is in the ledger, so that it is undone in place; it is masked too."""
    on = platform()
    kept = custody(on)
    on.fails_to["keep lease"] = OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        kept.hold([LEASE.secret], LEASE)

    assert kept.ledger.leases == [LEASE]
    assert on.events[-1] == ("mask", CANARY)
    assert on.facts == [PLAN]


def test_ledger_knows_what_could_not_be_masked() -> None:
    """The same holds where the mask can't be printed: standard output is gone."""
    on = platform()
    kept = custody(on)
    on.fails_to["mask"] = BrokenPipeError()

    with pytest.raises(BrokenPipeError):
        kept.hold([LOGIN.token], LOGIN)

    assert kept.ledger.login == LOGIN


def test_settled_is_saved() -> None:
    """That nothing is alive any more is a fact too, and what was open is closed."""
    on = platform()
    kept = custody(on)
    kept.hold([LOGIN.token], LOGIN)
    kept.settle()

    assert on.facts[-1] == Settled()
    assert kept.ledger.login is None


def test_not_revoked_means_not_saved() -> None:
    """With `revoke: false` only that decision is saved, no secret; the ledger still knows all, to undo a failure."""
    on = platform()
    kept = custody(on, replace(PLAN, revoke=False))
    kept.asked(ASKED_LOGIN)
    kept.hold([LOGIN.token], LOGIN)
    kept.nothing_made()
    kept.settle()

    assert [type(fact) for fact in on.facts] == [Plan]
    assert ("mask", CANARY) in on.events
    assert CANARY not in "".join(on.lines)
    assert [type(fact) for fact in kept.ledger.facts] == [Plan, Asked, HeldLogin, NothingMade, Settled]


def test_state_is_bounded() -> None:
    """More than 64 KiB in all is refused before it is saved: the runner hands state over in the environment."""
    on = platform()
    kept = custody(on)

    fact = Asked(what="creds", path="größe" * 1000, at=ASKED_LOGIN.at)
    for _ in range(9):
        kept.asked(fact)

    with pytest.raises(OSError, match="64 KiB"):
        kept.asked(fact)

    assert 0.8 * MOST_BYTES < sum(len(line.encode()) for line in on.lines) <= MOST_BYTES


def test_plan_is_bounded() -> None:
    """A plan that the runner can't hand over is told before anything is asked, with the input that makes it long."""
    on = platform()
    bundle = replace(PLAN, vault=VaultPlace(address="https://vault.test", tls=Tls(ca="x" * MOST_BYTES)))

    with pytest.raises(InputError) as refused:
        custody(on, bundle)
    custody(on, replace(bundle, revoke=False))

    assert "64 KiB: nothing was minted" in refused.value.what
    assert "environment variables" in refused.value.why
    assert "`vault-ca-cert`" in refused.value.fix
    assert on.events == []


def filled(kept: Custody, on: RecordingPlatform, size: int) -> None:
    """Fill the state until it has exactly *size* bytes, with entries that are short enough each."""
    while (left := size - sum(len(line.encode()) for line in on.lines)) > 0:
        empty = len(dumps(Asked(what="creds", path="", at=ASKED_LOGIN.at)))
        kept.asked(Asked(what="creds", path="x" * (left - empty if left < 9000 else 4000), at=ASKED_LOGIN.at))


def test_state_may_be_full() -> None:
    """All 64 KiB may be used, and not a byte more; what is too much is a full disk's error, with its number."""
    on = platform()
    kept = custody(on)
    filled(kept, on, MOST_BYTES)

    with pytest.raises(OSError, match="64 KiB") as refused:
        kept.settle()

    assert sum(len(line.encode()) for line in on.lines) == MOST_BYTES
    assert refused.value.errno == errno.EFBIG


@pytest.mark.parametrize(("size", "is_saved"), [(MOST_BYTES // 2 - 1, True), (MOST_BYTES // 2, False)])
def test_renewal_is_saved_while_half_is_free(size: int, is_saved: bool) -> None:  # noqa: FBT001 - a column
    """A renewal takes no room from what must be saved after it; what lives longer is known here all the same."""
    on = platform()
    kept = custody(on)
    kept.hold([LOGIN.token], LOGIN)
    filled(kept, on, size)
    kept.renewed(Renewed(ends=LATER))

    assert (on.facts[-1] == Renewed(ends=LATER)) is is_saved
    assert kept.ledger.facts[-1] == Renewed(ends=LATER)


def test_plan_may_be_long() -> None:
    """A plan of exactly 64 KiB is kept."""
    on = platform()
    room = MOST_BYTES - len(dumps(with_authority("")).encode())
    custody(on, with_authority("x" * room))

    assert len(on.lines[0].encode()) == MOST_BYTES
    with pytest.raises(InputError, match="64 KiB"):
        custody(platform(), with_authority("x" * (room + 1)))


def with_authority(text: str) -> Plan:
    """Return a plan that is as long as one likes."""
    return replace(PLAN, vault=VaultPlace(address="https://vault.test", tls=Tls(ca=text)))


def test_what_is_lent_seals_each_entry() -> None:
    """Whoever knows what is lent can tell that the entries are this mint's, all of them, and in their order."""
    on = platform()
    key = SecretStr("hvs.lent")
    kept = Custody(on, Signals(), plan=PLAN, lent=key)
    kept.asked(ASKED_LOGIN)
    kept.hold([LOGIN.token], LOGIN)

    assert genuine(on.lines, key, PLAN.mint) == on.lines
    assert genuine(on.lines, SecretStr("hvs.another"), PLAN.mint) == []
    assert genuine(on.lines, key, "another") == []
    assert [json.loads(line)["number"] for line in on.lines] == [0, 1, 2]


@pytest.mark.parametrize(("size", "is_saved"), [(MOST_BYTES // 2 - 1, True), (MOST_BYTES // 2, False)])
def test_what_nomad_accepted_is_saved_while_half_is_free(size: int, is_saved: bool) -> None:  # noqa: FBT001 - a column
    """It is known in any case, and takes no room from what must be saved; a full disk is no reason to stop."""
    on = platform()
    kept = custody(on)
    filled(kept, on, size)
    kept.accepted(LEASE.accessor_id)
    on.fails_to["keep accepted"] = OSError(28, "No space left on device")
    kept.accepted(LEASE.accessor_id)

    assert kept.ledger.accepted == {LEASE.accessor_id}
    assert sum('"accepted"' in line for line in on.lines) == is_saved


def test_what_was_left_is_saved_once() -> None:
    """An undo that is tried again tells no more of it."""
    on = platform()
    kept = custody(on)
    fact = Undeleted(accessor_id=LEASE.accessor_id, lease_id=LEASE.lease_id, granted=False)
    kept.learnt([fact])
    kept.learnt([fact])

    assert kept.ledger.undeleted == [fact]
    assert sum('"undeleted"' in line for line in on.lines) == 1


def test_what_was_left_is_known_though_it_can_not_be_saved() -> None:
    """A full disk hides nothing from a second undo of the same process."""
    on = platform()
    kept = custody(on)
    facts = [
        Undeleted(accessor_id=LEASE.accessor_id, lease_id=f"nomad/creds/d/{number}", granted=True) for number in (1, 2)
    ]
    on.fails_to["keep undeleted"] = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space"):
        kept.learnt(facts)

    assert kept.ledger.undeleted == facts


def test_mask_saves_nothing() -> None:
    """What is there already makes nothing that is to be undone."""
    on = platform()
    custody(on).mask(SecretStr(CANARY))

    assert on.events == [("keep", "plan"), ("mask", CANARY)]


def test_renewals_leave_room() -> None:
    """A command that runs for days is renewed often: what must be saved after that is still saved."""
    on = platform()
    kept = custody(on)
    kept.hold([LOGIN.token], LOGIN)
    for _ in range(2000):
        kept.renewed(Renewed(ends=LOGIN.ends))
    kept.settle()

    assert on.facts[-2:] == [Renewed(ends=LOGIN.ends), Settled()]
    assert sum(len(line.encode()) for line in on.lines) <= MOST_BYTES


def test_secret_is_not_in_repr() -> None:
    """Neither custody nor its ledger shows what it holds."""
    kept = custody(platform())
    kept.hold([SecretStr(CANARY)], LOGIN)

    assert CANARY not in f"{kept!r} {vars(kept)!r} {kept.ledger.facts!r}"
