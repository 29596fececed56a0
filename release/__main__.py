"""`python -m release [COMMAND]`: a part of a release for its workflow; without a command all of it, rehearsed."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Final

from release import bill, changelog, distributions, ready, sums, tags, version
from release.rehearse import base_image, committed, rehearse

ROOT: Final = Path(__file__).resolve().parents[1]
DIST: Final = ROOT / "dist"


@dataclass(frozen=True, slots=True)
class Part:
    """A command: what it says about itself, its arguments with what each is, and the function that is given them."""

    about: str
    arguments: dict[str, str]
    act: Callable[[argparse.Namespace], None]


def main() -> None:
    """Run the command; where a release can't be made, end with what is to be done first."""
    parser = argparse.ArgumentParser(prog="python3 dev.py release", description="Rehearse a release, into dist/.")
    parser.add_argument("--dry-run", action="store_true", help="what is done without a command anyway")
    commands = parser.add_subparsers(title="commands of the release workflow", metavar="COMMAND")
    for name, part in PARTS.items():
        command = commands.add_parser(name, help=part.about, description=part.about)
        command.set_defaults(act=part.act)
        for argument, meaning in part.arguments.items():
            command.add_argument(argument, help=meaning, type=Path if argument in {"folder", "file"} else str)
    given = parser.parse_args()
    try:
        given.act(given) if "act" in given else rehearse(ROOT, DIST, print)
    except (version.Unready, CalledProcessError) as failure:
        raise SystemExit(str(failure)) from None


def check(given: argparse.Namespace) -> None:
    """Write what the jobs go by, as outputs of a step; a tag that asks for a release has to be ready to be it."""
    here = version.of_the_package(ROOT)
    asks = given.ref.startswith("refs/tags/")
    if asks:
        here = version.asked_for(given.ref)
        ready.check(ROOT, here)
        tags.on_the_branch(ROOT, "HEAD", "origin/main")
    outputs = {
        "version": here,
        "epoch": committed(ROOT, "HEAD"),
        "publish": str(asks).lower(),
        "python": base_image(ROOT),
        "image": f"ghcr.io/{given.repository.lower()}",
    }
    lines = "".join(f"{name}={value}\n" for name, value in outputs.items())
    print(lines, end="")
    with given.file.open("a", encoding="utf-8") as file:
        file.write(lines)


def build_distributions(given: argparse.Namespace) -> None:
    """Build the wheel and the source distribution."""
    given.folder.mkdir(parents=True, exist_ok=True)
    for path in distributions.build(ROOT, given.folder, committed(ROOT, "HEAD")):
        print(path.name)


def write_bill(given: argparse.Namespace) -> None:
    """Write what is in an image of this machine's Docker, and which the registries have under a digest."""
    here = version.of_the_package(ROOT)
    text = bill.bill(bill.inventory(given.image), here, given.digest, committed(ROOT, "HEAD"))
    given.file.write_text(text, "utf-8")


def write_notes(given: argparse.Namespace) -> None:
    """Write the text of the release."""
    here = version.of_the_package(ROOT)
    changes = changelog.section(ROOT, str(here)) or changelog.section(ROOT, changelog.UNRELEASED)
    given.file.write_text(changelog.notes(changes, here, given.repository, given.images.split()), "utf-8")


def tag(given: argparse.Namespace) -> None:
    """Publish the version's tag, and the major one's."""
    here = version.of_the_package(ROOT)
    print(*tags.publish(ROOT, given.remote, tags.commit(ROOT, "HEAD", here, given.image), here))


def mirror(given: argparse.Namespace) -> None:
    """Publish the same commit on GitLab."""
    here = version.of_the_package(ROOT)
    tags.mirror(ROOT, given.remote, "HEAD", tags.commit(ROOT, "HEAD", here, given.image), here)


def upload(given: argparse.Namespace) -> None:
    """Upload distributions to PyPI with the job's id token: trusted publishing; what is there already is left alone."""
    distributions.upload(given.folder)


_IMAGE: Final = "the image: HOST/PATH@sha256:DIGEST"
_FILE: Final = "where to"
_REMOTE: Final = "https://HOST/PATH.git; its token is in RELEASE_TOKEN"
PARTS: Final = {
    "check": Part(
        "see that the checkout is the version that a tag asks for, and write what the jobs go by",
        {"ref": "such as refs/tags/release/1.2.3", "repository": "OWNER/nomad-token", "file": _FILE},
        check,
    ),
    "distributions": Part("build the wheel and the source distribution", {"folder": _FILE}, build_distributions),
    "bill": Part(
        "write what is in an image",
        {"image": "its name on this machine", "digest": "its digest in the registries", "file": _FILE},
        write_bill,
    ),
    "notes": Part(
        "write the text of the release",
        {"repository": "OWNER/nomad-token", "images": "all of them, by digest", "file": _FILE},
        write_notes,
    ),
    "sums": Part(
        "write the checksums of the files in a folder",
        {"folder": "theirs"},
        lambda given: print(sums.write(given.folder)),
    ),
    "tag": Part("push the version's tag and the major one's", {"remote": _REMOTE, "image": _IMAGE}, tag),
    "mirror": Part("push the same to GitLab", {"remote": _REMOTE, "image": _IMAGE}, mirror),
    "upload": Part("upload the wheel and the source distribution to PyPI", {"folder": "theirs"}, upload),
}

if __name__ == "__main__":
    main()
