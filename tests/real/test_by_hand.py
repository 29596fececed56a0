"""What people do by hand with Vault's Nomad engine, done with this program on real servers: see docs/coverage.md."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from certificates import Authority
from jobs import accepted, on
from nomad_token_lab.runner import Step
from nomad_token_lab.serve import Tls
from real_lab import KINDS, RealLab, real_lab
from setup.site import Site

POLICIES: Final = """\
[[policy]]
name = "deployer"
rules = "deployer.hcl"

[[policy]]
name = "reader"
rules = "reader.hcl"
"""
TRUST: Final = """\
[[vault-trust]]
mount = "jwt"
platform = "github"
issuer = "{github}"
[[vault-trust.role]]
name = "deploy-app"
audience = ["{vault}"]
claims = {{ repository_id = "74123456", ref = "refs/heads/main", event_name = ["push", "workflow_dispatch"] }}
"""
ENGINE: Final = """\
[[engine]]
access = {{ address = "{nomad}" }}
"""

Serve = Callable[..., Site]


@pytest.fixture(params=KINDS)
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Serve]:
    """Start a real and empty Vault, then a real and empty OpenBao, with a Nomad of the lab's as it is wanted."""
    with ExitStack() as stack:

        def start(**nomad: Any) -> Site:  # noqa: ANN401 - what `Lab` takes
            lab = stack.enter_context(real_lab(request.param, tmp_path, trusting=False, **nomad))
            return Site.of(lab, tmp_path)

        yield start


@pytest.fixture
def site(serve: Serve) -> Site:
    """Serve a plain one."""
    return serve()


def wanted(site: Site, text: str) -> None:
    """Have an operator set up what a file says."""
    site.write(text, reader='namespace "default" { capabilities = ["read-job"] }\n')
    assert site.apply() == 0, site.err


def job(site: Site, **more: str) -> tuple[Step, dict[str, str]]:
    """Return a job's step, and its inputs."""
    assert isinstance(site.lab, RealLab)
    inputs = {
        "vault-addr": site.lab.real.addr,
        "nomad-addr": site.lab.nomad.addr,
        "vault-auth-role": "deploy-app",
        "role": "deployer",
    }
    return on(site.lab, site.folder / "job"), inputs | {name.replace("_", "-"): value for name, value in more.items()}


def life(site: Site, mount: str) -> timedelta:
    """Return how long the only lease of the engine at *mount* lives, from its beginning to its end."""
    assert site("list", environ={"NOMAD_MINT_VAULT_MOUNT": mount}) == 0, site.err
    (lease,) = json.loads(site.out)["leases"]
    return datetime.fromisoformat(lease["ends"]) - datetime.fromisoformat(lease["made"])


def test_engines_at_several_mounts(site: Site) -> None:
    """Two engines have leases of two lengths, and a job takes a token of each, in one step for each."""
    short = ENGINE.replace("[[engine]]", '[[engine]]\nmount = "teams/short"\nttl = "5m"\nmax-ttl = "10m"')
    role = '[[engine.role]]\nname = "deployer"\npolicies = ["deployer"]\n'
    wanted(site, POLICIES + ENGINE + role + short + role + TRUST + 'roles = ["nomad/deployer", "teams/short/deployer"]')
    found = {}
    for mount in ("nomad", "teams/short"):
        step, inputs = job(site, vault_mount=mount)
        assert step.main(inputs).code == 0
        found[mount] = round(life(site, mount) / timedelta(minutes=1))
        assert step.post(inputs).code == 0

    assert found == {"nomad": 30, "teams/short": 5}
    assert site.minted() == []


def test_access_with_certificates(serve: Serve, tmp_path: Path) -> None:
    """Vault reaches a Nomad that asks for a client's certificate, of an authority of its own; so does the job."""
    authority = Authority(tmp_path)
    server, client = authority.server(), authority.client("vault")
    site = serve(tls={"nomad": Tls(server.certificate, server.key, authority.certificate, requires_client=True)})
    ours = authority.client("operator")
    site.environ |= {
        "NOMAD_CACERT": str(authority.certificate),
        "NOMAD_CLIENT_CERT": str(ours.certificate),
        "NOMAD_CLIENT_KEY": str(ours.key),
    }
    access = (
        f'[[engine]]\n[engine.access]\naddress = "{{nomad}}"\nca-cert = "{authority.certificate}"\n'
        f'client-cert = "{client.certificate}"\nclient-key = "{client.key}"\n'
    )
    role = '[[engine.role]]\nname = "deployer"\npolicies = ["deployer"]\n'
    wanted(site, POLICIES + access + role + TRUST + 'roles = ["nomad/deployer"]')
    own = {
        "nomad_ca_cert": str(authority.certificate),
        "nomad_client_cert": str(ours.certificate),
        "nomad_client_key": str(ours.key),
    }
    step, inputs = job(site, **own)
    main = step.main(inputs)

    assert main.code == 0, main.log
    assert "Nomad accepts it" in main.log
    assert step.post(inputs).code == 0
    assert site.minted() == []
    assert client.key.read_text() not in site.out + site.err


