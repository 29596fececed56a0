"""The action.yml of a release: the one of the branch, with the image by its digest in place of the Dockerfile."""

import re
from typing import Final

from release.version import Unready

_BUILT: Final = re.compile(r"^(?P<before>  image: )Dockerfile$", re.MULTILINE)
_PINNED: Final = re.compile(r"[a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}", re.ASCII)


def pinned(text: str, image: str) -> str:
    """Return the action.yml *text* with its one line `image: Dockerfile` naming *image*: HOST/PATH@sha256:DIGEST."""
    if not _PINNED.fullmatch(image):
        raise Unready(f"{image} is no image with its registry and its digest: ghcr.io/OWNER/nomad-token@sha256:…")
    changed, lines = _BUILT.subn(lambda found: f"{found['before']}docker://{image}", text)
    if lines != 1:
        raise Unready(f"action.yml has {lines} lines `  image: Dockerfile`, and one is to be replaced.")
    return changed
