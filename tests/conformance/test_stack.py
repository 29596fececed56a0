"""The whole stack: a token that a real Vault mints at a real Nomad, and the lab's at the lab's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

import nomads
from answers import done, token_of, within
from conformance.road import Job
from conformance.targets import BuiltNomads, Named, Target, named
from nomad_token_lab.trust import DEPLOYER


@dataclass(frozen=True)
class Behind:
    """The Nomad behind the Vault under test."""

    addr: str

    def ask(self, path: str, minted: Mapping[str, Any]) -> httpx.Response:
        """Ask with the token that was minted."""
        headers = {"X-Nomad-Token": minted["data"]["secret_id"]}
        return httpx.get(f"{self.addr}/v1/{path}", headers=headers, trust_env=False, timeout=30)


@pytest.fixture
def behind(request: pytest.FixtureRequest, job: Job, vault_target: Target) -> Behind:
    """Have the Vault under test mint there."""
    given = named("nomad")
    if vault_target.place == "built":
        built: BuiltNomads = request.getfixturevalue("built_nomads")(nomads.NEWEST)
        given = Named(built.home.addr, built.home.management_token)
    if given is None:
        return Behind(job.lab.nomad.addr)
    headers = {"X-Nomad-Token": given.token.get_secret_value()}
    policy = {"Name": "deployer", "Rules": DEPLOYER}
    done(httpx.put(f"{given.addr}/v1/acl/policy/deployer", json=policy, headers=headers, trust_env=False, timeout=30))
    access = {"address": given.addr, "token": given.token.get_secret_value()}
    done(job.root.put("nomad/config/access", json=access))
    return Behind(given.addr)


def test_a_token_lives_as_long_as_its_lease(job: Job, behind: Behind) -> None:
    """Nomad accepts it at once, for what its policy allows; with the lease it is gone."""
    token = token_of(job.login())
    minted = job.mint(token)
    own, jobs = behind.ask("acl/token/self", minted), behind.ask("jobs", minted)
    nodes = behind.ask("acl/tokens", minted)
    revoked = job.revoke(token, minted, sync=True)
    after = behind.ask("acl/token/self", minted)

    assert own.json()["AccessorID"] == minted["data"]["accessor_id"]
    assert (own.json()["Policies"], own.json()["ExpirationTime"]) == (["deployer"], None)
    assert (jobs.status_code, nodes.status_code) == (200, 403)
    assert revoked.status_code == 204
    assert after.status_code in {403, 404}


def test_a_token_ends_with_its_login(job: Job, behind: Behind) -> None:
    """`revoke-self` takes it along, a little later."""
    token = job.login_on()
    minted = job.mint(token)
    before = behind.ask("jobs", minted).status_code
    done(job.anonymous.post("auth/token/revoke-self", headers=token))

    assert before == 200
    assert within(30, lambda: behind.ask("jobs", minted).status_code == 403)
