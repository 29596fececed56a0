"""A Vault token that the user lends: its lease is revoked, and the token is left alone."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from jobs import lend, lent_inputs, on
from nomad_token.seal import sealed
from nomad_token.secret import SecretStr
from nomad_token_lab import CLOSE, Fault, Lab
from nomad_token_lab.runner import Ran, Step
from transcript import Page


def works(lab: Lab, token: str) -> bool:
    """Tell whether Vault still knows *token*."""
    with lab.vault_client() as vault:
        return vault.get("/v1/auth/token/lookup-self", headers={"X-Vault-Token": token}).is_success


def test_plain_road(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """The lease is revoked and proven dead; the token that was lent is not saved, and works as before."""
    token = lend(lab)
    main = step.main(lent_inputs(lab, token))
    post = step.post(lent_inputs(lab, token))

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
    main = step.main(lent_inputs(lab, token, on_revoke_failure="fail"))
    post = step.post(lent_inputs(lab, token))

    assert post.code == 6
    assert main.outputs["accessor-id"] in post.log
    assert 'path "sys/leases/revoke"' in post.log
    assert "nomad/creds/deployer/*" in post.log


def test_not_handed_over_again(lab: Lab, step: Step) -> None:
    """A post-step that is not given the token again says so, and names what may live."""
    token = lend(lab)
    main = step.main(lent_inputs(lab, token))
    post = step.post()

    assert post.code == 0
    assert "`vault-token` was not handed over again" in post.log
    assert main.outputs["accessor-id"] in post.log
    assert works(lab, token)


@pytest.mark.parametrize("server", ["vault", "nomad"])
def test_handed_over_for_another_server(lab: Lab, step: Step, server: str) -> None:
    """A token and headers that come with another server's address are not sent to the one that was saved.

    Under act any step can add to what is saved; and an outer composite's inputs are not ours.
    """
    token = lend(lab)
    main = step.main(lent_inputs(lab, token, vault_headers="X-Key: canary"))
    asked = len(lab.requests)
    elsewhere = {f"{server}-addr": f"https://{server}.example.com"}
    post = step.post(lent_inputs(lab, "another-token", vault_headers="X-Key: canary") | elsewhere)

    assert not [record for record in lab.requests[asked:] if record.server == "vault"]
    assert "`vault-token` was not handed over again" in post.log
    assert main.outputs["accessor-id"] in post.log


def planted(lab: Lab, folder: Path, lines: list[str], **environ: str) -> Step:
    """Make a post-step to which another step of the job handed *lines*, as a state of ours."""
    state = {f"STATE_nomad_token_{number:03}": line for number, line in enumerate(lines)}
    return on(lab, folder, **state, STATE_nomad_token_end=str(len(lines)), **environ)


def saved(main: Ran) -> list[str]:
    """Return the lines that a main step saved."""
    return [line for name, line in sorted(main.state.items()) if not name.endswith("_end")]


def without_seal(line: str) -> str:
    """Return a line as somebody can write it who has not the token."""
    return json.dumps({name: value for name, value in json.loads(line).items() if name not in {"number", "seal"}})


def with_another_token(line: str) -> str:
    """Return a line as another mint would have saved it, which had another token."""
    plain = without_seal(line)
    return sealed(plain, SecretStr("hvs.another"), json.loads(plain).get("mint", ""), json.loads(line)["number"])


@pytest.mark.parametrize("forged", [without_seal, with_another_token])
def test_state_that_the_mint_did_not_write(lab: Lab, step: Step, tmp_path: Path, forged: Callable[[str], str]) -> None:
    """A token is sent nowhere for what lacks its seal, though the environment names the same address as what is saved.

    Under act any step can write to what is saved, and `VAULT_ADDR` is any step's to set.
    """
    token = lend(lab)
    main = step.main(lent_inputs(lab, token))
    given = lent_inputs(lab, token)
    del given["vault-addr"]
    lines = [forged(line) for line in saved(main)]
    asked = len(lab.requests)
    post = planted(lab, tmp_path / "post", lines, VAULT_ADDR=lab.vault.addr).post(given)

    assert not [record for record in lab.requests[asked:] if record.server == "vault"]
    assert "`vault-token` was sent nowhere" in post.log
    assert main.outputs["accessor-id"] in post.log


def test_lease_that_the_mint_did_not_get(lab: Lab, step: Step, tmp_path: Path) -> None:
    """The token that is lent revokes its mint's lease, and none that another step added."""
    token = lend(lab)
    other = on(lab, tmp_path / "other").main(lent_inputs(lab, token))
    main = step.main(lent_inputs(lab, token))
    lease = next(line for line in saved(other) if '"fact":"lease"' in line)
    lines = [*saved(main), without_seal(lease)]
    post = planted(lab, tmp_path / "post", lines).post(lent_inputs(lab, token))

    assert [each.accessor for each in lab.nomad.live_tokens()] == [other.outputs["accessor-id"]]
    assert "A part of what the mint saved can't be read" in post.log


