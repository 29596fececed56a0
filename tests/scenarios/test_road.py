"""The main job: from `with:` to a dead token."""

import time
from pathlib import Path

import httpx
import pytest
from syrupy.assertion import SnapshotAssertion

from jobs import accepted, nothing_lives, on, operator, quick_start
from nomad_token_lab import CLOSE, Answer, Dialect, Fault, Lab, Profile
from nomad_token_lab.runner import Step
from transcript import Page


def test_plain_road(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """A mint hands on a token that Nomad accepts, and the post-step proves that it is dead."""
    main = step.main(quick_start(lab))
    before = accepted(lab, main.variables["NOMAD_TOKEN"])
    post = step.post()

    assert before
    assert not accepted(lab, main.variables["NOMAD_TOKEN"])
    assert (main.code, post.code) == (0, 0)
    assert nothing_lives(lab)
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_a_deploy_is_a_deploy(lab: Lab, step: Step) -> None:
    """The token that is handed on runs a job, and after the post-step it no longer does."""
    main = step.main(quick_start(lab))
    job = {"Job": {"ID": "hello", "Name": "hello", "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}}
    headers = {"X-Nomad-Token": main.variables["NOMAD_TOKEN"]}
    address = main.variables["NOMAD_ADDR"]
    before = httpx.put(f"{address}/v1/jobs", json=job, headers=headers)
    step.post()
    after = httpx.put(f"{address}/v1/jobs", json=job, headers=headers)

    assert (before.status_code, after.status_code) == (200, 403)
    assert list(lab.nomad.jobs) == [("default", "hello")]


def test_without_nomad_addr(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """Without Nomad's address the token is handed on unproven, and what nobody was asked is left empty."""
    given = quick_start(lab)
    del given["nomad-addr"]
    main = step.main(given)
    post = step.post()

    assert (main.outputs["type"], main.outputs["policies"]) == ("", "")
    assert "NOMAD_ADDR" not in main.variables
    assert nothing_lives(lab)
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_without_the_lease_rule(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """Where no policy allows the lease's revoke it isn't tried: the login's end takes the lease along."""
    operator(lab, "sys/policies/acl/nomad-deployer", policy='path "nomad/creds/deployer" { capabilities = ["read"] }')
    lab.mark()
    main = step.main(quick_start(lab))
    post = step.post()

    assert not [record for record in lab.requests if record.path == "/v1/sys/leases/revoke"]
    assert nothing_lives(lab)
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_few_uses(lab: Lab, step: Step) -> None:
    """A login token with two uses is spent on the read and on its end, and on nothing else."""
    with lab.vault_client() as vault:
        role = vault.get("/v1/auth/jwt/role/deploy-app").json()["data"]
    operator(lab, "auth/jwt/role/deploy-app", **(role | {"token_num_uses": 2}))
    lab.mark()
    main = step.main(quick_start(lab))
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert [record.path for record in lab.requests if record.server == "vault"] == [
        "/v1/auth/jwt/login",
        "/v1/nomad/creds/deployer",
        "/v1/auth/token/revoke-self",
    ]
    assert nothing_lives(lab)


def test_management_token_is_not_exported_unasked(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """A role of type management mints a token that stays out of the environment, with a warning that says why."""
    operator(lab, "nomad/role/deployer", type="management", policies="")
    lab.mark()
    main = step.main(quick_start(lab))
    step.post()

    assert main.code == 0
    assert "NOMAD_TOKEN" not in main.variables
    assert main.outputs["type"] == "management"
    assert nothing_lives(lab)
    assert page == Page(lab).step("main", main).alive()


def test_management_token_is_exported_when_asked(lab: Lab, step: Step) -> None:
    """`export-env: true` exports a management token."""
    operator(lab, "nomad/role/deployer", type="management", policies="")
    lab.mark()
    main = step.main(quick_start(lab, export_env="true"))
    step.post()

    assert main.variables["NOMAD_TOKEN"] == main.outputs["token"]
    assert nothing_lives(lab)


def test_output_alone(lab: Lab, step: Step) -> None:
    """`export-env: false` leaves the token to the output, and `env-name` has no effect then."""
    main = step.main(quick_start(lab, export_env="false"))
    step.post()

    assert "NOMAD_TOKEN" not in main.variables
    assert accepted(lab, main.outputs["token"]) is False
    assert main.outputs["accessor-id"]


def test_variable_of_another_name(lab: Lab, step: Step) -> None:
    """`env-name` names the variable, and `export-output: false` leaves no secret in the outputs."""
    main = step.main(quick_start(lab, env_name="DEPLOY_TOKEN", export_output="false"))
    step.post()

    assert main.variables["DEPLOY_TOKEN"]
    assert "NOMAD_TOKEN" not in main.variables
    assert main.variables["DEPLOY_TOKEN"] not in str(main.outputs)


def test_not_revoked_on_request(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """`revoke: false` saves no secret, and leaves the token to its lease."""
    main = step.main(quick_start(lab, revoke="false"))
    post = step.post()

    assert main.secrets == [main.outputs["token"]]
    assert accepted(lab, main.outputs["token"])
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_failed_mint_is_undone_without_revoke_too(lab: Lab, step: Step) -> None:
    """`revoke: false` is about a token that was handed on: one that wasn't is undone."""
    lab.nomad.profile = Profile.FROM_1_10_1
    lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", Answer(403, "Permission denied"), times=None))
    main = step.main(quick_start(lab, revoke="false", timeout="3s"))

    assert main.code == 75
    assert nothing_lives(lab)


def test_post_twice(lab: Lab, step: Step) -> None:
    """A second post-step finds that all is gone, and that is success."""
    step.main(quick_start(lab))
    step.post()
    second = step.post()

    assert second.code == 0
    assert "already gone" in second.log
    assert nothing_lives(lab)


def test_post_without_state(step: Step) -> None:
    """Nothing saved is nothing to revoke."""
    post = step.post()

    assert (post.code, post.log) == (0, "Nothing to revoke: nothing was saved.\n")


def test_post_after_the_end(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """A login that is over by its own end takes the token along, which is not a failure."""
    operator(lab, "nomad/config/lease", ttl="6s", max_ttl="6s")
    with lab.vault_client() as vault:
        role = vault.get("/v1/auth/jwt/role/deploy-app").json()["data"]
    operator(lab, "auth/jwt/role/deploy-app", **(role | {"token_ttl": "6s"}))
    lab.mark()
    main = step.main(quick_start(lab))
    time.sleep(6.2)
    lab.settle()
    post = step.post()

    assert post.code == 0
    assert "Already expired" in post.log
    assert nothing_lives(lab)
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_post_with_inputs_of_somebody_else(lab: Lab, step: Step) -> None:
    """The runner may hand a post-step the inputs of an outer composite: none of them is read (runner#2030)."""
    step.main(quick_start(lab))
    post = step.post(
        {
            "vault-addr": "http://127.0.0.1:1",
            "nomad-addr": "http://127.0.0.1:1",
            "role": "other",
            "revoke": "false",
            "on-revoke-failure": "fail",
            "env": "prod",
        }
    )

    assert post.code == 0
    assert "Nomad refuses it" in post.log
    assert nothing_lives(lab)


def test_revoke_that_fails_is_a_warning(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """A Vault that can't revoke leaves a warning with the accessor, its end and the operator's line; the job stays."""
    main = step.main(quick_start(lab))
    lab.faults.append(Fault("vault", "POST", "/v1/(sys|auth)/", Answer(400, {"errors": ["no"]}), times=None))
    post = step.post()

    assert post.code == 0
    assert main.outputs["accessor-id"] in post.log
    assert "vault lease revoke" in post.log
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_revoke_that_fails_fails_the_job_where_asked(lab: Lab, step: Step) -> None:
    """`on-revoke-failure: fail` ends with the code for a live token."""
    step.main(quick_start(lab, on_revoke_failure="fail"))
    lab.faults.append(Fault("vault", "POST", "/v1/(sys|auth)/", Answer(400, {"errors": ["no"]}), times=None))
    post = step.post()

    assert post.code == 6
    assert post.log.count("A token was left alive") == 1


def test_nomad_down_for_vault_at_the_end(lab: Lab, step: Step) -> None:
    """A revoke that Vault accepts and can't carry out is seen at Nomad, not believed."""
    main = step.main(quick_start(lab, on_revoke_failure="fail"))
    operator(lab, "nomad/config/access", address="http://127.0.0.1:1")
    post = step.post()

    assert post.code == 6
    assert f"Nomad still accepted the token {main.outputs['accessor-id']}" in post.log


def test_lost_creds_answer_is_undone_and_asked_again(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """An answer that is lost after Vault had committed is undone with its login, and a new login asks again."""
    lab.faults.append(Fault("vault", "GET", "/v1/nomad/creds/", CLOSE, when="after"))
    main = step.main(quick_start(lab))
    post = step.post()

    assert main.code == 0
    assert nothing_lives(lab)
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_lost_login_answer(lab: Lab, step: Step) -> None:
    """A login whose answer is lost is named, and another one goes on."""
    lab.faults.append(Fault("vault", "POST", "/v1/auth/jwt/login", CLOSE, when="after"))
    main = step.main(quick_start(lab))
    step.post()

    assert main.code == 0
    assert "a Vault token that nobody holds may live" in main.log
    assert not lab.nomad.live_tokens()
    assert len(lab.vault.live_tokens()) == 1


def test_nomad_unreachable_from_the_job(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """A Nomad that can't be reached from here is a warning, and the token is handed on."""
    main = step.main(quick_start(lab, nomad_addr="http://127.0.0.1:1"))
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert main.variables["NOMAD_TOKEN"]
    assert nothing_lives(lab)
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_nomad_unreachable_and_required(lab: Lab, step: Step) -> None:
    """`verify: required` fails then, and undoes what was made."""
    main = step.main(quick_start(lab, nomad_addr="http://127.0.0.1:1", verify="required"))

    assert main.code == 75
    assert "verify: off" in main.log
    assert "NOMAD_TOKEN" not in main.variables
    assert nothing_lives(lab)


@pytest.mark.parametrize("profile", list(Profile))
def test_every_nomad(tmp_path: Path, profile: Profile) -> None:
    """The token's life and death are read right from each version's `token/self` (api-contract 2.5)."""
    with Lab(trust=True, profile=profile) as lab:
        step = on(lab, tmp_path)
        main = step.main(quick_start(lab))
        post = step.post()

        assert main.outputs["type"] == "client"
        assert "Nomad refuses it" in post.log
        assert nothing_lives(lab)


def test_openbao(tmp_path: Path) -> None:
    """OpenBao's dialect makes no difference to the road."""
    with Lab(trust=True, dialect=Dialect.OPENBAO) as lab:
        step = on(lab, tmp_path)
        main = step.main(quick_start(lab))
        post = step.post()
        again = step.post()

        assert (main.code, post.code) == (0, 0)
        assert "already gone" in again.log
        assert nothing_lives(lab)


def test_places_from_the_environment(lab: Lab, tmp_path: Path) -> None:
    """Addresses may come from the environment, which is logged; they are not exported again."""
    step = on(lab, tmp_path, VAULT_ADDR=lab.vault.addr, NOMAD_ADDR=lab.nomad.addr)
    main = step.main({"role": "deployer", "vault-auth-role": "deploy-app"})
    step.post()

    assert main.code == 0
    assert "vault-addr from VAULT_ADDR, nomad-addr from NOMAD_ADDR" in main.log
    assert "NOMAD_ADDR" not in main.variables
    assert nothing_lives(lab)


def test_an_earlier_step_can_not_steer(lab: Lab, tmp_path: Path) -> None:
    """Credentials and behaviour in the plain environment are nobody's inputs."""
    step = on(
        lab,
        tmp_path,
        VAULT_TOKEN="hvs.planted",
        VAULT_ID_TOKEN="planted",
        NOMAD_TOKEN="planted",
        VAULT_SKIP_VERIFY="true",
        NOMAD_MINT_REVOKE="false",
        HTTP_PROXY="http://127.0.0.1:1",
        ALL_PROXY="http://127.0.0.1:1",
    )
    main = step.main(quick_start(lab))
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert nothing_lives(lab)


def test_no_secret_is_printed(lab: Lab, step: Step) -> None:
    """Every secret is printed exactly once, as the mask that hides it; the post-step prints none."""
    main = step.main(quick_start(lab))
    post = step.post()

    for secret in main.secrets:
        assert main.log.count(secret) == main.log.count(f"::add-mask::{secret}") == 1
        assert secret not in post.log + post.summary + main.summary
