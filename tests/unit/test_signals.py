"""SIGINT and SIGTERM, sent for real to a child process."""

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Collection
from dataclasses import dataclass

import pytest

from nomad_token.signals import ANSWER_WITHIN, GONE_WITHIN, Signals

_PRELUDE = """
import os, signal, sys, time
from nomad_token.errors import Cancelled
from nomad_token.signals import Signals

def say(word):
    print(word, flush=True)

def wait(seconds):
    # not one sleep, which a signal's handler does not end
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.01)

came = 0

class Told(Signals):
    # whoever sends the next one waits for this
    def _on_signal(self, number, frame):
        global came
        try:
            super()._on_signal(number, frame)
        finally:
            came += 1
            os.write(2, b"came\\n")

def until(count):
    end = time.monotonic() + 20
    while came < count and time.monotonic() < end:
        time.sleep(0.01)

def main(signals):
    with signals:
{body}

try:
    main({signals})
except Cancelled as cancelled:
    say("cancelled")
    sys.exit(cancelled.exit_code)
{after}
"""


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    code: int
    said: list[str]
    seconds: float


def child(
    body: str,
    *numbers: int,
    ignored: Collection[int] = (),
    signals: str = "Told()",
    after: str = "say('done')",
) -> Ended:
    """Run *body* in `with signals`, *after* behind it, and send *numbers* to it from when it says `ready`.

    Each is sent once the one before has come, but for those that are *ignored*.
    """
    script = _PRELUDE.format(body=textwrap.indent(textwrap.dedent(body), " " * 8), signals=signals, after=after)
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for number in numbers:
            process.send_signal(number)
            if number not in ignored:
                process.stderr.readline()
        said = process.stdout.read()
        return Ended(process.wait(30), said.split(), time.monotonic() - began)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_a_wait_at_once(number: int, code: int) -> None:
    """What is not held ends with the first signal, in the shell's exit code for it."""
    ended = child("say('ready'); wait(20); say('unreached')", number)

    assert (ended.code, ended.said) == (code, ["cancelled"])
    assert ended.seconds < 15


def test_held_puts_the_first_signal_off() -> None:
    """What is held runs to its end, and nothing after it."""
    ended = child(
        """
        with signals.held(8):
            say('ready'); until(1); say('whole')
        say('unreached')
        """,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["whole", "cancelled"])


def test_alarm_breaks_what_is_held() -> None:
    """What is held is broken off when its limit has passed since the first signal."""
    ended = child(
        """
        with signals.held(0.5):
            say('ready'); wait(20); say('unreached')
        """,
        signal.SIGTERM,
    )

    assert (ended.code, ended.said) == (143, ["cancelled"])
    assert 0.5 <= ended.seconds < 15


def test_second_signal_is_ignored_in_what_is_held() -> None:
    """A second signal neither breaks what is held nor moves its limit."""
    ended = child(
        """
        with signals.held(2):
            say('ready'); wait(20); say('unreached')
        """,
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["cancelled"])
    assert 2 <= ended.seconds < 15


def test_second_signal_is_ignored_on_the_way_out() -> None:
    """After the first signal what is left to do is done, held or not: the second one says nothing new."""
    ended = child(
        """
        try:
            say('ready'); wait(20)
        except Cancelled:
            until(2); say('undone')
            with signals.held(9):
                say('held')
            raise
        """,
        signal.SIGINT,
        signal.SIGTERM,
    )

    assert (ended.code, ended.said) == (130, ["undone", "held", "cancelled"])


def test_undo_after_the_first_signal_runs_to_its_end() -> None:
    """A block that is entered after the first signal is not cut short by it."""
    ended = child(
        """
        try:
            say('ready'); wait(20)
        except Cancelled:
            with signals.held(9):
                wait(0.3); say('undone')
            say('after')
            raise
        """,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["undone", "after", "cancelled"])