def test_proof_that_is_forged(lab: Lab, step: Step, tmp_path: Path) -> None:
    """A secret that another step made up is refused by Nomad: without a seal that is no proof that a token is dead."""
    token = lend(lab)
    main = step.main(lent_inputs(lab, token))
    secret = main.variables["NOMAD_TOKEN"]
    lines = [without_seal(line).replace(secret, "0" * len(secret)) for line in saved(main)]
    post = planted(lab, tmp_path / "post", lines).post(lent_inputs(lab, token))

    assert "accepted" in "".join(lines)
    assert post.log.startswith(f"Failed to revoke {main.outputs['accessor-id']}: ")
    assert len(lab.nomad.live_tokens()) == 1


def test_lost_answer_is_not_asked_for_again(lab: Lab, step: Step) -> None:
    """What a lent token may have made can't be undone: it is asked for once, and what may be left is named."""
    token = lend(lab)
    lab.faults.append(Fault("vault", "GET", "/creds/", CLOSE, when="after"))
    main = step.main(lent_inputs(lab, token))

    assert main.code == 75
    assert len([record for record in lab.requests if "/creds/" in record.path]) == 1
    assert "vault-deployer-token-" in main.log
    assert works(lab, token)


@pytest.mark.parametrize(("uses", "code"), [(1, 4), (2, 4), (3, 0)])
def test_uses(lab: Lab, step: Step, uses: int, code: int) -> None:
    """A look-up, the read and the lease's end take three uses; with fewer nothing is read."""
    token = lend(lab, num_uses=uses)
    main = step.main(lent_inputs(lab, token))
    step.post(lent_inputs(lab, token))

    assert main.code == code
    assert not lab.nomad.live_tokens()
    if code:
        assert "one use left" in main.log or "no use left" in main.log
        assert not [record for record in lab.requests if "/creds/" in record.path]


def test_unknown(lab: Lab, step: Step) -> None:
    """A token that Vault does not know is told as that, before anything is read with it."""
    main = step.main(lent_inputs(lab, "hvs.nobody-knows-this-one"))

    assert main.code == 4
    assert "Vault does not know `vault-token`" in main.log
    assert not [record for record in lab.requests if "/creds/" in record.path]


def test_life_is_the_shorter_one(lab: Lab, step: Step) -> None:
    """`expires-at` is the end of the token that was lent, where that comes before the lease's."""
    token = lend(lab, ttl="60s", explicit_max_ttl="60s")
    main = step.main(lent_inputs(lab, token))
    step.post(lent_inputs(lab, token))

    assert main.outputs["lease-duration"] == "1800"
    saved = next(fact for fact in main.facts if fact["fact"] == "lease")
    assert main.outputs["expires-at"] < saved["ends"][:19]
