"""What the README has a user of GitLab write is right: the pipelines' inputs, and whom Vault and Nomad then trust."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from gitlab import trust
from nomad_token.order import all_declared
from nomad_token.platforms.shell import KEPT
from nomad_token.platforms.spelling import variable
from nomad_token_lab import Lab

HEADER = next(yaml.safe_load_all((Path(__file__).parents[2] / "gitlab" / "nomad-token.yml").read_text("utf-8")))
OTHERS = [{"project_id": "23"}, {"ref_path": "refs/heads/other"}, {"ref_protected": "false"}]


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab that holds the README's trust."""
    with Lab() as running:
        trust.set_up(running)
        yield running


def at_vault(lab: Lab) -> httpx.Response:
    """Log in to Vault as the job does."""
    body = {"role": "deploy-app", "jwt": lab.github.id_token(lab.vault.addr).get_secret_value()}
    return httpx.post(f"{lab.vault.addr}/v1/auth/jwt/login", json=body)


def at_nomad(lab: Lab) -> httpx.Response:
    """Log in to Nomad as the job does."""
    body = {"AuthMethodName": "gitlab", "LoginToken": lab.github.id_token(lab.nomad.addr).get_secret_value()}
    return httpx.post(f"{lab.nomad.addr}/v1/acl/login", json=body)


def test_the_job_is_trusted(lab: Lab) -> None:
    """The id token of a push to a protected main has the policies, at Vault and at Nomad, for half an hour."""
    login, token = at_vault(lab).json()["auth"], at_nomad(lab).json()

    assert "nomad-deployer" in login["policies"]
    assert login["lease_duration"] == 1800
    assert token["Policies"] == ["deployer"]
    assert token["ExpirationTTL"] in {"30m0s", 1800 * 10**9}


@pytest.mark.parametrize("claims", OTHERS, ids=str)
def test_nobody_else_is_trusted(lab: Lab, claims: Mapping[str, str]) -> None:
    """Another project, another branch and one that is not protected are refused by both."""
    lab.github.claims |= claims

    assert at_vault(lab).status_code == 400
    assert at_nomad(lab).status_code == 400


def test_the_quick_start_is_short() -> None:
    """It is a whole pipeline in at most 8 lines."""
    quick_start = trust.snippets("yaml")[0]

    assert len(quick_start.splitlines()) <= 8
    assert set(yaml.safe_load(quick_start)) == {"include", "deploy"}


@pytest.mark.parametrize("snippet", [one for one in trust.snippets("yaml") if "include:" in one], ids=["job", "pair"])
def test_the_inputs_are_right(snippet: str) -> None:
    """What the README gives to the template are inputs that it has, with values that it takes."""
    ((included),) = yaml.safe_load(snippet)["include"]
    specs: dict[str, dict[str, Any]] = HEADER["spec"]["inputs"]

    assert set(included["inputs"]) <= set(specs)
    assert all(
        value in specs[name]["options"] if "options" in specs[name] else re.search(specs[name]["regex"], value)
        for name, value in included["inputs"].items()
    )


def test_what_it_names_is_there() -> None:
    """Each input that the section names is one of the template's, and each variable is read by the code."""
    inputs = set(re.findall(r"`((?!nomad-token)[a-z]+(?:-[a-z0-9]+)+)(?:: [^`]*)?`", trust.GITLAB))
    variables = set(re.findall(r"`((?:NOMAD|VAULT)_[A-Z_]+)`", trust.GITLAB))
    declared = {name for one in all_declared() for name in (*one.environment, variable(one.name))}

    assert inputs
    assert inputs <= set(HEADER["spec"]["inputs"])
    assert variables - declared == {"NOMAD_TOKEN", KEPT}
