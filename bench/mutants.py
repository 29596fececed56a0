"""Mutation testing of what mints, keeps and undoes: `python3 dev.py mutants [--kept]`.

mutmut changes the code, one place at a time, and runs the unit tests that reach it. A change that no test notices is a
survivor: one that only words a message differently is counted as such (messages are held by the snapshots of the
scenarios); every other one is explained in `tests/mutants.md`, or this command fails. `--kept` judges the last run.
"""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "tests" / "mutants.md"
_RUN: Final = ROOT / "mutants"
_MUTMUT: Final = Path(sys.executable).with_name("mutmut")
# Where a mutant lets a signal's exception out of a test, pytest ends as if it was interrupted.
_KILLED: Final = frozenset({"killed", "timeout", "caught by type check", "check was interrupted by user"})
_EXPLAINED: Final = re.compile(r"^\| `(\S+)` \| `(.*)` \| `(.*)` \| (.+) \|$")
_BEGIN, _END = "<!-- figures -->", "<!-- end -->"


@dataclass(frozen=True)
class Survivor:
    """A change that no test noticed."""

    where: str
    """`file::function`."""
    was: str
    now: str

    @property
    def is_wording(self) -> bool:
        """Whether the two lines differ within texts alone."""
        return _skeleton(self.was) == _skeleton(self.now) != ""


def main() -> int:
    """Run, judge, write the page, and return 1 where a survivor is not explained."""
    if "--kept" not in sys.argv[1:]:
        subprocess.run([_MUTMUT, "run", "--max-children", "2"], cwd=ROOT, check=False)
    explained = set(_explained())
    figures: dict[str, Counter[str]] = {}
    unexplained: list[Survivor] = []
    for file, name, status in _results():
        counted = figures.setdefault(file, Counter())
        counted["mutants"] += 1
        if status in _KILLED:
            counted["killed"] += 1
            continue
        survivor = _survivor(file, name)
        if survivor.is_wording:
            counted["wording"] += 1
        elif survivor in explained:
            counted["explained"] += 1
        else:
            unexplained.append(survivor)
    _write(figures)
    for each in unexplained:
        print(f"not explained: | `{each.where}` | `{each.was}` | `{each.now}` | |")
    print(f"{sum(each['mutants'] for each in figures.values())} mutants, {len(unexplained)} survivors not explained")
    return int(bool(unexplained) or not figures)


def _results() -> Iterator[tuple[str, str, str]]:
    """Return file, name and status of each mutant."""
    shown = subprocess.run([_MUTMUT, "results", "--all", "true"], cwd=ROOT, capture_output=True, text=True, check=True)
    for line in shown.stdout.splitlines():
        name, _, status = line.strip().partition(": ")
        module = name.rpartition(".")[0]
        yield f"{module.replace('.', '/')}.py", name, status


def _survivor(file: str, name: str) -> Survivor:
    shown = subprocess.run([_MUTMUT, "show", name], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = shown.stdout.splitlines()
    was, now = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign) and not line.startswith(sign * 3))
        for sign in "-+"
    )
    function = re.sub(r"^x_?|__mutmut_\d+$", "", name.rpartition(".")[2]).replace("ǁ", ".").strip(".")
    return Survivor(f"{file.removeprefix('nomad_token/')}::{function}", was, now)


def _skeleton(line: str) -> str:
    """Return *line* with every text in it left blank; what is put into a text stays."""
    text = re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", _blank, line)
    return text.replace("None", "").strip() if _is_text(line) else text


def _is_text(line: str) -> bool:
    try:
        return isinstance(ast.literal_eval(line.strip().rstrip(",")), str)
    except (SyntaxError, ValueError):
        return False


def _blank(text: re.Match[str]) -> str:
    return "".join(re.findall(r"\{.*?\}", text[0])) + '""'


def _explained() -> Iterator[Survivor]:
    for line in PAGE.read_text("utf-8").splitlines() if PAGE.exists() else ():
        if found := _EXPLAINED.match(line):
            yield Survivor(found[1], found[2].replace("\\|", "|"), found[3].replace("\\|", "|"))


def _write(figures: dict[str, Counter[str]]) -> None:
    rows = [
        "| file | mutants | killed | only worded differently | explained below |",
        "| --- | --- | --- | --- | --- |",
    ]
    columns = ("mutants", "killed", "wording", "explained")
    total = sum(figures.values(), Counter())
    for file, counted in [*sorted(figures.items()), ("all", total)]:
        rows.append(f"| {file.removeprefix('nomad_token/')} | {' | '.join(str(counted[each]) for each in columns)} |")
    text = PAGE.read_text("utf-8")
    before, rest = text.split(_BEGIN)
    after = rest.split(_END)[1]
    PAGE.write_text(f"{before}{_BEGIN}\n{chr(10).join(rows)}\n{_END}{after}", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
