"""A checkout that is ready for a release, in a repository of its own."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = f"ghcr.io/owner/nomad-token@sha256:{'0123456789abcdef' * 4}"
_WHO = {f"GIT_{who}_{what}": "somebody" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
# No configuration of this machine's, such as hooks or signatures.
ENVIRON: Mapping[str, str] = {**os.environ, **_WHO, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def git(folder: Path, *words: str) -> str:
    """Return what git prints in *folder*."""
    done = subprocess.run(["git", *words], cwd=folder, env=ENVIRON, capture_output=True, text=True, check=True)  # noqa: S603, S607 - the machine's
    return done.stdout


def version_in(checkout: Path, version: str) -> None:
    """Make the package, and the newest part of the changelog, those of *version*."""
    init = checkout / "src" / "nomad_token" / "__init__.py"
    init.write_text(f'"""A package."""\n\n__version__ = "{version}"\n', "utf-8")
    heading = f"# Changelog\n\nWords.\n\n## [{version}] - 2026-11-28\n\n### Added\n\n- What is new in {version}.\n"
    (checkout / "CHANGELOG.md").write_text(f"{heading}\n## [0.0.1] - 2026-01-01\n\n- The first.\n", "utf-8")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Commit what a release reads of the project, as the version 1.2.3, to a branch main."""
    folder = tmp_path / "checkout"
    (folder / "src" / "nomad_token").mkdir(parents=True)
    for name in ("action.yml", "README.md", ".gitlab-ci.yml", "templates", "gitlab"):
        source = ROOT / name
        shutil.copytree(source, folder / name) if source.is_dir() else shutil.copy(source, folder)
    version_in(folder, "1.2.3")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Everything")
    return folder


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """Make a repository that can be pushed to."""
    folder = tmp_path / "remote.git"
    git(tmp_path, "init", "--quiet", "--bare", str(folder))
    return folder
