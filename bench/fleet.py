"""Hundreds of jobs at once against one lab, with a rate limit and faults: `python3 dev.py fleet [--seed N] …`.

Each job is two processes, as on a runner: it mints, uses its token once, and revokes it. The figures are of a machine
that the jobs share; nothing is to be left alive on any.
"""

import argparse
import secrets
import tempfile
from pathlib import Path

from fleet.jobs import Weather, in_bad_weather, picture


def main() -> int:
    """Run the fleet, print its figures, and return 1 where something was left alive that no log names."""
    parser = argparse.ArgumentParser(prog="dev.py fleet", description="Run many jobs at once against one lab.")
    parser.add_argument("--jobs", type=int, default=500)
    parser.add_argument("--at-once", type=int, default=50)
    parser.add_argument("--share", type=float, default=0.05, help="of the requests, that meet a fault (%(default)s)")
    parser.add_argument("--rate", type=float, default=50, help="requests a second that are let through (%(default)s)")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32), help="draws the faults; else a new one")
    parser.add_argument("--picture", type=Path, help="an SVG of how long the jobs took")
    asked = parser.parse_args()
    print(f"seed           {asked.seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        weather = Weather(asked.seed, share=asked.share, rate=asked.rate)
        report = in_bad_weather(Path(folder, "fleet"), weather, jobs=asked.jobs, at_once=asked.at_once)
    print(*report.lines(), sep="\n")
    if asked.picture:
        asked.picture.write_text(picture(report), "utf-8")
    return int(bool(report.unnamed))


if __name__ == "__main__":
    raise SystemExit(main())
