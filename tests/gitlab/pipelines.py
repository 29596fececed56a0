"""Whole pipelines as gitlab-ci-local runs them: a project of its own, with the template in it."""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
import yaml

from container.leaks import secrets_in
from nomad_token_lab import Lab

CHECKOUT: Final = Path(__file__).parents[2]
TEMPLATE: Final = CHECKOUT / "gitlab" / "nomad-token.yml"
_LOCKED: Final = (Path(__file__).with_name("package.json"), Path(__file__).with_name("package-lock.json"))
_SECONDS: Final = 120
# Once for every input that has one: what a regex allows is shown by another test.
_NO_REGEX: Final = re.compile(r"^.*spec:inputs:regex is currently not supported.*\n", re.MULTILINE)


def installed() -> Path:
    """Return gitlab-ci-local as package-lock.json has it, installed once for this user."""
    for name in ("node", "npm", "rsync"):
        if not shutil.which(name):
            pytest.fail(f"gitlab-ci-local needs {name}, which is not here", pytrace=False)
    name = hashlib.sha256(_LOCKED[1].read_bytes()).hexdigest()[:16]
    folder = Path.home() / ".cache" / "nomad-token" / f"gitlab-ci-local-{name}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent))
        for locked in _LOCKED:
            shutil.copy(locked, made)
        done = subprocess.run(  # noqa: S603 - locked packages, whose scripts are not run
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(made)],  # noqa: S607 - the machine's npm
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"gitlab-ci-local can't be installed:\n{done.stderr}", pytrace=False)
        # Whole or not at all: another process may have been faster.
        with contextlib.suppress(OSError):
            made.rename(folder)
        shutil.rmtree(made, ignore_errors=True)
    return folder / "node_modules" / ".bin" / "gitlab-ci-local"


@dataclass(frozen=True)
class Pipeline:
    """How a pipeline ended, and all that was printed."""

    code: int
    log: str


class Project:
    """A repository of GitLab's, on this machine."""

    def __init__(self, folder: Path, program: Path, lab: Lab) -> None:
        """Make it below *folder*, with the template and a `nomad` that deploys for real."""
        self.folder = folder / "app"
        self._home = folder / "home"
        self._program = program
        self._lab = lab
        self._bin = folder / "bin"
        for made in (self.folder, self._home / ".gitlab-ci-local", self._bin):
            made.mkdir(parents=True)
        deploy = CHECKOUT / "tests" / "container" / "workflows" / "deploy.py"
        self.program("nomad", f'exec python "{deploy}" "$3"')
        self._git("init", "--quiet", "--initial-branch=main")
        self._git("remote", "add", "origin", "git@gitlab.example.com:octo-org/octo-app.git")

    def program(self, name: str, text: str) -> None:
        """Put a program into the jobs' image."""
        path = self._bin / name
        path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
        path.chmod(0o755)

    def run(self, pipeline: str, *words: str, **variables: str) -> Pipeline:
        """Run *pipeline*, the text of a `.gitlab-ci.yml`; *variables* are the project's, its id tokens among them.

        A job with an image has the paths of a container, though none is started: the template's jobs have none here.
        """
        self._commit(pipeline, re.sub(r"^  image: .*\n", "", TEMPLATE.read_text("utf-8"), flags=re.MULTILINE))
        tokens = {
            f"{prefix}{name}_ID_TOKEN": self._lab.github.id_token(audience).get_secret_value()
            for prefix in ("", "eu_")
            for name, audience in (("VAULT", self._lab.audience), ("NOMAD", self._lab.nomad.addr))
        }
        with self._variables(tokens | variables):
            shell = ["--force-shell-executor", "--shell-isolation", "--no-artifacts-to-source", "--no-color"]
            return self._ran(*shell, *words)

    def expanded(self, pipeline: str) -> str:
        """Return *pipeline* with what it includes and extends put in its place, as GitLab's own merged YAML."""
        self._commit(pipeline, TEMPLATE.read_text("utf-8"))
        done = self._ran("--preview", apart=True)

        assert done.code == 0, done.log
        return done.log

    def secrets(self) -> dict[str, list[str]]:
        """List what is secret in the files that are left of the jobs and their work trees, by the file's path."""
        found = {
            str(path.relative_to(self.folder)): secrets_in(path.read_text("utf-8", errors="replace"), self._lab)
            for path in self.folder.rglob("*")
            if path.is_file() and ".git" not in path.parts
        }
        return {path: secrets for path, secrets in found.items() if secrets}

    def _commit(self, pipeline: str, template: str) -> None:
        (self.folder / TEMPLATE.name).write_text(template, "utf-8")
        (self.folder / ".gitlab-ci.yml").write_text(pipeline, "utf-8")
        self._git("add", "--all")
        who = ("-c", "user.name=octocat", "-c", "user.email=octocat@example.com")
        self._git(*who, "commit", "--quiet", "--message", "The app")

    def _variables(self, variables: Mapping[str, str]) -> "_Written":
        return _Written(self._home / ".gitlab-ci-local" / "variables.yml", yaml.safe_dump({"global": dict(variables)}))

    def _ran(self, *words: str, apart: bool = False) -> Pipeline:
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        scripts = sysconfig.get_path("scripts")
        done = subprocess.run(  # noqa: S603 - a locked package's executable
            [str(self._program), "--home", str(self._home), *words],
            env={"PATH": f"{self._bin}:{scripts}:{os.environ['PATH']}", "HOME": str(self._home), **coverage},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Pipeline(done.returncode, _NO_REGEX.sub("", done.stdout))

    def _git(self, *words: str) -> None:
        subprocess.run(["git", "-C", str(self.folder), *words], check=True, capture_output=True)  # noqa: S603, S607 - the machine's git


class _Written:
    """A file that is there in a block, readable by us alone."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._text = text

    def __enter__(self) -> None:
        self._path.touch(mode=0o600)
        self._path.write_text(self._text, "utf-8")

    def __exit__(self, *_: object) -> None:
        self._path.unlink()
