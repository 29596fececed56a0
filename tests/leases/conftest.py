"""An operator at a desk: the lab, the operator's tokens where Vault's and Nomad's tools look, and the command line."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nomad_token.command_line import command
from nomad_token_lab import Lab
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust
from nomad_token_lab.vault.state import Dialect


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


@dataclass
class Desk:
    """An operator, and what was printed last."""

    lab: Lab
    environ: dict[str, str] = field(repr=False)
    out: str = ""
    err: str = ""

    def __call__(self, *argv: str, terminal: bool = False, **environ: str) -> int:
        """Run a command, and return its exit code."""
        out, err = Terminal() if terminal else io.StringIO(), io.StringIO()
        code = command(argv, self.environ | environ, out, err)
        self.out, self.err = out.getvalue(), err.getvalue()
        assert self.lab.root_token.get_secret_value() not in self.out + self.err
        assert self.lab.management_token.get_secret_value() not in self.out + self.err
        return code

    def creds(self, role: str = "deployer") -> dict[str, Any]:
        """Have Vault make a token, and return the lease with its `data`."""
        with self.lab.vault_client() as vault:
            made: dict[str, Any] = vault.get(f"/v1/nomad/creds/{role}").raise_for_status().json()
        return made

    def token(self, name: str) -> str:
        """Have Nomad make a token of that name, and return its accessor."""
        body = {"Name": name, "Type": "client", "Policies": ["deployer"]}
        with self.lab.nomad_client() as nomad:
            return str(nomad.post("/v1/acl/token", json=body).raise_for_status().json()["AccessorID"])

    def names(self) -> list[str]:
        """Return the names of Nomad's tokens that were made since the lab began."""
        return sorted(token.name for token in self.lab.nomad.live_tokens())

    def leases(self) -> list[str]:
        """Return the ids of the leases that live."""
        return sorted(lease.id for lease in self.lab.vault.live_leases())


@pytest.fixture(params=list(Dialect), ids=lambda dialect: dialect.name.lower())
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Serve a lab in which a deploy is trusted, in each dialect, to an operator who has logged in to both servers."""
    with Lab(trust=True, dialect=request.param) as lab:
        with lab.nomad_client() as nomad:
            nomad_trust(NomadTrust(lab.github.addr, lab.audience), nomad)
        lab.mark()
        (tmp_path / ".vault-token").write_text(lab.root_token.get_secret_value())
        yield Desk(
            lab,
            {
                "HOME": str(tmp_path),
                "VAULT_ADDR": lab.vault.addr,
                "NOMAD_ADDR": lab.nomad.addr,
                "NOMAD_TOKEN": lab.management_token.get_secret_value(),
            },
        )
