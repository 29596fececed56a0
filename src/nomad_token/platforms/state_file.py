"""State in a file of our own, where the platform keeps none.

Each line is `MINT FACT`; `MINT -` says that this mint is undone, or left to whoever took it. An entry begins a line,
whatever was cut off before it; a line without a fact was cut off, and says nothing.
"""

import base64
import errno
import os
import stat
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

from nomad_token.errors import InputError
from nomad_token.platforms.base import Kept
from nomad_token.platforms.files import APPENDING, PLANTED, append_to, held, is_planted, lock_now, named
from nomad_token.secret import SecretStr
from nomad_token.text import pasted

_TAKEN: Final = "-"
_LARGEST: Final = 1 << 20
_LOOK_AGAIN: Final = 0.05
GONE: Final = "what was saved in it is gone"
_NOT_THERE: Final = (FileNotFoundError, NotADirectoryError)


class StateFile:
    """The mints of a job, readable by the file's owner alone."""

    def __init__(self, path: Path) -> None:
        """Keep the state at *path*."""
        self.path = path
        self._lines: Counter[str] = Counter()
        self._attended = ExitStack()

    def touch(self) -> None:
        """See that the file can be written, and read by its owner alone. Raises `OSError`."""
        self._check()
        self._append("")
        self._check()  # it may have been put there just now
        with suppress(FileNotFoundError):  # or removed, by a mint that ended
            self.path.chmod(0o600)

    def attend(self) -> None:
        """Have whoever revokes wait until `let_go`, or this process's end: half a mint can't be undone.

        Windows has no such lock. Raises `OSError`.
        """
        if os.name != "nt":  # where a file that is open can't be removed
            self._attended.enter_context(held(self.path, APPENDING, alone=False))

    def let_go(self) -> None:
        """Let whoever revokes begin."""
        self._attended.close()

    def _check(self) -> None:
        """Refuse what is no file, and one of somebody else's, who could read it, or has written what to undo."""
        with suppress(*_NOT_THERE):
            if not stat.S_ISREG(self.path.stat().st_mode):
                raise OSError(errno.EINVAL, "it is no file")
            if is_planted(self.path):
                raise PermissionError(errno.EPERM, PLANTED)

    def _append(self, text: str) -> None:
        # Not alone: other mints of the job may be under way. So nothing that was cut off is taken back.
        with named(self.path), held(self.path, APPENDING, alone=False) as descriptor:
            append_to(descriptor, text)

    def keep(self, mint: str, line: str) -> None:
        """Append *line* to what is known of *mint*. Raises `OSError`."""
        self._append(f"\n{mint} {line}\n")
        self._lines[mint] += 1

    def check(self, mint: str) -> None:
        """Raise `OSError` where what was kept here of *mint* is not there any more."""
        with named(self.path):
            there = next((kept.lines for kept in self.kept() if kept.mint == mint), [])
            if len(there) < self._lines[mint]:
                raise OSError(errno.ENOENT, GONE)

    def kept(self) -> list[Kept]:
        """Return the mints that nobody has taken, the newest first. Raises `OSError`."""
        untaken: dict[str, list[str]] = {}
        self._check()
        try:
            text = self.path.read_text("utf-8", errors="replace")
        except _NOT_THERE:
            return []
        # Not `splitlines`: a value may hold what else Unicode takes for the end of a line.
        for entry in text.split("\n"):
            mint, _, line = entry.partition(" ")
            if line == _TAKEN:
                untaken.pop(mint, None)
            elif line:
                untaken.setdefault(mint, []).append(line)
        return [Kept(mint, lines) for mint, lines in reversed(untaken.items())]

    def kept_whole(self, seconds: float) -> list[Kept]:
        """Return as `kept` does, once no mint is under way. Raises `TimeoutError` where one is after *seconds*."""
        end = time.monotonic() + seconds
        while True:
            self._check()
            try:
                descriptor = os.open(self.path, os.O_RDONLY)
            except _NOT_THERE:
                return []
            try:
                if lock_now(descriptor, alone=True):
                    return self.kept()
            finally:
                os.close(descriptor)
            if time.monotonic() >= end:
                raise TimeoutError(errno.ETIMEDOUT, "a mint is under way")
            time.sleep(_LOOK_AGAIN)

    def taken(self, mint: str) -> None:
        """Say that *mint* is taken; where that can't be written, it is revoked twice, which is better than not."""
        with suppress(OSError):
            self._append(f"\n{mint} {_TAKEN}\n")

    def take_back(self, mint: str) -> None:
        """Remove an entry of *mint* that was cut off at the file's end, and the file with the last one."""
        mark = f"\n{mint} ".encode()

        def cut(descriptor: int) -> None:
            text = self.path.read_bytes()
            begin = text.rfind(mark)
            if begin >= 0 and b"\n" not in text[begin + 1 :]:
                os.ftruncate(descriptor, begin)

        self._alone(cut)
        self.remove_when_taken()

    def remove_when_taken(self) -> None:
        """Remove the file once no mint is left in it, nor under way; one that begins just now makes it anew."""
        if os.name == "nt":  # where a file that is open can't be removed
            with suppress(OSError):
                self._remove_if_empty()
        else:
            self._alone(lambda _: self._remove_if_empty())

    def _alone(self, act: Callable[[int], None]) -> None:
        """Call *act* with the open file, while no mint is under way; what fails leaves it as it was."""
        with suppress(OSError):
            descriptor = os.open(self.path, os.O_RDWR)
            try:
                if lock_now(descriptor, alone=True):
                    act(descriptor)
            finally:
                os.close(descriptor)

    def _remove_if_empty(self) -> None:
        if not self.kept():
            self.path.unlink(missing_ok=True)


def packed(kept: Kept) -> SecretStr:
    """Return a mint's state as one word, for a variable of another job."""
    text = "\n".join([kept.mint, *kept.lines])
    return SecretStr(base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("="))


def unpacked(word: str) -> Kept:
    """Return what `packed` made a word of. Raises `InputError`, without quoting it."""
    changed = InputError("What was handed over to revoke can't be read: it was cut or changed on the way.")
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(base64.urlsafe_b64decode(f"{word}{'=' * (-len(word) % 4)}"), _LARGEST)
        mint, *lines = text.decode().split("\n")
    except (ValueError, zlib.error):
        raise changed from None
    if not unpacking.eof:
        raise changed
    return Kept(mint, lines)


def own_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder for the state of mints that name none: that of the user's programs, by its standard.

    Raises `InputError`.
    """
    if os.name == "nt":
        return Path(environ.get("LOCALAPPDATA", "."), "nomad-token")
    named, home = environ.get("XDG_STATE_HOME", ""), environ.get("HOME", "")
    if named.startswith("/"):
        return Path(named, "nomad-token")
    if not home:
        raise InputError(
            "Nothing says where the state is to be kept: HOME is not set.", fix="Name a file with --state."
        )
    return Path(home, ".local", "state", "nomad-token")


def list_of_states(folder: Path) -> str:
    """Return the states that are in *folder*, as lines of a text; empty where there are none."""
    found = sorted(folder.glob("*.state")) if folder.is_dir() else []
    return "\n".join(["There are:", *(f"  --state {pasted(path)}" for path in found)]) if found else ""
