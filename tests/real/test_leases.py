"""An operator's commands on real servers: their engine's leases and names, and the policies of docs/leases.md."""

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest

from jobs import on, quick_start
from leases.conftest import Desk
from nomad_token.errors import LiveTokenLeft, NotFound, Refused
from nomad_token_lab.trust import written
from real_lab import RealLab

PAGE: Final = Path(__file__).parents[2] / "docs" / "leases.md"
RULES: Final = dict(re.findall(r"^\| (.+?) \| `(path .+?)`", PAGE.read_text("utf-8"), re.MULTILINE))
"""What an operator needs, as the page says it."""
ROLES, LEASES, EACH, RENEW, REVOKE = "the roles", "their leases", "each lease", "to renew", "to revoke"
OWN: Final = "nomad-token-0a1b2c3d-20260304T050607000000"
LEASE: Final = "LEASE"
"""Stands for a lease's id in the table below."""


@pytest.fixture
def desk(lab: RealLab, tmp_path: Path) -> Desk:
    """Seat an operator who has logged in to both servers, with everything allowed."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".vault-token").write_text(lab.real.root_token.get_secret_value())
    return Desk(
        lab,
        {
            "HOME": str(home),
            "VAULT_ADDR": lab.real.addr,
            "NOMAD_ADDR": lab.nomad.addr,
            "NOMAD_TOKEN": lab.management_token.get_secret_value(),
        },
    )


def allowed(lab: RealLab, *rules: str, default: bool = False) -> str:
    """Make a token that may do what *rules* say, and what `default` allows only where that is asked for."""
    with lab.vault_client() as vault:
        written(vault, "sys/policies/acl/operator", {"policy": "\n".join(["# an operator", *rules])})
        terms = {"policies": ["operator"], "no_default_policy": not default}
        return str(written(vault, "auth/token/create", terms).json()["auth"]["client_token"])


def test_all_that_lives(lab: RealLab, desk: Desk) -> None:
    """Each lease of each role is listed, and the tokens by whose names the engine, and this program, are known."""
    lease = desk.creds()
    with lab.vault_client() as vault:
        written(vault, "nomad/role/reader", {"policies": "deployer"})
    other, accessor = desk.creds("reader"), desk.token(OWN)
    desk.token("somebody's")
    code = desk("list")
    found = json.loads(desk.out)

    assert code == 0
    assert {(one["role"], one["lease_id"], one["renewable"]) for one in found["leases"]} == {
        ("deployer", lease["lease_id"], True),
        ("reader", other["lease_id"], True),
    }
    assert {(one["accessor_id"], one["by"]) for one in found["tokens"]} == {
        (lease["data"]["accessor_id"], "vault"),
        (other["data"]["accessor_id"], "vault"),
        (accessor, "nomad-token"),
    }
    assert lease["data"]["secret_id"] not in desk.out


def test_tokens_of_jobs(lab: RealLab, desk: Desk, tmp_path: Path) -> None:
    """A token that a job got has its repository in its name, and is known as Vault's all the same."""
    step = on(lab, tmp_path)
    main = step.main(quick_start(lab, vault_addr=lab.real.addr))
    desk("list")
    (token,) = json.loads(desk.out)["tokens"]
    step.post()

    assert (token["accessor_id"], token["by"]) == (main.outputs["accessor-id"], "vault")
    assert token["name"].startswith("vault-deployer-jwt-octo-org/octo-app-")


def test_times_of_a_lease(desk: Desk) -> None:
    """A lease is there from its beginning to the end of the engine's ttl."""
    desk.creds()
    desk("list", "deployer")
    (one,) = json.loads(desk.out)["leases"]
    life = datetime.fromisoformat(one["ends"]) - datetime.fromisoformat(one["made"])

    assert round(life.total_seconds() / 60) == 30


def test_a_table_on_a_terminal(desk: Desk) -> None:
    """A person gets two tables."""
    lease = desk.creds()
    code = desk("list", terminal=True)
    leases, tokens = desk.out.split("\n\n")

    assert code == 0
    assert re.match(rf"ROLE +LEASE +AGE +ENDS IN\ndeployer  {re.escape(lease['lease_id'])}  ", leases), leases
    assert re.match(r"NAME +ACCESSOR +TYPE +POLICIES +AGE +ENDS IN\nvault-deployer-\S+-\d{19}  ", tokens), tokens


def test_a_role_without_leases(desk: Desk) -> None:
    """The server's 404 without a text is none."""
    code = desk("list", "deployer", NOMAD_ADDR="")

    assert code == 0
    assert json.loads(desk.out) == {"leases": [], "tokens": []}


def test_renew(lab: RealLab, desk: Desk) -> None:
    """A lease lives on by the engine's ttl, and by no more than its max_ttl allows."""
    lease_id = desk.creds()["lease_id"]
    first = desk("renew", "--lease", lease_id), desk.err
    with lab.vault_client() as vault:
        written(vault, "nomad/config/lease", {"ttl": "10m", "max_ttl": "10m"})
    second = desk("renew", "--lease", lease_id), desk.err

    assert (first[0], second[0]) == (0, 0)
    assert re.fullmatch(rf"Renewed {lease_id}: it ends at .* UTC, in (30|29) min( \d+ s)?\.\n", first[1]), first
    assert re.fullmatch(rf"Renewed {lease_id}: it ends at .* UTC, in (10|9) min( \d+ s)?\.\n", second[1]), second


def test_renew_one_that_has_ended(desk: Desk) -> None:
    """It is told that there is no such lease, in either server's words."""
    assert desk("renew", "--lease", "nomad/creds/deployer/gone") == NotFound.exit_code
    assert "Vault knows no lease nomad/creds/deployer/gone." in desk.err


