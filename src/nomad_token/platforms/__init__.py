"""The platforms: a file each, and a line here; the last one is what is left."""

from typing import Final

from nomad_token.platforms.github import GitHubJob
from nomad_token.platforms.gitlab import GitLabJob
from nomad_token.platforms.local import LocalJob

JOBS: Final = (GitHubJob, GitLabJob, LocalJob)
