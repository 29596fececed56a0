"""Each dotenv file that we write, judged by GitLab's own rules."""

import string
from contextlib import suppress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gitlab import dotenv
from nomad_token.errors import InputError
from nomad_token.platforms import sinks
from nomad_token.platforms.base import Export

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,30}", fullmatch=True)
LIKELY = st.text(string.ascii_letters + string.digits + "-_./:@%+,= \t$#'\"\\\n\r\0{}", max_size=60)
VALUES = st.one_of(LIKELY, st.text(max_size=40))
MOST = dotenv.LARGEST - 1
# A busy machine is no failure.
UNHURRIED = settings(deadline=None)


def written(variables: dict[str, str]) -> str | None:
    """Return the file with *variables*; None where it is refused."""
    with suppress(InputError):
        return sinks.text("dotenv", "file", Export(variables, {}), most=MOST)
    return None


@UNHURRIED
@given(st.dictionaries(NAMES, VALUES, max_size=dotenv.MOST))
@example({"A": "https://nomad.test/%HOME%/"})
@example({"A": "a%%b"})
def test_the_same_values_or_refused(variables: dict[str, str]) -> None:
    """What is written comes back as it was, with nothing in it to expand; what would not is refused."""
    text = written(variables)

    assert text is None or dotenv.parsed(text.encode()) == variables
    assert text is None or not any(map(dotenv.expandable, variables.values()))


@UNHURRIED
@given(st.text("abcXYZ019-_./:@+,=", max_size=60), NAMES)
def test_what_is_plain_is_written(value: str, name: str) -> None:
    """Addresses, tokens, paths and names are carried."""
    text = written({name: value})

    assert text is not None
    assert dotenv.parsed(text.encode()) == {name: value}


@UNHURRIED
@given(st.integers(5000, 5200))
def test_size(length: int) -> None:
    """A file that GitLab would refuse for its size is not written, to the byte."""
    text = written({"A": "x" * (length - len("A=\n"))})

    assert (text is None) == (length >= dotenv.LARGEST)
    assert text is None or len(dotenv.parsed(text.encode())) == 1


@pytest.mark.parametrize(
    "report",
    [b"\n", b"A=1\n\n", b"# c\n", b"export A=1\n", b"#c=1\n", b"A 1\n", b"=1\n", b"A-B=1\n", b"A=" + b"x" * 5118],
)
def test_refused(report: bytes) -> None:
    """The rules refuse what GitLab does: blank lines, comments, shell words, other names, 5 KiB."""
    with pytest.raises(dotenv.Refused):
        dotenv.parsed(report)


def test_number() -> None:
    """The rules count after what is doubled."""
    lines = b"".join(b"A%d=1\n" % number for number in range(20))

    assert len(dotenv.parsed(lines + b"A1=2\n")) == 20
    with pytest.raises(dotenv.Refused, match="more than 20"):
        dotenv.parsed(lines + b"B=2\n")


@pytest.mark.parametrize(
    ("report", "variables"),
    [
        (b"", {}),
        (b"A=a=b", {"A": "a=b"}),
        (b"A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        (b'\xef\xbb\xbfA = "x" \n', {"A": '"x"'}),
        (b"A=1\nA=2\n", {"A": "2"}),
        (b"A=\n", {"A": ""}),
    ],
)
def test_read(report: bytes, variables: dict[str, str]) -> None:
    """The rules split at the first `=`, strip, keep quotes, and take the last of a name."""
    assert dotenv.parsed(report) == variables
