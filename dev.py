"""The one door for people: `python3 dev.py demo`, `test`, `lint`, `ci` and the rest, with Python alone."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT: Final = Path(__file__).resolve().parent
VENV: Final = ROOT / ".venv"
BIN: Final = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON: Final = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP: Final = VENV / "installed"
# Read by Go's module proxy; the package of the same name on PyPI downloads its binary from elsewhere.
ACTIONLINT: Final = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"

# A version that is newer is not taken by an upgrade: those that were published by a thief are found out in days.
COOLING: Final = ("--exclude-newer", "14 days")

# What is installed for a command, and which sets hold all of it.
SETS: Final = {
    "lab": ("lab", "test", "dev", "mutants"),
    "test": ("test", "dev", "mutants"),
    "release": ("release", "dev", "mutants"),
    "dev": ("dev", "mutants"),
    "mutants": ("mutants",),
}
_DEV: Final = [
    *("--extra", "lab"),
    *(word for group in ("test", "lint", "servers", "lock", "release") for word in ("--group", group)),
]
LOCKS: Final = {
    "dev": _DEV,
    "mutants": [*_DEV, "--group", "mutants"],
    "test": ["--extra", "lab", "--group", "test", "--group", "release"],
    "lab": ["--extra", "lab"],
    "release": ["--group", "release", "--group", "lock"],
    "image": [],
}


@dataclass(frozen=True)
class Suite:
    """A folder of tests that is not run by default, why, and what keeps it from running here (or nothing)."""

    why_not: str
    missing: Callable[[], str]
    spread: str = "tests"
    """What its processes share out among them: `tests`, or `files` where those of a file have a server in common;
    `nothing` where they have ports, names or minutes to share, and run one after the other."""


def docker_is_missing() -> str:
    """Say why there is no Docker Engine here, or nothing."""
    if not shutil.which("docker"):
        return "no Docker here"
    return "" if quiet("docker", "info") else "no Docker Engine answers here"


def go_is_missing() -> str:
    """Say why Go can't build the servers here, or nothing."""
    if not shutil.which("go"):
        return "no Go here, which builds the servers"
    return "" if shutil.which("gcc") else "no C compiler (gcc) here, which Go needs to build Nomad"


def pipelines_are_missing() -> str:
    """Say what gitlab-ci-local needs and is not here, or nothing."""
    absent = [name for name in ("node", "npm", "rsync") if not shutil.which(name)]
    if absent:
        return f"no {' and no '.join(absent)} here"
    recent = "process.exit(process.versions.node.split('.')[0] < 20 ? 1 : 0)"
    return "" if quiet("node", "-e", recent) else "Node.js here is older than 20"


APART: Final = {
    "conformance": Suite("asks real servers too, built at the first run, which takes minutes", go_is_missing, "files"),
    "container": Suite("builds an image and runs containers", docker_is_missing, "nothing"),
    "faults": Suite("tries each fault at each request, which takes minutes", lambda: ""),
    "fleet": Suite("starts a hundred processes at once", lambda: "", "nothing"),
    "hostile": Suite("tries thousands of hostile answers, a minute's work", lambda: ""),
    "gitlab": Suite("runs whole pipelines in gitlab-ci-local, from npm", pipelines_are_missing),
    "signals": Suite("strikes each line with a signal, which takes minutes", lambda: ""),
    "real": Suite(
        "runs jobs on real servers, which takes minutes",
        lambda: go_is_missing() or docker_is_missing() or pipelines_are_missing(),
        "files",
    ),
}


# What starts a process for each step: measured, it takes twice its time, for lines that others run too.
PROCESSES: Final = frozenset({"scenarios"})
# Those of a folder are alike, long or short: who is done takes from who is not. And many wait, so one more can work.
_STEALING: Final = ("--dist", "worksteal")
SPREADS: Final = {
    "": ("-n", "auto", *_STEALING),
    "tests": ("-n", str((os.cpu_count() or 1) + 1), *_STEALING),
    "files": ("-n", "auto", "--dist", "loadfile"),
    "nothing": (),
}


