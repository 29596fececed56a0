"""From what a job gives as inputs to that job's deploy, on real servers: `setup init`, and `setup apply`."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from jobs import on, quick_start
from real_lab import KINDS, RealLab, real_lab
from setup.exporting import Desk


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealLab]:
    """Serve Nomad and GitHub, beside a real and empty Vault, then a real and empty OpenBao."""
    with real_lab(request.param, tmp_path, trusting=False) as lab:
        yield lab


def deploys(lab: RealLab, folder: Path, inputs: Mapping[str, str]) -> tuple[int, int]:
    """Set up what *inputs* say, and run a job with them; return what a deploy is answered in it, and after it."""
    folder.mkdir()
    desk, step = Desk(lab, folder, lab.real.addr), on(lab, folder)
    flags = [word for name, value in inputs.items() for word in (f"--{name}", value)]
    whose = ["--repository-id", "74123456", "--issuer", lab.github.addr]
    file = ["--file", str(folder / "nomad-token.toml")]
    assert desk("init", *flags, *whose, *file) == 0, desk.err
    assert desk("apply", "--yes", *file) == 0, desk.err
    assert {change["verdict"] for change in desk.plan()["changes"]} == {"same"}
    main = step.main(inputs)
    assert main.code == 0, main.log
    headers = {"X-Nomad-Token": main.variables["NOMAD_TOKEN"]}
    job = {"Job": {"ID": "hello", "Name": "hello", "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}}
    during = httpx.put(f"{lab.nomad.addr}/v1/jobs", json=job, headers=headers).status_code
    assert step.post(inputs).code == 0
    return during, httpx.put(f"{lab.nomad.addr}/v1/jobs", json=job, headers=headers).status_code


def test_with_vault(lab: RealLab, tmp_path: Path) -> None:
    """The quick start's inputs make the file that lets its job deploy, and its token is dead afterwards."""
    inputs = quick_start(lab, vault_addr=lab.real.addr)

    assert deploys(lab, tmp_path / "desk", inputs) == (200, 403)


def test_without_vault(lab: RealLab, tmp_path: Path) -> None:
    """So do those of a login at Nomad itself, whose token lives on until its time is up."""
    inputs = {"nomad-addr": lab.nomad.addr, "nomad-auth-method": "github"}

    assert deploys(lab, tmp_path / "desk", inputs) == (200, 200)
