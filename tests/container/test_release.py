"""A whole release, rehearsed: what it would publish, on this machine alone."""

import gzip
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from typing import Final

import pytest
import yaml

from container.runner import CHECKOUT, docker
from nomad_token import __version__
from release.rehearse import rehearse
from releasing.conftest import git

LISTED: Final = """
import json, os, subprocess
from importlib.metadata import distributions

query = ["dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n"]
debian = subprocess.run(query, capture_output=True, text=True, check=True).stdout.splitlines()
# All folders of the image are looked into, as those of sys.path are by importlib.
folders = [place for top in os.listdir("/") if top not in {"proc", "sys"} for place, _, _ in os.walk(f"/{top}")]
packages = [f"{one.metadata['Name']} {one.version}" for one in distributions(path=folders)]
print(json.dumps([debian, packages]))
"""


@pytest.fixture(scope="module")
def dist(image: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rehearse, once."""
    folder = tmp_path_factory.mktemp("rehearsed") / "dist"
    said: list[str] = []
    rehearse(CHECKOUT, folder, said.append, image=image)
    assert [line for line in said if line.startswith("not made")] == []
    return folder


def only(dist: Path, pattern: str) -> Path:
    """Return the one file that has such a name."""
    (path,) = dist.glob(pattern)
    return path


def test_everything_is_there(dist: Path) -> None:
    """It consists of these files."""
    processor = only(dist, "*.oci.tar").name.removesuffix(".oci.tar").rpartition("-")[2]

    assert sorted(path.name for path in dist.iterdir()) == sorted(
        [
            *("NOTES.md", "SHA256SUMS", "action.yml"),
            *(f"nomad-token-linux-{processor}", f"nomad-token-linux-{processor}.sha256"),
            *(f"nomad-token-{__version__}-linux-{processor}{end}" for end in (".oci.tar", ".cdx.json")),
            *(f"nomad_token-{__version__}{end}" for end in ("-py3-none-any.whl", ".tar.gz")),
        ]
    )


def test_checksums_are_right(dist: Path) -> None:
    """`sha256sum` finds each file as it is told, and none is left out."""
    done = subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=dist, capture_output=True, text=True, check=False)  # noqa: S607 - the machine's

    assert done.returncode == 0, done.stdout
    assert {line.partition(":")[0] for line in done.stdout.splitlines()} == {
        path.name for path in dist.iterdir() if path.name != "SHA256SUMS"
    }


def test_action_yml_names_the_image(dist: Path) -> None:
    """It differs from the branch's in one line, is still what GitHub takes, and its digest is that of the archive."""
    before = git(CHECKOUT, "show", "HEAD:action.yml")
    path = dist / "action.yml"
    pairs = zip(before.splitlines(), path.read_text("utf-8").splitlines(), strict=True)
    schema = [str(Path(sys.executable).with_name("check-jsonschema")), "--builtin-schema", "vendor.github-actions"]
    checked = subprocess.run([*schema, str(path)], capture_output=True, text=True, check=False)  # noqa: S603 - of the lock file
    with tarfile.open(only(dist, "*.oci.tar")) as archive:
        index = json.load(archive.extractfile("index.json"))  # type: ignore[arg-type]
    digest = index["manifests"][0]["digest"]

    assert len([new for old, new in pairs if old != new]) == 1
    assert yaml.safe_load(path.read_text("utf-8"))["runs"]["image"] == f"docker://ghcr.io/owner/nomad-token@{digest}"
    assert checked.returncode == 0, checked.stdout


def test_the_archive_is_the_image(dist: Path, image: str, tmp_path: Path) -> None:
    """Each blob is what its digest says, and the configuration and the layers are those of Docker's image."""
    with tarfile.open(only(dist, "*.oci.tar")) as archive:
        archive.extractall(tmp_path, filter="data")
    blobs = {path.name: path.read_bytes() for path in (tmp_path / "blobs" / "sha256").iterdir()}
    index = json.loads((tmp_path / "index.json").read_bytes())
    manifest = json.loads(blobs[index["manifests"][0]["digest"].removeprefix("sha256:")])
    named = [manifest["config"], *manifest["layers"], *index["manifests"]]
    layers = [gzip.decompress(blobs[one["digest"].removeprefix("sha256:")]) for one in manifest["layers"]]
    inspected = json.loads(docker("image", "inspect", image))[0]

    assert {name: hashlib.sha256(content).hexdigest() for name, content in blobs.items()} == {
        name: name for name in blobs
    }
    assert {(one["digest"], one["size"]) for one in named} == {
        (f"sha256:{name}", len(content)) for name, content in blobs.items()
    }
    assert manifest["config"]["digest"] == inspected["Id"]
    assert [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers] == inspected["RootFS"]["Layers"]


def test_the_bill_lists_exactly_what_is_in_the_image(dist: Path, image: str) -> None:
    """Each package of Debian's and of Python's, and Python itself, with their versions: none more, none less."""
    bill = json.loads(only(dist, "*.cdx.json").read_text("utf-8"))
    listed: dict[str, list[str]] = {"deb": [], "pypi": [], "generic": []}
    for part in bill["components"]:
        kind = re.match(r"pkg:(\w+)/", part["purl"])
        listed[kind[1] if kind else ""].append(f"{part['name']} {part['version']}")
    run = ["run", "--rm", "--network", "none", "--entrypoint", "/opt/nomad-token/bin/python", image, "-I", "-c"]
    debian, packages = json.loads(docker(*run, LISTED))

    assert sorted(listed["deb"]) == sorted(debian)
    assert sorted(listed["pypi"]) == sorted(packages)
    assert listed["generic"] == [f"python {docker(*run, 'import platform; print(platform.python_version())').strip()}"]
    assert f"nomad-token {__version__}" in packages
    assert max(bill["dependencies"], key=lambda one: len(one.get("dependsOn", [])))["ref"] == "image"


def test_the_wheel_passes_the_demo(dist: Path, tmp_path: Path) -> None:
    """Installed with its lab, in an environment that has nothing else, it walks the main job to a dead token."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=True)
    wheel = only(dist, "*.whl")
    pip = [str(environment / "bin" / "python"), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"{wheel}[lab]"], check=True)  # noqa: S603 - our own
    command = [str(environment / "bin" / "nomad-token"), "demo"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_notes_say_what_to_verify(dist: Path) -> None:
    """The text of the release has the digest that action.yml has."""
    digest = re.search(r"sha256:[0-9a-f]{64}", (dist / "action.yml").read_text("utf-8"))

    assert digest
    assert f"gh attestation verify oci://ghcr.io/owner/nomad-token@{digest[0]}" in (dist / "NOTES.md").read_text(
        "utf-8"
    )
