"""Workflows that `uses: ./`, run by act in real containers."""

import re
from pathlib import Path

from container.act import Run, act
from container.leaks import secrets_in
from nomad_token_lab import Lab


def run(folder: Path, lab: Lab, workflow: str) -> Run:
    """Run *workflow* on *lab*, with an id token among the secrets."""
    variables = {"VAULT_ADDR": lab.vault.addr, "NOMAD_ADDR": lab.nomad.addr}
    secrets = {"ID_TOKEN": lab.github.id_token(lab.audience).get_secret_value()}
    return act(folder, workflow, variables=variables, secrets=secrets)


def nothing_lives(lab: Lab) -> bool:
    """Tell whether all that was made for the workflow is gone."""
    lab.settle()
    return not (lab.nomad.live_tokens() or lab.vault.live_tokens() or lab.vault.live_leases())


def jobs(lab: Lab) -> list[str]:
    """List the jobs that Nomad took."""
    return [name for _, name in lab.nomad.jobs]


def test_plain(lab: Lab, tmp_path: Path) -> None:
    """A step deploys with the token, exactly two variables are new, and after the job nothing lives or was shown."""
    ran = run(tmp_path, lab, "plain")

    assert ran.code == 0, ran.log
    assert "the end" in ran.log
    assert jobs(lab) == ["hello"]
    assert re.findall(r"exported: (.*)", ran.log) == ["NOMAD_ADDR NOMAD_TOKEN"]
    assert "the token is *** or ***" in ran.log
    assert "Nomad refuses it" in ran.log
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []


def test_a_step_fails(lab: Lab, tmp_path: Path) -> None:
    """A job that fails after the deploy is revoked all the same."""
    ran = run(tmp_path, lab, "failing-step")

    assert ran.code == 1, ran.log
    assert "not reached" not in ran.log.replace("echo", "")
    assert "the end" in ran.log
    assert jobs(lab) == ["hello"]
    assert "Nomad refuses it" in ran.log
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []


def test_the_mint_fails(lab: Lab, tmp_path: Path) -> None:
    """A mint that fails after the token was made undoes it in place, and exports nothing."""
    ran = run(tmp_path, lab, "failing-main")

    assert ran.code == 1, ran.log
    assert "the end, with the token ''" in ran.log
    assert "Undone: Vault revoked the lease" in ran.log
    assert [record for record in lab.requests if "/creds/" in record.path]
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []


def test_twice_in_one_job(lab: Lab, tmp_path: Path) -> None:
    """Each of two uses has a token of its own, and each post-step revokes its own."""
    ran = run(tmp_path, lab, "twice")

    assert ran.code == 0, ran.log
    assert jobs(lab) == ["first", "second"]
    assert len(set(re.findall(r"Revoked (\S+):", ran.log))) == 2
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []


def test_no_identity(lab: Lab, tmp_path: Path) -> None:
    """Without an id token the cause is act, and --secret-file the way; `permissions:` are not blamed."""
    ran = act(tmp_path, "no-identity", variables={"VAULT_ADDR": lab.vault.addr}, secrets={})

    assert ran.code == 1, ran.log
    assert "act has no OIDC of its own" in ran.log
    assert "--secret-file" in ran.log
    assert "permission" not in ran.log
    assert lab.requests == []
