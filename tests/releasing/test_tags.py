"""The tags, on repositories of this machine."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from release import tags
from release.version import Unready, Version
from releasing.conftest import IMAGE, git, version_in

FIRST = Version(1, 2, 3)


def published(checkout: Path, remote: Path, version: Version = FIRST, image: str = IMAGE) -> list[str]:
    """Publish the head of *checkout* as *version*."""
    return tags.publish(checkout, str(remote), tags.commit(checkout, "HEAD", version, image), version)


def action_of(remote: Path, tag: str) -> str:
    """Return the image that the action.yml of *tag* names."""
    image: str = yaml.safe_load(git(remote, "show", f"{tag}:action.yml"))["runs"]["image"]
    return image


def test_the_tag_names_the_image(checkout: Path, remote: Path) -> None:
    """What is pushed at once are the version's tag and the major one, both with the digest, and no branch."""
    assert published(checkout, remote) == ["v1.2.3", "v1"]
    assert action_of(remote, "v1.2.3") == action_of(remote, "v1") == f"docker://{IMAGE}"
    assert git(remote, "for-each-ref", "--format=%(refname)").split() == ["refs/tags/v1", "refs/tags/v1.2.3"]


def test_the_commit_changes_one_line(checkout: Path, remote: Path) -> None:
    """It is one after the branch's, and its difference is a line of action.yml; the checkout stays as it was."""
    published(checkout, remote)

    assert git(remote, "rev-parse", "v1^").strip() == git(checkout, "rev-parse", "main").strip()
    assert git(remote, "diff", "--numstat", "v1^", "v1").split() == ["1", "1", "action.yml"]
    assert git(checkout, "status", "--porcelain") == ""
    assert git(checkout, "tag").split() == []


def test_a_checkout_of_the_last_commit_alone(checkout: Path, remote: Path, tmp_path: Path) -> None:
    """It is what the workflow has, and the repository that it pushes to has the rest."""
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "One more")
    git(checkout, "push", "--quiet", str(remote), "main")
    git(tmp_path, "clone", "--quiet", "--depth", "1", "--branch", "main", remote.as_uri(), "shallow")
    published(tmp_path / "shallow", remote)

    assert git(remote, "rev-list", "--count", "v1.2.3").strip() == "3"
    assert git(tmp_path / "shallow", "rev-list", "--count", "main").strip() == "1"


def test_once_more_is_the_same(checkout: Path, remote: Path) -> None:
    """A job that is run again makes the same commit, and changes nothing."""
    published(checkout, remote)
    before = git(remote, "show-ref")
    published(checkout, remote)

    assert git(remote, "show-ref") == before


def test_a_version_s_tag_is_not_moved(checkout: Path, remote: Path) -> None:
    """Where the version is out with another image, nothing is pushed."""
    published(checkout, remote)
    before = git(remote, "show-ref")

    with pytest.raises(Unready, match=r"v1\.2\.3 is out already"):
        published(checkout, remote, image=IMAGE.replace("0123", "ffff"))
    assert git(remote, "show-ref") == before


def test_the_major_tag_moves_forward(checkout: Path, remote: Path) -> None:
    """It goes along with the newest version of its major, and stays where an older one is released after it."""
    image = {minor: IMAGE.replace("0123", f"000{minor}") for minor in (2, 9)}
    for version, expected in (
        (Version(1, 9, 0), ["v1.9.0", "v1"]),
        (Version(1, 2, 4), ["v1.2.4"]),
        (Version(1, 10, 0), ["v1.10.0", "v1"]),
        (Version(2, 0, 0), ["v2.0.0", "v2"]),
    ):
        version_in(checkout, str(version))
        git(checkout, "commit", "--quiet", "--all", "--message", str(version))

        assert published(checkout, remote, version, image.get(version.minor, IMAGE)) == expected
    assert git(remote, "rev-parse", "v1") == git(remote, "rev-parse", "v1.10.0")


def test_gitlab_gets_the_same_commit(checkout: Path, remote: Path) -> None:
    """Its tag is the bare version, which its catalog takes, and the tag's tree has what the catalog wants."""
    made = tags.commit(checkout, "HEAD", FIRST, IMAGE)
    tags.mirror(checkout, str(remote), "HEAD", made, FIRST)
    names = git(remote, "ls-tree", "-r", "--name-only", "1.2.3").splitlines()

    assert git(remote, "rev-parse", "1.2.3").strip() == made
    assert git(remote, "rev-parse", "main") == git(checkout, "rev-parse", "main")
    assert {"README.md", ".gitlab-ci.yml", "templates/nomad-token.yml"} <= set(names)


def test_what_is_not_on_the_branch_is_not_released(checkout: Path) -> None:
    """A tag on a commit that was never merged is refused."""
    git(checkout, "checkout", "--quiet", "-b", "aside")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Not reviewed")
    tags.on_the_branch(checkout, "main", "aside")

    with pytest.raises(Unready, match="merge it first"):
        tags.on_the_branch(checkout, "aside", "main")


def test_the_token_is_git_s_alone(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git is given the token from the environment, where it asks for a password, and no other helper is asked."""
    monkeypatch.setenv("RELEASE_TOKEN", "canary-token")
    git(checkout, "config", "credential.helper", "!echo password=planted; :")
    environ = {**os.environ, **tags.AUTHENTICATED}
    asked = "protocol=https\nhost=github.com\n\n"
    filled = subprocess.run(
        ["git", "credential", "fill"],  # noqa: S607 - the machine's
        cwd=checkout,
        env=environ,
        input=asked,
        capture_output=True,
        text=True,
        check=True,
    )

    assert "password=canary-token\n" in filled.stdout
    assert "planted" not in filled.stdout
    assert "canary-token" not in "".join([*tags.AUTHENTICATED, *tags.AUTHENTICATED.values()])


def test_git_s_complaint_is_told(checkout: Path, tmp_path: Path) -> None:
    """A remote that is not there is an error with git's own words."""
    with pytest.raises(Unready, match=r"git ls-remote failed: .*nowhere"):
        published(checkout, tmp_path / "nowhere")
