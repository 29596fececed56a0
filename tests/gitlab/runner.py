"""What gitlab-runner does with a job: its shell programs, signals, variables, masks and reports.

As in gitlab-runner 19.4, `shells/bash.go`, `shells/abstract.go` and `common/build.go`.
"""

import contextlib
import itertools
import os
import re
import secrets
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gitlab import dotenv
from gitlab.template import Jobs, commands

MASKED: Final = "[MASKED]"
_STAGES: Final = (".pre", "build", "test", "deploy", ".post")
_REFERENCE: Final = re.compile(r"\$(?:(\w+)|\{(\w+)\})")
_GRACE: Final = 30.0
"""Seconds from SIGTERM to SIGKILL."""
_LIMIT: Final = 120.0
"""Seconds that nothing here may take."""
_CONDITION: Final = re.compile(r'"([^"]*)" == "([^"]*)"')


@dataclass(frozen=True)
class Shell:
    """A shell that the image of a job holds, and the folders of its programs."""

    command: tuple[str, ...]
    path: str


@dataclass
class Ran:
    """How a job went."""

    name: str
    status: str
    code: int = 0
    """What its script returned, or the after_script that failed it."""
    log: str = field(default="", repr=False)
    """What its page shows."""
    argv: frozenset[str] = field(default_factory=frozenset, repr=False)
    """Each command line that was seen among its processes."""
    reported: dict[str, str] = field(default_factory=dict, repr=False)
    attempts: int = 1
    after: int | None = None
    """What its after_script returned, None where none was run."""


class Stop:
    """What ends a script from outside: `canceled`, `timedout` or `killed`, once *when* is so."""

    def __init__(self, how: str, when: Callable[[], bool]) -> None:
        """Be ready."""
        self.how = how
        self.when = when


