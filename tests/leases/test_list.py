"""`list`: what lives, in a table and as JSON, and nothing secret."""

import json
import re

import pytest

from leases.conftest import Desk
from nomad_token.errors import InputError, NotFound, Refused

OWN = "nomad-token-0a1b2c3d-20260304T050607000000"


def test_all_that_lives(desk: Desk) -> None:
    """In a pipe: each lease of each role, and Nomad's tokens that Vault or this program made, the oldest first."""
    lease, accessor = desk.creds(), desk.token(OWN)
    desk.token("somebody's")
    assert desk("list") == 0
    found = json.loads(desk.out)
    (one,), (by_vault, own) = found["leases"], found["tokens"]

    assert (one["lease_id"], one["role"], one["renewable"]) == (lease["lease_id"], "deployer", True)
    assert (by_vault["accessor_id"], by_vault["by"]) == (lease["data"]["accessor_id"], "vault")
    assert (own["name"], own["accessor_id"], own["by"]) == (OWN, accessor, "nomad-token")
    assert lease["data"]["secret_id"] not in desk.out


@pytest.mark.parametrize("login", ["jwt-octo-org/octo-app", "userpass-a@example.com", "ldap-größe", "token", ""])
def test_names_of_vaults_tokens(desk: Desk, login: str) -> None:
    """A login's name stands in them as it is, whatever it holds."""
    accessor = desk.token(f"vault-deployer-{login}-1700000000000000000")
    desk("list")
    (token,) = json.loads(desk.out)["tokens"]

    assert (token["accessor_id"], token["by"]) == (accessor, "vault")


def test_a_table_on_a_terminal(desk: Desk) -> None:
    """A person gets two tables, without the columns in which nothing stands."""
    lease = desk.creds()
    assert desk("list", terminal=True) == 0
    leases, tokens = desk.out.split("\n\n")

    row = rf"deployer  {re.escape(lease['lease_id'])}  \d+ s  (30 min|29 min \d+ s)"
    assert re.fullmatch(rf"ROLE      LEASE +AGE +ENDS IN\n{row}", leases), leases
    assert re.match(r"NAME +ACCESSOR +TYPE +POLICIES +AGE +ENDS IN\nvault-deployer-\S+-\d{19}  ", tokens), tokens
    assert tokens.endswith("never\n")


def test_of_one_role(desk: Desk) -> None:
    """A role that is named is all that is listed; one without a lease has none."""
    with desk.lab.vault_client() as vault:
        vault.post("/v1/nomad/role/somebody-else", json={"policies": ["deployer"]}).raise_for_status()
    desk.creds()
    assert desk("list", "somebody-else", NOMAD_ADDR="") == 0

    assert json.loads(desk.out) == {"leases": [], "tokens": []}
    assert desk("list", "somebody-else", terminal=True, NOMAD_ADDR="") == 0
    assert desk.out == "Nothing lives.\n"


@pytest.mark.parametrize("command", [["list", "deploier"], ["revoke", "--all-of", "deploier", "--yes"]])
def test_a_role_that_is_misspelt(desk: Desk, command: list[str]) -> None:
    """That nothing lives of it would be taken for good news."""
    desk.creds()

    assert desk(*command, NOMAD_ADDR="") == NotFound.exit_code
    assert "engine at `nomad` has no role `deploier`, and no lease of one." in desk.err
    assert "Its roles: deployer." in desk.err
    assert len(desk.leases()) == 1


@pytest.mark.parametrize("roles", [[], ["deployer"]])
def test_a_mount_that_is_misspelt(desk: Desk, roles: list[str]) -> None:
    """Nothing is there to have a lease, which is told from an engine without one."""
    assert desk("list", *roles, "--vault-mount", "nomad-eu", NOMAD_ADDR="") == NotFound.exit_code
    assert "Vault has nothing at `nomad-eu`: no handler for route" in desk.err
    assert "--vault-mount" in desk.err


def test_an_engine_without_roles(desk: Desk) -> None:
    """It is told as that."""
    with desk.lab.vault_client() as vault:
        vault.delete("/v1/nomad/role/deployer").raise_for_status()

    assert desk("list", NOMAD_ADDR="") == 0
    assert desk("list", "deployer", NOMAD_ADDR="") == NotFound.exit_code
    assert "It has no roles at all." in desk.err


def test_a_role_that_was_deleted(desk: Desk) -> None:
    """Its leases live on, and can be revoked."""
    desk.creds()
    with desk.lab.vault_client() as vault:
        vault.delete("/v1/nomad/role/deployer").raise_for_status()

    assert desk("revoke", "--all-of", "deployer", "--yes") == 0
    assert desk.leases() == []


def test_who_may_not_list_roles(desk: Desk) -> None:
    """What can't be known is no error."""
    rule = 'path "sys/leases/lookup/nomad/creds/*" { capabilities = ["list", "sudo"] }'
    with desk.lab.vault_client() as vault:
        vault.post("/v1/sys/policies/acl/ops", json={"policy": rule}).raise_for_status()
        made = vault.post("/v1/auth/token/create", json={"policies": ["ops"]}).raise_for_status().json()

    assert desk("list", "deploier", VAULT_TOKEN=made["auth"]["client_token"], NOMAD_ADDR="") == 0


def test_json_on_a_terminal(desk: Desk) -> None:
    """It can be asked for."""
    assert desk("list", "--json", terminal=True) == 0
    assert json.loads(desk.out) == {"leases": [], "tokens": []}


def test_nothing_says_whose(desk: Desk) -> None:
    """Without a server there is nothing to list."""
    assert desk("list", VAULT_ADDR="", NOMAD_ADDR="") == InputError.exit_code
    assert "--vault-addr" in desk.err


@pytest.mark.parametrize("said", ["sys/leases/lookup/nomad/creds/deployer/*", "nomad/role"])
def test_a_policy_that_does_not_allow_it(desk: Desk, said: str) -> None:
    """The refusal names the rule to add."""
    rules = {"nomad/role": '{ capabilities = ["list"] }', "sys/leases/lookup/nomad/creds/deployer/*": '"sudo"'}
    with desk.lab.vault_client() as vault:
        allowed = 'path "nomad/role" { capabilities = ["list"] }' if said != "nomad/role" else 'path "x" {}'
        vault.post("/v1/sys/policies/acl/ops", json={"policy": allowed}).raise_for_status()
        made = vault.post("/v1/auth/token/create", json={"policies": ["ops"]}).raise_for_status().json()
    code = desk("list", VAULT_TOKEN=made["auth"]["client_token"], NOMAD_ADDR="")

    assert code == Refused.exit_code
    assert f'path "{said}"' in desk.err
    assert rules[said] in desk.err


def test_a_token_that_vault_does_not_know(desk: Desk) -> None:
    """It is told from a policy's no."""
    assert desk("list", VAULT_TOKEN="s.unknownunknown") == Refused.exit_code
    assert "The operator's token has ended" in desk.err
    assert "vault login" in desk.err
