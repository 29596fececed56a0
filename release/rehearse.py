"""All of a release on this machine, into a folder: nothing is published, and only a package index is asked."""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from release import archive, bill, changelog, distributions, sums, tags
from release.version import Unready, Version, of_the_package

REPOSITORY = "OWNER/nomad-token"
IMAGE = "ghcr.io/owner/nomad-token"


def rehearse(root: Path, folder: Path, say: Callable[[str], None], *, image: str | None = None) -> None:
    """Make what a release of the checkout *root* would consist of, in *folder*, which is emptied first.

    *image* is one that is built already. Without Docker there is no image, and nothing of what is made of it; `say`
    tells that, and each thing that is made. Raises `Unready` and `CalledProcessError` where something can't be made.
    """
    version, epoch = of_the_package(root), committed(root, "HEAD")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in distributions.build(root, folder, epoch):
        say(f"{path.name}: for PyPI")
    changes = changelog.section(root, str(version)) or changelog.section(root, changelog.UNRELEASED)
    if docker_answers():
        digest = of_the_image(root, folder, version, epoch, image, say)
        pinned = f"{IMAGE}@{digest}"
        with tempfile.TemporaryDirectory() as temporary:
            published = tagged(root, Path(temporary), version, pinned, folder / "action.yml")
        say(f"action.yml: as the tags {' and '.join(published)} hold it, with the image by its digest")
        (folder / "NOTES.md").write_text(changelog.notes(changes, version, REPOSITORY, [pinned]), "utf-8")
        say("NOTES.md: the text of the release")
    else:
        say("not made: the image, its bill of materials, the executable, action.yml and the notes (no Docker here)")
    say(f"{sums.write(folder).name}: of all of these")


def of_the_image(
    root: Path, folder: Path, version: Version, epoch: int, image: str | None, say: Callable[[str], None]
) -> str:
    """Build the image where none is given, and write it, what is in it, and the executable; return its digest."""
    image = image or printed("docker", "build", "--quiet", str(root)).strip()
    system, processor = printed("docker", "image", "inspect", "--format", "{{.Os}} {{.Architecture}}", image).split()
    name = f"nomad-token-{version}-{system}-{processor}"
    digest = archive.write(image, folder / f"{name}.oci.tar")
    say(f"{name}.oci.tar: the image, {digest}")
    (folder / f"{name}.cdx.json").write_text(bill.bill(bill.inventory(image), version, digest, epoch), "utf-8")
    say(f"{name}.cdx.json: its bill of materials")
    if shutil.which("go"):
        script = root / "executable" / "build.py"
        subprocess.run([sys.executable, str(script), "--image", image, str(folder)], check=True)  # noqa: S603 - our own
    else:
        say("not made: the executable (no Go here)")
    return digest


def tagged(root: Path, temporary: Path, version: Version, image: str, action: Path) -> list[str]:
    """Publish the tags to a repository in *temporary*, write their action.yml to *action*, and return their names."""
    remote, gitlab = temporary / "github.git", temporary / "gitlab.git"
    for path in (remote, gitlab):
        tags.git(root, "init", "--quiet", "--bare", str(path))
        tags.git(path, "config", "receive.shallowUpdate", "true")  # a checkout of CI may hold the last commit alone
    made = tags.commit(root, "HEAD", version, image)
    published = tags.publish(root, str(remote), made, version)
    tags.mirror(root, str(gitlab), "HEAD", made, version)
    action.write_text(tags.git(remote, "show", f"{published[-1]}:action.yml", raw=True), "utf-8")
    return published


def committed(root: Path, commit: str) -> int:
    """Return when *commit* was made, in seconds since 1970: the time that all of its release is from."""
    return int(tags.git(root, "show", "--no-patch", "--format=%ct", f"{commit}^{{commit}}"))


def base_image(root: Path) -> str:
    """Return the Python image that the Dockerfile starts from, by its tag: the release puts its digest in."""
    found = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", (root / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    if not found:
        raise Unready("The Dockerfile has no line `ARG PYTHON_IMAGE=...`.")
    return found[1]


def docker_answers() -> bool:
    """Tell whether there is a Docker Engine."""
    if not shutil.which("docker"):
        return False
    asked = subprocess.run(["docker", "info"], capture_output=True, check=False)  # noqa: S607 - the machine's
    return asked.returncode == 0


def printed(*command: str) -> str:
    """Return what *command* prints; raises `CalledProcessError` where it fails."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout  # noqa: S603 - our own
