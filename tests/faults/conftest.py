"""`--case NAME` runs one case and shows all of it; the table of a run is printed at its end."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from faults.kinds import FAMILIES
from memory import in_memory

PROPERTY: Final = "fault matrix"
PROPERTY_OF_PROCESSES: Final = "fault matrix, as processes"
_LETTERS: Final = {"nothing": "·", "main": "m", "post": "p", "named": "n"}
_LEGEND: Final = "· nothing was made | m undone in main | p undone in post | n named by the log"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--case`."""
    parser.addoption("--case", action="append", default=[], help="a case of the fault matrix, by its name; may repeat")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Make a folder in memory: each fact that is saved is on disk before the next request, which takes its time."""
    with in_memory() as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table: a line a request, a column a family of faults, and how its cases ended."""
    rows = sorted(_told(terminalreporter, PROPERTY))
    if not rows:
        return
    terminalreporter.section("fault matrix")
    width = max(len(name) for name, *_ in rows)
    columns = [max(len(family), len(_LETTERS)) for family in FAMILIES]
    heads = " ".join(family.ljust(column) for family, column in zip(FAMILIES, columns, strict=True))
    numbers = ("cases", *_LETTERS.values())
    terminalreporter.line(f"{'request'.ljust(width)}  {heads}  {' '.join(number.rjust(6) for number in numbers)}")
    total: Counter[str] = Counter()
    for name, cells, _, _ in rows:
        ends: Counter[str] = Counter()
        for cell in cells.values():
            ends.update(cell)
        total.update(ends)
        letters = [_letters(cells.get(family, {})) for family in FAMILIES]
        shown = " ".join(letter.ljust(column) for letter, column in zip(letters, columns, strict=True))
        terminalreporter.line(f"{name.ljust(width)}  {shown}  {_counted(ends)}")
    terminalreporter.line(f"{'all'.ljust(width)}  {' ' * len(heads)}  {_counted(total)}")
    terminalreporter.line(_LEGEND)
    runs, survivors = (sum(row[at] for row in rows) for at in (2, 3))
    terminalreporter.line(f"{total.total()} cases; {runs} of them run, the others come out as one of those")
    terminalreporter.line(f"{sum(_told(terminalreporter, PROPERTY_OF_PROCESSES))} cases as processes")
    terminalreporter.line(f"{survivors} survivors: what lives and could have been revoked")


def _told(reporter: pytest.TerminalReporter, of: str) -> Iterator[Any]:
    for reports in reporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and report.when == "call":
                yield from (value for name, value in report.user_properties if name == of)


def _letters(cell: dict[str, int]) -> str:
    return "".join(letter for ending, letter in _LETTERS.items() if cell.get(ending))


def _counted(ends: Counter[str]) -> str:
    return " ".join(str(number).rjust(6) for number in (ends.total(), *(ends[ending] for ending in _LETTERS)))
