"""Which project's job this is, by what a CI says of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from nomad_token.platforms import JOBS
from nomad_token.platforms.github import GitHubJob
from nomad_token.platforms.gitlab import GitLabJob


@dataclass(frozen=True, slots=True)
class Project:
    """A project: whose id tokens its jobs have, the id that outlives a rename, and its name."""

    platform: str
    id: str = ""
    name: str = ""
    server: str = ""
    """Where people see it, such as https://github.com."""


def project(environ: Mapping[str, str]) -> Project | None:
    """Return the project of the job that *environ* is one of; None where that is no job of a platform's."""
    kind = next(kind for kind in JOBS if kind.is_here(environ))
    if kind is GitHubJob:
        return _of(environ, "github", "GITHUB_REPOSITORY_ID", "GITHUB_REPOSITORY", "GITHUB_SERVER_URL")
    if kind is GitLabJob:
        return _of(environ, "gitlab", "CI_PROJECT_ID", "CI_PROJECT_PATH", "CI_SERVER_URL")
    return None


def _of(environ: Mapping[str, str], platform: str, *names: str) -> Project:
    return Project(platform, *(environ.get(name, "") for name in names))
