"""What `setup export` prints, carried out on real servers by the real `bao`, leaves a plan nothing to do."""

import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

import exported
from real_lab import KINDS, real_lab
from setup.exporting import Desk


@pytest.fixture(params=KINDS)
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Serve Nomad and GitHub, beside a real and empty Vault, then a real OpenBao, and write the file."""
    with real_lab(request.param, tmp_path, trusting=False) as lab:
        folder = tmp_path / "desk"
        folder.mkdir()
        desk = Desk(lab, folder, lab.real.addr)
        desk.write()
        yield desk


def verdicts(desk: Desk) -> set[str]:
    """Return what the plan says is to be done, of all objects."""
    return {change["verdict"] for change in desk.plan()["changes"]}


def assert_mints(desk: Desk) -> None:
    """See that a role of the engine gives a token that Nomad knows."""
    with desk.lab.vault_client() as vault, desk.lab.nomad_client() as nomad:
        minted = vault.get("/v1/teams/nomad/creds/deployer").raise_for_status().json()["data"]
        known = nomad.get(f"/v1/acl/token/{minted['accessor_id']}").raise_for_status().json()

    assert sorted(known["Policies"]) == ["deploy", "look"]


def test_bao_carries_it_out(desk: Desk) -> None:
    """The script for `bao`, run by a plain shell, makes what the file wants; Nomad's is run by a stand-in."""
    programs = exported.stand_ins(desk.folder / "bin")
    (programs / "bao").symlink_to(Path(sysconfig.get_path("scripts"), "bao"))
    before = verdicts(desk)
    exported.run(desk.export("nomad"), desk.folder, desk.environ, programs)
    said = exported.run(desk.export("bao"), desk.folder, desk.environ, programs)

    assert before == {"create"}
    assert verdicts(desk) == {"same"}
    assert "Success!" in said
    assert_mints(desk)


def test_requests_carry_it_out(desk: Desk) -> None:
    """The requests of the JSON, sent one after the other, make what the file wants."""
    with desk.lab.vault_client() as vault, desk.lab.nomad_client() as nomad:
        exported.send(desk.export("json"), {"vault": vault, "nomad": nomad}, desk.folder)

    assert verdicts(desk) == {"same"}
    assert_mints(desk)
