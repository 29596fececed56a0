"""Two federated regions, `global` and `eu`: a token that only one of them knows, and one that both do."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.pages import ROOT, blocks
from jobs import on, quick_start
from nomad_token_lab import Lab
from nomad_token_lab.nomad_trust import Made, NomadTrust, nomad_trust
from nomad_token_lab.runner import Step

REGIONS = ("global", "eu")
MULTI_REGION = ROOT / "docs" / "multi-region.md"


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a lab of two regions; the agent at `nomad-addr` is of `global`."""
    with Lab(trust=True, regions=REGIONS) as running:
        yield running


@pytest.fixture
def step(lab: Lab, tmp_path: Path) -> Step:
    """Make a step of a job that may ask for an id token."""
    return on(lab, tmp_path)


def alive(lab: Lab) -> dict[str, int]:
    """Count the tokens that were made and are alive, by region."""
    lab.settle()
    return {name: len(nomad.live_tokens()) for name, nomad in lab.regions.items()}


def asked_of_nomad(lab: Lab) -> list[str]:
    """List the step's own requests to Nomad, with their queries."""
    return [record.path for record in lab.requests if record.server == "nomad" and not record.internal]


def job_in(lab: Lab, region: str, token: str) -> int:
    """Run a job in *region*, as the next step does, and return the status."""
    with lab.nomad_client() as nomad:
        body = {"Job": {"ID": "app", "Name": "app", "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}}
        answer = nomad.put("/v1/jobs", params={"region": region}, json=body, headers={"X-Nomad-Token": token})
    return answer.status_code


class TestVault:
    """Vault asks the Nomad that it knows, and no region of it: where the token is good is up to the role."""

    @pytest.fixture
    def is_global(self, lab: Lab) -> None:
        """Have the role make global tokens."""
        with lab.vault_client() as vault:
            role = {"policies": "deployer", "type": "client", "global": True}
            vault.put("/v1/nomad/role/deployer", json=role).raise_for_status()
        lab.mark()

    def test_local_token_and_a_foreign_region(self, lab: Lab, step: Step) -> None:
        """It is said at once, long before the timeout, with the three ways out, and the token is revoked."""
        main = step.main(quick_start(lab, nomad_region="eu", timeout="110s"))
        asked = asked_of_nomad(lab)[:3]
        post = step.post()

        assert (main.code, post.code) == (4, 0)
        for part in ("`nomad-region`", "`eu`", lab.nomad.addr, "403 Permission denied", "global=true"):
            assert part in main.log
        assert asked == [f"/v1/acl/token/self{query}" for query in ("?region=eu", "", "?region=eu")]
        assert "NOMAD_TOKEN" not in main.variables
        assert alive(lab) == {"global": 0, "eu": 0}

    def test_what_is_spared_to_the_user(self, lab: Lab, step: Step) -> None:
        """Without the check the job's next step would meet the 403 that the text speaks of."""
        main = step.main(quick_start(lab, nomad_region="eu", verify="off"))

        assert main.code == 0
        assert [job_in(lab, region, main.variables["NOMAD_TOKEN"]) for region in REGIONS] == [200, 403]

    @pytest.mark.usefixtures("is_global")
    def test_global_token_and_a_foreign_region(self, lab: Lab, step: Step) -> None:
        """A global token is good in both, and dead in both afterwards."""
        main = step.main(quick_start(lab, nomad_region="eu"))
        good = [job_in(lab, region, main.variables["NOMAD_TOKEN"]) for region in REGIONS]
        post = step.post()

        assert (main.code, post.code) == (0, 0)
        assert main.variables["NOMAD_REGION"] == "eu"
        assert good == [200, 200]
        assert "Nomad refuses it" in post.log
        assert alive(lab) == {"global": 0, "eu": 0}

    @pytest.mark.usefixtures("is_global")
    def test_replication_is_waited_for(self, lab: Lab, step: Step) -> None:
        """A global token that gets there a little later is no foreign one: the region is asked until it knows it."""
        lab.regions["eu"].replication_lag = 1.5
        main = step.main(quick_start(lab, nomad_region="eu"))
        asked = asked_of_nomad(lab)

        assert main.code == 0
        assert asked.count("/v1/acl/token/self") == 1
        assert asked.count("/v1/acl/token/self?region=eu") > 2

    @pytest.mark.usefixtures("is_global")
    def test_replication_that_stands_still(self, lab: Lab, step: Step) -> None:
        """It is waited for to the end of the time, and then said to be late; no role is blamed."""
        lab.regions["eu"].replication_lag = 3600
        main = step.main(quick_start(lab, nomad_region="eu", timeout="2s"))

        assert main.code == 75
        assert "replication is late" in main.log

    def test_own_region_by_its_name(self, lab: Lab, step: Step) -> None:
        """A local token and the agent's own region go together."""
        main = step.main(quick_start(lab, nomad_region="global"))

        assert main.code == 0
        assert asked_of_nomad(lab)[0] == "/v1/acl/token/self?region=global"

    def test_unknown_region(self, lab: Lab, step: Step) -> None:
        """A region that there is no way to is told as that, and fails only where the proof is required."""
        main = step.main(quick_start(lab, nomad_region="mars", verify="required"))

        assert main.code == 75
        assert "No path to region" in main.log
        assert "`nomad-region`" in main.log


class TestMounts:
    """A mount of the engine for each region, as docs/multi-region.md has it: the same role, with an address each."""

    @pytest.fixture
    def lab(self, lab: Lab) -> Lab:
        """Mount the engine for each region, with a management token that the region alone knows."""
        for region in REGIONS:
            _mounted(lab, region)
            _access(lab, region, is_global=False)
        return lab

    def test_steps_of_the_page(self, lab: Lab, tmp_path: Path) -> None:
        """Each step of the page mints in its own region, for a variable of its own, and is revoked for itself."""
        (steps,) = (block.read()["steps"] for block in blocks([MULTI_REGION], "yaml") if "NOMAD_TOKEN_EU" in block.text)
        given = [_here(lab, step["with"]) for step in steps if "with" in step]
        both = [on(lab, tmp_path / name) for name in ("eu", "us")]
        mains = [step.main(inputs) for step, inputs in zip(both, given, strict=True)]
        tokens = [main.variables[name] for main, name in zip(mains, ("NOMAD_TOKEN_EU", "NOMAD_TOKEN_US"), strict=True)]
        good = [[job_in(lab, region, token) for region in ("eu", "global")] for token in tokens]
        posts = [step.post() for step in reversed(both)]

        assert [each.code for each in (*mains, *posts)] == [0] * 4
        assert good == [[200, 403], [403, 200]]
        assert alive(lab) == {"global": 0, "eu": 0}

    def test_a_global_role_behind_another_region(self, lab: Lab, step: Step) -> None:
        """Its own management token has to be known in the authoritative region, which makes the token."""
        with lab.vault_client() as vault:
            vault.put("/v1/nomad-eu/role/deployer", json={"policies": "deployer", "global": True}).raise_for_status()
        inputs = quick_start(lab, nomad_region="eu", vault_mount="nomad-eu")
        local = step.main(inputs)
        _access(lab, "eu", is_global=True)
        everywhere = step.main(inputs)

        assert (local.code, everywhere.code) == (4, 0)
        assert "Permission denied" in local.log
        assert alive(lab) == {"global": 1, "eu": 1}


def _mounted(lab: Lab, region: str) -> None:
    """Mount the engine for *region*, and let the deploy's login read its credentials."""
    mount = f"nomad-{region}"
    rule = "\n".join(f'path "nomad-{each}/creds/deployer" {{ capabilities = ["read"] }}' for each in REGIONS)
    with lab.vault_client() as vault:
        vault.put(f"/v1/sys/mounts/{mount}", json={"type": "nomad"}).raise_for_status()
        vault.put(f"/v1/{mount}/config/lease", json={"ttl": "30m", "max_ttl": "1h"}).raise_for_status()
        vault.put(f"/v1/{mount}/role/deployer", json={"policies": "deployer"}).raise_for_status()
        vault.put("/v1/sys/policies/acl/nomad-deployer", json={"policy": rule}).raise_for_status()


def _access(lab: Lab, region: str, *, is_global: bool) -> None:
    """Give the engine for *region* a management token that it alone knows, or that all know."""
    body = {"Name": "vault", "Type": "management", "Global": is_global}
    with lab.vault_client() as vault, lab.nomad_client() as nomad:
        made = nomad.put("/v1/acl/token", params={"region": region}, json=body).raise_for_status().json()
        access = {"address": lab.regions[region].addr, "token": made["SecretID"]}
        vault.put(f"/v1/nomad-{region}/config/access", json=access).raise_for_status()
    lab.mark()


def _here(lab: Lab, given: dict[str, str]) -> dict[str, str]:
    """Return a step's inputs with the lab's addresses; the page's `us` is the lab's `global`."""
    of = {"nomad-eu": lab.regions["eu"], "nomad-us": lab.nomad}[given["vault-mount"]]
    mount = given["vault-mount"].replace("us", "global")
    return given | {"vault-addr": lab.vault.addr, "nomad-addr": of.addr, "vault-mount": mount}


def trusted(lab: Lab, *, is_global: bool) -> Made:
    """Trust GitHub's jobs in Nomad itself, for tokens of one region or of all."""
    settings = NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.nomad.addr, is_global=is_global)
    with lab.nomad_client() as nomad:
        made = nomad_trust(settings, nomad)
    lab.mark()
    return made


class TestNomadItself:
    """Nomad makes the token in the region that it is asked for, and a global one in the authoritative region."""

    @pytest.mark.parametrize("region", REGIONS)
    @pytest.mark.parametrize("is_global", [False, True], ids=["local", "global"])
    def test_management(self, lab: Lab, step: Step, region: str, is_global: bool) -> None:  # noqa: FBT001 - a case
        """A token of `nomad-management` is good where it was asked for, global or not, and deleted there."""
        # A token that is lent must itself be known where it is used.
        made = trusted(lab, is_global=True)
        given = {
            "nomad-addr": lab.nomad.addr,
            "nomad-region": region,
            "nomad-management-token": made.management_token.get_secret_value(),
            "policies": "deployer",
            "global": str(is_global).lower(),
        }
        main = step.main(given)
        living = alive(lab)
        good = [job_in(lab, each, main.variables["NOMAD_TOKEN"]) for each in REGIONS]
        post = step.post(given)

        assert (main.code, post.code) == (0, 0)
        assert living == {each: int(is_global or each == region) for each in REGIONS}
        assert good == [200 if is_global or each == region else 403 for each in REGIONS]
        assert "Nomad deleted it, and Nomad refuses it" in post.log
        assert alive(lab) == {"global": 0, "eu": 0}

    @pytest.mark.parametrize("region", REGIONS)
    @pytest.mark.parametrize("is_global", [False, True], ids=["local", "global"])
    def test_login(self, lab: Lab, step: Step, region: str, is_global: bool) -> None:  # noqa: FBT001 - a case
        """A login's token is good where it was asked for; the method's TokenLocality makes it good everywhere."""
        made = trusted(lab, is_global=is_global)
        main = step.main({"nomad-addr": lab.nomad.addr, "nomad-region": region, "nomad-auth-method": made.auth_method})

        assert main.code == 0
        assert alive(lab) == {each: int(is_global or each == region) for each in REGIONS}

    def test_manager_of_another_region(self, lab: Lab, step: Step) -> None:
        """A management token that is a local one elsewhere is refused there, and nothing is made."""
        made = trusted(lab, is_global=False)
        main = step.main(
            {
                "nomad-addr": lab.nomad.addr,
                "nomad-region": "eu",
                "nomad-management-token": made.management_token.get_secret_value(),
                "policies": "deployer",
            }
        )

        assert main.code == 4
        assert "`nomad-management-token`" in main.log
        assert "`nomad-region`" in main.log
        assert alive(lab) == {"global": 0, "eu": 0}
