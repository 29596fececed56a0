"""`setup` on real servers: from an empty Vault or OpenBao to a job that deploys; Nomad is the lab's."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import servers
from gitlab.trust import CLAIMS
from nomad_token.errors import Refused
from nomad_token_lab.runner import Step
from real_lab import KINDS, RealLab, real_lab
from setup.site import DEPLOYER, FILE, Site

GITLAB = """\
[[policy]]
name = "deployer"
rules = "deployer.hcl"

[[engine]]
[engine.access]
address = "{nomad}"
[[engine.role]]
name = "deployer"
policies = ["deployer"]

[[vault-trust]]
mount = "jwt-gitlab"
platform = "gitlab"
issuer = "{github}"
[[vault-trust.role]]
name = "deploy-app"
audience = ["{vault}"]
claims = {{ project_id = "22", ref = "main", ref_protected = "true" }}
roles = ["nomad/deployer"]
"""


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealLab]:
    """Serve Nomad and GitHub, beside a real and empty Vault, then a real and empty OpenBao with the plugin."""
    with real_lab(request.param, tmp_path, trusting=False) as lab:
        yield lab


@pytest.fixture
def site(lab: RealLab, tmp_path: Path) -> Site:
    """Write the file of an operator who has logged in to both."""
    site = Site.of(lab, tmp_path)
    site.write(FILE)
    return site


def deploys(lab: RealLab, token: str) -> int:
    """Register a job as `nomad job run` does, and return the status."""
    job = {"Job": {"ID": "hello", "Name": "hello", "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}}
    return httpx.put(f"{lab.nomad.addr}/v1/jobs", json=job, headers={"X-Nomad-Token": token}).status_code


def test_from_nothing_to_a_deploy(lab: RealLab, site: Site, step: Step) -> None:
    """Plan, apply, mint with GitHub's id token, deploy, revoke; applied again, nothing changes."""
    assert site("setup", "plan") == 0
    assert {each["verdict"] for each in json.loads(site.out)["changes"]} == {"create"}
    assert site.apply() == 0, site.err
    assert "Proven: Vault minted a token of nomad/creds/deployer" in site.err
    state = site.state()
    main = step.main(
        {
            "vault-addr": lab.real.addr,
            "vault-auth-path": "jwt-github",
            "vault-auth-role": "deploy-app",
            "role": "deployer",
            "nomad-addr": lab.nomad.addr,
        }
    )
    deployed = deploys(lab, main.variables["NOMAD_TOKEN"])
    post = step.post()

    assert (main.code, deployed, post.code) == (0, 200, 0)
    assert "Vault revoked the lease, and Nomad refuses it" in post.log
    assert site.minted() == []
    assert site("setup", "apply", terminal=True) == 0
    assert site.out == "Nothing to do: all of it is there.\n"
    assert site.state() == state


def test_what_is_changed(site: Site) -> None:
    """What an earlier run made is changed in each kind of object, and is as wanted then."""
    assert site.apply() == 0, site.err
    site.edit('ttl = "30m"', 'ttl = "20m"')
    site.edit('policies = ["deployer"]\n\n[[engine.role]]', 'policies = ["deployer", "reader"]\n\n[[engine.role]]')
    site.edit('"workflow_dispatch"] }\nroles = ["nomad/deployer"]', '"schedule"] }\nroles = ["nomad/operator"]')
    site.edit('address = "', 'max-token-name-length = 99\naddress = "')
    site.edit("[[policy]]", '[[policy]]\nname = "reader"\nrules = "reader.hcl"\n\n[[policy]]')
    (site.folder / "reader.hcl").write_text('namespace "default" { capabilities = ["read-job"] }\n')
    (site.folder / "deployer.hcl").write_text(DEPLOYER.replace(', "submit-job"', ""))
    assert site.apply() == 0, site.err

    assert site.out.endswith("1 to create, 6 to change, 7 as wanted.\n")
    assert site("setup", "apply") == 0
    assert site.state()["nomad/config/access"]["max_token_name_length"] == 99


def test_a_rotation(site: Site) -> None:
    """A new token in, proven, the old one deleted."""
    assert site.apply() == 0, site.err
    before = site.access_tokens()
    assert site.apply("--rotate-access") == 0, site.err

    assert len(site.access_tokens()) == 1
    assert site.access_tokens() != before


def test_what_somebody_else_made(lab: RealLab, site: Site) -> None:
    """A jwt auth that trusts GitLab is refused, and everything else is as it was."""
    with lab.vault_client() as vault:
        vault.post("/v1/sys/auth/jwt-github", json={"type": "jwt", "description": "GitLab's"}).raise_for_status()
        config = {"jwt_validation_pubkeys": lab.github.public_key, "bound_issuer": "https://gitlab.example.com"}
        vault.post("/v1/auth/jwt-github/config", json=config).raise_for_status()
    before = site.state()
    assert site.apply() == Refused.exit_code

    assert "The mount `jwt-github` was not made by nomad-token setup" in site.err
    assert site.state() == before


