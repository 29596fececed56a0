"""Each request of an operator's clients, on each target, and the fields that `setup` reads (api-contract 1 and 2)."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from conformance.road import Job
from conformance.targets import Agent, Heard, Served, not_applicable
from nomad_token.clients.failures import Refusal
from nomad_token.clients.http import Connection
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.clients.vault import VaultPlace
from nomad_token.clients.vault_operator import VaultOperator
from nomad_token.clock import SystemClock
from nomad_token.said import FromNomad
from nomad_token.secret import SecretStr
from nomad_token.setup.canonical import canonical
from nomad_token.setup.facts import release
from nomad_token_lab.trust import DEPLOYER
from through import Through

says = pytest.mark.says
ABOUT: Final = "made by nomad-token setup: conformance"


@pytest.fixture
def vault(served: Served, job: Job, texts: list[str]) -> Iterator[VaultOperator]:
    """The client of the server under test that an operator has."""
    place = VaultPlace(address=served.addr)
    connection = Connection(place, clock=SystemClock(), trace=lambda _: None, transport=Through(Heard(texts)))
    yield VaultOperator(connection, place, SecretStr(job.root.headers["X-Vault-Token"]))
    connection.close()


@pytest.fixture
def nomad(agent: Agent, texts: list[str]) -> Iterator[NomadOperator]:
    """The client of the Nomad under test that an operator has."""
    place = NomadPlace(address=agent.addr)
    connection = Connection(place, clock=SystemClock(), trace=lambda _: None, transport=Through(Heard(texts)))
    yield NomadOperator(connection, place, agent.management_token)
    connection.close()


def subset(wanted: dict[str, Any], there: dict[str, Any] | None) -> bool:
    """Tell whether what was written reads as what it was, in one form."""
    assert there is not None
    return all(canonical(name, there.get(name)) == canonical(name, value) for name, value in wanted.items())


def test_mounts_are_told_apart(vault: VaultOperator, job: Job) -> None:
    """Both tables give type, description and accessor, by which a mount of ours is known (docs, "sys/mounts")."""
    vault.write("sys/mounts/conformance", {"type": "nomad", "description": ABOUT})
    vault.write("sys/auth/conformance", {"type": "jwt", "description": ABOUT})
    try:
        engine = (vault.read("sys/mounts") or {})["conformance/"]
        method = (vault.read("sys/auth", of_auth=True) or {})["conformance/"]
        nothing = vault.read("conformance/config/access"), vault.read("auth/conformance/config")
    finally:
        job.root.delete("sys/mounts/conformance")
        job.root.delete("sys/auth/conformance")

    assert (engine["type"], engine["description"]) == ("nomad", ABOUT)
    assert (method["type"], method["description"]) == ("jwt", ABOUT)
    assert engine["accessor"].startswith("nomad_")
    assert method["accessor"].startswith("auth_jwt_")
    assert nothing == (None, None)


def test_the_catalog_tells_what_may_be_mounted(vault: VaultOperator) -> None:
    """It is listed by the kind of plugin, and names the engine where there is one (api-contract 6)."""
    assert "nomad" in vault.listed("sys/plugins/catalog/secret")
    assert "jwt" in vault.listed("sys/plugins/catalog/auth")


def test_what_is_written_reads_as_it_was(vault: VaultOperator, job: Job) -> None:
    """Lease, role, policy, and the jwt auth's configuration and role; an access but for its token (1.2 to 1.4)."""
    access = {"address": "http://127.0.0.1:9", "ca_cert": "", "client_cert": "", "max_token_name_length": 99}
    policy = {"policy": '# a comment\npath "x" {\n  capabilities = ["read"]\n}\n'}
    role = {
        "role_type": "jwt",
        "user_claim": "repository_id",
        "bound_audiences": ["a", "b"],
        "bound_claims_type": "glob",
        "bound_claims": {"ref": ["refs/heads/*", "refs/tags/v1"], "repository_id": ["7"]},
        "claim_mappings": {"ref": "ref"},
        "token_policies": ["conformance"],
        "token_type": "service",
        "token_ttl": 600,
        "token_max_ttl": 1200,
        "token_num_uses": 0,
        "token_period": 0,
        "token_no_default_policy": False,
    }
    written: dict[str, dict[str, Any]] = {
        "nomad/config/lease": {"ttl": 600, "max_ttl": 1200},
        "nomad/role/conformance": {"type": "client", "policies": ["b", "a"], "global": True},
        "nomad/role/conformance-management": {"type": "management", "policies": [], "global": False},
        "sys/policies/acl/conformance": policy,
        "auth/jwt/role/conformance": role,
    }
    before = vault.read("nomad/config/access")
    config = vault.read("auth/jwt/config")
    try:
        vault.write("nomad/config/access", {**access, "token": SecretStr("x")})
        read = vault.read("nomad/config/access")
        for path, body in written.items():
            vault.write(path, body)
        differing = [path for path, body in written.items() if not subset(body, vault.read(path))]
    finally:
        for path in ("nomad/role/conformance", "nomad/role/conformance-management", "sys/policies/acl/conformance"):
            job.root.delete(path)
        job.root.delete("auth/jwt/role/conformance")

    assert before is not None
    assert config is not None
    assert {"oidc_discovery_url", "oidc_discovery_ca_pem", "bound_issuer", "default_role"} <= config.keys()
    assert subset(access, read)
    assert not {"token", "client_key"} & (read or {}).keys()
    assert differing == []
    assert vault.held("nomad/config/access") == {"root"}