def test_undo_is_bounded_too() -> None:
    """Its limit counts from the first signal, not from its beginning."""
    ended = child(
        """
        try:
            say('ready'); wait(20)
        except Cancelled:
            wait(0.4)
            with signals.held(0.6):
                wait(20); say('unreached')
        """,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["cancelled"])
    assert ended.seconds < 15


def test_outer_limit_holds_after_an_inner_block() -> None:
    """The end of an inner block does not take the outer one's limit away."""
    ended = child(
        """
        with signals.held(0.8):
            with signals.held(9):
                say('ready'); until(1); say('inner')
            wait(20); say('unreached')
        """,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["inner", "cancelled"])
    assert ended.seconds < 15


def test_signal_in_an_inner_block_waits_for_the_outer() -> None:
    """What is held twice is cancelled at the end of the outer block."""
    ended = child(
        """
        with signals.held(8):
            with signals.held(8):
                say('ready'); until(1); say('inner')
            say('outer')
        say('unreached')
        """,
        signal.SIGTERM,
    )

    assert (ended.code, ended.said) == (143, ["inner", "outer", "cancelled"])


def test_failure_in_what_is_held_is_a_cancel() -> None:
    """A failure at the end of what is held does not hide that the job was cancelled: nothing is tried again."""
    ended = child(
        """
        try:
            with signals.held(8):
                say('ready'); until(1)
                raise ValueError('refused')
        except ValueError:
            say('again')
        """,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["cancelled"])


def test_no_alarm_is_left() -> None:
    """When what was held has ended, no alarm comes later."""
    ended = child(
        """
        try:
            with signals.held(0.5):
                say('ready'); until(1)
        except Cancelled:
            wait(0.6); say('quiet')
            raise
        """,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["quiet", "cancelled"])


def test_handlers_are_given_back() -> None:
    """Outside of `with` the signals are what they were."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    before = [signal.getsignal(number) for number in numbers]
    with Signals():
        inside = [signal.getsignal(number) for number in numbers]

    assert [signal.getsignal(number) for number in numbers] == before
    assert not set(before) & set(inside)


def test_relayed() -> None:
    """What is relayed is given on, each time, and raises nothing; more signals than the three are."""
    ended = child(
        """
        with signals.relayed(lambda number: not say(signal.Signals(number).name)):
            say('ready'); until(6)
        say(signals.first)
        """,
        *(signal.SIGUSR1, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP),
    )

    assert ended.code == 0
    assert ended.said == [
        "SIGUSR1",
        "SIGINT",
        "SIGTERM",
        "SIGQUIT",
        "SIGINT",
        "SIGHUP",
        str(int(signal.SIGUSR1)),
        "done",
    ]


def test_relayed_that_does_not_count() -> None:
    """A signal counts as the first one where the relay says so; the time runs from that one on."""
    ended = child(
        """
        with signals.relayed(lambda number: number == signal.SIGTERM):
            say('ready')
            os.kill(os.getpid(), signal.SIGINT); say(signals.first); say(signals.since_first)
            os.kill(os.getpid(), signal.SIGTERM); say(signals.first); say(signals.since_first > 0)
        """
    )

    assert (ended.code, ended.said) == (0, ["None", "0.0", str(int(signal.SIGTERM)), "True", "done"])


def test_relayed_after_a_signal() -> None:
    """What comes after a signal that was put off is not begun."""
    ended = child(
        """
        try:
            say('ready'); wait(20)
        except Cancelled:
            with signals.relayed(lambda number: True):
                say('unreached')
        """,
        signal.SIGTERM,
    )

    assert (ended.code, ended.said) == (143, ["cancelled"])


def test_held_while_relayed() -> None:
    """A signal that is relayed does not cancel what is held, nor what comes after it."""
    ended = child(
        """
        with signals.relayed(lambda number: True):
            with signals.held(8):
                say('ready'); until(1); say('whole')
            say('after')
        """,
        signal.SIGTERM,
    )

    assert (ended.code, ended.said) == (0, ["whole", "after", "done"])


def test_limit_while_relayed() -> None:
    """What is held is broken off at its limit though the signal is relayed."""
    ended = child(
        """
        with signals.relayed(lambda number: True):
            try:
                with signals.held(0.5):
                    say('ready'); wait(20); say('unreached')
            except Cancelled as cancelled:
                say(cancelled.broke_off)
            wait(0.2)
        """,
        signal.SIGTERM,
    )

    assert (ended.code, ended.said) == (0, ["True", "done"])
    assert 0.5 <= ended.seconds < 15


def test_ignored_signals_stay_ignored() -> None:
    """What a shell had us ignore is not relayed, so that the command ignores it too; later all is as before."""
    ended = child(
        """
        signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        with signals.relayed(lambda number: not say(signal.Signals(number).name)):
            say('ready'); until(1)
        say(signal.getsignal(signal.SIGQUIT) == signal.SIG_IGN)
        say(signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL)
        """,
        signal.SIGQUIT,
        signal.SIGUSR1,
        ignored=(signal.SIGQUIT,),
    )

    assert (ended.code, ended.said) == (0, ["SIGUSR1", "True", "True", "done"])


def test_signal_after_what_is_relayed() -> None:
    """After the block a signal cancels again."""
    ended = child(
        """
        with signals.relayed(lambda number: True):
            pass
        say('ready'); wait(20); say('unreached')
        """,
        signal.SIGHUP,
    )

    assert (ended.code, ended.said) == (129, ["cancelled"])


def test_nohup() -> None:
    """A hang-up that is ignored stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals():
            inside = signal.getsignal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert inside is signal.SIG_IGN


