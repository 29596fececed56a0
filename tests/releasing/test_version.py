"""What has to be true of a checkout before it is a version."""

from pathlib import Path

import pytest

from release.action import pinned
from release.changelog import UNRELEASED, notes, section
from release.ready import check
from release.version import Unready, Version, asked_for, of_the_package, parse
from releasing.conftest import IMAGE, ROOT, version_in


def test_a_tag_asks_for_a_version() -> None:
    """`release/1.2.3` asks for 1.2.3, whose tags are v1.2.3 and v1."""
    version = asked_for("refs/tags/release/1.2.3")

    assert (str(version), version.tag, version.major_tag) == ("1.2.3", "v1.2.3", "v1")


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/main",
        "refs/tags/v1.2.3",
        "refs/tags/release/1.2",
        "refs/tags/release/1.2.3-rc1",
        "refs/tags/release/01.2.3",
    ],
)
def test_other_refs_ask_for_nothing(ref: str) -> None:
    """Neither a branch nor a tag of another form starts a release."""
    with pytest.raises(Unready):
        asked_for(ref)


def test_versions_are_in_order() -> None:
    """Their numbers count, not their letters."""
    assert parse("1.10.0") > parse("1.9.9") > parse("1.9.0")


def test_the_checkout_is_the_version(checkout: Path) -> None:
    """Where the package and the changelog say the version, it can be released."""
    check(checkout, Version(1, 2, 3))

    assert of_the_package(checkout) == Version(1, 2, 3)
    assert section(checkout, "1.2.3") == "### Added\n\n- What is new in 1.2.3."


def test_all_that_is_missing_is_told_at_once(checkout: Path) -> None:
    """Both the package and the changelog are named where both are of another version."""
    with pytest.raises(Unready) as told:
        check(checkout, Version(1, 2, 4))

    assert "src/nomad_token/__init__.py says 1.2.3" in str(told.value)
    assert "CHANGELOG.md has nothing below a heading `## [1.2.4] - YYYY-MM-DD`" in str(told.value)


@pytest.mark.parametrize("heading", ["## [1.2.3]", "## [1.2.3] - soon", "## 1.2.3 - 2026-11-28"])
def test_a_heading_without_its_date_is_none(checkout: Path, heading: str) -> None:
    """The changelog has the day of each version."""
    version_in(checkout, "1.2.3")
    page = checkout / "CHANGELOG.md"
    page.write_text(page.read_text("utf-8").replace("## [1.2.3] - 2026-11-28", heading), "utf-8")

    with pytest.raises(Unready, match="CHANGELOG"):
        check(checkout, Version(1, 2, 3))


def test_the_project_s_own_changelog() -> None:
    """What the next version will say is found, or what this one says."""
    assert section(ROOT, UNRELEASED) or section(ROOT, str(of_the_package(ROOT)))


def test_notes_hold_changes_digests_and_how_to_verify() -> None:
    """The release's text has what changed, each image by its digest, and the commands that say where it is from."""
    text = notes(
        "- What is new.", Version(1, 2, 3), "OWNER/nomad-token", [IMAGE, IMAGE.replace("ghcr.io", "docker.io")]
    )

    assert text.startswith("- What is new.\n")
    assert "uses: OWNER/nomad-token@v1.2.3" in text
    assert f"docker pull {IMAGE}\ndocker pull docker.io/" in text
    assert f"gh attestation verify oci://{IMAGE} --repo OWNER/nomad-token" in text


def test_action_yml_differs_in_one_line() -> None:
    """All but the image is what is on the branch, byte for byte."""
    before = (ROOT / "action.yml").read_text("utf-8")
    after = pinned(before, IMAGE)
    pairs = list(zip(before.splitlines(keepends=True), after.splitlines(keepends=True), strict=True))

    assert [(old, new) for old, new in pairs if old != new] == [
        ("  image: Dockerfile\n", f"  image: docker://{IMAGE}\n")
    ]


@pytest.mark.parametrize(
    "image", ["nomad-token", "ghcr.io/owner/nomad-token:1.2.3", IMAGE[:-1], f"{IMAGE}\n  evil: x", IMAGE.upper()]
)
def test_an_image_without_its_digest_is_refused(image: str) -> None:
    """Only a name with registry and digest gets into action.yml."""
    with pytest.raises(Unready, match="digest"):
        pinned("runs:\n  image: Dockerfile\n", image)


@pytest.mark.parametrize("text", ["runs:\n", "  image: Dockerfile\n  image: Dockerfile\n", "  image: docker://x\n"])
def test_an_action_yml_of_another_form_is_refused(text: str) -> None:
    """What is replaced is there, and once."""
    with pytest.raises(Unready, match="lines"):
        pinned(text, IMAGE)
