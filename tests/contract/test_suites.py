"""The suites: dev.py, the pages and the project's own workflow know the same."""

import runpy
from pathlib import Path
from typing import Final

import yaml

_ROOT: Final = Path(__file__).parents[2]
_DEV: Final = runpy.run_path(str(_ROOT / "dev.py"))


def test_each_suite_that_stands_apart_runs_in_the_workflow() -> None:
    """What `dev.py test` leaves out has a job of its own in `ci.yml`."""
    jobs = yaml.safe_load((_ROOT / ".github/workflows/ci.yml").read_text("utf-8"))["jobs"]

    assert jobs["apart"]["strategy"]["matrix"]["suite"] == sorted(_DEV["APART"])
    assert "apart" in jobs["required"]["needs"]


def test_each_suite_is_described() -> None:
    """CONTRIBUTING says of each suite what it shows."""
    table = (_ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("| suite | shows |")[2].partition("\n\n")[0]
    described = [row.split("`")[1] for row in table.splitlines() if row.startswith("| `")]

    assert sorted(described) == sorted(_DEV["all_suites"]())


def test_the_core_is_there() -> None:
    """What is held to every branch, and mutated, is files of the program: none is dropped by being renamed."""
    assert all(list(_ROOT.glob(named)) for named in _DEV["_core"]())
