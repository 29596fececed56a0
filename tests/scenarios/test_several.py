"""Several tokens in one step: one login, all or none, each under a variable and an output of its own."""

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from jobs import accepted, lend, lent_inputs, nothing_lives, on, operator, quick_start
from nomad_token_lab import CLOSE, Fault, Lab
from nomad_token_lab.runner import Step
from transcript import Page

TWO = "deployer | DEPLOY_TOKEN\nreader | READ_TOKEN"


@pytest.fixture(autouse=True)
def _second_role(lab: Lab) -> None:
    """Have a second role, and a login that may read both."""
    operator(lab, "nomad/role/reader", policies="deployer")
    operator(lab, "sys/policies/acl/nomad-deployer", policy=RULES)
    lab.mark()


RULES = """
path "nomad/creds/*" { capabilities = ["read"] }
path "sys/leases/revoke" { capabilities = ["update"] }
"""


def test_plain_road(lab: Lab, step: Step, page: SnapshotAssertion) -> None:
    """One login reads both roles; each token is a variable and an output; both are revoked and proven dead."""
    main = step.main(quick_start(lab, role=TWO))
    works = [accepted(lab, main.variables[name]) for name in ("DEPLOY_TOKEN", "READ_TOKEN")]
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert works == [True, True]
    assert main.variables["DEPLOY_TOKEN"] != main.variables["READ_TOKEN"]
    assert main.outputs["token-deploy-token"] == main.variables["DEPLOY_TOKEN"]
    assert main.outputs["token-read-token"] == main.variables["READ_TOKEN"]
    assert "token" not in main.outputs
    assert main.outputs["accessor-id"] == ""
    assert main.outputs["issuer"] == "vault"
    assert [each["env-name"] for each in json.loads(main.outputs["credentials"])] == ["DEPLOY_TOKEN", "READ_TOKEN"]
    assert [record.path for record in lab.requests].count("/v1/auth/jwt/login") == 1
    assert "NOMAD_TOKEN" not in main.variables
    assert nothing_lives(lab)
    assert page == Page(lab).step("main", main).step("post", post).alive()


def test_one_line_with_a_name(lab: Lab, step: Step) -> None:
    """One line may name its variable too; the output of a single token is `token`."""
    main = step.main(quick_start(lab, role="deployer | DEPLOY_TOKEN"))
    step.post()

    assert main.outputs["token"] == main.variables["DEPLOY_TOKEN"]
    assert nothing_lives(lab)


def test_last_is_refused(lab: Lab, step: Step) -> None:
    """The second role does not exist: the first token is revoked in place, nothing is exported, and the post agrees."""
    main = step.main(quick_start(lab, role="deployer | DEPLOY_TOKEN\nmissing | READ_TOKEN"))
    alive = nothing_lives(lab)
    post = step.post()

    assert main.code == 5
    assert alive
    assert not main.variables
    assert not main.outputs
    assert "missing" in main.log
    assert post.code == 0
    assert "othing" in post.log


@pytest.mark.parametrize("failing", [1, 5, 10])
def test_failure_of_any(lab: Lab, step: Step, failing: int) -> None:
    """Whichever of ten is refused, those before it are revoked in place and those after it are not asked for."""
    roles = [f"r{number}" if number != failing else "missing" for number in range(1, 11)]
    for role in roles:
        if role != "missing":
            operator(lab, f"nomad/role/{role}", policies="deployer")
    lab.mark()
    main = step.main(quick_start(lab, role="\n".join(f"{role} | T{role}" for role in roles)))
    reads = [record.path for record in lab.requests if "/creds/" in record.path]

    assert main.code == 5
    assert len(reads) == failing
    assert nothing_lives(lab)


def test_lost_answer_begins_anew(lab: Lab, step: Step) -> None:
    """The answer of the second is lost: both are undone with the login, and a new login reads both again."""
    lab.faults.append(Fault("vault", "GET", "/creds/reader", CLOSE, when="after"))
    main = step.main(quick_start(lab, role=TWO))
    logins = [record.path for record in lab.requests].count("/v1/auth/jwt/login")
    alive = len(lab.nomad.live_tokens())
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert logins == 2
    assert alive == 2
    assert nothing_lives(lab)