def test_what_is_mounted_there(lab: RealLab, site: Site) -> None:
    """Another engine at the path, and a jwt auth that gives batch tokens alone, are refused."""
    with lab.vault_client() as vault:
        vault.post("/v1/sys/mounts/nomad", json={"type": "kv"}).raise_for_status()
        tuned = {"type": "jwt", "config": {"token_type": "batch"}}
        vault.post("/v1/sys/auth/jwt-github", json=tuned).raise_for_status()
        config = {"oidc_discovery_url": lab.github.addr, "bound_issuer": lab.github.addr}
        vault.post("/v1/auth/jwt-github/config", json=config).raise_for_status()
    before = site.state()
    assert site.apply() == Refused.exit_code

    assert "engine nomad: Something else is mounted there: kv." in site.err
    assert "jwt role jwt-github/deploy-app: Every login at `jwt-github` gets a batch token" in site.err
    assert site.state() == before


def test_a_trust_in_gitlab(lab: RealLab, site: Site) -> None:
    """A project's protected branch mints with GitLab's id token; another branch of it does not."""
    site.write(GITLAB)
    assert site.apply() == 0, site.err
    assert site("setup", "apply") == 0
    state, made = site.folder / "state", site.folder / "made.json"
    minted = {}
    for ref, protected in (("main", "true"), ("feature", "false")):
        lab.github.claims = {**CLAIMS, "ref": ref, "ref_protected": protected}
        environ = {
            "VAULT_TOKEN": "",
            "NOMAD_TOKEN": "",
            "VAULT_ID_TOKEN": lab.github.id_token(lab.real.addr).get_secret_value(),
        }
        words = ("--vault-auth-path=jwt-gitlab", "--vault-auth-role=deploy-app", "--role=deployer")
        minted[ref] = site("mint", *words, f"--state={state}", f"--json={made}", environ=environ)
        if minted[ref] == 0:
            assert deploys(lab, json.loads(made.read_text())["token"]) == 200
            assert site("revoke", f"--state={state}", environ=environ) == 0

    assert minted == {"main": 0, "feature": Refused.exit_code}
    assert site.minted() == []


def test_a_trust_of_nomads_own(lab: RealLab, site: Site, step: Step) -> None:
    """Without Vault, an id token is a login at Nomad; that is the lab's."""
    site.write(FILE.partition("[[engine]]")[0])
    environ = {"VAULT_ADDR": "", "VAULT_TOKEN": ""}
    assert site("setup", "apply", "--yes", environ=environ) == 0, site.err
    assert site("setup", "apply", environ=environ) == 0
    main = step.main({"nomad-addr": lab.nomad.addr, "nomad-auth-method": "github"})

    assert main.code == 0, main.log
    assert deploys(lab, main.variables["NOMAD_TOKEN"]) == 200


def test_a_plugin_that_is_not_registered(tmp_path: Path) -> None:
    """OpenBao without it is told, with the line that registers it, which works; nothing was written before that."""
    plugin = servers.build_nomad_engine()
    with servers.openbao(tmp_path, plugin=plugin) as real, RealLab() as lab:
        lab.kind, lab.real, lab.authority = "openbao", real, None
        site = Site.of(lab, tmp_path)
        site.write(FILE)
        before = site.state()
        assert site.apply() == Refused.exit_code
        assert "This Vault has no engine `nomad`" in site.err
        assert "secret nomad" in site.err
        assert site.state() == before
        known = {"sha256": hashlib.sha256(plugin.read_bytes()).hexdigest(), "command": plugin.name}
        with lab.vault_client() as vault:
            vault.put("/v1/sys/plugins/catalog/secret/nomad", json=known).raise_for_status()
        assert site.apply() == 0, site.err


@pytest.mark.parametrize("lab", ["openbao"], indirect=True)
def test_a_namespace_below_that_of_the_login(lab: RealLab, site: Site) -> None:
    """The engine is in a namespace of OpenBao's, the login above it: a job mints, and revokes."""
    with lab.vault_client() as vault:
        vault.put("/v1/sys/namespaces/app").raise_for_status()
    site.environ["VAULT_NAMESPACE"] = "app"
    assert site.apply("--vault-auth-namespace=root") == 0, site.err
    assert site.apply("--vault-auth-namespace=root") == 0
    assert site.out == "Nothing to do: all of it is there.\n"
    token = lab.github.id_token(lab.real.addr).get_secret_value()
    minting = {"VAULT_TOKEN": "", "NOMAD_TOKEN": "", "VAULT_ID_TOKEN": token}
    where = ("--vault-auth-namespace=root", "--vault-auth-path=jwt-github", "--vault-auth-role=deploy-app")
    state = f"--state={site.folder / 'state'}"
    made = f"--json={site.folder / 'made.json'}"

    assert site("mint", *where, "--role=deployer", state, made, environ=minting) == 0, site.err
    assert site("revoke", state, environ=minting) == 0, site.err
    assert site.minted() == []
