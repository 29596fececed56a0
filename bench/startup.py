"""How long the two steps take as whole processes: `python3 dev.py bench`, or `python bench/startup.py [RUNS]`.

Measured in an environment that holds what the image holds, against the lab on loopback. Figures are medians, and
ratios within one run: machines differ, and this one is noisy.
"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from nomad_token_lab import Lab
from nomad_token_lab.runner import MINT, REVOKE, Step

ROOT = Path(__file__).parents[1]
IMPORTS = {
    "python alone": "pass",
    "import httpx": "import httpx",
    "import pydantic_settings": "import pydantic_settings",
    "import what mint uses": "import nomad_token.__main__, nomad_token.order, nomad_token.mint",
    "import what revoke uses": "import nomad_token.__main__, nomad_token.post",
}


@dataclass
class Row:
    """One line of the table: seconds of each run."""

    name: str
    seconds: list[float]

    @property
    def median(self) -> float:
        """The middle run, in seconds."""
        return statistics.median(self.seconds)


def environment(folder: Path) -> Path:
    """Make an environment with what the image holds, and return its folder of executables."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    bin_folder = folder / "bin"
    pip = [str(bin_folder / "python"), "-m", "pip", "install", "-q", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "image.txt")], check=True)
    subprocess.run([*pip, str(ROOT)], check=True)
    return bin_folder


def timed(run: Callable[[], object]) -> float:
    """Return the wall time of *run* in seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def measure(bin_folder: Path, runs: int) -> list[Row]:
    """Time everything in turn, *runs* times, after one round that does not count."""
    rows = {name: Row(name, []) for name in (*IMPORTS, "mint", "revoke")}
    with Lab(trust=True) as lab, tempfile.TemporaryDirectory() as folder:
        inputs = {
            "vault-addr": lab.vault.addr,
            "nomad-addr": lab.nomad.addr,
            "role": "deployer",
            "vault-auth-role": "deploy-app",
        }
        for run in range(runs + 1):
            step = Step(Path(folder) / str(run), lab.github.environ(), scripts=bin_folder)
            for name, code in IMPORTS.items():
                python = [str(bin_folder / "python"), "-I", "-c", code]
                rows[name].seconds.append(timed(partial(subprocess.run, python, check=True)))
            rows["mint"].seconds.append(timed(partial(step.main, inputs)))
            rows["revoke"].seconds.append(timed(step.post))
    for row in rows.values():
        del row.seconds[0]
    return list(rows.values())


def table(rows: list[Row]) -> str:
    """Return *rows* as Markdown, each with its ratio to the mint."""
    mint = next(row.median for row in rows if row.name == "mint")
    lines = ["| whole process | median | least | most | of a mint |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        figures = (row.median, min(row.seconds), max(row.seconds))
        lines.append(f"| {row.name} | {' | '.join(f'{each:.3f} s' for each in figures)} | {row.median / mint:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    with tempfile.TemporaryDirectory() as folder:
        print(f"{runs} runs each of {MINT}, {REVOKE} and what they import\n")
        print(table(measure(environment(Path(folder)), runs)))
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\npeak memory of the largest process: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
