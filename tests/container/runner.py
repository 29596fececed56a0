"""A container action as GitHub's runner starts it: one `docker run` a step, and only files in between.

As in actions/runner at 258d6c8: `ContainerActionHandler.cs`, `DockerCommandManager.cs`, `FileCommandManager.cs`,
`ActionRunner.cs`. One deviation, `--network host`: a lab on loopback is to be reached.
"""

import os
import re
import shutil
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from nomad_token_lab.runner import Ran, pairs

CHECKOUT: Final = Path(__file__).parents[2]
SECONDS: Final = 120
BUILT_FROM: Final = (
    "Dockerfile",
    ".dockerignore",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "requirements",
    "release",
    "src",
)
"""What the image is built from, and `.dockerignore` chooses from."""
# What the runner makes for each step, and leaves until the job ends: GITHUB_<NAME> and the prefix of its file.
_FILES: Final = {
    "PATH": "add_path_",
    "ENV": "set_env_",
    "STEP_SUMMARY": "step_summary_",
    "STATE": "save_state_",
    "OUTPUT": "set_output_",
}


def docker(*words: str) -> str:
    """Return what `docker` prints; raises `CalledProcessError` where it fails."""
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607 - as the runner


def action() -> dict[str, Any]:
    """Read action.yml."""
    read: dict[str, Any] = yaml.safe_load((CHECKOUT / "action.yml").read_text("utf-8"))
    return read


@dataclass(frozen=True)
class Call:
    """A step that is to be started."""

    words: list[str]
    environ: Mapping[str, str]
    files: Mapping[str, Path]


@dataclass(frozen=True)
class Started:
    """A step under way."""

    process: "subprocess.Popen[str]"
    files: Mapping[str, Path]


