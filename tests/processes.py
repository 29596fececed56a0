"""Programs that a test needs on this machine: built of their sources once, run in the foreground, waited for."""

import fcntl
import hashlib
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

# Vault, or Nomad, and what it needs are compiled once a machine: 1300 packages, minutes on two cores.
BUILD_LIMIT: Final = 1800.0
START_LIMIT: Final = 120.0
_STOP_LIMIT: Final = 10.0
_NOT_GIVEN_AWAY: Final = range(20_000, 32_000)
_WORKERS: Final = 16
"""Ports: the system gives away those from 32768 on (ip(7), ip_local_port_range)."""


class Missing(Exception):
    """A real server can't be had on this machine; the text says which one, why, and what brings it."""


def built(name: str, module: Path, package: str, *, with_c: bool = False) -> Path:
    """Return a binary, from the user's cache directory where it has been built of these sources by this Go.

    Without the need for a C compiler, unless something in it is *with C*.

    Raises:
        Missing: there is no Go, or no C compiler where one is needed.
        RuntimeError: the build failed; the text ends with its last lines.
    """
    go = shutil.which("go")
    if go is None:
        raise Missing(f"No {name} here: Go builds it, and there is no `go` on the PATH; install Go 1.21 or newer")
    if with_c and shutil.which("gcc") is None:
        raise Missing(f"No {name} here: Go builds it with a C compiler, and there is no `gcc` on the PATH")
    sources = sorted(path for path in module.iterdir() if path.suffix in {".go", ".mod", ".sum"})
    version = subprocess.check_output([go, "version"], cwd=module)  # noqa: S603 - the machine's own Go
    key = hashlib.sha256(version + b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    binary = Path.home() / ".cache" / "nomad-token" / f"{name}-{key}"
    binary.parent.mkdir(parents=True, exist_ok=True)
    with (binary.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process builds, the others have it then
        if not binary.exists():
            with tempfile.TemporaryDirectory(dir=binary.parent) as directory:
                _build(go, module, package, Path(directory, name), with_c=with_c).replace(binary)
    return binary


def _build(go: str, module: Path, package: str, binary: Path, *, with_c: bool) -> Path:
    command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(binary), package]
    environment = {**os.environ, "CGO_ENABLED": "1" if with_c else "0"}
    ended = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=module,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_LIMIT,
        check=False,
    )
    if ended.returncode:
        last = "\n".join(ended.stdout.splitlines()[-15:])
        raise RuntimeError(f"{binary.name} can't be built ({ended.returncode}); the last lines:\n{last}")
    return binary


@contextmanager
def running(command: list[str | Path], directory: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run *command* until the block ends, its output added to *log*; its home is *directory*."""
    # A clean environment: these programs take addresses, tokens and proxies from it.
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(directory)}
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)  # noqa: S603 - our own command
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Wait until somebody listens on *port*; raises as `wait_until` does."""

    def listens() -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False

    wait_until(listens, process, log)


def wait_until(fact: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until *fact* is so.

    Raises:
        RuntimeError: the *process* ended, or it was not so within 120 s; the text ends with the last lines of *log*.
    """
    deadline = time.monotonic() + START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        if fact():
            return
        time.sleep(0.02)
    state = "gave no answer" if process.returncode is None else f"ended with {process.returncode}"
    last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise RuntimeError(f"{process.args!r} {state}; its last lines:\n{last}")


def free_ports(count: int) -> list[int]:
    """Return *count* loopback ports that were free a moment ago.

    None of those that the system gives away by itself: a lab that starts meanwhile would be given one of these.
    """
    held: list[socket.socket] = []
    # Each process of pytest-xdist has ports of its own: another one's may be free just now as well.
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in random.sample(_NOT_GIVEN_AWAY[worker % _WORKERS :: _WORKERS], 100):
        with suppress(OSError):
            held.append(socket.create_server(("127.0.0.1", port)))
        if len(held) == count:
            break
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    if len(ports) < count:
        raise RuntimeError("a hundred ports were tried, and too few of them are free")
    return ports
