"""A site whose servers are empty: the lab, an operator at a desk, and the folder with the file and its policies."""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx

from nomad_token.clock import Clock
from nomad_token.command_line import command
from nomad_token_lab import Lab
from through import Through

DEPLOYER: Final = """\
namespace "default" {
  capabilities = ["list-jobs", "read-job", "submit-job"]
}
"""
FILE: Final = """\
[[policy]]
name = "deployer"
rules = "deployer.hcl"

[[nomad-role]]
name = "ci"
policies = ["deployer"]

[[nomad-trust]]
name = "github"
platform = "github"
issuer = "{github}"
audience = ["{nomad}"]
max-token-ttl = "20m"

[[nomad-trust.rule]]
claims = {{ repository_id = "74123456", ref = "refs/heads/main", event_name = ["push", "workflow_dispatch"] }}
role = "ci"

[[engine]]
mount = "nomad"
ttl = "30m"
max-ttl = "1h"

[engine.access]
address = "{nomad}"

[[engine.role]]
name = "deployer"
policies = ["deployer"]

[[engine.role]]
name = "operator"
type = "management"

[[vault-trust]]
mount = "jwt-github"
platform = "github"
issuer = "{github}"

[[vault-trust.role]]
name = "deploy-app"
audience = ["{vault}"]
claims = {{ repository_id = "74123456", ref = "refs/heads/main", event_name = ["push", "workflow_dispatch"] }}
roles = ["nomad/deployer"]
"""


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Hasty:
    """A clock on which waiting takes no time, and is over all the same."""

    def __init__(self) -> None:
        """Begin now."""
        self._waited = 0.0

    def now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds, with those that were waited."""
        return time.monotonic() + self._waited

    def sleep(self, seconds: float) -> None:
        """Be done at once."""
        self._waited += seconds


@dataclass
class Site:
    """An operator, and what was printed last."""

    lab: Lab
    folder: Path
    environ: dict[str, str] = field(repr=False)
    clock: Clock = field(default_factory=Hasty)
    transport: Through | None = None
    out: str = ""
    err: str = ""

    @classmethod
    def of(cls, lab: Lab, folder: Path) -> "Site":
        """Return the site of an operator who has logged in to both servers, Vault being the lab's or a real one."""
        with lab.vault_client() as vault:
            token = vault.headers["X-Vault-Token"]
        environ = {
            "HOME": str(folder),
            "VAULT_ADDR": lab.audience,
            "VAULT_TOKEN": token,
            "NOMAD_ADDR": lab.nomad.addr,
            "NOMAD_TOKEN": lab.management_token.get_secret_value(),
        }
        return cls(lab, folder, environ)

    def write(self, text: str, **files: str) -> None:
        """Write the file, and others beside it by the first word of their names."""
        places = {"github": self.lab.github.addr, "nomad": self.lab.nomad.addr, "vault": self.lab.audience}
        (self.folder / "nomad-token.toml").write_text(text.format(**places))
        for name, content in {"deployer": DEPLOYER, **files}.items():
            (self.folder / f"{name}.hcl").write_text(content)

    def edit(self, before: str, after: str) -> None:
        """Put *after* in the place of *before* in the file."""
        path = self.folder / "nomad-token.toml"
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after, 1))

    def __call__(self, *argv: str, terminal: bool = False, environ: Mapping[str, str] | None = None) -> int:
        """Run a command, and return its exit code; no secret of the servers' is printed."""
        out, err = Terminal() if terminal else io.StringIO(), io.StringIO()
        more = ("--file", str(self.folder / "nomad-token.toml")) if argv[0] == "setup" else ()
        code = command(
            [*argv, *more], self.environ | dict(environ or {}), out, err, clock=self.clock, transport=self.transport
        )
        self.out, self.err = out.getvalue(), err.getvalue()
        for token in self.lab.nomad.tokens.values():
            assert token.secret not in self.out + self.err
        for name in ("VAULT_TOKEN", "NOMAD_TOKEN"):
            assert not self.environ.get(name) or self.environ[name] not in self.out + self.err
        return code

    def apply(self, *more: str) -> int:
        """Apply the file, without being asked."""
        return self("setup", "apply", "--yes", *more, terminal=True)

    def access_tokens(self) -> list[str]:
        """Return the accessors of the tokens that were made for Vault, and live."""
        named = [each for each in self.lab.nomad.live_tokens() if each.name.startswith("nomad-token setup:")]
        return sorted(each.accessor for each in named)

    def minted(self) -> list[str]:
        """Return the names of the tokens that Vault minted, and that live."""
        return sorted(each.name for each in self.lab.nomad.live_tokens() if each.name.startswith("vault-"))

    def state(self) -> dict[str, Any]:
        """Return all that an operator can read of both servers: what has an id has it by its name here."""
        with self.lab.vault_client() as vault, self.lab.nomad_client() as nomad:
            return {**_of_vault(vault), **_of_nomad(nomad)}


def _of_vault(vault: httpx.Client) -> dict[str, Any]:
    def read(path: str) -> Any:  # noqa: ANN401 - what there is
        answer = vault.get(f"/v1/{path}")
        return answer.json()["data"] if answer.status_code == 200 else None

    found: dict[str, Any] = {}
    for table, below in (("sys/mounts", ""), ("sys/auth", "auth/")):
        for mount, about in read(table).items():
            found[below + mount] = {name: about[name] for name in ("type", "description")}
            paths = {"nomad": ["config/access", "config/lease"], "jwt": ["config"]}.get(about["type"], [])
            roles = read(f"{below}{mount}role?list=true") if paths else None
            paths += [f"role/{name}" for name in (roles or {"keys": []})["keys"]]
            found |= {below + mount + path: read(below + mount + path) for path in paths}
    for name in read("sys/policies/acl?list=true")["keys"]:
        found[f"policy {name}"] = read(f"sys/policies/acl/{name}")
    return found


_COUNTED: Final = frozenset({"ID", "Hash", "CreateIndex", "ModifyIndex", "CreateTime", "ModifyTime"})


def _of_nomad(nomad: httpx.Client) -> dict[str, Any]:
    def read(path: str) -> Any:  # noqa: ANN401
        answer = nomad.get(f"/v1/acl/{path}")
        return answer.json() if answer.status_code == 200 else []

    def plain(body: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in body.items() if name not in _COUNTED}

    found = {f"nomad policy {one['Name']}": plain(read(f"policy/{one['Name']}")) for one in read("policies")}
    found |= {f"nomad role {one['Name']}": plain(one) for one in read("roles")}
    found |= {f"nomad method {one['Name']}": plain(read(f"auth-method/{one['Name']}")) for one in read("auth-methods")}
    rules = [plain(read(f"binding-rule/{one['ID']}")) for one in read("binding-rules")]
    return found | {"nomad rules": sorted(rules, key=str)}
