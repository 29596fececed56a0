"""How long a job waits, next to what people use: `python3 dev.py bench` writes docs/performance.md and its picture.

Whole processes against the lab on loopback, one after the other, in rounds: figures are medians, and goals are ratios
within the same rounds, since machines differ and are noisy.
"""

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.contenders import MANY, Contender, InDocker, Ours, bao, docker_is_here, measured, python, vault_action
from container.runner import docker
from nomad_token_lab import Lab

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs" / "performance.md"
PICTURE: Final = ROOT / "docs" / "performance.svg"
# As the steps themselves begin.
_BEGIN: Final = "import os, nomad_token.__main__; nomad_token.__main__._begin()"
_SHELL: Final = "nomad_token.ending, nomad_token.platforms.action"
_IMPORTS: Final = {
    "mint": f"{_BEGIN}; import {_SHELL}, nomad_token.order, nomad_token.mint",
    "revoke": f"{_BEGIN}; import {_SHELL}, nomad_token.post",
}
_ACTION: Final = "vault-action, the same"
_BAO: Final = "two calls of bao, the same"
_EMPTY: Final = "docker run IMAGE true"
_MINT: Final = "mint in Docker, proven at Nomad"
_END: Final = "revoke in Docker, proven at Nomad"
_ONE: Final = "mint, proven at Nomad"
_TWENTY: Final = f"mint of {MANY} tokens, proven at Nomad"
_IMPORTED: Final = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")


@dataclass
class Row:
    """All runs of a contender."""

    seconds: list[float] = field(default_factory=list)
    peaks: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle run, in seconds."""
        return statistics.median(self.seconds)

    @property
    def peak(self) -> float:
        """The middle run's peak of memory, in MiB."""
        return statistics.median(self.peaks)


Rows = Mapping[str, Row]


@dataclass(frozen=True)
class Goal:
    """What is to be reached, from figures of the same rounds."""

    what: str
    figure: Callable[[Rows], float]
    at_most: float
    unit: str = ""

    def told(self, rows: Rows) -> str:
        """Return it as a row of a table; without what it is measured against, as that."""
        try:
            figure = self.figure(rows)
        except KeyError as missing:
            return f"| {self.what} | not measured: {missing.args[0]} | {self._text(self.at_most)} | |"
        reached = "reached" if figure <= self.at_most else "**not reached**"
        return f"| {self.what} | {self._text(figure)} | {self._text(self.at_most)} | {reached} |"

    def _text(self, figure: float) -> str:
        return f"{figure:.2f}{self.unit}"


GOALS: Final = (
    Goal("mint ÷ vault-action reading the same, time", lambda of: of["mint"].median / of[_ACTION].median, 1),
    Goal("mint ÷ two calls of `bao`, time", lambda of: of["mint"].median / of[_BAO].median, 0.7),
    Goal("revoke ÷ mint, time", lambda of: of["revoke"].median / of["mint"].median, 0.67),
    Goal("mint in Docker, above an empty container", lambda of: of[_MINT].median - of[_EMPTY].median, 0.2, " s"),
    Goal("revoke in Docker, above an empty container", lambda of: of[_END].median - of[_EMPTY].median, 0.2, " s"),
    Goal(f"mint of {MANY} tokens ÷ of one, time", lambda of: of[_TWENTY].median / of[_ONE].median, 2),
    Goal("mint ÷ vault-action, peak memory", lambda of: of["mint"].peak / of[_ACTION].peak, 1),
)


def environment(folder: Path, interpreter: str) -> Path:
    """Make an environment with what the image holds, byte code too, and return its folder of executables."""
    subprocess.run([interpreter, "-m", "venv", "--without-pip", folder], check=True)
    scripts = folder / "bin"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", scripts / "python", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements" / "image.txt"], check=True)
    subprocess.run([*pip, ROOT], check=True)
    return scripts


def measure(contenders: Sequence[Contender], rounds: int) -> Rows:
    """Run each in turn, *rounds* times, after one round that does not count."""
    rows = {each.name: Row() for each in contenders}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(rounds + 1):
            for at, each in enumerate(contenders):
                took = each.run(Path(folder, f"{number}-{at}"))
                if number:
                    rows[each.name].seconds.append(took.seconds)
                    rows[each.name].peaks.append(took.peak)
            print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    return rows


