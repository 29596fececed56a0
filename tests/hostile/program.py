"""The whole program in this process, on each platform, against a lab in memory whose answers a test may alter."""

import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from faults.roads import ROADS, Arranged
from faults.runs import clean
from faults.wire import Deed, Reply, Sent, Wire
from nomad_token.__main__ import step
from nomad_token.command_line import command
from nomad_token.platforms.gitlab import ADD_MASK
from nomad_token_lab.nomad.tokens import Token
from nomad_token_lab.runner import MINT, REVOKE, Step

PLATFORMS: Final = ("action", "gitlab", "shell")
_OF_RUNNER: Final = ("GITHUB_STATE", "GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
_FILES: Final = ("shell-file", "dotenv", "json")

Strike = Callable[[str, httpx.Request, Callable[[], Reply]], Deed]
"""Decides what the program gets to see: the step (`main` or `post`), the request, and what asks the server."""


@dataclass
class Left:
    """What a step printed and left behind."""

    code: int
    log: str
    """What was printed to the log; with the action, all that was."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Every file below the job's folder, by its name."""


@dataclass
class Told:
    """What came of a run."""

    platform: str
    main: Left
    post: Left
    sent: list[Sent]
    living: list[Token]
    """Nomad's tokens that live at the end."""


@dataclass
class Program:
    """A road, and a platform to go it on."""

    road: str
    platform: str
    arranged: Arranged
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    """More of the environment."""
    verbose: bool = True

    @classmethod
    def on(cls, road: str, platform: str, folder: Path, **environ: str) -> "Program":
        """Make *road* ready in *folder*."""
        folder.mkdir(exist_ok=True)
        return cls(road, platform, ROADS[road].arrange(folder), folder, environ)

    def run(self, strike: Strike = lambda _step, _request, answer: Deed(answer().data)) -> Told:
        """Run both steps."""
        self.arranged.clock.rewind()
        job = self.folder / "job"
        job.mkdir()
        call = self._action(job) if self.platform == "action" else self._command_line(job)
        try:
            main, sent = self._step(call, "main", job, strike)
            self.arranged.lab.settle()
            self.arranged.clock.push(60)
            post, sent_in_post = self._step(call, "post", job, strike)
            self.arranged.lab.settle()
        finally:
            shutil.rmtree(job)
        told = Told(self.platform, main, post, sent + sent_in_post, self.arranged.lab.nomad.live_tokens())
        clean(self.arranged)
        return told

    def _step(
        self, call: Callable[[str, io.StringIO, Wire], int], name: str, job: Path, strike: Strike
    ) -> tuple[Left, list[Sent]]:
        wire = Wire(self.arranged.servers, self.arranged.clock, lambda request, answer: strike(name, request, answer))
        out = io.StringIO()
        code = call(name, out, wire)
        files = {str(path.relative_to(job)): path.read_bytes() for path in job.rglob("*") if path.is_file()}
        return Left(code, out.getvalue(), files), wire.sent

    def _action(self, job: Path) -> Callable[[str, io.StringIO, Wire], int]:
        debug = {"RUNNER_DEBUG": "1"} if self.verbose else {}
        action = Step(job, {**self.arranged.environ, **debug, **self.environ})

        def call(name: str, out: io.StringIO, wire: Wire) -> int:
            executable, deed = (MINT, "mint") if name == "main" else (REVOKE, "revoke")
            environ = action.environment(executable, self.arranged.inputs)
            if name == "post":  # whose files are in the folder of the first ones
                files = {file: job / MINT / f"{Path(environ[file]).name}_post" for file in _OF_RUNNER}
                for file in files.values():
                    file.touch()
                environ |= {file: str(path) for file, path in files.items()}
                return step(deed, environ, out, clock=self.arranged.clock, transport=wire)
            code = step(deed, environ, out, clock=self.arranged.clock, transport=wire)
            action.read(executable, code, out.getvalue())
            return code

        return call

    def _command_line(self, job: Path) -> Callable[[str, io.StringIO, Wire], int]:
        inputs = dict(self.arranged.inputs)
        if inputs.get("vault-auth-method", "jwt") == "jwt" and "policies" not in inputs:
            server = inputs.get("vault-addr") or inputs["nomad-addr"]
            inputs["id-token"] = self.arranged.lab.github.id_token(server).get_secret_value()
        ours = {f"NOMAD_MINT_{name.upper().replace('-', '_')}": value for name, value in inputs.items()}
        gitlab = {"GITLAB_CI": "true", "CI_JOB_ID": "1", "CI_PROJECT_DIR": str(job), ADD_MASK: "true"}
        environ = {"HOME": str(job), **ours, **(gitlab if self.platform == "gitlab" else {}), **self.environ}
        options = ["--state", str(job / "state"), *(["-v"] if self.verbose else [])]
        files = [word for name in _FILES for word in (f"--{name}", str(job / name))]

        def call(name: str, out: io.StringIO, wire: Wire) -> int:
            argv = ["mint", *options, *files] if name == "main" else ["revoke", *options]
            printed = io.StringIO()
            code = command(argv, environ, printed, out, clock=self.arranged.clock, transport=wire)
            # all that it prints to standard output is what is asked for, and nothing is
            assert not printed.getvalue()
            return code

        return call
