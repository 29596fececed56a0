"""Steps of jobs that run against the lab."""

import os
from pathlib import Path

from nomad_token_lab import Lab
from nomad_token_lab.runner import Step


def on(lab: Lab, folder: Path, **environ: str) -> Step:
    """Make a step of a job that may ask the lab's GitHub for an id token."""
    return without_identity(folder, **lab.github.environ(), **environ)


def without_identity(folder: Path, **environ: str) -> Step:
    """Make a step of a job without one; only what measures coverage is taken from the environment here."""
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return Step(folder, coverage | environ)
