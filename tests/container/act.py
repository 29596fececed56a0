"""A workflow as `act` runs it: in a repository of its own that holds this checkout, with nothing of this machine's."""

import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CHECKOUT: Final = Path(__file__).parents[2]
WORKFLOWS: Final = Path(__file__).parent / "workflows"
_ACTION: Final = ("action.yml", "Dockerfile", ".dockerignore", "pyproject.toml", "README.md", "LICENSE", "requirements")
_SECONDS: Final = 300


@dataclass(frozen=True)
class Run:
    """How a workflow ended, and all that was printed."""

    code: int
    log: str


def act(folder: Path, workflow: str, *, variables: Mapping[str, str], secrets: Mapping[str, str]) -> Run:
    """Run the fixture *workflow* in a repository below *folder*; *variables* are its `vars`."""
    repository = _repository(folder / "repository", workflow)
    secret_file = folder / "secrets"
    secret_file.touch(mode=0o600)
    secret_file.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()), "utf-8")
    command = [
        *[str(Path(sysconfig.get_path("scripts"), "act")), "push", "--directory", str(repository)],
        *["--platform", "ubuntu-latest=python:3.13-slim", "--network", "host"],
        # Nothing is fetched: actions/checkout is act's own copy of the repository into the job's container.
        *["--pull=false", "--action-offline-mode", "--no-cache-server", "--rm"],
        *["--secret-file", str(secret_file)],
        *[word for name, value in variables.items() for word in ("--var", f"{name}={value}")],
    ]
    done = subprocess.run(  # noqa: S603 - a pinned package's executable
        command,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "DOCKER_BUILDKIT": "0"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return Run(done.returncode, done.stdout)


def _repository(folder: Path, workflow: str) -> Path:
    for name in _ACTION:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    shutil.copytree(CHECKOUT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    shutil.copy(WORKFLOWS / f"{workflow}.yml", workflows)
    shutil.copy(WORKFLOWS / "deploy.py", folder)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "remote", "add", "origin", "https://github.com/octo-org/octo-app.git")
    _git(folder, "add", "--all")
    _git(
        folder, "-c", "user.name=octocat", "-c", "user.email=octocat@example.com", "commit", "--quiet", "-m", "The app"
    )
    return folder


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)  # noqa: S603, S607 - the machine's git
