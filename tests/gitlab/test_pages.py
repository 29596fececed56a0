"""The pipelines of docs/gitlab.md and docs/migrating.md, as they stand there, on the lab."""

from typing import Final

import pytest
import yaml

from contract.pages import ROOT, Block, blocks
from gitlab import trust
from gitlab.pipelines import Project
from jobs import nothing_lives
from nomad_token_lab import Lab

PIPELINES: Final = [
    block
    for block in blocks([ROOT / "docs" / name for name in ("gitlab.md", "migrating.md")], "yaml")
    if "include:" in block.text and "separate-jobs" not in block.text  # the two jobs are of test_pipelines.py
]
(SWEEP,) = (block.text for block in blocks([ROOT / "docs" / "gitlab.md"], "yaml") if "sweep" in block.text)


@pytest.mark.parametrize("block", PIPELINES, ids=str)
def test_a_pipeline_of_the_pages(lab: Lab, project: Project, block: Block) -> None:
    """It has a token, deploys, and has none any more; what it leaves out is a variable, as the page says."""
    done = project.run(trust.on(lab, block.text), VAULT_AUTH_ROLE="deploy-app", NOMAD_ADDR=lab.nomad.addr)

    assert done.code == 0, done.log
    assert "deployed app.nomad.hcl: 200" in done.log
    assert "Nomad refuses it" in done.log
    assert nothing_lives(lab)


def test_the_scheduled_sweep(lab: Lab, project: Project) -> None:
    """The scheduled job deletes what is left over and is old enough, with the project's management token."""
    body = {"Name": "nomad-token-0a1b2c3d-20260304T050607000000", "Type": "client", "Policies": ["deployer"]}
    with lab.nomad_client() as nomad:
        nomad.post("/v1/acl/token", json=body).raise_for_status()
    manager = lab.management_token.get_secret_value()
    variables = {"NOMAD_ADDR": lab.nomad.addr, "NOMAD_MANAGEMENT_TOKEN": manager, "CI_PIPELINE_SOURCE": "schedule"}
    young = project.run(SWEEP, **variables)
    kept = len(lab.nomad.live_tokens())
    old = project.run(SWEEP.replace("2h", "0s"), **variables)

    assert (young.code, old.code) == (0, 0), old.log
    assert "Deleted 0 of 0." in young.log
    assert kept == 1
    assert "Deleted 1 of 1." in old.log
    assert lab.nomad.live_tokens() == []
    assert yaml.safe_load(SWEEP)["sweep"]["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
