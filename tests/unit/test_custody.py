"""Custody: masked and saved before anything else happens."""

import pytest
from pydantic import SecretStr

from fakes import ASKED_LOGIN, CANARY, LEASE, LOGIN, PLAN, Event, RecordingPlatform
from nomad_token.custody import Custody
from nomad_token.signals import Signals
from nomad_token.state import MOST_BYTES, Asked, Plan, Settled


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
    kept = custody(on, PLAN.model_copy(update={"revoke": False}))
    kept.asked(ASKED_LOGIN)
    kept.hold([LOGIN.token], LOGIN)
    kept.nothing_made()
    kept.settle()

    assert [fact.fact for fact in on.facts] == ["plan"]
    assert ("mask", CANARY) in on.events
    assert CANARY not in "".join(on.lines)
    assert [fact.fact for fact in kept.ledger.facts] == ["plan", "asked", "login", "nothing made", "settled"]


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


def test_secret_is_not_in_repr() -> None:
    """Neither custody nor its ledger shows what it holds."""
    kept = custody(platform())
    kept.hold([SecretStr(CANARY)], LOGIN)

    assert CANARY not in f"{kept!r} {vars(kept)!r} {kept.ledger.facts!r}"
