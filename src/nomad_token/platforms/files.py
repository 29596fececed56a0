"""Files that inputs name; and those with secrets: written whole or not at all, overwritten when of no more use."""

import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from nomad_token.errors import InputError
from nomad_token.text import shown

APPENDING: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT
_OWNER: Final = stat.S_IRUSR | stat.S_IWUSR
_LARGEST: Final = 4 << 20
PLANTED: Final = "somebody else put it there, into a folder that is shared"
# Windows has neither.
_NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0)
_NO_WAIT: Final = getattr(os, "O_NONBLOCK", 0)
"""A pipe that nobody reads is an error, not to be waited for."""


def read_given(path: Path, given: str, *, taken_for: str, fix: str) -> str:
    """Read the file that an input gives; a value that is no text itself is *taken_for* one. Raises `InputError`."""
    try:
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InputError(
            f"`{shown(given)}` can't be read: {reason}.",
            why=f"A value that is neither PEM nor base64 of it is taken for {taken_for}.",
            fix=fix,
        ) from None


def make_folder(path: Path) -> None:
    """Make a folder and those around it that are not there, each for its owner alone. Raises `OSError`."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Have an `OSError` name *path*: that of a write names nothing, and one of a renaming names two."""
    try:
        yield
    except OSError as error:
        error.filename, error.filename2 = str(path), None
        raise


def append(path: Path, text: str) -> None:
    """Append in one write, on disk when this returns, or leave the file as it was; nobody else may write to it.

    Raises `OSError`, also where it isn't there: what was in it is lost then, and nobody reads a new one.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | _NO_WAIT)
    try:
        begin = os.fstat(descriptor).st_size
        try:
            append_to(descriptor, text)
        except OSError:
            with suppress(OSError):  # nothing can be cut off a device
                # A part of an entry would spoil what is appended after it: the runner reads no further.
                os.ftruncate(descriptor, begin)
            raise
    finally:
        os.close(descriptor)


def append_to(descriptor: int, text: str) -> None:
    """Append to what is open, in one write, on disk when this returns. Raises `OSError`; a part may be written then."""
    data = text.encode()
    if os.write(descriptor, data) != len(data):
        raise OSError(errno.ENOSPC, "there is room for a part of it alone")
    os.fsync(descriptor)


@contextmanager
def held(path: Path, flags: int, *, alone: bool) -> Iterator[int]:
    """Open the file that has the name *path*, and keep it from whoever holds it *alone*, who may remove it.

    Raises `OSError`.
    """
    while True:
        descriptor = os.open(path, flags, _OWNER)
        try:
            _lock(descriptor, alone=alone)
            if _is_named(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def lock_now(descriptor: int, *, alone: bool) -> bool:
    """Lock what is open until it is closed, *alone* or with others; tell whether nobody is in the way.

    Windows has no such lock, and some file systems have none: there nobody is.
    """
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 - Windows has none

        try:
            fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass
    return True


def _lock(descriptor: int, *, alone: bool) -> None:
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 - Windows has none

        with suppress(OSError):  # some file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)


def _is_named(descriptor: int, path: Path) -> bool:
    """Tell whether *path* still names what is open: it may have been removed before the lock was ours."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def replace(path: Path, text: str) -> None:
    """Write a file for its owner alone, in the place of one that is there; a pipe or a device is written to.

    Raises `OSError`; what was there stays then.
    """
    with named(path):
        if _is_stream(path):
            if is_planted(path):
                raise PermissionError(errno.EPERM, PLANTED)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "w", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
        else:
            _replace(path, text)


def _replace(path: Path, text: str) -> None:
    # Not by the process's number: a container's first process has the same each time, and one that was killed left it.
    new = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def irreplaceable(path: Path) -> str:
    """Say why nothing can be written to *path*, as far as that can be told without writing; empty where it can."""
    try:
        if path.is_dir():
            return "it is a directory"
        if not path.parent.is_dir():
            return "there is no such directory"
        if _is_stream(path) and is_planted(path):
            return PLANTED
        if not os.access(path if _is_stream(path) else path.parent, os.W_OK):
            return "it can't be written to"
    except OSError as error:
        return str(error.strerror)
    return ""


def is_planted(path: Path) -> bool:
    """Tell whether somebody else put *path*, or what it points to, into a folder that is shared.

    There its name is anybody's to take first. The rule is that of Linux's `fs.protected_regular` and `protected_fifos`
    (docs, sysctl/fs), which not every machine sets. Raises `OSError`.
    """
    folder = path.parent.stat()
    if os.name == "nt" or not folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or not os.path.lexists(path):
        return False
    owners = {path.lstat().st_uid, *([path.stat().st_uid] if path.exists() else [])}
    return not owners <= {os.geteuid(), folder.st_uid}


def is_terminal(path: Path) -> bool:
    """Tell whether what is written to *path* is shown."""
    with suppress(OSError):
        if path.is_char_device():
            descriptor = os.open(path, os.O_WRONLY | getattr(os, "O_NOCTTY", 0))
            with os.fdopen(descriptor, "wb"):
                return os.isatty(descriptor)
    return False


def _is_stream(path: Path) -> bool:
    """Tell a pipe, a device, or a name of an open file: `/dev/stdout` must not be replaced, whatever it stands for."""
    folder = os.path.realpath(path.parent)
    return folder == "/dev" or folder.startswith("/proc/") or (path.exists() and not path.is_file())


def remove_with(path: Path, needles: Iterable[bytes]) -> None:
    """Remove a file that still holds one of *needles*, overwritten first; one that doesn't is somebody else's by now.

    Raises `OSError`.
    """
    held = list(needles)
    if path.is_file() and not path.is_symlink() and any(needle in path.read_bytes() for needle in held):
        overwrite(path, held)
        path.unlink()


def overwrite(path: Path, needles: Iterable[bytes]) -> None:
    """Overwrite each of *needles* in a regular file with asterisks, in place; a larger file than 4 MiB is left.

    Raises `OSError`, also for a symbolic link.
    """
    descriptor = os.open(path, os.O_RDWR | _NO_LINK)
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