class Job:
    """A job on one runner: its folders, its environment, and what its log hides."""

    def __init__(self, folder: Path, image: str, identity: Mapping[str, str], *, user: int | None = None) -> None:
        """Keep the runner's folders below *folder*; *identity* is what `id-token: write` gives a job, or nothing.

        The runner is *user*, to whom all belongs that it makes; without one it is who we are.
        """
        self.environ: dict[str, str] = {}
        self.log = ""
        self.temp = folder / "_temp"
        self._image = image
        self._identity = dict(identity)
        self._runtime_token = f"eyJ.{uuid.uuid4().hex}.runtime"
        self._masks = [self._runtime_token, *filter(None, [identity.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")])]
        self._work = folder
        self._user = os.getuid() if user is None else user
        self.workspace = folder / "app" / "app"
        # In the order in which the runner looks: the last that it added comes first.
        self._mounts = {
            self.workspace: "/github/workspace",
            self.temp / "_runner_file_commands": "/github/file_commands",
            self.temp / "_github_workflow": "/github/workflow",
            self.temp / "_github_home": "/github/home",
            self.temp: "/github/runner_temp",
        }
        for path in self._mounts:
            path.mkdir(parents=True, exist_ok=True)
        (self.temp / "_github_workflow" / "event.json").write_text("{}", "utf-8")
        for path in [folder, *folder.rglob("*")]:
            self.own(path)

    def run(self, entrypoint: str, inputs: Mapping[str, str], state: Mapping[str, str]) -> Ran:
        """Run a step to its end; what it exported is in the next step's environment."""
        started = self.start(entrypoint, inputs, state)
        printed, _ = started.process.communicate(timeout=SECONDS)
        return self.ended(started, printed)

    def start(self, entrypoint: str, inputs: Mapping[str, str], state: Mapping[str, str]) -> Started:
        """Start a step, and don't wait for it."""
        call = self.prepared(entrypoint, inputs, state)
        process = subprocess.Popen(  # noqa: S603 - as the runner
            call.words,
            env=dict(call.environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Started(process, call.files)

    def prepared(self, entrypoint: str, inputs: Mapping[str, str], state: Mapping[str, str]) -> Call:
        """Make the files of a step, and say how it is started."""
        suffix = str(uuid.uuid4())
        files = {name: self.temp / "_runner_file_commands" / f"{prefix}{suffix}" for name, prefix in _FILES.items()}
        for file in files.values():
            file.touch()
            self.own(file)
        given = self._environment(files, inputs, state)
        environment = {name: _translated(value, self._mounts) for name, value in given.items()}
        words = self._command(entrypoint, environment, inputs.get("args", ""))
        return Call(words, {"PATH": os.environ["PATH"], **environment}, files)

    def ended(self, started: Started, printed: str) -> Ran:
        """Read what a step left that was started."""
        return self.read(started.files, started.process.returncode, printed)

    def read(self, files: Mapping[str, Path], code: int, printed: str) -> Ran:
        """Read what a step left: its log as the runner shows it, and its files."""
        shown = "\n".join(self._shown(line) for line in printed.splitlines())
        self.log += f"{shown}\n"
        variables = pairs(files["ENV"])
        self.environ |= {name: value for name, value in variables.items() if name.upper() != "NODE_OPTIONS"}
        outputs, state = pairs(files["OUTPUT"]), pairs(files["STATE"])
        summary = files["STEP_SUMMARY"].read_text("utf-8")
        return Ran(code, shown, variables, outputs, state, summary)

    def own(self, path: Path) -> Path:
        """Give *path* to the runner's user."""
        shutil.chown(path, self._user, self._user)
        return path

    def script(self, *words: str, in_container: bool = False) -> "subprocess.CompletedProcess[str]":
        """Run `python3` with *words* as a `run:` step: as the runner's user, or as root in the job's container.

        The latter sees the same folders elsewhere, and has its environment rewritten (`ContainerInfo.cs`,
        `ContainerOperationProvider.cs`, `StepHost.cs`). Both run in Docker here, which has one Python for all.
        """
        folders = {str(path): str(path) for path in (self._work, CHECKOUT)}
        environ = self.environ
        if in_container:
            moved = {self.temp / "_github_home": "/github/home", self._work: "/__w"}
            folders = {str(host): container for host, container in moved.items()} | {str(CHECKOUT): str(CHECKOUT)}
            environ = {name: _translated(value, moved) for name, value in environ.items()}
        return subprocess.run(  # noqa: S603 - as the runner
            [
                *["docker", "run", "--rm", "--network", "host"],
                *["--user", "0" if in_container else f"{self._user}:{self._user}"],
                *[word for variable in environ for word in ("-e", variable)],
                *[word for host, container in folders.items() for word in ("-v", f"{host}:{container}")],
                *["python:3.13-slim", "python3", *words],
            ],
            env={"PATH": os.environ["PATH"], **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def _environment(
        self, files: Mapping[str, Path], inputs: Mapping[str, str], state: Mapping[str, str]
    ) -> dict[str, str]:
        declared = {name: self._evaluated(about.get("default", "")) for name, about in action()["inputs"].items()}
        given = {f"INPUT_{name.replace(' ', '_').upper()}": value for name, value in (declared | dict(inputs)).items()}
        return {
            **self.environ,
            **{f"STATE_{name}": value for name, value in state.items()},
            **given,
            "HOME": str(self.temp / "_github_home"),
            **_CONTEXT,
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_EVENT_PATH": str(self.temp / "_github_workflow" / "event.json"),
            **{f"GITHUB_{name}": str(file) for name, file in files.items()},
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_WORKSPACE": str(self.workspace.parent),
            "ACTIONS_RUNTIME_URL": "http://127.0.0.1:1/",
            "ACTIONS_RUNTIME_TOKEN": self._runtime_token,
            **self._identity,
        }

    def _command(self, entrypoint: str, environment: Mapping[str, str], args: str) -> list[str]:
        name = re.sub(r"\W", "", self._image)
        return [
            *["docker", "run", "--name", f"{name}_{uuid.uuid4().hex[:6]}", "--label", "0badca"],
            *["--workdir", "/github/workspace", "--rm"],
            # names alone: the values travel in the client's environment
            *[word for variable in environment for word in ("-e", variable)],
            *["-e", "GITHUB_ACTIONS=true", "-e", "CI=true", "--entrypoint", entrypoint, "--network", "host"],
            *["-v", "/var/run/docker.sock:/var/run/docker.sock"],
            *[word for host, container in reversed(self._mounts.items()) for word in ("-v", f"{host}:{container}")],
            self._image,
            *args.split(),
        ]

    def _evaluated(self, default: str) -> str:
        """Evaluate an input's default, which sees these contexts among others (`action_yaml.json`)."""
        contexts = {"github.workspace": self.workspace, "runner.temp": self.temp}
        return re.sub(r"\$\{\{ *([\w.]+) *\}\}", lambda found: str(contexts[found[1]]), default)

    def _shown(self, line: str) -> str:
        if line.startswith("::add-mask::"):
            secret = line.removeprefix("::add-mask::")
            for escaped, plain in (("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
                secret = secret.replace(escaped, plain)
            self._masks += [secret, *filter(None, secret.splitlines())]
        for secret in self._masks:
            line = line.replace(secret, "***")
        return line


def _translated(value: str, mounts: Mapping[Path, str]) -> str:
    """Rewrite a value that starts with a mounted path, whatever variable it is in."""
    for host, container in mounts.items():
        if value == str(host) or value.startswith(f"{host}/"):
            return container + value.removeprefix(str(host))
    return value


class Use:
    """One `uses:` of the action in a job: a main step, and a post-step that is given the state of the first."""

    def __init__(self, job: Job) -> None:
        """Be a step of *job*."""
        self.job = job
        self.state: dict[str, str] = {}

    def main(self, inputs: Mapping[str, str]) -> Ran:
        """Run the main step with *inputs* under `with:`."""
        return self._run("main", inputs)

    def post(self, inputs: Mapping[str, str]) -> Ran:
        """Run the post-step; the runner evaluates the *inputs* anew for it."""
        return self._run("post", inputs)

    def start(self, step: str, inputs: Mapping[str, str]) -> Started:
        """Start `main` or `post`, and don't wait for it."""
        return self.job.start(*self._call(step, inputs))

    def prepared(self, step: str, inputs: Mapping[str, str]) -> Call:
        """Say how `main` or `post` is started."""
        return self.job.prepared(*self._call(step, inputs))

    def ended(self, step: str, started: Started, printed: str) -> Ran:
        """Read what a step left, once it has ended."""
        return self.read(step, started.files, started.process.returncode, printed)

    def read(self, step: str, files: Mapping[str, Path], code: int, printed: str) -> Ran:
        """Read what a step left that ended with *code*."""
        ran = self.job.read(files, code, printed)
        if step == "main":
            self.state = ran.state
        return ran

    def _call(self, step: str, inputs: Mapping[str, str]) -> tuple[str, Mapping[str, str], Mapping[str, str]]:
        entrypoint = action()["runs"]["entrypoint" if step == "main" else "post-entrypoint"]
        return entrypoint, inputs, {} if step == "main" else self.state

    def _run(self, step: str, inputs: Mapping[str, str]) -> Ran:
        started = self.start(step, inputs)
        printed, _ = started.process.communicate(timeout=SECONDS)
        return self.ended(step, started, printed)


_CONTEXT: Final = {
    "GITHUB_ACTION": "__self",
    "GITHUB_ACTOR": "octocat",
    "GITHUB_API_URL": "https://api.github.com",
    "GITHUB_BASE_REF": "",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_HEAD_REF": "",
    "GITHUB_JOB": "deploy",
    "GITHUB_REF": "refs/heads/main",
    "GITHUB_REF_NAME": "main",
    "GITHUB_REPOSITORY": "octo-org/octo-app",
    "GITHUB_REPOSITORY_ID": "74123456",
    "GITHUB_REPOSITORY_OWNER": "octo-org",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_RUN_ID": "1234567890",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_WORKFLOW": "deploy",
    "RUNNER_ARCH": "X64",
    "RUNNER_ENVIRONMENT": "github-hosted",
    "RUNNER_NAME": "runner 1",
    "RUNNER_OS": "Linux",
    "RUNNER_TOOL_CACHE": "/opt/hostedtoolcache",
}
