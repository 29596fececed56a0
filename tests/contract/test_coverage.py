"""docs/coverage.md and the tests that it names."""

import ast
import re
from pathlib import Path
from typing import Final

from contract.pages import ROOT

PAGE: Final = (ROOT / "docs" / "coverage.md").read_text("utf-8")
ROWS: Final = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
NAMED: Final = re.findall(r"`(tests/[\w/.]+\.py(?:::\w+)+)`", PAGE)


def named_in(path: Path) -> set[str]:
    """List the tests of a file as pytest names them."""
    tree = ast.parse(path.read_text("utf-8"))
    found = set()
    for node in tree.body:
        below = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {
            f"{path.relative_to(ROOT).as_posix()}::{prefix}{one.name}"
            for one in below
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
        }
    return found


def test_each_row_names_a_test_that_is_there() -> None:
    """No row goes without a test, and none names one that there is not."""
    rows = [line for line in ROWS if not line.endswith("| shown by |")]

    assert len(rows) > 25
    assert [line for line in rows if "`tests/" not in line] == []
    assert [name for name in NAMED if name not in named_in(ROOT / name.partition("::")[0])] == []


def test_each_of_the_tests_by_hand_has_a_row() -> None:
    """What is tested for this page's sake is on it."""
    assert named_in(ROOT / "tests" / "real" / "test_by_hand.py") - set(NAMED) == set()
