"""The tree of errors, and the exit codes that callers act on."""

import re
import signal

import pytest

from nomad_token import errors
from nomad_token.errors import Cancelled, Error

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Error)]


def test_exit_codes_are_unique() -> None:
    """No two kinds of error end in the same exit code, and none in a success or a signal's."""
    codes = [kind.exit_code for kind in KINDS] + [Cancelled(number).exit_code for number in (1, 2, 15)]

    assert len(set(codes)) == len(codes)
    assert 0 not in codes


def test_exit_codes_are_those_that_are_promised() -> None:
    """The codes are those of the design, and the page's head lists them all."""
    assert {kind.__name__: kind.exit_code for kind in KINDS} == {
        "Error": 1,
        "InputError": 2,
        "NoIdentity": 3,
        "Refused": 4,
        "NotFound": 5,
        "LiveTokenLeft": 6,
        "Temporary": 75,
        "NotStarted": 125,
    }
    listed = dict(re.findall(r"^(?:[├└]── )?(\w+) +(\d+)", errors.__doc__ or "", re.MULTILINE))
    assert listed == {kind.__name__: str(kind.exit_code) for kind in KINDS} | {"Cancelled": "129"}


def test_titles_differ() -> None:
    """Each kind has a title of its own on the job's page."""
    assert len({kind.title for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (Error("what"), "what"),
        (Error("what", why="why", fix="fix"), "what\nwhy\nfix"),
        (Error("what", fix="fix"), "what\nfix"),
    ],
)
def test_text_has_three_parts(error: Error, text: str) -> None:
    """A text says what happened, what it usually means, what to do; a part that is empty leaves no gap."""
    assert error.text == text
    assert str(error) == "what"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_cancelled_is_no_error(number: int, code: int) -> None:
    """A cancel has the shell's exit code for its signal, and no `except Exception` takes it."""
    cancelled = Cancelled(number)

    assert cancelled.exit_code == code
    assert not isinstance(cancelled, Exception)
