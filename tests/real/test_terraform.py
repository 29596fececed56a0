"""What `setup export --format terraform` prints, applied by the real Terraform, leaves a plan nothing to do."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from real_lab import KINDS, Kind, real_lab
from setup.exporting import Desk

_PROVIDERS: Final = "TF_CLI_CONFIG_FILE"
"""Where Terraform's own variable names a configuration, the providers are those that it says, such as built ones."""


def terraform(folder: Path, environ: Mapping[str, str], *argv: str) -> subprocess.CompletedProcess[str]:
    """Run Terraform in *folder*, and return what it said."""
    known = {name: os.environ[name] for name in (_PROVIDERS, "PATH") if name in os.environ}
    return subprocess.run(  # noqa: S603 - our own command
        [str(shutil.which("terraform")), *argv, "-no-color"],
        cwd=folder,
        env={**environ, **known, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )


def _prepare(folder: Path) -> None:
    """Have the providers there, or leave the test out."""
    if shutil.which("terraform") is None:
        pytest.skip("no terraform on the PATH")
    if terraform(folder, {}, "validate").returncode == 0:  # providers that were built need no `init`
        return
    done = terraform(folder, {}, "init")
    if "could not connect to registry.terraform.io" in done.stdout:
        pytest.skip(f"no registry of providers can be reached here; {_PROVIDERS} may name some that were built")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_terraform_applies_it(kind: Kind, tmp_path: Path) -> None:
    """It is valid and in Terraform's own form, makes what the file wants, has no drift, and no secret in its state."""
    folder = tmp_path / "desk"
    folder.mkdir()
    with real_lab(kind, tmp_path, trusting=False) as lab:
        desk = Desk(lab, folder, lab.real.addr)
        desk.write()
        (folder / "main.tf").write_text(desk.export("terraform"))
        _prepare(folder)
        with lab.nomad_client() as nomad:
            body = {"Name": "vault", "Type": "management"}
            token = nomad.post("/v1/acl/token", json=body).raise_for_status().json()["SecretID"]
        environ = {**desk.environ, "TF_VAR_access_tokens": json.dumps({"teams/nomad": token})}
        steps = (["validate"], ["fmt", "-check"], ["apply", "-auto-approve"], ["plan", "-detailed-exitcode"])
        said = {words[0]: terraform(folder, environ, *words) for words in steps}
        changes = desk.plan()["changes"]
        with lab.vault_client() as vault:
            minted = vault.get("/v1/teams/nomad/creds/deployer")

    assert {name: done.stdout for name, done in said.items() if done.returncode} == {}
    assert {change["verdict"] for change in changes} == {"same"}
    assert minted.status_code == 200
    assert token not in (folder / "terraform.tfstate").read_text()
