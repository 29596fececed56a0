"""A Vault token that the user lends: its lease is revoked, and the token is left alone."""

from typing import cast

import pytest
from syrupy.assertion import SnapshotAssertion

from jobs import quick_start
from nomad_token_lab import CLOSE, Fault, Lab
from nomad_token_lab.runner import Step
from transcript import Page


def lend(lab: Lab, **terms: object) -> str:
    """Make a token that may read the role's credentials, as an operator does."""
    with lab.vault_client() as vault:
        made = vault.post("/v1/auth/token/create", json={"policies": ["nomad-deployer"], **terms}).raise_for_status()
    lab.mark()
    return cast("str", made.json()["auth"]["client_token"])


def inputs(lab: Lab, token: str, **more: str) -> dict[str, str]:
    """Return the quick start's inputs, with a token in the place of a login."""
    given = quick_start(lab, vault_auth_method="token", vault_token=token, **more)
    del given["vault-auth-role"]
    return given


def works(lab: Lab, token: str) -> bool:
    """Tell whether Vault still knows *token*."""
    with lab.vault_client() as vault:
        return vault.get("/v1/auth/token/lookup-self", headers={"X-Vault-Token": token}).is_success


def test_plain_road(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """The lease is revoked and proven dead; the token that was lent is not saved, and works as before."""
    token = lend(lab)
    main = step.main(inputs(lab, token))
    post = step.post(inputs(lab, token))

    assert (main.code, post.code) == (0, 0)
    assert token not in str(main.state)
    assert works(lab, token)
    assert not lab.nomad.live_tokens()
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_needs_the_rule(lab: Lab, step: Step) -> None:
    """Without the rule for the lease's revoke, the rule to add is printed, with the accessor and the end."""
    with lab.vault_client() as vault:
        policy = {"policy": 'path "nomad/creds/deployer" { capabilities = ["read"] }'}
        vault.put("/v1/sys/policies/acl/nomad-deployer", json=policy).raise_for_status()
    token = lend(lab)
    main = step.main(inputs(lab, token, on_revoke_failure="fail"))
    post = step.post(inputs(lab, token))

    assert post.code == 6
    assert main.outputs["accessor-id"] in post.log
    assert 'path "sys/leases/revoke"' in post.log
    assert "nomad/creds/deployer/*" in post.log


def test_not_handed_over_again(lab: Lab, step: Step) -> None:
    """A post-step that is not given the token again says so, and names what may live."""
    token = lend(lab)
    main = step.main(inputs(lab, token))
    post = step.post()

    assert post.code == 0
    assert "`vault-token` was not handed over again" in post.log
    assert main.outputs["accessor-id"] in post.log
    assert works(lab, token)


def test_lost_answer_is_not_asked_for_again(lab: Lab, step: Step) -> None:
    """What a lent token may have made can't be undone: it is asked for once, and what may be left is named."""
    token = lend(lab)
    lab.faults.append(Fault("vault", "GET", "/creds/", CLOSE, when="after"))
    main = step.main(inputs(lab, token))

    assert main.code == 75
    assert len([record for record in lab.requests if "/creds/" in record.path]) == 1
    assert "vault-deployer-token-" in main.log
    assert works(lab, token)


@pytest.mark.parametrize(("uses", "code"), [(2, 4), (3, 0)])
def test_uses(lab: Lab, step: Step, uses: int, code: int) -> None:
    """A look-up, the read and the lease's end take three uses; with fewer nothing is read."""
    token = lend(lab, num_uses=uses)
    main = step.main(inputs(lab, token))
    step.post(inputs(lab, token))

    assert main.code == code
    assert not lab.nomad.live_tokens()
    if code:
        assert "one use left" in main.log
        assert not [record for record in lab.requests if "/creds/" in record.path]


def test_unknown(lab: Lab, step: Step) -> None:
    """A token that Vault does not know is told as that, before anything is read with it."""
    main = step.main(inputs(lab, "hvs.nobody-knows-this-one"))

    assert main.code == 4
    assert "Vault does not know `vault-token`" in main.log
    assert not [record for record in lab.requests if "/creds/" in record.path]


def test_life_is_the_shorter_one(lab: Lab, step: Step) -> None:
    """`expires-at` is the end of the token that was lent, where that comes before the lease's."""
    token = lend(lab, ttl="60s", explicit_max_ttl="60s")
    main = step.main(inputs(lab, token))
    step.post(inputs(lab, token))

    assert main.outputs["lease-duration"] == "1800"
    saved = next(fact for fact in main.facts if fact["fact"] == "lease")
    assert main.outputs["expires-at"] < saved["ends"][:19]
