"""The command of `run`, as real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nomad_token.child import Child

PATH = {"PATH": "/usr/bin:/bin"}
# A session of its own has no terminal, whatever the tests run at.
_STARTED = """
import os, signal, sys, time
os.setsid()
from nomad_token.child import Child
def said(path):
    end = time.monotonic() + 10
    while not (os.path.exists(path) and os.path.getsize(path)) and time.monotonic() < end:
        time.sleep(0.01)
"""


def script(body: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run *body*, which has a `Child` to make, in a process of its own."""
    command = [sys.executable, "-c", _STARTED + body, *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603


def started(*words: str, **environ: str) -> Child:
    """Start a command."""
    child = Child(words, PATH | environ)
    child.start()
    return child


@pytest.mark.parametrize("code", [0, 1, 2, 6, 75, 124, 125, 126, 127, 128, 129, 143, 254, 255])
def test_code(code: int) -> None:
    """The exit code is the command's own."""
    assert started("sh", "-c", f"exit {code}").wait(10) == code


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT, signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_code_of_a_signal(number: signal.Signals) -> None:
    """A command that a signal ended has the code that a shell gives it."""
    assert started("sh", "-c", f"kill -{int(number)} $$").wait(10) == 128 + number


def test_still_running() -> None:
    """One that still runs has no code yet."""
    child = started("sleep", "30")

    assert child.wait(0) is None
    assert child.wait(0.05) is None
    child.send(signal.SIGTERM)
    assert child.wait(10) == 143


def test_environment(tmp_path: Path) -> None:
    """It has the environment that it was given, and no other."""
    child = started("sh", "-c", f"/usr/bin/env >{tmp_path}/env", NOMAD_TOKEN="5ec7e7", ODD="a b\nc=d")

    assert child.wait(10) == 0
    assert (tmp_path / "env").read_text().replace("PWD", "").count("NOMAD_TOKEN=5ec7e7\n") == 1
    assert "ODD=a b\nc=d\n" in (tmp_path / "env").read_text()
    assert "HOME=" not in (tmp_path / "env").read_text()


@pytest.mark.skipif(os.name == "nt", reason="Windows hands no descriptors on")
def test_descriptors(tmp_path: Path) -> None:
    """What the shell has opened for it, as in <(…), it can read; what we have opened it can't."""
    given, ours = tmp_path / "given", tmp_path / "ours"
    given.write_text("hello")
    with given.open() as theirs, ours.open("w") as kept:
        os.set_inheritable(theirs.fileno(), True)  # noqa: FBT003 - its one parameter
        read = f"cat /dev/fd/{theirs.fileno()} >{tmp_path}/read; test ! -e /dev/fd/{kept.fileno()}"

        assert started("sh", "-c", read).wait(10) == 0
    assert (tmp_path / "read").read_text() == "hello"


def test_path_is_its_own(tmp_path: Path) -> None:
    """It is looked for in the path that it is given."""
    command = tmp_path / "only-here"
    command.write_text("#!/bin/sh\nexit 3\n")
    command.chmod(0o755)

    assert started("only-here", PATH=f"{tmp_path}:/bin").wait(10) == 3


@pytest.mark.parametrize("content", [b"\x00 no program", b"#!/no/such/interpreter\n"])
def test_what_can_not_be_started(tmp_path: Path, content: bytes) -> None:
    """What the system does not run raises."""
    path = tmp_path / "broken"
    path.write_bytes(content)
    path.chmod(0o755)

    with pytest.raises(OSError, match=r"error|No such file"):
        started(str(path))


def test_signal_before_the_start() -> None:
    """A signal that comes too early is passed on at the start."""
    child = Child(["sleep", "30"], PATH)
    child.send(signal.SIGTERM)

    assert child.wait(0) is None
    child.start()
    assert child.wait(10) == 143


def test_signal_after_the_end() -> None:
    """A signal that comes too late goes nowhere: the number may be another process's by then."""
    child = started("true")

    assert child.wait(10) == 0
    child.send(signal.SIGTERM)
    assert child.wait(0) == 0


def test_signal_reaches_all_that_it_started(tmp_path: Path) -> None:
    """Without a terminal a signal reaches what it has started as well."""
    ended = script(
        """
child = Child(["sh", "-c", f"sh -c 'trap \\"echo term >{sys.argv[1]}\\" TERM; echo up >{sys.argv[2]}; sleep 9' & wait"],
              os.environ)
child.start()
said(sys.argv[2])
child.send(signal.SIGTERM)
print(child.wait(10))
said(sys.argv[1])
""",
        str(tmp_path / "term"),
        str(tmp_path / "up"),
    )

    assert ended.stdout == "143\n"
    assert (tmp_path / "term").read_text() == "term\n"


def test_no_terminal_no_keys() -> None:
    """Without a terminal no signal comes from its keys."""
    ended = script(
        """
child = Child(["sleep", "9"], os.environ)
child.start()
print(child.hears(signal.SIGINT), os.getpgid(child._process.pid) != os.getpgrp())
child.send(signal.SIGKILL)
"""
    )

    assert (ended.stdout, ended.stderr) == ("False True\n", "")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become somebody else")
def test_command_of_somebody_else() -> None:
    """A command that runs as another user, as under sudo, can't be sent a signal, and nothing else is wrong."""
    ended = script(
        """
child = Child(["sleep", "1"], os.environ)
child.start()
os.setuid(65534)
child.send(signal.SIGTERM)
print(child.wait(10), flush=True)
os._exit(0)  # what measures coverage could not write as that user
"""
    )

    assert (ended.stdout, ended.stderr) == ("0\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has a signal for the death of a parent")
def test_dies_with_us(tmp_path: Path) -> None:
    """When we are killed, the command is sent SIGTERM."""
    script(
        """
child = Child(["sh", "-c", f"trap 'echo term >{sys.argv[1]}; exit' TERM; echo up >{sys.argv[2]}; sleep 9 & wait"],
              os.environ)
child.start()
said(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
""",
        str(tmp_path / "term"),
        str(tmp_path / "up"),
    )
    end = time.monotonic() + 10
    while not (tmp_path / "term").exists() and time.monotonic() < end:
        time.sleep(0.01)

    assert (tmp_path / "term").exists()