def main() -> int:
    """Run the command that was given, and return the exit code."""
    commands: dict[str, tuple[str, Callable[[list[str]], int]]] = {
        "demo": ("walk through the main job on the lab", demo),
        "test": ("run the tests: [--all | SUITE | PATH ...] [what pytest takes]", test),
        "servers": ("build the real servers that the tests run on: takes minutes, once", servers),
        "lint": ("check style, types, dead code and workflows", lint),
        "generate": ("write action.yml, the pages' tables and GitLab's templates from the declarations", generate),
        "lock": ("pin every package anew: [what uv pip compile takes, such as --upgrade]", lock),
        "executable": ("build it: [FOLDER]", lambda rest: run(sys.executable, "executable/build.py", *rest)),
        "release": ("rehearse one, into dist/: [--dry-run]; or a part of it, for its workflow: [--help]", release),
        "fleet": ("run hundreds of jobs at once against one lab: [--help]", fleet),
        "bench": ("time the steps, and what people use in their place, into docs/performance.*: [--help]", bench),
        "picture": ("draw what the demo prints, as docs/demo.svg", picture),
        "mutants": ("change the code, and see that a test notices: takes minutes", mutants),
        "ci": ("lint and every suite; what can't run here is a failure", ci),
    }
    parser = argparse.ArgumentParser(
        prog="dev.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="commands:\n" + "\n".join(f"  {name:<11}{about}" for name, (about, _) in commands.items()),
    )
    parser.add_argument("command", choices=commands, metavar="COMMAND", help="one of those below")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="...", help="what the command takes")
    given = parser.parse_args()
    return commands[given.command][1](given.rest)


def demo(rest: list[str]) -> int:
    """Walk through the main job on the lab."""
    install("lab")
    return run(BIN / "nomad-token", "demo", *rest)


def test(rest: list[str]) -> int:
    """Run what is asked for: suites, paths, or the fast suites; say which were not run and why."""
    if "--all" in rest:
        return run_tests(all_suites(), [word for word in rest if word != "--all"])
    suites = all_suites()
    asked = [word for word in rest if suite_of(word) in suites]
    options = [word for word in rest if word not in asked]
    return run_tests(asked or [suite for suite in suites if suite not in APART], options)


def run_tests(asked: list[str], options: Sequence[str], runner: Sequence[str] = ("-m", "pytest")) -> int:
    """Run *asked*, on all processors where that can be; a suite that can't run here is a failure."""
    unable = {
        word: reason for word in asked if (suite := suite_of(word)) in APART and (reason := APART[suite].missing())
    }
    install("dev" if any(suite_of(word) in APART for word in asked) else "test")
    able = [word if word.startswith("tests/") else f"tests/{word}" for word in asked if word not in unable]
    code = 0
    for how, words in SPREADS.items():
        paths = [path for path in able if _spread(path) == how]
        # What is apart is not measured: that doubles its time, and what it runs is most often a process elsewhere.
        code = (run(PYTHON, *(("-m", "pytest") if how else runner), *words, *options, *paths) if paths else 0) or code
    for suite in all_suites():
        if suite not in map(suite_of, asked):
            reason = (APART[suite].missing() or APART[suite].why_not) if suite in APART else "not asked for"
            say(f"not run: {suite} ({reason}; python3 dev.py test {suite})")
    for word, reason in unable.items():
        say(f"FAILED: {word} can't run ({reason})")
    return code or int(bool(unable))


def _spread(path: str) -> str:
    """Say how a suite is shared out; empty for those that run by default, and are measured."""
    suite = suite_of(path)
    return APART[suite].spread if suite in APART else "tests" if suite in PROCESSES else ""


def all_suites() -> list[str]:
    """List the folders below tests/ that hold tests."""
    tests = ROOT / "tests"
    return sorted({path.relative_to(tests).parts[0] for path in tests.glob("*/**/test_*.py")})


