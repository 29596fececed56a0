"""`renew` and `revoke` of leases that are named."""

import io

import pytest

from leases.conftest import Desk
from nomad_token.errors import InputError, LiveTokenLeft, NotFound


def test_renew(desk: Desk) -> None:
    """A lease lives on by the engine's ttl, from now, and is said to."""
    lease_id = desk.creds()["lease_id"]
    desk.lab.advance(60)
    assert desk("renew", "--lease", lease_id) == 0

    assert desk.err.startswith(f"Renewed {lease_id}: it ends at 20")
    assert desk.lab.vault.leases.find(lease_id) is not None


def test_renew_one_that_has_ended(desk: Desk) -> None:
    """The others are renewed, and it is told that Vault knows it no more."""
    lease_id = desk.creds()["lease_id"]
    assert desk("renew", "--lease", "nomad/creds/deployer/gone", "--lease", lease_id) == NotFound.exit_code

    assert f"Renewed {lease_id}" in desk.err
    assert "Vault knows no lease nomad/creds/deployer/gone." in desk.err


def test_revoke(desk: Desk) -> None:
    """A lease is revoked and its token dead; a second time is success as well."""
    lease_id = desk.creds()["lease_id"]
    for _ in range(2):
        assert desk("revoke", "--lease", lease_id) == 0
        assert desk.err == f"Revoked {lease_id}.\n"

    assert (desk.leases(), desk.names()) == ([], [])


def test_nomad_refuses(desk: Desk) -> None:
    """Vault waits for Nomad's word: where it is a no, the lease is named, with the operator's line."""
    lease_id = desk.creds()["lease_id"]
    desk.lab.nomad.acl_enabled = False
    assert desk("revoke", "--lease", lease_id) == LiveTokenLeft.exit_code

    assert "ACL support disabled" in desk.err
    assert f"By hand: vault lease revoke {lease_id}" in desk.err


def test_all_of_a_role(desk: Desk) -> None:
    """Whoever has their tokens: with --yes each lease of the role ends, and no other one."""
    for _ in range(3):
        desk.creds()
    kept = desk.creds("operator") if "operator" in _roles(desk) else None
    assert desk("revoke", "--all-of", "deployer", "--yes") == 0

    assert "deployer has 3 leases." in desk.err
    assert desk.leases() == ([kept["lease_id"]] if kept else [])


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_it_asks_first(desk: Desk, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
    """On a terminal only a plain yes goes on."""

    class Keyboard(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Keyboard(answer))
    desk.creds()
    code = desk("revoke", "--all-of", "deployer")

    assert code == (InputError.exit_code if left else 0)
    assert len(desk.leases()) == left


def test_there_is_nobody_to_ask(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script says --yes."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    desk.creds()

    assert desk("revoke", "--all-of", "deployer") == InputError.exit_code
    assert "Say --yes." in desk.err
    assert len(desk.leases()) == 1


def test_a_role_without_leases_needs_no_answer(desk: Desk) -> None:
    """Nothing is asked where nothing would be revoked."""
    assert desk("revoke", "--all-of", "deployer") == 0
    assert desk.err == "deployer has 0 leases.\n"


@pytest.mark.parametrize("role", ["", "deployer/", "../creds/deployer", "*", "+", "deployer?list=true"])
def test_all_of_what_is_no_role(desk: Desk, role: str) -> None:
    """Not one name, as an empty variable of a script is: nothing is asked and nothing is revoked."""
    desk.creds()
    desk.lab.mark()

    assert desk("revoke", "--all-of", role, "--yes") == InputError.exit_code
    assert f"`{role}` is not a role's name." in desk.err
    assert desk.lab.requests == []
    assert len(desk.leases()) == 1


@pytest.mark.parametrize("command", ["revoke", "renew"])
def test_without_a_lease_it_is_the_state(desk: Desk, command: str) -> None:
    """Neither takes a role or a lease from the environment: what is not named is the state's."""
    desk.creds()
    assert desk(command, NOMAD_MINT_ALL_OF="deployer", NOMAD_MINT_LEASE="x") == InputError.exit_code
    assert len(desk.leases()) == 1


def _roles(desk: Desk) -> list[str]:
    with desk.lab.vault_client() as vault:
        found = vault.get("/v1/nomad/role?list=true").raise_for_status().json()
    return list(found["data"]["keys"])
