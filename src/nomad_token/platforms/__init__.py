"""The platforms: a file each, and a line here."""

from typing import Final

from nomad_token.platforms.github import GitHub

PLATFORMS: Final = (GitHub,)
