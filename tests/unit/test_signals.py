"""SIGINT and SIGTERM, sent for real to a child process."""

import signal
import subprocess
import sys
import textwrap
import time
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

def main(signals):
    with signals:
{body}

try:
    main(Signals())
except Cancelled as cancelled:
    say("cancelled")
    sys.exit(cancelled.exit_code)
say("done")
"""


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    code: int
    said: list[str]
    seconds: float


def child(body: str, *numbers: int, between: float = 0.15) -> Ended:
    """Run *body* in `with signals`, and send *numbers* to it from when it says `ready`."""
    script = _PRELUDE.format(body=textwrap.indent(textwrap.dedent(body), " " * 8))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for number in numbers:
            time.sleep(between)
            process.send_signal(number)
        said, _ = process.communicate(timeout=30)
        return Ended(process.returncode, said.split(), time.monotonic() - began)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_a_wait_at_once(number: int, code: int) -> None:
    """What is not held ends with the first signal, in the shell's exit code for it."""
    ended = child("say('ready'); wait(20); say('unreached')", number)

    assert (ended.code, ended.said) == (code, ["cancelled"])
    assert ended.seconds < 5


def test_held_puts_the_first_signal_off() -> None:
    """What is held runs to its end, and nothing after it."""
    ended = child(
        """
        with signals.held(8):
            say('ready'); wait(0.6); say('whole')
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
    assert 0.5 <= ended.seconds < 5


def test_second_signal_is_ignored_in_what_is_held() -> None:
    """A second signal neither breaks what is held nor moves its limit."""
    ended = child(
        """
        with signals.held(0.8):
            say('ready'); wait(20); say('unreached')
        """,
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["cancelled"])
    assert 0.8 <= ended.seconds < 5


def test_second_signal_is_ignored_on_the_way_out() -> None:
    """After the first signal what is left to do is done, held or not: the second one says nothing new."""
    ended = child(
        """
        try:
            say('ready'); wait(20)
        except Cancelled:
            wait(0.6); say('undone')
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
    assert ended.seconds < 5


def test_outer_limit_holds_after_an_inner_block() -> None:
    """The end of an inner block does not take the outer one's limit away."""
    ended = child(
        """
        with signals.held(0.8):
            with signals.held(9):
                say('ready'); wait(0.4); say('inner')
            wait(20); say('unreached')
        """,
        signal.SIGINT,
    )

    assert (ended.code, ended.said) == (130, ["inner", "cancelled"])
    assert ended.seconds < 5


def test_signal_in_an_inner_block_waits_for_the_outer() -> None:
    """What is held twice is cancelled at the end of the outer block."""
    ended = child(
        """
        with signals.held(8):
            with signals.held(8):
                say('ready'); wait(0.4); say('inner')
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
                say('ready'); wait(0.4)
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
                say('ready'); wait(0.3)
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


def test_time_is_unbounded_without_a_signal() -> None:
    """As long as no signal came there is no hurry, and `held` holds nothing up."""
    signals = Signals()
    with signals.held(0.0):
        assert signals.left() == float("inf")


def test_limits_fit_the_runner() -> None:
    """An answer is awaited for 8 s, and all is over after 9: the runner gives 10 (ProcessInvoker.cs: 7.5 + 2.5)."""
    assert ANSWER_WITHIN == 8
    assert GONE_WITHIN == 9
