"""Real Nomads on loopback: a server alone, two regions, one that also runs jobs, and one that is away for a while."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx

import processes
from answers import within
from nomad_token.secret import SecretStr

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VERSIONS: Final = ("1.4.3", "1.6.3")
NEWEST: Final = VERSIONS[-1]
"""Of the last line that is free."""
_SOURCES: Final = Path(__file__).parent / "real"
WITHOUT_ACLS: Final = {"acl": {"enabled": False}}
LEADERLESS: Final = {"server": {"enabled": True, "bootstrap_expect": 2}}
"""It waits for a second server, which never comes."""
RUNS_JOBS: Final = {
    "client": {
        "enabled": True,
        # What asks for the metadata of a cloud waits for an answer, and nothing here needs a network of its own.
        "options": {
            "fingerprint.denylist": "env_aws,env_azure,env_digitalocean,env_gce,bridge,cni,consul,vault",
            "driver.allowlist": "raw_exec",
        },
        "network_interface": "lo",
    },
    "plugin": [{"raw_exec": [{"config": [{"enabled": True, "no_cgroups": True}]}]}],
}


JOB: Final = """\
job "hello" {
  group "hello" {
    update {
      min_healthy_time = "0s"
    }
    task "sleep" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["3600"]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
"""
"""What a deploy runs."""


@dataclass
class Nomad:
    """A Nomad: its region, its address, a token that may do everything there, and where its output goes."""

    region: str
    addr: str
    management_token: SecretStr
    log: Path
    serf: str
    """Where other regions join it."""
    binary: Path
    _config: Path
    _led: bool
    _ends: ExitStack = field(default_factory=ExitStack)

    def client(self, token: SecretStr | None = None) -> httpx.Client:
        """Return a client that may do everything, or what *token* may; an empty one is none."""
        secret = (self.management_token if token is None else token).get_secret_value()
        return httpx.Client(
            base_url=f"{self.addr}/v1/",
            headers={"Accept-Encoding": "identity", **({"X-Nomad-Token": secret} if secret else {})},
            verify=False,  # noqa: S501 - there is no TLS, and the authorities take time to load
            trust_env=False,
            timeout=processes.START_LIMIT,
        )

    def start(self) -> None:
        """Run it, from what it has on its disk, until it leads, or answers where it is to have no leader.

        Raises as `processes.wait_until` does.
        """
        with ExitStack() as until:
            command: list[str | Path] = [self.binary, "agent", f"-config={self._config}"]
            process = until.enter_context(processes.running(command, self.log.parent, self.log))
            processes.wait_until(self._leads, process, self.log)
            self._ends = until.pop_all()

    def stop(self) -> None:
        """End it; what it knows stays on its disk."""
        self._ends.close()

    def _leads(self) -> bool:
        with suppress(httpx.TransportError), self.client(SecretStr("")) as anyone:
            answer = anyone.get("status/leader")
            return not self._led or (answer.is_success and answer.text.strip('"\n') != "")
        return False

    def tokens(self) -> set[str]:
        """Return the accessors of all tokens."""
        with self.client() as manager:
            return {stub["AccessorID"] for stub in manager.get("acl/tokens").raise_for_status().json()}

    def takes(self, token: str) -> bool:
        """Ask it as the next step's `nomad acl token self` does."""
        with self.client(SecretStr(token)) as anyone:
            answer = anyone.get("acl/token/self")
        if answer.status_code not in {200, 403, 404}:
            raise RuntimeError(f"Nomad does not say: {answer.status_code} {answer.text}")
        return answer.status_code == 200

    def regions(self) -> list[str]:
        """Return the regions of its federation that it knows."""
        with self.client() as anyone:
            known: list[str] = anyone.get("regions").raise_for_status().json()
        return known

    def is_ready(self) -> bool:
        """Tell whether it has a node that takes jobs: that is up, and has found what can run them."""
        with self.client() as manager:
            nodes = manager.get("nodes").raise_for_status().json()
        return any(node["Status"] == "ready" and node["Drivers"].get("raw_exec", {}).get("Healthy") for node in nodes)

    def runs(self, job: str) -> bool:
        """Tell whether a task of *job* runs."""
        with self.client() as manager:
            allocations = manager.get(f"job/{job}/allocations").raise_for_status().json()
        return any(each["ClientStatus"] == "running" for each in allocations)

    def end_jobs(self) -> None:
        """Stop what runs there, which would outlive the agent."""
        with self.client() as manager:
            for job in manager.get("jobs", params={"namespace": "*"}).raise_for_status().json():
                manager.delete(f"job/{job['ID']}", params={"namespace": job["Namespace"]}).raise_for_status()
            ended = within(processes.START_LIMIT, lambda: not _running(manager))
        if not ended:
            raise RuntimeError(f"what ran at {self.addr} does not end")


def _running(manager: httpx.Client) -> list[str]:
    allocations = manager.get("allocations", params={"namespace": "*"}).raise_for_status().json()
    return [each["ID"] for each in allocations if each["ClientStatus"] in {"pending", "running", "unknown"}]


def build(version: str = NEWEST) -> Path:
    """Return Nomad's binary, its command line and its agent in one; raises as `processes.built` does."""
    line = version.rpartition(".")[0]
    return processes.built(f"nomad-{line}", _SOURCES / f"nomad-{line}", "github.com/hashicorp/nomad", with_c=True)


@contextmanager
def nomad(
    directory: Path,
    region: str = "global",
    config: Mapping[str, Any] | None = None,
    *,
    joins: Nomad | None = None,
    bootstrapped: bool = True,
    version: str = NEWEST,
) -> Iterator[Nomad]:
    """Run a Nomad of *version* until the block ends, its files below *directory*; build it first if need be.

    It is a server with ACLs that is *bootstrapped*, and runs no jobs, unless *config* has it otherwise.
    One that *joins* another is of a further region of that one's federation.

    Raises:
        Missing: there is no Go, or no C compiler, to build it with.
        RuntimeError: it can't be built, it ended, or was not ready within 120 s; the text ends with the last lines.
    """
    folder = directory / f"nomad-{region}-{uuid4()}"
    folder.mkdir()
    http, rpc, serf = processes.free_ports(3)
    whole: dict[str, Any] = {
        "region": region,
        "name": region,
        "data_dir": str(folder / "data"),
        "bind_addr": "127.0.0.1",
        "advertise": {"http": "127.0.0.1", "rpc": "127.0.0.1", "serf": "127.0.0.1"},
        "ports": {"http": http, "rpc": rpc, "serf": serf},
        "disable_update_check": True,
        "server": {"enabled": True, "bootstrap_expect": 1},
        "acl": {"enabled": True},
        **(config or {}),
    }
    if joins:
        home = {
            "authoritative_region": joins.region,
            "server_join": {"retry_join": [joins.serf], "retry_interval": "1s"},
        }
        whole["server"] = {**whole["server"], **home}
        whole["acl"] = {**whole["acl"], "replication_token": joins.management_token.get_secret_value()}
    led = whole["server"]["bootstrap_expect"] == 1
    (folder / "nomad.json").touch(0o600)
    (folder / "nomad.json").write_text(json.dumps(whole))
    running = Nomad(
        region=region,
        addr=f"http://127.0.0.1:{http}",
        management_token=joins.management_token if joins else SecretStr(str(uuid4())),
        log=folder / "nomad.log",
        serf=f"127.0.0.1:{serf}",
        binary=build(version),
        _config=folder / "nomad.json",
        _led=led,
    )
    try:
        running.start()
        if joins and not within(processes.START_LIMIT, lambda: region in joins.regions()):
            raise RuntimeError(f"{region} does not join the federation of {joins.region}")
        if bootstrapped and whole["acl"]["enabled"] and led and not joins:
            secret = {"BootstrapSecret": running.management_token.get_secret_value()}
            with running.client(SecretStr("")) as anyone:
                anyone.put("acl/bootstrap", json=secret).raise_for_status()
        try:
            yield running
        finally:
            if "client" in whole:
                running.end_jobs()
    finally:
        running.stop()
        _unmount(folder)


def _unmount(folder: Path) -> None:
    """Take away what Nomad mounts for a task, as root, and leaves when it ends."""
    mounts = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for mount in mounts:
        if mount.startswith(f"{folder}/"):
            subprocess.run(["umount", "--lazy", mount], check=True, timeout=10)  # noqa: S603, S607 - the machine's own


def command(nomad: Nomad, token: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Nomad's own command line with *token* at *nomad*."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(nomad.log.parent),
        "NOMAD_ADDR": nomad.addr,
        "NOMAD_TOKEN": token,
    }
    return subprocess.run(  # noqa: S603 - our own command
        [nomad.binary, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
