"""A workflow as `act` runs it: in a repository of its own that holds this checkout, with nothing of this machine's."""

import base64
import os
import re
import shutil
import subprocess
import sysconfig
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from container.runner import BUILT_FROM, CHECKOUT

WORKFLOWS: Final = Path(__file__).parent / "workflows"
_SECONDS: Final = 900


@dataclass(frozen=True)
class Run:
    """How a workflow ended, and all that was printed."""

    code: int
    log: str

    @property
    def seen(self) -> list[str]:
        """What each use of `look` found in the files that the job's steps share, in the order of the log."""
        return [zlib.decompress(base64.b64decode(found)).decode() for found in re.findall(r"seen: (\S+)", self.log)]


def act(
    folder: Path,
    workflow: str,
    *,
    variables: Mapping[str, str],
    secrets: Mapping[str, str],
    environ: Mapping[str, str] | None = None,
) -> Run:
    """Run the fixture *workflow*, or its text, in a repository below *folder*.

    *variables* are its `vars`, *environ* is what an env file gives each step, in lines as the lab prints
    them.
    """
    repository = _repository(folder / "repository", workflow)
    env_file = folder / "env"
    env_file.write_text("".join(f"export {name}='{value}'\n" for name, value in (environ or {}).items()), "utf-8")
    secret_file = folder / "secrets"
    secret_file.touch(mode=0o600)
    secret_file.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()), "utf-8")
    command = [
        *[str(Path(sysconfig.get_path("scripts"), "act")), "push", "--directory", str(repository)],
        *["--platform", "ubuntu-latest=python:3.13-slim", "--network", "host"],
        # Nothing is fetched: actions/checkout is act's own copy of the repository into the job's container.
        *["--pull=false", "--action-offline-mode", "--no-cache-server", "--rm"],
        *["--secret-file", str(secret_file), "--env-file", str(env_file)],
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
    for name in ("action.yml", *BUILT_FROM):
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    if "\n" in workflow:
        (workflows / "deploy.yml").write_text(workflow, "utf-8")
    else:
        shutil.copy(WORKFLOWS / f"{workflow}.yml", workflows)
    shutil.copy(WORKFLOWS / "deploy.py", folder)
    shutil.copytree(WORKFLOWS / "look", folder / "look")
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "remote", "add", "origin", "https://github.com/octo-org/octo-app.git")
    _git(folder, "add", "--all")
    _git(
        folder, "-c", "user.name=octocat", "-c", "user.email=octocat@example.com", "commit", "--quiet", "-m", "The app"
    )
    return folder


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True)  # noqa: S603, S607 - the machine's git
