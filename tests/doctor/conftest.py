"""A chain on the lab, a job or an operator who asks what is wrong with it, and the table of what was found."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from nomad_token.command_line import command
from nomad_token_lab import Lab
from nomad_token_lab.nomad_trust import Made, NomadTrust, nomad_trust
from nomad_token_lab.vault.state import Dialect

LOOKS: Final = {
    ("vault", "/v1/sys/capabilities-self"),
    ("vault", "/v1/auth/token/revoke-self"),
    ("vault", "/v1/auth/jwt/login"),
    ("vault", "/v1/auth/approle/login"),
}
"""What is sent with POST and changes nothing but the login that the job has for a moment."""


@dataclass
class Ward:
    """A lab in which a deploy is trusted, and what was said of it last."""

    lab: Lab
    made: Made
    home: Path
    out: str = ""
    err: str = ""
    found: dict[str, dict[str, Any]] = field(default_factory=dict)

    def operator(self) -> dict[str, str]:
        """Return what an operator of both servers has in the environment."""
        return {
            "VAULT_TOKEN": self.lab.root_token.get_secret_value(),
            "NOMAD_TOKEN": self.lab.management_token.get_secret_value(),
        }

    def job(self) -> dict[str, str]:
        """Return what a job of GitHub's has."""
        return {"GITHUB_ACTIONS": "true", **self.lab.github.environ()}

    def ask(self, *argv: str, environ: dict[str, str] | None = None, as_json: bool = True) -> int:
        """Ask the doctor, and return the exit code; nothing is alive, and nothing secret said, afterwards."""
        out, err = io.StringIO(), io.StringIO()
        places = {"HOME": str(self.home), "VAULT_ADDR": self.lab.vault.addr, "NOMAD_ADDR": self.lab.nomad.addr}
        flags = ["--json"] if as_json else []
        code = command(["doctor", *argv, *flags], places | (environ or {}), out, err)
        self.out, self.err = out.getvalue(), err.getvalue()
        read = json.loads(self.out) if as_json and self.out else {"links": []}
        self.found = {link["name"]: link for link in read["links"]}
        self.lab.settle()
        for secret in (self.lab.root_token, self.lab.management_token, self.made.management_token):
            assert secret.get_secret_value() not in self.said()
        assert not self.lab.nomad.live_tokens()
        assert not self.lab.vault.live_leases()
        return code

    def said(self) -> str:
        """Return all that was printed, less what tells a runner what to hide."""
        return "\n".join(line for line in (self.out + self.err).splitlines() if not line.startswith("::add-mask::"))

    def verdicts(self) -> dict[str, str]:
        """Return the verdict on each link."""
        return {name: link["verdict"] for name, link in self.found.items()}

    def broken(self) -> str:
        """Return the link that is broken."""
        return next((name for name, verdict in self.verdicts().items() if verdict == "broken"), "")

    def text(self, name: str) -> str:
        """Return all that is said of a link."""
        return "\n".join(self.found[name][part] for part in ("what", "why", "fix"))

    def writes(self) -> list[str]:
        """List the requests since the mark that were neither reads nor looks."""
        return [
            f"{one.method} {one.path}"
            for one in self.lab.requests
            if one.method not in {"GET", "LIST"} and not one.internal and (one.server, one.path) not in LOOKS
        ]


@pytest.fixture(params=list(Dialect), ids=lambda dialect: dialect.name.lower())
def ward(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ward]:
    """Serve a lab in which a deploy is trusted, by Vault and by Nomad itself, in each dialect."""
    with Lab(trust=True, dialect=request.param) as lab:
        with lab.nomad_client() as nomad:
            made = nomad_trust(NomadTrust(lab.github.addr, lab.audience), nomad)
        lab.mark()
        yield Ward(lab, made, tmp_path)
