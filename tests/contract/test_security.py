"""SECURITY.md, held to what the tests show."""

import re
from pathlib import Path

from faults.judge import CLASSES


def test_what_can_be_left_is_listed() -> None:
    """Each class of what a fault can leave is in the list of what can't be undone, and nothing else is."""
    page = Path(__file__).parents[2].joinpath("SECURITY.md").read_text("utf-8")
    section = page.partition("## What can't be undone\n")[2].partition("\n## ")[0]
    listed = [" ".join(name.split()).rstrip(".").lower() for name in re.findall(r"\*\*(.+?)\*\*", section, re.DOTALL)]

    assert sorted(listed) == sorted(each.name.lower() for each in CLASSES)