def imports(scripts: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return how many milliseconds the modules of each package take to be imported, by step."""
    return {step: _imported(scripts, code, rounds) for step, code in _IMPORTS.items()}


def _imported(scripts: Path, code: str, rounds: int) -> dict[str, float]:
    runs = []
    for _ in range(rounds):
        spent: dict[str, float] = defaultdict(float)
        printed = measured(scripts / "python", "-I", "-X", "importtime", "-c", code).printed
        for microseconds, module in _IMPORTED.findall(printed):
            package = module.partition(".")[0]
            spent["the standard library" if package in sys.stdlib_module_names else package] += int(microseconds) / 1000
        runs.append(spent)
    return {package: statistics.median(run[package] for run in runs) for package in runs[0]}


def table(head: str, rows: Iterable[str]) -> str:
    """Return a table in Markdown."""
    return "\n".join([head, "|".join(["", *([" --- "] * (head.count("|") - 1)), ""]), *rows])


def page(rows: Rows, profile: Mapping[str, Mapping[str, float]], machine: str) -> str:
    """Return the part of the page that is measured."""
    goals = table("| goal | measured | at most | |", (goal.told(rows) for goal in GOALS))
    figures = table(
        "| whole process | median | least | most | peak memory |",
        (
            f"| {name} | {row.median:.3f} s | {min(row.seconds):.3f} s | {max(row.seconds):.3f} s "
            f"| {'' if 'ocker' in name else f'{row.peak:.0f} MiB'} |"
            for name, row in rows.items()
        ),
    )
    mint, revoke = profile["mint"], profile["revoke"]
    spent = table(
        "| imports of | in a mint | in a revoke |",
        (
            f"| {package} | {mint[package]:.0f} ms | {revoke.get(package, 0):.0f} ms |"
            for package in sorted(mint, key=mint.__getitem__, reverse=True)
            if mint[package] >= 1
        ),
    )
    return f"{machine}\n\n{goals}\n\n![The medians as bars](performance.svg)\n\n{figures}\n\n{spent}"


def picture(rows: Rows) -> str:
    """Draw the medians as bars."""
    longest = max(row.median for row in rows.values())
    bars = "".join(
        _bar(at, name, row.median, 420 * row.median / longest) for at, (name, row) in enumerate(rows.items())
    )
    height = 26 * len(rows) + 8
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 {height}" role="img" font-family="sans-serif" '
        f'font-size="13" fill="#57606a"><title>Seconds of whole processes, medians</title>{bars}\n</svg>\n'
    )


def _bar(at: int, name: str, seconds: float, width: float) -> str:
    top = 26 * at + 6
    colour = "#1f883d" if name.startswith(("mint", "revoke")) else "#8c959f"
    return (
        f'\n<text x="290" y="{top + 14}" text-anchor="end">{name}</text>'
        f'<rect x="300" y="{top}" width="{width:.1f}" height="20" rx="2" fill="{colour}"/>'
        f'<text x="{306 + width:.1f}" y="{top + 14}">{seconds:.3f} s</text>'
    )


def _contenders(lab: Lab, scripts: Path, asked: argparse.Namespace) -> Iterator[Contender]:
    yield python(scripts, "Python alone")
    for step, code in _IMPORTS.items():
        yield python(scripts, f"imports of a {step} alone", f"{code}; os._exit(0)")
    yield from Ours(lab, scripts).contenders()
    if asked.vault_action:
        yield vault_action(lab, asked.vault_action)
    yield bao(lab)
    if docker_is_here():
        image = "nomad-token:bench"
        docker("build", "-q", "-t", image, str(ROOT))
        yield from InDocker(lab, image).contenders()


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--python", default=sys.executable, help="the interpreter of our processes (%(default)s)")
    parser.add_argument("--vault-action", type=Path, help="a checkout of hashicorp/vault-action, run with node")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Lab(trust=True) as lab:
        scripts = environment(Path(folder), asked.python)
        rows = measure([*_contenders(lab, scripts, asked)], asked.rounds)
        profile = imports(scripts, asked.rounds)
        version = measured(scripts / "python", "-V").printed.strip()
    machine = f"{version} on {platform.machine()}, {os.cpu_count()} processors"
    if asked.vault_action:
        machine += f", Node.js {measured('node', '--version').printed.strip().removeprefix('v')}"
    text = page(rows, profile, f"{machine}; {asked.rounds} rounds.")
    before, _, rest = PAGE.read_text("utf-8").partition("<!-- figures -->\n")
    PAGE.write_text(
        f"{before}<!-- figures -->\n{text}\n<!-- /figures -->{rest.partition('<!-- /figures -->')[2]}", "utf-8"
    )
    PICTURE.write_text(picture(rows), "utf-8")
    print(text)


if __name__ == "__main__":
    main()