# Nomad


@says(FromNomad.BOOTSTRAPPED)
def test_a_second_bootstrap(nomad: NomadOperator) -> None:
    """It is refused, with the index that resets it (2.3)."""
    with pytest.raises(Refusal) as refused:
        nomad.bootstrap(SecretStr("6ba7b810-9dad-11d1-80b4-00c04fd430c8"))

    assert refused.value.status == 400
    assert "(reset index: " in refused.value.said


def test_a_manager_reads_a_secret(nomad: NomadOperator, agent: Agent) -> None:
    """A token that was made, and whose answer was lost, is had by its accessor (2.3)."""
    made = agent.client()
    found = nomad.token_of(made["AccessorID"])

    assert found.secret_id.get_secret_value() == made["SecretID"]
    assert found.type == "client"


def test_a_policy_and_a_role(nomad: NomadOperator, agent: Agent) -> None:
    """They read as they were written, are found by name, and what is not there is None (2.3)."""
    policy = {"Name": "conformance", "Description": ABOUT, "Rules": DEPLOYER}
    try:
        nomad.write("acl/policy/conformance", policy)
        assert subset(policy, nomad.read("acl/policy/conformance"))
        assert nomad.read("acl/policy/conformance-none") is None
        assert "default" in [each["Name"] for each in nomad.read("namespaces")]
        version = nomad.read("agent/self")["config"]["Version"]["Version"]
        assert release(version) == release(agent.target.version)
        if agent.target.release < (1, 4):
            not_applicable("Nomad has roles from 1.4 on")
        role = {"Name": "conformance", "Description": ABOUT, "Policies": [{"Name": "conformance"}]}
        made = nomad.write("acl/role", role)
        assert subset(role, nomad.read("acl/role/name/conformance"))
        again = nomad.write(f"acl/role/{made['ID']}", {**role, "ID": made["ID"], "Description": "x"})
        assert (again["ID"], again["Description"]) == (made["ID"], "x")
        assert nomad.read("acl/role/name/conformance-none") is None
        agent.ask("DELETE", f"acl/role/{made['ID']}")
    finally:
        agent.ask("DELETE", "acl/policy/conformance")


def test_an_auth_method_and_a_rule(nomad: NomadOperator, agent: Agent) -> None:
    """They read as they were written, a life in one of two forms; a rule is found whole by its id (2.6)."""
    if agent.target.release < (1, 5, 4):
        assert agent.target.release >= (1, 5) or nomad.read("acl/auth-methods") is None
        not_applicable("Nomad has JWT logins from 1.5.4 on")
    config = {
        "OIDCDiscoveryURL": agent.lab.github.addr,
        "BoundIssuer": [agent.lab.github.addr],
        "BoundAudiences": ["a"],
        "ClaimMappings": {"ref": "ref"},
    }
    method = {
        "Name": "conformance",
        "Type": "JWT",
        "TokenLocality": "local",
        "MaxTokenTTL": 600 * 10**9,
        "Config": config,
    }
    rule = {
        "AuthMethod": "conformance",
        "Description": ABOUT,
        "Selector": 'value.ref == "refs/heads/main" and value.ref matches "^refs/heads/v1[.].*$"',
        "BindType": "policy",
        "BindName": "deployer",
    }
    try:
        nomad.write("acl/auth-method/conformance", method)
        there = nomad.read("acl/auth-method/conformance")
        assert subset({name: value for name, value in method.items() if name != "Config"}, there)
        assert subset(config, there["Config"])
        made = nomad.write("acl/binding-rule", rule)
        stub = next(each for each in nomad.read("acl/binding-rules") if each["ID"] == made["ID"])
        assert (stub["AuthMethod"], stub["Description"]) == ("conformance", ABOUT)
        assert subset(rule, nomad.read(f"acl/binding-rule/{made['ID']}"))
        changed = {**rule, "ID": made["ID"], "BindName": "other"}
        assert nomad.write(f"acl/binding-rule/{made['ID']}", changed)["BindName"] == "other"
        agent.ask("DELETE", f"acl/binding-rule/{made['ID']}")
    finally:
        agent.ask("DELETE", "acl/auth-method/conformance")