class Runner:
    """A runner with a shell executor, and a project below a folder."""

    def __init__(
        self,
        folder: Path,
        shell: Shell,
        id_token: Callable[[str], str],
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Work in *folder*; *id_token* makes one for an audience; *variables* are the project's."""
        self.project = folder / "builds" / "group" / "project"
        self.temporary = self.project.with_name("project.tmp")
        self.project.mkdir(parents=True)
        self._home = folder / "home"
        self._home.mkdir()
        self._shell = shell
        self._id_token = id_token
        self._project_variables = dict(variables or {})
        self._ids = itertools.count(4711)

    def pipeline(self, jobs: Jobs, stops: Mapping[str, Stop] | None = None) -> dict[str, Ran]:
        """Run the jobs that are no templates, stage by stage; a canceled job cancels what has not begun."""
        ran: dict[str, Ran] = {}
        before: dict[str, str] = {name: job.get("stage", "test") for name, job in jobs.items()}
        for stage, (name, job) in itertools.product(_STAGES, jobs.items()):
            if name.startswith(".") or before[name] != stage:
                continue
            when = _when(job)
            if when == "never":
                continue
            earlier = [one for one in ran if _STAGES.index(before[one]) < _STAGES.index(stage)]
            if any(one.status == "canceled" for one in ran.values()):
                ran[name] = Ran(name, "canceled")
            elif when == "on_success" and any(ran[one].status != "success" for one in earlier):
                ran[name] = Ran(name, "skipped")
            else:
                wanted = job.get("dependencies", earlier)
                handed = {key: value for one in earlier if one in wanted for key, value in ran[one].reported.items()}
                ran[name] = self.job(name, job, handed, (stops or {}).get(name))
        return ran

    def job(
        self, name: str, job: Mapping[str, Any], handed: Mapping[str, str] | None = None, stop: Stop | None = None
    ) -> Ran:
        """Run one job, again where `retry` says so; *handed* are the variables of the reports it depends on."""
        retry = job.get("retry", 0)
        retry = {"max": retry} if isinstance(retry, int) else retry
        ran = self._once(name, job, handed or {}, stop)
        for attempt in range(2, retry["max"] + 2):
            if ran.status != "failed" or ran.code not in retry.get("exit_codes", [ran.code]):
                break
            ran = self._once(name, job, handed or {}, stop)
            ran.attempts = attempt
        return ran

    def _once(self, name: str, job: Mapping[str, Any], handed: Mapping[str, str], stop: Stop | None) -> Ran:
        number = next(self._ids)
        variables, masked = self._variables(name, number, job, handed)
        before_and_script = [*commands(job.get("before_script", [])), *commands(job["script"])]
        limit = _seconds(variables.get("RUNNER_SCRIPT_TIMEOUT", "")) or _LIMIT
        code, log, argv, how = self._run(before_and_script, variables, limit, stop)
        ran = Ran(name, how or ("failed" if code else "success"), code, argv=argv)
        if how != "killed" and "after_script" in job:
            status = "timedout" if how == "timedout" else ran.status
            more = {**variables, "CI_JOB_STATUS": status}
            ran.after, further, also, _ = self._run(commands(job["after_script"]), more, _LIMIT, None)
            log += further
            ran.argv |= also
            if ran.after and ran.status == "success" and variables.get("AFTER_SCRIPT_IGNORE_ERRORS") == "false":
                ran.status, ran.code = "failed", ran.after
            elif ran.after:
                log += "WARNING: after_script failed, but job will continue unaffected\n"
        if how in {"killed", "timedout"}:
            ran.status = "failed"
        report = job.get("artifacts", {}).get("reports", {}).get("dotenv")
        # Uploaded however the job ended.
        if report and how != "killed" and (file := self.project / report).is_file():
            try:
                ran.reported = dotenv.parsed(file.read_bytes())
            except dotenv.Refused as refused:
                log += f'ERROR: Uploading artifacts as "dotenv" to coordinator... 400 Bad Request: {refused}\n'
                ran.status = "failed"
        for value in sorted(masked, key=len, reverse=True):
            log = log.replace(value, MASKED)
        ran.log = log
        return ran

    def _variables(
        self, name: str, number: int, job: Mapping[str, Any], handed: Mapping[str, str]
    ) -> tuple[dict[str, str], list[str]]:
        """Return what the programs export, and of it what the log masks; a project's variables win over a report's."""
        token = f"glcbt-64_{secrets.token_urlsafe(15)}"
        predefined = {
            "CI": "true",
            "GITLAB_CI": "true",
            "CI_JOB_ID": str(number),
            "CI_JOB_TOKEN": token,
            "CI_JOB_NAME": name,
            "CI_PROJECT_ID": "22",
            "CI_PROJECT_DIR": str(self.project),
            "CI_COMMIT_REF_PROTECTED": "true",
            "CI_SERVER_URL": "https://gitlab.example.com",
            "GITLAB_ENV": str(self.temporary / "gitlab_runner_env"),
            "RUNNER_TEMP_PROJECT_DIR": str(self.temporary),
        }
        plain = predefined | job.get("variables", {}) | handed | self._project_variables
        whole = {key: _expanded(str(value), plain) for key, value in plain.items()}
        tokens = {key: self._id_token(_expanded(each["aud"], whole)) for key, each in job.get("id_tokens", {}).items()}
        return whole | tokens, [token, *tokens.values()]

    def _run(
        self, script: Sequence[str], variables: Mapping[str, str], limit: float, stop: Stop | None
    ) -> tuple[int, str, frozenset[str], str]:
        """Run a program; return its code, its log, the command lines seen, and how it was ended, if it was."""
        coverage = {key: value for key, value in os.environ.items() if key.startswith("COVERAGE")}
        environ = {"PATH": self._shell.path, "HOME": str(self._home), **coverage}
        process = subprocess.Popen(  # noqa: S603 - the shell under test
            self._shell.command,
            cwd=self._home,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        printed: list[bytes] = []
        program_text = program(script, variables, self.project, trace=variables.get("CI_DEBUG_TRACE") == "true")
        talk = threading.Thread(target=lambda: printed.append(process.communicate(program_text.encode())[0]))
        talk.start()
        seen: set[str] = set()
        how, began, ended = "", time.monotonic(), 0.0
        while talk.is_alive():
            seen.update(_command_lines(process.pid))
            now = time.monotonic()
            if not how and stop and stop.when():
                how = stop.how
            elif not how and now - began > limit:
                how = "timedout"
            if how and not ended:
                ended = now
                _signal(process.pid, signal.SIGKILL if how == "killed" else signal.SIGTERM)
            elif ended and now - ended > _GRACE:
                _signal(process.pid, signal.SIGKILL)
            talk.join(0.02)
        return process.returncode, printed[0].decode("utf-8", "replace"), frozenset(seen), how


def program(script: Sequence[str], variables: Mapping[str, str], project: Path, *, trace: bool) -> str:
    """Return the text that a shell is given on its standard input for *script*."""
    environment = shlex.quote(variables["GITLAB_ENV"])
    lines = [
        *(f"export {name}={shlex.quote(value)}" for name, value in variables.items()),
        f"mkdir -p {shlex.quote(variables['RUNNER_TEMP_PROJECT_DIR'])}",
        f"touch {environment}",
        f'while read -r line; do export "$line"; done < {environment}',
        f"cd {shlex.quote(str(project))}",
    ]
    for command in map(str.strip, script):
        first, _, more = command.partition("\n")
        echoed = f"$ {first}{' # collapsed multi-line command' if more else ''}"
        lines += ["echo " + shlex.quote(f"\033[32;1m{echoed}\033[0;m"), command]
    body = "\n".join(lines) + "\n"
    return "\n".join(
        [
            "trap exit 1 TERM",
            *(["set -o xtrace"] if trace else []),
            "if set -o | grep pipefail > /dev/null; then set -o pipefail; fi; set -o errexit",
            "set +o noclobber",
            # The runner's left side is `:` alone. Its trace may fall into that of the right side, which busybox writes
            # in pieces of 4,096 bytes: a value that is torn so is masked by nobody.
            f"{{ :; }} 2>/dev/null | eval {shlex.quote(body)}",
            "exit 0\n",
        ]
    )


def _when(job: Mapping[str, Any]) -> str:
    for rule in job.get("rules", [{"when": job.get("when", "on_success")}]):
        condition = _CONDITION.fullmatch(rule.get("if", '"" == ""'))
        assert condition, rule
        if condition[1] == condition[2]:
            return str(rule.get("when", "on_success"))
    return "never"


def _expanded(value: str, variables: Mapping[str, str]) -> str:
    return _REFERENCE.sub(lambda found: variables.get(found[1] or found[2], ""), value)


def _seconds(duration: str) -> float:
    found = re.fullmatch(r"(\d+)(s|m|)", duration)
    return float(found[1]) * (60 if found[2] == "m" else 1) if found and found[1] else 0.0


def _signal(group: int, signum: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signum)


def _command_lines(group: int) -> Iterator[str]:
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if entry.name.isdigit() and os.getpgid(int(entry.name)) == group:
                yield (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