def test_roles_of_one_policy_and_of_several(site: Site) -> None:
    """The token has the policies of its role: one, or both."""
    roles = (
        '[[engine.role]]\nname = "deployer"\npolicies = ["deployer"]\n'
        '[[engine.role]]\nname = "both"\npolicies = ["deployer", "reader"]\n'
    )
    wanted(site, POLICIES + ENGINE + roles + TRUST + 'roles = ["nomad/deployer", "nomad/both"]')
    held = {}
    for role in ("deployer", "both"):
        step, inputs = job(site, role=role)
        token = step.main(inputs).variables["NOMAD_TOKEN"]
        own = httpx.get(f"{site.lab.nomad.addr}/v1/acl/token/self", headers={"X-Nomad-Token": token}).json()
        held[role] = own["Policies"]
        assert step.post(inputs).code == 0

    assert held == {"deployer": ["deployer"], "both": ["deployer", "reader"]}


def test_a_role_of_type_management(site: Site) -> None:
    """Its token is an output, and is put into the environment only where that is asked for."""
    role = '[[engine.role]]\nname = "operator"\ntype = "management"\n'
    wanted(site, ENGINE + role + TRUST + 'roles = ["nomad/operator"]')
    step, inputs = job(site, role="operator")
    plain = step.main(inputs)
    ended = step.post(inputs).code
    asked = step.main(inputs | {"export-env": "true"})

    assert (plain.code, ended) == (0, 0)
    assert "NOMAD_TOKEN" not in plain.variables
    assert accepted(site.lab, asked.variables["NOMAD_TOKEN"])
    assert step.post(inputs).code == 0
    assert site.minted() == []


@pytest.mark.parametrize("everywhere", [True, False], ids=["global", "local"])
def test_a_role_for_federated_regions(serve: Serve, everywhere: bool) -> None:  # noqa: FBT001 - a row of the table
    """A token of a global role is accepted in another region; that of a local one is refused there, and is revoked."""
    site = serve(regions=("global", "eu"))
    role = f'[[engine.role]]\nname = "deployer"\npolicies = ["deployer"]\nglobal = {str(everywhere).lower()}\n'
    wanted(site, POLICIES + ENGINE + role + TRUST + 'roles = ["nomad/deployer"]')
    step, inputs = job(site, nomad_region="eu", timeout="60s")
    main = step.main(inputs)

    assert (main.code == 0) is everywhere, main.log
    assert ("global=true" in main.log) is not everywhere
    assert step.post(inputs).code == 0
    assert site.minted() == []


def test_a_token_in_a_shells_variable(site: Site) -> None:
    """`$(nomad-token mint --field token …)` is the token and nothing else; the state revokes it."""
    role = '[[engine.role]]\nname = "deployer"\npolicies = ["deployer"]\n'
    wanted(site, POLICIES + ENGINE + role + TRUST + 'roles = ["nomad/deployer"]')
    assert isinstance(site.lab, RealLab)
    token = site.lab.github.id_token(site.lab.real.addr).get_secret_value()
    environ = {"VAULT_TOKEN": "", "NOMAD_TOKEN": "", "VAULT_ID_TOKEN": token}
    state = f"--state={site.folder / 'state'}"
    with pytest.raises(AssertionError):  # which `Site` makes of a secret in sight
        site("mint", "--role=deployer", "--vault-auth-role=deploy-app", "--field=token", state, environ=environ)
    (minted,) = [each for each in site.lab.nomad.live_tokens() if each.name.startswith("vault-")]

    assert site.out == f"{minted.secret}\n"
    assert site("revoke", state, environ=environ) == 0, site.err
    assert site.minted() == []


def test_a_new_cluster(serve: Serve) -> None:
    """Nomad's ACLs are bootstrapped into a file, with which the engine gets a token of its own, and a job deploys."""
    site = serve(bootstrapped=False)
    file = site.folder / "nomad.token"
    site.environ["NOMAD_TOKEN"] = ""
    assert site("bootstrap", "--out", str(file)) == 0, site.err
    role = '[[engine.role]]\nname = "deployer"\npolicies = ["deployer"]\n'
    site.write(POLICIES + ENGINE + role + TRUST + 'roles = ["nomad/deployer"]', reader="")
    assert site.apply("--nomad-token-file", str(file)) == 0, site.err
    step, inputs = job(site)
    main = step.main(inputs)

    assert main.code == 0, main.log
    assert len(site.access_tokens()) == 1
    assert step.post(inputs).code == 0
    assert site.minted() == []
