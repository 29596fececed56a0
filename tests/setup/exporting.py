"""An operator's desk with a file that wants something of every kind, on a lab that is empty."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nomad_token.command_line import command
from nomad_token.setup import shipped
from nomad_token_lab import Lab

FILE: Final = """\
[[policy]]
name = "deploy"
rules = "deploy.policy.hcl"

[[policy]]
name = "look"
rules = "it's $(a) `test`.hcl"
description = "it's \\"fine\\" $HOME ${{x}} %{{y}}"

[[nomad-role]]
name = "deployer"
policies = ["deploy", "look"]

[[engine]]
mount = "teams/nomad"
plugin = "{plugin}"
[engine.access]
address = "{nomad}"
[[engine.role]]
name = "deployer"
policies = ["deploy", "look"]
[[engine.role]]
name = "operator"
type = "management"
global = true

[[vault-trust]]
platform = "github"
issuer = "{issuer}"
mount = "jwt-github"
[[vault-trust.role]]
name = "deploy-app"
audience = ["{vault}"]
claims = {{ repository_id = "123", ref = "refs/heads/it's-*", event_name = ["push", "workflow_dispatch"] }}
roles = ["teams/nomad/deployer", "teams/nomad/operator"]

[[nomad-trust]]
platform = "github"
issuer = "{issuer}"
name = "github"
audience = ["{nomad}", "it's"]
[[nomad-trust.rule]]
claims = {{ repository_id = "123", ref = "refs/heads/it's-*", event_name = ["push", "schedule"] }}
role = "deployer"
[[nomad-trust.rule]]
claims = {{ repository_id = "123", environment = "look" }}
policy = "look"
[[nomad-trust.rule]]
claims = {{ repository_id = "123", environment = "all" }}
management = true
"""
NASTY: Final = """\
/* 'single' "double" `back` $(touch pwned) ${HOME} %{ if true } \\n \\\\
HCL
EOT
HCL_2
*/
namespace "*" {
  policy = "read"
}"""
"""Rules with all that ends a quoting, and no line break at their end."""


@dataclass
class Desk:
    """Who exports, plans and carries out, in a folder; and what was printed last."""

    lab: Lab
    folder: Path
    vault_addr: str
    out: str = ""
    err: str = ""

    def write(self, text: str = FILE, plugin: str = "nomad") -> Path:
        """Write the file, and those that it names."""
        places = {"nomad": self.lab.nomad.addr, "issuer": self.lab.github.addr, "vault": self.vault_addr}
        path = self.folder / "nomad-token.toml"
        path.write_text(text.format(**places, plugin=plugin))
        (self.folder / "deploy.policy.hcl").write_text(f"{NASTY}\n{shipped.rules('deploy')}")
        (self.folder / "it's $(a) `test`.hcl").write_text(NASTY)
        return path

    @property
    def environ(self) -> dict[str, str]:
        """Return what a shell of the operator's has."""
        return {
            "VAULT_ADDR": self.vault_addr,
            "VAULT_TOKEN": self.vault_token,
            "NOMAD_ADDR": self.lab.nomad.addr,
            "NOMAD_TOKEN": self.lab.management_token.get_secret_value(),
        }

    @property
    def vault_token(self) -> str:
        """Return the operator's token of Vault."""
        with self.lab.vault_client() as vault:
            return vault.headers["X-Vault-Token"]

    def __call__(self, *argv: str, **environ: str) -> int:
        """Run a part of `nomad-token setup`, and return its exit code."""
        out, err = io.StringIO(), io.StringIO()
        code = command(["setup", *argv], {"HOME": str(self.folder), **self.environ, **environ}, out, err)
        self.out, self.err = out.getvalue(), err.getvalue()
        return code

    def export(self, form: str, *argv: str) -> str:
        """Return what is exported."""
        assert self("export", "--format", form, "--file", str(self.folder / "nomad-token.toml"), *argv) == 0, self.err
        return self.out

    def plan(self) -> dict[str, Any]:
        """Return the plan."""
        assert self("plan", "--json", "--file", str(self.folder / "nomad-token.toml")) == 0, self.err
        planned: dict[str, Any] = json.loads(self.out)
        return planned
