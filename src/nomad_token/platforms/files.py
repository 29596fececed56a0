"""Files that hold secrets: written whole or not at all, and overwritten when they are of no more use."""

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_LARGEST: Final = 4 << 20


def append(path: Path, text: str) -> None:
    """Append in one write, on disk when this returns; a file that isn't there is made for its owner alone.

    Raises `OSError`, also where only a part could be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, stat.S_IRUSR | stat.S_IWUSR)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        data = text.encode()
        if file.write(data) != len(data):
            raise OSError(f"{path.name} took only a part of what was written")
        os.fsync(descriptor)


def overwrite(path: Path, needles: Iterable[bytes]) -> None:
    """Overwrite each of *needles* in a regular file with asterisks, in place; a larger file than 4 MiB is left.

    Raises `OSError`, also for a symbolic link.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "r+b") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or os.fstat(descriptor).st_size > _LARGEST:
            return
        old = file.read()
        new = old
        for needle in needles:
            new = new.replace(needle, b"*" * len(needle))
        if new != old:
            file.seek(0)
            file.write(new)