def test_no_memory_of_the_mint(lab: Lab, step: Step) -> None:
    """A main step that is killed after the second token leaves both to the post-step, from what was saved."""
    main = step.main(quick_start(lab, role=TWO))
    post = step.post()
    leases = [fact for fact in main.facts if fact["fact"] == "lease"]

    assert len(leases) == 2
    assert all(fact["accessor_id"] in post.log for fact in leases)


def test_lent_token(lab: Lab, step: Step) -> None:
    """With a token that is lent, both leases are revoked, and the token is left alone."""
    token = lend(lab)
    main = step.main(lent_inputs(lab, token, role=TWO))
    post = step.post(lent_inputs(lab, token, role=TWO))

    assert (main.code, post.code) == (0, 0)
    assert "Vault revoked the 2 leases" in post.log
    assert not lab.nomad.live_tokens()


@pytest.mark.parametrize(("uses", "code"), [(4, 4), (5, 0)])
def test_lent_token_with_few_uses(lab: Lab, step: Step, uses: int, code: int) -> None:
    """Two tokens take five uses of a lent token: the look-up, and for each the read and the lease's end."""
    token = lend(lab, num_uses=uses)
    main = step.main(lent_inputs(lab, token, role=TWO))
    step.post(lent_inputs(lab, token, role=TWO))

    assert main.code == code
    assert "-use-limit=5" in main.log or code == 0
    assert not lab.nomad.live_tokens()


@pytest.mark.parametrize(("uses", "code"), [(2, 4), (3, 0), (6, 0)])
def test_login_with_few_uses(lab: Lab, step: Step, uses: int, code: int) -> None:
    """Two tokens take three uses of a login of our own: the reads, and its end, which takes the leases along."""
    operator(lab, "auth/jwt/role/deploy-app", token_num_uses=uses)
    lab.mark()
    main = step.main(quick_start(lab, role=TWO))
    post = step.post()

    assert main.code == code
    assert post.code == 0
    assert nothing_lives(lab)


def test_a_management_token_among_them(lab: Lab, step: Step) -> None:
    """One of them is a management token: it alone is not exported unasked; the other is."""
    operator(lab, "nomad/role/reader", type="management", policies="")
    lab.mark()
    main = step.main(quick_start(lab, role=TWO))
    step.post()

    assert "DEPLOY_TOKEN" in main.variables
    assert "READ_TOKEN" not in main.variables
    assert main.outputs["token-read-token"]
    assert nothing_lives(lab)


def test_as_many_as_there_may_be(lab: Lab, step: Step) -> None:
    """32 tokens fit into what is saved for the post-step, which revokes them all."""
    for number in range(32):
        operator(lab, f"nomad/role/r{number}", policies="deployer")
    lab.mark()
    main = step.main(quick_start(lab, role="\n".join(f"r{number} | T{number}" for number in range(32))))
    alive = len(lab.nomad.live_tokens())
    post = step.post()

    assert (main.code, alive, post.code) == (0, 32, 0)
    assert nothing_lives(lab)


def test_largest_state_after_two_lost_answers(lab: Lab, tmp_path: Path) -> None:
    """Two lost answers make three tries: 32 tokens with long names still fit into the state, or are undone in place."""
    for number in range(32):
        operator(lab, f"nomad/role/{'r' * 40}{number}", policies="deployer")
    lab.mark()
    last = f"/creds/{'r' * 40}31"
    lab.faults += [Fault("vault", "GET", last, CLOSE, when="after"), Fault("vault", "GET", last, CLOSE, when="after")]
    step = on(lab, tmp_path / "wide")
    main = step.main(quick_start(lab, role="\n".join(f"{'r' * 40}{number} | T{number}" for number in range(32))))
    post = step.post()

    assert main.code == 0
    assert post.code == 0
    assert nothing_lives(lab)
