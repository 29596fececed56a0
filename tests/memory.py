"""Folders in memory, where the machine has some: each fact that is saved is on disk before the next request."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PLACE: Final = Path("/dev/shm")  # noqa: S108 - a folder of one's own is made there
_kept: list[Path] = []


@contextmanager
def in_memory() -> Iterator[Path]:
    """Make a folder, and remove it."""
    folder = _made()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def kept_in_memory() -> Path:
    """Make a folder that is there until the tests end: see `remove_kept`."""
    _kept.append(_made())
    return _kept[-1]


def remove_kept() -> None:
    """Remove the folders that were kept."""
    while _kept:
        shutil.rmtree(_kept.pop(), ignore_errors=True)


def _made() -> Path:
    return Path(tempfile.mkdtemp(dir=_PLACE if _PLACE.is_dir() else None))
