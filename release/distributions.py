"""The wheel and the source distribution, the same bytes for the same commit."""

import os
import subprocess
import sys
from pathlib import Path


def build(root: Path, folder: Path, epoch: int) -> list[Path]:
    """Build both from the checkout *root* into *folder*, with *epoch* (seconds since 1970) as the time of each file."""
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(folder.absolute())]
    for target in ("sdist", "wheel"):
        subprocess.run(  # noqa: S603 - the build backend of pyproject.toml
            [*command, "--target", target],
            cwd=root,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
    return found(folder)


def upload(folder: Path) -> None:
    """Upload both to PyPI, which trusts the workflow's id token; what is there already is left alone."""
    trusted = ["--trusted-publishing", "always", "--check-url", "https://pypi.org/simple/"]
    command = [sys.executable, "-m", "uv", "publish", *trusted]
    subprocess.run([*command, *map(str, found(folder))], check=True)  # noqa: S603 - of the lock file


def found(folder: Path) -> list[Path]:
    """List the two that are in *folder*."""
    return sorted([*folder.glob("nomad_token-*.whl"), *folder.glob("nomad_token-*.tar.gz")])
