"""A job that can't prove who it is: each reason has its own text, and nothing is requested of Vault."""

import json
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from jobs import without_identity
from nomad_token_lab import CLOSE, Answer, Fault, Lab
from nomad_token_lab.runner import Step
from transcript import Page

ROAD = {"role": "deployer", "vault-auth-role": "deploy-app"}


def pull_request(folder: Path, head: str) -> dict[str, str]:
    """Return the environment of a pull request from the repository *head*."""
    event = folder / "event.json"
    event.write_text(json.dumps({"pull_request": {"head": {"repo": {"full_name": head}}}}), "utf-8")
    return {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event)}


@pytest.mark.parametrize(
    ("name", "environ", "says"),
    [
        ("permission", {}, ["lacks the permission `id-token: write`", "calls it too", "id-token: write"]),
        ("fork", {"fork": "evil/app"}, ["pull request from a fork", "head.repo.full_name == github.repository"]),
        ("own_pull_request", {"fork": "octo-org/octo-app"}, ["lacks the permission `id-token: write`"]),
        ("dependabot", {"GITHUB_ACTOR": "dependabot[bot]"}, ["Dependabot", "github.actor != 'dependabot[bot]'"]),
    ],
)
def test_no_id_token(
    lab: Lab, tmp_path: Path, name: str, environ: dict[str, str], says: list[str], page: SnapshotAssertion
) -> None:
    """A missing identity is explained by what the job is, and nothing was asked of Vault."""
    environ = dict(environ)
    if head := environ.pop("fork", None):
        environ |= pull_request(tmp_path, head)
    main = without_identity(tmp_path, **environ).main(ROAD | {"vault-addr": lab.vault.addr})

    assert main.code == 3, name
    assert [text for text in says if text not in main.log] == []
    assert lab.requests == []
    assert page == Page(lab).step("main", main).alive()


def test_id_token_of_ones_own(lab: Lab, tmp_path: Path) -> None:
    """`id-token` serves instead of the platform's, is masked, and is never saved."""
    id_token = lab.github.id_token(lab.audience).get_secret_value()
    step = without_identity(tmp_path)
    main = step.main(ROAD | {"vault-addr": lab.vault.addr, "id-token": id_token})
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert f"::add-mask::{id_token}" in main.log
    assert id_token not in str(main.state)
    assert not lab.nomad.live_tokens()


def test_id_token_that_is_none(lab: Lab, tmp_path: Path) -> None:
    """A value that is no JWT is refused by Vault and said to be none, without being shown."""
    main = without_identity(tmp_path).main(ROAD | {"vault-addr": lab.vault.addr, "id-token": "not-a-jwt-at-all"})

    assert main.code == 4
    assert "The id token is not a JWT" in main.log
    assert "not-a-jwt-at-all" not in main.log.replace("::add-mask::not-a-jwt-at-all", "")


def test_token_service_says_no(lab: Lab, step: Step) -> None:
    """A refusal by the token service is no identity, told once and in its own words."""
    lab.faults.append(Fault("github", "GET", "/idtoken", Answer(401, "Unauthorized"), times=None))
    main = step.main(ROAD | {"vault-addr": lab.vault.addr})

    assert main.code == 3
    assert "HTTP 401 (Unauthorized)" in main.log
    assert len(lab.requests) == 1


@pytest.mark.parametrize("answer", [Answer(500, "oops"), Answer(200, {"value": 7}), Answer(200, "x")])
def test_token_service_without_a_usable_answer(lab: Lab, step: Step, answer: Answer) -> None:
    """A token service without a usable answer is a temporary trouble, and its words are not taken for a token."""
    lab.faults.append(Fault("github", "GET", "/idtoken", answer, times=None))
    lab.faults.append(Fault("github", "GET", "/idtoken", CLOSE, times=None))
    main = step.main(ROAD | {"vault-addr": lab.vault.addr, "timeout": "3s"})

    assert main.code == 75
    assert "GitHub gave no id token" in main.log


def test_token_service_stumbles(lab: Lab, step: Step) -> None:
    """A token service that fails once is asked again."""
    lab.faults.append(Fault("github", "GET", "/idtoken", Answer(503, "busy")))
    lab.faults.append(Fault("github", "GET", "/idtoken", CLOSE))
    main = step.main(ROAD | {"vault-addr": lab.vault.addr})
    step.post()

    assert main.code == 0
    assert [record.status for record in lab.requests if record.server == "github"][:3] == [503, None, 200]
