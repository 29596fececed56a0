"""The files of a release."""

import subprocess
import zipfile
from pathlib import Path
from typing import Any

from release import bill, distributions, sums
from release.version import Version, of_the_package
from releasing.conftest import ROOT

EPOCH = 1_700_000_000
FOUND: dict[str, Any] = {
    "python": "3.13.5",
    "distribution": {"ID": "debian", "VERSION_ID": "13"},
    "packages": [{"name": "httpx", "version": "0.28.1", "license": "BSD-3-Clause"}],
    "system": [{"Package": "libc6", "Version": "2.41-12", "Architecture": "amd64"}],
}


def test_distributions_are_the_same_bytes(tmp_path: Path) -> None:
    """Built twice, the wheel and the source distribution are the same files."""
    first, second = tmp_path / "first", tmp_path / "second"
    names = [path.name for path in distributions.build(ROOT, first, EPOCH)]
    distributions.build(ROOT, second, EPOCH)
    version = of_the_package(ROOT)

    assert names == [f"nomad_token-{version}-py3-none-any.whl", f"nomad_token-{version}.tar.gz"]
    assert [(first / name).read_bytes() == (second / name).read_bytes() for name in names] == [True, True]


def test_the_wheel_holds_both_packages_and_no_more(tmp_path: Path) -> None:
    """The program and the lab are in it, with the license; no test and no tool of the project."""
    wheel = distributions.build(ROOT, tmp_path, EPOCH)[0]
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"nomad_token", "nomad_token_lab"}
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_checksums(tmp_path: Path) -> None:
    """All files are in one list that `sha256sum` reads, and an executable's stands beside it too."""
    for name in ("nomad-token-linux-amd64", "nomad-token-linux-arm64", "action.yml"):
        (tmp_path / name).write_text(name, "utf-8")
    sums.write(tmp_path)
    sums.write(tmp_path)
    lists = ("SHA256SUMS", "nomad-token-linux-amd64.sha256", "nomad-token-linux-arm64.sha256")
    done = subprocess.run(["sha256sum", "--check", *lists], cwd=tmp_path, capture_output=True, text=True, check=True)  # noqa: S603, S607 - the machine's

    assert len((tmp_path / "SHA256SUMS").read_text("utf-8").splitlines()) == 5
    assert len(done.stdout.splitlines()) == 7


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    """A list that is checked against other bytes fails."""
    (tmp_path / "nomad-token-linux-amd64").write_text("the program", "utf-8")
    sums.write(tmp_path)
    (tmp_path / "nomad-token-linux-amd64").write_text("another", "utf-8")
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True, check=False)  # noqa: S607 - the machine's

    assert done.returncode != 0


def test_the_bill_is_the_same_for_the_same_image() -> None:
    """Nothing in it is of the moment or by chance, and another image's is another."""
    digest = f"sha256:{'a' * 64}"
    text = bill.bill(FOUND, Version(1, 2, 3), digest, EPOCH)

    assert text == bill.bill(FOUND, Version(1, 2, 3), digest, EPOCH)
    assert text != bill.bill(FOUND, Version(1, 2, 3), f"sha256:{'b' * 64}", EPOCH)