def test_time_is_unbounded_without_a_signal() -> None:
    """As long as no signal came there is no hurry, and `held` holds nothing up."""
    signals = Signals()
    with signals.held(0.0):
        assert signals.left() == float("inf")


def test_limits_fit_the_runner() -> None:
    """An answer is awaited for 8 s, and all is over after 9: the runner gives 10 (ProcessInvoker.cs: 7.5 + 2.5)."""
    assert ANSWER_WITHIN == 8
    assert GONE_WITHIN == 9


def test_signals_are_given_back() -> None:
    """What comes after `with` takes signals as it did before."""
    ended = child("pass", signal.SIGTERM, after="say('ready'); wait(20)")

    assert ended.code == -signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_nothing_changes_the_end_of_the_last_thing(number: int) -> None:
    """As a process ends, a signal neither interrupts it nor changes its exit code."""
    ended = child("pass", number, number, signals="Told(last=True)", after="say('ready'); until(2); say('ended')")

    assert (ended.code, ended.said) == (0, ["ended"])


def test_process_that_hangs_at_its_end_is_ended() -> None:
    """After a signal a process that can't end is ended by the timer."""
    ended = child("pass", signal.SIGTERM, signals="Told(last=True)", after="say('ready'); wait(20)")

    assert ended.code == 128 + signal.SIGTERM
    assert GONE_WITHIN <= ended.seconds < 2 * GONE_WITHIN


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (f"with signals.held({GONE_WITHIN}):\n    say('ready'); wait(20)", 128 + signal.SIGTERM, ["cancelled"]),
        ("with signals.relayed(lambda _: True):\n    say('ready'); wait(10)", 0, ["ended"]),
    ],
    ids=["broken off", "done after it"],
)
def test_end_after_the_limit_keeps_its_exit_code(body: str, code: int, said: list[str]) -> None:
    """The timer does not end a process that is ending by itself, however late."""
    ended = child(body, signal.SIGTERM, signals="Told(last=True)", after="wait(0.1); say('ended')")

    assert (ended.code, ended.said) == (code, said)


def test_what_is_opened_may_last_longer_than_the_limit() -> None:
    """A command that ends by itself after the limit is not called broken off for that."""
    ended = child(
        """
        with signals.shielded(8):
            with signals.opened():
                with signals.relayed(lambda _: True):
                    say('ready'); wait(10)
            wait(0.3); say('whole')
        """,
        signal.SIGTERM,
    )

    assert (ended.code, ended.said) == (0, ["whole", "done"])