def suite_of(word: str) -> str:
    """Return the suite that *word* names, as `SUITE` or as a path `tests/SUITE/...`."""
    return word.removeprefix("tests/").partition("/")[0]


def lint(rest: list[str]) -> int:
    """Run every check, and fail at the end when one did; one that can't run here fails too with `--all`."""
    install("dev")
    workflows = [str(path.relative_to(ROOT)) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    # It knows `!reference`.
    gitlab_s = ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]
    checks: list[list[str | Path]] = [
        [BIN / "ruff", "check"],
        [BIN / "ruff", "format", "--check"],
        [BIN / "mypy", "--no-error-summary"],
        [BIN / "vulture"],
        [BIN / "zizmor", "--offline", "--quiet", "--pedantic", ".github", "action.yml"],
        [BIN / "hadolint", "Dockerfile"],
        [BIN / "shellcheck", ".ci/run"],
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", "action.yml"],
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows],
        [BIN / "check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml"],
        [BIN / "check-jsonschema", *gitlab_s, ".gitlab-ci.yml"],
    ]
    if shutil.which("go"):
        # actionlint looks for the entry points here; they are in the image.
        image_s = ["-ignore", 'file "/opt/nomad-token/bin/[a-z-]+" does not exist']
        checks.append(["go", "run", ACTIONLINT, "-shellcheck", BIN / "shellcheck", *image_s, *workflows])
    failed = [" ".join([Path(check[0]).name, *map(str, check[1:2])]) for check in checks if run(*check)]
    if not shutil.which("go"):
        say("not run: actionlint (no Go here)")
        failed += ["actionlint"] if "--all" in rest else []
    say(f"FAILED: {', '.join(failed)}" if failed else "every check passed")
    return int(bool(failed))


def generate(_rest: list[str]) -> int:
    """Write the pages that list inputs and outputs from their declarations."""
    install("lab")
    return run(PYTHON, "-m", "nomad_token.pages")


def bench(rest: list[str]) -> int:
    """Time the two steps, and others."""
    install("dev")
    return _with_tests("bench/performance.py", *rest)


def picture(_rest: list[str]) -> int:
    """Draw the demo."""
    install("lab")
    return run(PYTHON, "bench/picture.py")


def release(rest: list[str]) -> int:
    """Rehearse a release, or make a part of one."""
    install("release")
    return run(PYTHON, "-m", "release", *rest)


def fleet(rest: list[str]) -> int:
    """Run many jobs at once."""
    install("test")
    return _with_tests("bench/fleet.py", *rest)


def servers(_rest: list[str]) -> int:
    """Build the real servers that `conformance` and `real` run on, once for this user."""
    install("test")
    return run(PYTHON, "tests/build_servers.py")


