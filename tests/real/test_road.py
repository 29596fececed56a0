"""The main job on real servers: their Nomad engine mints at the lab's Nomad, their jwt auth trusts the lab's GitHub."""

import httpx
import pytest

from nomad_token_lab.runner import Step
from real_lab import RealLab, plain_job
from refusals import REFUSALS, Refusal

# Those of the table that need neither a fault of the lab's Vault nor a switch of it.
_REAL = (
    "wrong_audience",
    "other_repository",
    "unknown_login_role",
    "no_login_role",
    "unmounted_auth",
    "unknown_role",
    "policy_denies",
    "wrong_mount",
    "wrong_mount_seen",
    "management_token_wrong",
    "acl_disabled",
    "nomad_unreachable_for_vault",
    "name_too_long",
    "nomad_overloaded",
    "nomad_hangs_up",
    "no_leader",
    "last_use",
    "batch_token",
    "verify_refused",
)


def test_plain_road(lab: RealLab, step: Step) -> None:
    """Mint, deploy, revoke: the token deploys while the job runs, and is dead afterwards, in Vault and in Nomad."""
    main = step.main(plain_job(lab))
    token = {"X-Nomad-Token": main.variables["NOMAD_TOKEN"]}
    job = {"Job": {"ID": "hello", "Name": "hello", "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}}
    during = lab.leases()
    deployed = httpx.put(f"{lab.nomad.addr}/v1/jobs", json=job, headers=token)
    post = step.post()
    after = httpx.get(f"{lab.nomad.addr}/v1/acl/token/self", headers=token)

    assert (main.code, deployed.status_code, post.code) == (0, 200, 0)
    assert len(during) == 1
    assert "Vault revoked the lease, and Nomad refuses it" in post.log
    assert after.status_code == 403
    assert lab.leases() == []
    assert not lab.nomad.live_tokens()


def test_without_the_lease_rule(lab: RealLab, step: Step) -> None:
    """With the default policy and the read alone, the login's end takes the lease along, and Nomad proves it."""
    with lab.vault_client() as vault:
        policy = {"policy": 'path "nomad/creds/deployer" { capabilities = ["read"] }'}
        vault.put("/v1/sys/policies/acl/nomad-deployer", json=policy).raise_for_status()
    step.main(plain_job(lab))
    post = step.post()

    assert "Vault revoked the login and its lease, and Nomad refuses it" in post.log
    assert not lab.nomad.live_tokens()


def test_post_twice(lab: RealLab, step: Step) -> None:
    """A login that Vault no longer knows is told apart from one that a policy stops."""
    step.main(plain_job(lab))
    step.post()

    assert "already gone" in step.post().log


def test_nomad_down_for_vault_at_the_end(lab: RealLab, step: Step) -> None:
    """Vault says yes to a revoke that it can't carry out; Nomad is asked, and says that the token lives."""
    main = step.main(plain_job(lab) | {"on-revoke-failure": "fail"})
    with lab.vault_client() as vault:
        vault.put("/v1/nomad/config/access", json={"address": "http://127.0.0.1:1"}).raise_for_status()
    post = step.post()

    assert post.code == 6
    assert f"Nomad still accepted the token {main.outputs['accessor-id']}" in post.log


@pytest.mark.parametrize("refusal", [one for one in REFUSALS if one.name in _REAL], ids=lambda refusal: refusal.name)
def test_refusal(refusal: Refusal, lab: RealLab, step: Step) -> None:
    """What the lab's Vault is told apart by, a real Vault is told apart by too."""
    refusal.arrange(lab)
    main = step.main(plain_job(lab) | refusal.inputs)
    post = step.post()

    assert main.code == refusal.code
    assert [text for text in refusal.says if text not in main.log.replace("%0A", "\n")] == []
    assert post.code == 0
    assert not lab.nomad.live_tokens()


def test_every_name_is_in_the_table() -> None:
    """The list above names rows that there are."""
    assert set(_REAL) <= {one.name for one in REFUSALS}
