"""Time that is handed in."""

import time
from datetime import UTC, timedelta
from itertools import islice

from fakes import FakeClock
from nomad_token.clock import Deadline, SystemClock, pauses


def test_deadline_runs_down_and_stays_at_zero() -> None:
    """A deadline's seconds run down, and never below 0."""
    clock = FakeClock()
    deadline = Deadline(clock, 10)

    assert deadline.left() == 10
    clock.push(4)
    assert deadline.left() == 6
    clock.push(40)
    assert deadline.left() == 0


def test_deadline_may_be_infinite() -> None:
    """A deadline without an end never passes."""
    clock = FakeClock()
    deadline = Deadline(clock, float("inf"))
    clock.push(1e9)

    assert deadline.left() == float("inf")


def test_pauses_double_and_are_jittered() -> None:
    """Pauses double up to the longest, each between half and all of it, and no two runs are alike."""
    runs = [list(islice(pauses(1, 8), 6)) for _ in range(20)]

    for run in runs:
        assert all(whole / 2 <= pause <= whole for pause, whole in zip(run, [1, 2, 4, 8, 8, 8], strict=True))
    assert len({tuple(run) for run in runs}) == len(runs)


def test_system_clock_tells_the_time() -> None:
    """The machine's clock is aware, in UTC, and its sleep takes as long as it says."""
    clock = SystemClock()
    began, now = clock.monotonic(), clock.now()
    clock.sleep(0.02)

    assert now.tzinfo is UTC
    assert abs(now.timestamp() - time.time()) < 5
    assert clock.monotonic() - began >= 0.02
    assert clock.now() - now >= timedelta(seconds=0.01)