def _with_tests(script: str, *rest: str) -> int:
    """Run a script of `bench/` that uses what the suites do; -P, since one of those has its name."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tests"), str(ROOT)])
    return run(PYTHON, "-P", script, *rest)


def mutants(rest: list[str]) -> int:
    """Run the mutation tests, and write their figures into tests/mutants.md."""
    install("mutants")
    return run(PYTHON, "bench/mutants.py", *rest)


def lock(rest: list[str]) -> int:
    """Write `requirements/`: each set pinned by hash, with the build backend that installs the project itself."""
    install("dev")
    backend: list[str] = _project()["build-system"]["requires"]
    # hatchling makes an editable install with `editables`.
    if any(word.startswith(("--upgrade", "-U")) for word in rest):
        rest = [*COOLING, *rest]
    code = _compile("build", backend, ["-"], rest)
    for name, wants in LOCKS.items():
        also = [] if name == "image" else [*backend, "editables"]
        same = [] if name == "dev" else ["--constraints", "requirements/dev.txt"]
        code = code or _compile(name, also, ["pyproject.toml", "-", *wants, *same], rest)
    return code


def _compile(name: str, also: list[str], words: list[str], rest: list[str]) -> int:
    command: list[str | Path] = [BIN / "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    naming = ["--generate-hashes", "--no-annotate", "--custom-compile-command", "python3 dev.py lock"]
    written = ["--output-file", f"requirements/{name}.txt"]
    return run(*command, *naming, *written, *words, *rest, given="\n".join(also))


def ci(_rest: list[str]) -> int:
    """Lint, run every suite under coverage, and fail when anything did, or could not run."""
    os.environ.setdefault("CI", "true")  # Hypothesis then draws the same examples each time: luck is for a desk
    linted = lint(["--all"])
    # Not beside the tests, some of which have to be in time for something.
    built = servers([])
    run(PYTHON, "-m", "coverage", "erase")
    tested = run_tests(all_suites(), [], runner=["-m", "coverage", "run", "-m", "pytest"])
    combined = run(PYTHON, "-m", "coverage", "combine", "--quiet")
    for torn in ROOT.glob(".coverage.*"):  # of processes that a test killed as they wrote it
        torn.unlink()
    covered = combined or run(PYTHON, "-m", "coverage", "report")
    core = combined or run(PYTHON, "-m", "coverage", "report", "--fail-under=100", f"--include={','.join(_core())}")
    results = {"lint": linted, "servers": built, "tests": tested, "coverage": covered, "coverage of the core": core}
    for name, code in results.items():
        say(f"{name}: {'FAILED' if code else 'passed'}")
    return int(any(results.values()))


def _core() -> list[str]:
    """Name what mints, keeps and undoes: the tests that are measured go down every branch of it."""
    mutated: list[str] = _project()["tool"]["mutmut"]["only_mutate"]
    return mutated


def _project() -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - older Pythons lack it, and get a better answer from the last lines here

    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def install(wanted: str) -> None:
    """Make `.venv` hold what the lock files name for the set *wanted*, the project itself included."""
    stamps = {name: _stamp(name) for name in SETS[wanted]}
    if STAMP.is_file() and STAMP.read_text("utf-8") in stamps.values():
        return
    say(f"installing into {VENV.relative_to(ROOT)} (requirements/{wanted}.txt)")
    STAMP.unlink(missing_ok=True)
    if not PYTHON.exists() or not quiet(PYTHON, "-c", f"import pip, sys; assert sys.version_info[:2] == {_python()}"):
        venv.create(VENV, with_pip=True, clear=True)
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # --no-deps: actions-toolkit names packages that pyproject.toml overrides away.
    must(*pip, "--require-hashes", "--requirement", f"requirements/{wanted}.txt")
    must(*pip, "--no-build-isolation", "--editable", ".")
    STAMP.write_text(stamps[wanted], "utf-8")


def _stamp(name: str) -> str:
    texts = [(ROOT / "requirements" / f"{name}.txt").read_bytes(), (ROOT / "pyproject.toml").read_bytes()]
    return f"{name} {hashlib.sha256(b''.join(texts)).hexdigest()} {_python()}"


def _python() -> tuple[int, int]:
    return sys.version_info[:2]


def run(*command: str | Path, given: str | None = None) -> int:
    """Run *command* in the project's folder, show it, and return its exit code."""
    words = [str(word) for word in command]
    say("$ " + " ".join([Path(words[0]).name, *words[1:]]))
    return subprocess.run(words, cwd=ROOT, input=given, text=True, check=False).returncode  # noqa: S603 - our own


def must(*command: str | Path) -> None:
    """Run *command*, and end with its exit code where it fails."""
    if code := subprocess.run([str(word) for word in command], cwd=ROOT, check=False).returncode:  # noqa: S603 - our own
        raise SystemExit(code)


def quiet(*command: str | Path) -> bool:
    """Tell whether *command* succeeds, and show nothing of it."""
    done = subprocess.run([str(word) for word in command], cwd=ROOT, capture_output=True, check=False)  # noqa: S603 - our own
    return done.returncode == 0


def say(line: str) -> None:
    """Print a line before anything that a command prints after it."""
    print(line, flush=True)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells so
        raise SystemExit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]} ({sys.executable})")
    raise SystemExit(main())