def test_revoke(lab: RealLab, desk: Desk) -> None:
    """The token is dead when the command returns; a second time is success as well."""
    lease_id = desk.creds()["lease_id"]
    for _ in range(2):
        assert desk("revoke", "--lease", lease_id) == 0
        assert desk.err == f"Revoked {lease_id}.\n"

    assert lab.leases() == []
    assert desk.names() == []


def test_nomad_refuses(lab: RealLab, desk: Desk) -> None:
    """The server waits for Nomad's word: where it is a no, the lease is named, with the operator's line."""
    lease_id = desk.creds()["lease_id"]
    lab.nomad.acl_enabled = False
    code = desk("revoke", "--lease", lease_id)
    lab.nomad.acl_enabled = True

    assert code == LiveTokenLeft.exit_code
    assert "ACL support disabled" in desk.err
    assert f"By hand: vault lease revoke {lease_id}" in desk.err


def test_all_of_a_role(lab: RealLab, desk: Desk) -> None:
    """Each lease of the role ends, whoever has its token, and none of another role."""
    with lab.vault_client() as vault:
        written(vault, "nomad/role/deployer-too", {"policies": "deployer"})
    kept = desk.creds("deployer-too")
    for _ in range(3):
        desk.creds()
    code = desk("revoke", "--all-of", "deployer", "--yes")

    assert code == 0
    assert "deployer has 3 leases." in desk.err
    assert lab.leases() == []
    assert [token.accessor for token in lab.nomad.live_tokens()] == [kept["data"]["accessor_id"]]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["deploier"], "engine at `nomad` has no role `deploier`, and no lease of one."),
        (["deployer", "--vault-mount", "nomad-eu"], "Vault has nothing at `nomad-eu`: no handler for route"),
    ],
    ids=["role", "mount"],
)
def test_what_is_misspelt(desk: Desk, argv: list[str], said: str) -> None:
    """A role, or an engine, that Vault does not have is told from one without leases."""
    assert desk("revoke", "--all-of", *argv, "--yes") == NotFound.exit_code
    assert said in desk.err


def test_sweep(lab: RealLab, desk: Desk) -> None:
    """What has a name of the real engine's is counted, and left to its lease; what is ours is deleted."""
    lease = desk.creds()
    desk.token(OWN)
    code = desk("sweep", "--older-than", "0s", "--delete")

    assert code == 0
    assert "1 more have a name as Vault's engine gives it" in desk.err
    assert "Deleted 1 of 1." in desk.err
    assert [token.accessor for token in lab.nomad.live_tokens()] == [lease["data"]["accessor_id"]]
    assert desk("revoke", "--lease", lease["lease_id"]) == 0


NEEDED: Final = {
    ("list",): (ROLES, LEASES, EACH),
    ("list", "deployer"): (LEASES, EACH),
    ("renew", "--lease", LEASE): (RENEW,),
    ("revoke", "--lease", LEASE): (REVOKE,),
    ("revoke", "--all-of", "deployer", "--yes"): (LEASES, REVOKE),
}
CASES: Final = [(command, missing) for command, needed in NEEDED.items() for missing in ("", *needed)]


def test_every_rule_of_the_page_is_tried() -> None:
    """The page names no rule that no command needs, and none is needed that it does not name."""
    assert set(RULES) == {rule for needed in NEEDED.values() for rule in needed}


@pytest.mark.parametrize(("command", "missing"), CASES, ids=lambda part: part if isinstance(part, str) else part[0])
def test_policy(lab: RealLab, desk: Desk, command: tuple[str, ...], missing: str) -> None:
    """The page's rules are enough, alone; without one of them the server refuses, and the rule to add is told."""
    lease_id = desk.creds()["lease_id"]
    token = allowed(lab, *(RULES[rule] for rule in NEEDED[command] if rule != missing))
    argv = (lease_id if word == LEASE else word for word in command)
    code = desk(*argv, VAULT_TOKEN=token, NOMAD_ADDR="")

    if not missing:
        assert code == 0, desk.err
        assert lab.leases() == ([] if command[0] == "revoke" else [lease_id.rpartition("/")[2]])
        return
    path = RULES[missing].split('"')[1].rstrip("*")
    assert code == (LiveTokenLeft.exit_code if missing == REVOKE else Refused.exit_code)
    assert f'path "{path}' in desk.err
    assert lab.leases() == [lease_id.rpartition("/")[2]]


def test_sudo_is_needed(lab: RealLab, desk: Desk) -> None:
    """Listing leases takes `sudo` beside `list`."""
    desk.creds()
    rules = [RULES[ROLES], RULES[LEASES].replace(', "sudo"', ""), RULES[EACH]]
    code = desk("list", VAULT_TOKEN=allowed(lab, *rules), NOMAD_ADDR="")

    assert code == Refused.exit_code
    assert '{ capabilities = ["list", "sudo"] }' in desk.err


def test_what_default_allows(lab: RealLab, desk: Desk) -> None:
    """The policy `default` has what looks a lease up, and what renews it, as the page says."""
    lease_id = desk.creds()["lease_id"]
    token = allowed(lab, RULES[ROLES], RULES[LEASES], default=True)

    assert desk("list", VAULT_TOKEN=token, NOMAD_ADDR="") == 0
    assert json.loads(desk.out)["leases"][0]["lease_id"] == lease_id
    assert desk("renew", "--lease", lease_id, VAULT_TOKEN=token) == 0
    assert desk("revoke", "--lease", lease_id, VAULT_TOKEN=token) == LiveTokenLeft.exit_code
