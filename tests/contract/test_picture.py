"""docs/demo.svg, which `python3 dev.py picture` draws."""

import re
from typing import Final
from xml.etree import ElementTree as ET

from rich.text import Text

from bench.picture import PICTURE, printed
from transcript import masked

_SVG: Final = "{http://www.w3.org/2000/svg}"
_VARYING: Final = ((r"127\.0\.0\.1:\d+", "<address>"), (r"accessor=\w{24}", "accessor=<vault accessor>"))


def words(text: str) -> list[str]:
    """Split *text* as it would read in any other run, and however its lines are folded."""
    for pattern, name in _VARYING:
        text = re.sub(pattern, name, text)
    return masked(" ".join(text.split())).split()


def test_it_shows_what_the_demo_prints() -> None:
    """The picture in the README is what the program of today says, word for word."""
    drawn = ET.parse(PICTURE).iter(f"{_SVG}text")  # noqa: S314 - a file of ours
    shown = " ".join("".join(each.itertext()) for each in drawn if "title" not in each.get("class", ""))

    assert words(shown) == words(Text.from_ansi(printed()).plain)


def test_it_needs_nothing_from_elsewhere() -> None:
    """No font, style or script is loaded: GitHub would not."""
    text = PICTURE.read_text("utf-8")

    assert not re.search(r"@import|url\((?!#)|href|<script", text)
