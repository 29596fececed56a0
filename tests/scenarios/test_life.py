"""How long the token lives, and what its policies are worth."""

import re

import pytest

from jobs import operator, quick_start
from nomad_token_lab import Lab
from nomad_token_lab.runner import Step


def login_role(lab: Lab, **changed: object) -> None:
    """Write the login's role once more, with something *changed*."""
    with lab.vault_client() as vault:
        role = vault.get("/v1/auth/jwt/role/deploy-app").json()["data"]
    operator(lab, "auth/jwt/role/deploy-app", **(role | changed))


@pytest.mark.parametrize(
    ("inputs", "code"),
    [({"min_ttl": "29m"}, 0), ({"min_ttl": "31m"}, 4), ({"max_ttl": "30m"}, 0), ({"max_ttl": "29m"}, 4)],
)
def test_life_against_what_is_asked_for(lab: Lab, step: Step, inputs: dict[str, str], code: int) -> None:
    """A token whose life is not what the job asks for is undone before the deploy, with where its life comes from."""
    main = step.main(quick_start(lab, **inputs))
    step.post()

    assert main.code == code
    assert ("config/lease" in main.log) == bool(code)
    assert ("NOMAD_TOKEN" in main.variables) == (not code)
    assert not lab.nomad.live_tokens()


def test_the_shorter_of_two_lives_counts(lab: Lab, step: Step) -> None:
    """A login that ends before the lease takes it along, so its life is the token's."""
    login_role(lab, token_ttl="10m")
    lab.mark()
    main = step.main(quick_start(lab, min_ttl="20m"))

    assert main.code == 4
    assert re.search(r"would live for (10 min|9 min \d+ s)", main.log)
    assert "token_ttl" in main.log


def test_a_lease_that_was_never_set(lab: Lab, step: Step) -> None:
    """A life of weeks is warned about, with the line that sets it."""
    with lab.vault_client() as vault:
        vault.delete("/v1/nomad/config/lease").raise_for_status()
    login_role(lab, token_ttl="700h", token_max_ttl="768h")
    lab.mark()
    main = step.main(quick_start(lab))
    step.post()

    assert main.code == 0
    assert "would live for 29 d" in main.log
    assert "vault write nomad/config/lease ttl=30m max_ttl=1h" in main.log


def test_policy_that_nomad_does_not_know(lab: Lab, step: Step) -> None:
    """Nomad takes any policy's name without a word: one that it does not know is warned about by name."""
    operator(lab, "nomad/role/deployer", policies="deployer,deploier", type="client")
    lab.mark()
    main = step.main(quick_start(lab))
    step.post()

    assert main.code == 0
    assert "Nomad knows no policy `deploier`" in main.log
    assert "`deployer`" not in main.log
