"""The tags of a release: one push makes the version's, whose action.yml names the image, and moves the major one's.

The commit is on no branch. Nobody sees the version's tag without the digest, and it is never moved.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from release.action import pinned
from release.version import Unready, Version, parse

_NAME: Final = "nomad-token release"
# The token is in git's environment alone: on no command line, and in no file. No other helper is asked.
_HELPER: Final = """!f() { test "$1" = get && printf 'username=oauth2\\npassword=%s\\n' "$RELEASE_TOKEN"; }; f"""
AUTHENTICATED: Final = {
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "credential.helper",
    "GIT_CONFIG_VALUE_0": "",
    "GIT_CONFIG_KEY_1": "credential.helper",
    "GIT_CONFIG_VALUE_1": _HELPER,
}


def commit(root: Path, base: str, version: Version, image: str) -> str:
    """Make a commit on *base* whose action.yml names *image*, and return its id: made again, it is the same."""
    action = pinned(git(root, "show", f"{base}:action.yml", raw=True), image)
    when = git(root, "show", "--no-patch", "--format=%cI", f"{base}^{{commit}}")
    blob = git(root, "hash-object", "-w", "--stdin", given=action)
    people = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in _person(when).items()}
    with tempfile.TemporaryDirectory() as folder:
        index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git(root, "read-tree", base, environ=index)
        git(root, "update-index", "--cacheinfo", f"100644,{blob},action.yml", environ=index)
        tree = git(root, "write-tree", environ=index)
    message = f"Release {version}: the image by its digest\n"
    return git(root, "commit-tree", tree, "-p", f"{base}^{{commit}}", given=message, environ=people)


def publish(root: Path, remote: str, made: str, version: Version) -> list[str]:
    """Push the commit *made* to *remote* as the tag of *version*, and as its major one; return the tags that it is now.

    The major tag stays where a newer version of it is out. Raises `Unready` where the version's tag is another commit.
    """
    there = remote_tags(root, remote)
    if there.get(version.tag, made) != made:
        raise Unready(f"{version.tag} is out already, as another commit ({there[version.tag]}); it is not moved.")
    tags = [version.tag] if newest(there, version) > version else [version.tag, version.major_tag]
    refs = [f"{'' if tag == version.tag else '+'}{made}:refs/tags/{tag}" for tag in tags]
    git(root, "push", "--quiet", "--atomic", remote, *refs, environ=AUTHENTICATED)
    return tags


def mirror(root: Path, remote: str, base: str, made: str, version: Version) -> None:
    """Push *base* to GitLab's *remote* as `main`, and *made* as the tag that its catalog makes a version of: 1.2.3."""
    refs = [f"{base}^{{commit}}:refs/heads/main", f"{made}:refs/tags/{version}"]
    git(root, "push", "--quiet", "--atomic", remote, *refs, environ=AUTHENTICATED)


def on_the_branch(root: Path, commit: str, branch: str) -> None:
    """Raise `Unready` where *commit* is none of *branch*: what was not reviewed is not released."""
    try:
        git(root, "merge-base", "--is-ancestor", commit, branch)
    except Unready:
        raise Unready(f"The tag is of a commit that is not on {branch}: merge it first.") from None


def remote_tags(root: Path, remote: str) -> dict[str, str]:
    """Return the tags of *remote*, and the commit of each."""
    lines = git(root, "ls-remote", "--tags", remote, environ=AUTHENTICATED).splitlines()
    named = (line.split("\trefs/tags/") for line in lines)
    # An annotated tag is followed by the commit that it is of.
    return {name.removesuffix("^{}"): found for found, name in named}


def newest(tags: dict[str, str], version: Version) -> Version:
    """Return the newest of *version* and the versions among *tags* that are of its major."""
    others = []
    for tag in tags:
        try:
            others.append(parse(tag.removeprefix("v")))
        except Unready:  # v1, release/1.2.3
            continue
    return max([version, *(other for other in others if other.major == version.major)])


def git(
    root: Path, *words: str, given: str | None = None, environ: dict[str, str] | None = None, raw: bool = False
) -> str:
    """Return what git prints in *root*; an `Unready` with what it complains about where it fails."""
    done = subprocess.run(  # noqa: S603 - our own
        ["git", *words],  # noqa: S607 - the machine's
        cwd=root,
        input=given,
        env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **(environ or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unready(f"git {words[0]} failed: {done.stderr.strip()}")
    return done.stdout if raw else done.stdout.strip()


def _person(when: str) -> dict[str, str]:
    return {"NAME": _NAME, "EMAIL": "noreply@github.com", "DATE": when}
