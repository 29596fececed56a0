"""`docs/act.md`: its workflow, run by act as it stands there, with the lab's addresses for the example's."""

import re
from pathlib import Path
from typing import Final

from container.act import Run, act
from container.leaks import secrets_in
from contract.pages import ROOT, blocks
from jobs import lend, nothing_lives
from nomad_token_lab import Lab

(WORKFLOW,) = (block.text for block in blocks([ROOT / "docs" / "act.md"], "yaml"))
# What a workflow says that knows nothing of act.
PLAIN: Final = re.sub(
    r"vault-auth-role: .*", "vault-auth-role: deploy-app", re.sub(r"\n +vault-(auth-method|token): .*", "", WORKFLOW)
)


def run(folder: Path, lab: Lab, workflow: str, secrets: dict[str, str], environ: dict[str, str]) -> Run:
    """Run *workflow* with this checkout's action, on *lab*."""
    here = workflow.replace("OWNER/nomad-token@v1", "./").replace(
        "nomad job run app.nomad.hcl", "python3 deploy.py hello"
    )
    here = here.replace("https://vault.example.com:8200", lab.audience)
    here = here.replace("https://nomad.example.com:4646", lab.nomad.addr)
    return act(folder, here, variables={}, secrets=secrets, environ=environ)


def went_well(ran: Run, lab: Lab) -> bool:
    """Tell whether a job deployed, and nothing of it lives or was shown."""
    assert ran.code == 0, ran.log
    assert [name for _, name in lab.nomad.jobs] == ["hello"]
    assert secrets_in(ran.log, lab) == []
    return nothing_lives(lab)


def test_with_a_login_of_ones_own(lab: Lab, tmp_path: Path) -> None:
    """Under act the token of the secrets file is lent: the lease is revoked, and it is not."""
    lent = lend(lab)
    ran = run(tmp_path, lab, WORKFLOW, {"VAULT_TOKEN": lent}, {})

    assert went_well(ran, lab)
    assert "Vault revoked the lease, and Nomad refuses it" in ran.log


def test_with_the_labs_id_token(lab: Lab, tmp_path: Path) -> None:
    """A workflow that knows nothing of act asks the lab for its id token, as it would ask GitHub."""
    ran = run(tmp_path, lab, PLAIN, {}, lab.github.environ())

    assert went_well(ran, lab)
    assert "vault-auth-role: deploy-app" in PLAIN
    assert "env.ACT" not in PLAIN
