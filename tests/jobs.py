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


def quick_start(lab: Lab, **more: str) -> dict[str, str]:
    """Return the inputs of the README's quick start, and *more* (with `_` for `-`)."""
    plain = {
        "vault-addr": lab.vault.addr,
        "nomad-addr": lab.nomad.addr,
        "role": "deployer",
        "vault-auth-role": "deploy-app",
    }
    return plain | {name.replace("_", "-"): value for name, value in more.items()}
