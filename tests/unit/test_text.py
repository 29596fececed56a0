"""Foreign text made harmless."""

import shlex

import pytest

from nomad_token.text import pasted, shown

HOSTILE = [
    "one\n::set-output name=token::x",
    "one\r\n::add-mask::x",
    "##[command]rm -rf /",
    "##\u200b[error]x",
    "##\x00[error]x",
    "\x1b[31mred\x1b[0m",
    "\u202eevil",
    "a\u2028::error::b\u2029c\x85d",
    "\ud800\udfff",
    "\U000e0041\ue000",
]


@pytest.mark.parametrize("foreign", HOSTILE)
def test_shown_is_one_harmless_line(foreign: str) -> None:
    """What is shown is one line of visible characters, without a runner's command in it."""
    line = shown(foreign)

    assert line.isprintable()
    assert "\n".join(line.splitlines()) == line
    assert "##[" not in line


def test_shown_keeps_what_can_be_read() -> None:
    """Letters of any script, and what a message is made of, stay."""
    assert shown('role "größe" is not… 名: {a} <b> `c`') == 'role "größe" is not… 名: {a} <b> `c`'


@pytest.mark.parametrize(("length", "expected"), [(9, "x" * 9), (10, "x" * 10), (11, "x" * 9 + "…")])
def test_shown_is_cut(length: int, expected: str) -> None:
    """Text longer than the limit is cut, and shows that it was."""
    assert shown("x" * length, limit=10) == expected


def test_shown_takes_anything() -> None:
    """A claim may be a list, a number or nothing."""
    assert [shown(value) for value in (["a", 1], 7, None, "")] == ["['a', 1]", "7", "None", ""]


@pytest.mark.parametrize("foreign", ["$(reboot)", "a;b", "it's", "a b", "-x", "`id`", *HOSTILE])
def test_pasted_is_one_word(foreign: str) -> None:
    """What is pasted into a shell is one word, and does nothing."""
    assert shlex.split(pasted(foreign)) == [shown(foreign)]
