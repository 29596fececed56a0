"""The table of what the doctor said of each symptom, at the end of a suite."""

from collections.abc import Callable
from typing import Final

import pytest

_PROPERTY: Final = "verdict"
_WIDE: Final = 100


def note(record_property: Callable[[str, object], None], symptom: str, link: str, what: str) -> None:
    """Note for the table that *symptom* was named at *link*, and what was said."""
    record_property(_PROPERTY, [symptom, link, what[:_WIDE]])


def told(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table: each symptom, the link that is named, and what is said of it."""
    rows = {
        tuple(value)
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == _PROPERTY
    }
    if rows:
        terminalreporter.section("symptom, and the doctor's verdict")
        width, mark = (max(len(row[at]) for row in rows) for at in (0, 1))
        for symptom, link, what in sorted(rows):
            terminalreporter.line(f"{symptom.ljust(width)}  {link.ljust(mark)}  {what}")
