"""What becomes of a file, or of the whole disk, while the program runs: the system's own means, no code of ours."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from faults.places import ActionJob, ShellJob, Told
from faults.roads import Arranged
from faults.runs import clean, living
from faults.wire import Deed, Reply, Sent, Wire
from limit import Limit

EVERYTHING: Final = "the disk"
ROOM: Final = 1 << 16
"""The size beyond which no file grows, where one of them has little room: none of the others comes near."""
_NOBODY: Final = 65534
_SECRET: Final = re.compile(rb'"(?:client_token|secret_id|SecretID)": ?"([^"]+)"')


@dataclass(frozen=True)
class Case:
    """What happens to which file, and when."""

    step: str
    """`main` or `post`."""
    what: str
    """A name of the job's files, or the whole disk."""
    kind: str
    at: int
    """Before which request, counted from 1, or 0 for the step's begin; for `room` the bytes that the file may get."""
    lasts: bool = True
    """Else it is as before from the next request on; where a limit was met, right after that."""

    @property
    def name(self) -> str:
        """What the case is run by."""
        what = self.what.replace(" ", "-").lstrip("-")
        return f"{self.step}/{what}/{self.kind}/{self.at}/{'lasting' if self.lasts else 'once'}"


class Swap:
    """Something else in the place of a file, or of a folder."""

    def __init__(self, path: Path, put: Callable[[Path], object]) -> None:
        """Do nothing yet; *put* makes what is there then."""
        self._path = path
        self._aside = path.with_name(f"{path.name}.aside")
        self._put = put

    def begin(self) -> None:
        """Take it away."""
        if os.path.lexists(self._path):
            self._path.rename(self._aside)
        if self._path.parent.is_dir():
            self._put(self._path)

    def end(self) -> None:
        """Put it back; where there was none, what the program has made of it stays."""
        if self._path.is_symlink():
            self._path.unlink()
        elif self._path.is_dir():
            shutil.rmtree(self._path)
        if self._aside.exists():
            self._aside.rename(self._path)


class ReadOnly:
    """A folder that takes no change, from somebody whom permissions bind: root is nobody meanwhile."""

    def __init__(self, folder: Path) -> None:
        """Change nothing yet."""
        self._folder = folder
        self._modes: dict[Path, int] = {}

    def begin(self) -> None:
        """Take all rights to write."""
        self._modes = {path: path.stat().st_mode for path in [self._folder, *self._folder.rglob("*")]}
        for path in self._modes:
            path.chmod(0o555 if path.is_dir() else 0o444)
        if os.geteuid() == 0:
            os.seteuid(_NOBODY)

    def end(self) -> None:
        """Give them back."""
        if os.getuid() == 0:
            os.seteuid(0)
        for path, mode in self._modes.items():
            with suppress(FileNotFoundError):
                path.chmod(mode)


def _into(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


SWAPS: Final[Mapping[str, Callable[[Path], object]]] = {
    "full": _into("/dev/full"),
    "unsynced": _into("/dev/null"),  # takes all, and fails at `fsync`
    "directory": Path.mkdir,
    "loop": lambda path: path.symlink_to(path),
    "gone": lambda _: None,
}
DISKS: Final = ("full", "read-only", "gone")
Mishap = Limit | Swap | ReadOnly


def mishap(case: Case, job: ActionJob | ShellJob) -> Mishap:
    """Return what happens in *case*."""
    if case.what != EVERYTHING:
        path = job.files[case.what]
        return Swap(path, SWAPS[case.kind]) if case.kind != "room" else Limit(ROOM, lasts=case.lasts)
    match case.kind:
        case "full":
            return Limit(0, lasts=case.lasts)
        case "read-only":
            return ReadOnly(job.folder)
        case _:
            return Swap(job.folder, lambda _: None)


@dataclass
class Result:
    """What came of a case."""

    main: Told
    post: Told | None
    sent: list[Sent]
    sent_in_post: list[Sent]
    after_main: list[str]
    """What lived then."""
    in_the_end: list[str]
    secrets: list[str]
    handed_over: str
    left: list[str]
    """Files that hold a secret in the end."""
    files: dict[str, bytes] = field(default_factory=dict)
    """What the main step has written."""

    @property
    def log(self) -> str:
        """All that a person can read."""
        return f"{self.main.log}\n{self.post.log if self.post else ''}"


class Turns:
    """Counts a step's requests, and has the mishap begin and end in its turn."""

    def __init__(self, case: Case | None, job: ActionJob | ShellJob) -> None:
        """Begin before the first request."""
        self._case = case
        self._mishap = mishap(case, job) if case else None
        self._turn = 0
        self._is_on = False
        if case and case.kind == "room":
            path = job.files[case.what]
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(b"\n" * (ROOM - case.at))
            path.chmod(0o600)
        if case and (case.kind == "room" or case.at == 0):
            self._begin()

    def strike(self, _request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        """Answer as the server does; what happens, happens before."""
        self._turn += 1
        case = self._case
        if case and case.kind != "room":
            if self._turn == case.at:
                self._begin()
            elif not case.lasts:
                self.end()
        return Deed(answer().data)

    def _begin(self) -> None:
        if self._mishap:
            self._mishap.begin()
            self._is_on = True

    def end(self) -> None:
        """Have all as before."""
        if self._mishap and self._is_on:
            self._mishap.end()
            self._is_on = False


def run(
    make: Callable[[Path, Arranged], ActionJob | ShellJob], folder: Path, arranged: Arranged, case: Case | None
) -> Result:
    """Run both steps in a job that *make* makes in *folder*; without a *case*, nothing happens to its files."""
    arranged.clock.rewind()
    with _job(make, folder, arranged) as job:
        main, sent, after_main, files = _main(job, arranged, case)
        secrets = _secrets(sent)
        handed_over = job.handed_over()
        arranged.clock.push(60)
        post, sent_in_post = _post(job, arranged, case)
        left = [
            str(path.relative_to(job.folder))
            for path in job.folder.rglob("*")
            if path.is_file() and any(secret.encode() in path.read_bytes() for secret in secrets)
        ]
        result = Result(
            main, post, sent, sent_in_post, after_main, _living(arranged), secrets, handed_over, left, files
        )
    clean(arranged)
    return result


@dataclass
class Tampered:
    """What came of a revoke whose state was changed."""

    lines: list[str]
    """The state as the mint left it."""
    post: Told
    strays: list[str]
    living: list[str]
    secrets: list[str]


def tampered(
    make: Callable[[Path, Arranged], ActionJob | ShellJob],
    folder: Path,
    arranged: Arranged,
    change: Callable[[list[str]], list[str]],
) -> Tampered:
    """Mint, have *change* make something else of what was kept, and revoke."""
    arranged.clock.rewind()
    with _job(make, folder, arranged) as job:
        _, sent, _, _ = _main(job, arranged, None)
        lines = job.lines
        job.change(change(lines))
        arranged.clock.push(60)
        wire = Wire(arranged.servers, arranged.clock, Turns(None, job).strike)
        post = job.post(wire)
        assert post
        result = Tampered(lines, post, wire.strays, _living(arranged), _secrets(sent))
    clean(arranged)
    return result


def _secrets(sent: list[Sent]) -> list[str]:
    return [found.decode() for each in sent if each.answer for found in _SECRET.findall(each.answer.body)]


def _main(
    job: ActionJob | ShellJob, arranged: Arranged, case: Case | None
) -> tuple[Told, list[Sent], list[str], dict[str, bytes]]:
    turns = Turns(case if case and case.step == "main" else None, job)
    wire = Wire(arranged.servers, arranged.clock, turns.strike)
    try:
        main = job.main(wire)
        job.runner_reads()
    finally:
        turns.end()
    files = {name: path.read_bytes() for name, path in job.files.items() if path.is_file()}
    return main, wire.sent, _living(arranged), files


def _post(job: ActionJob | ShellJob, arranged: Arranged, case: Case | None) -> tuple[Told | None, list[Sent]]:
    turns = Turns(case if case and case.step == "post" else None, job)
    wire = Wire(arranged.servers, arranged.clock, turns.strike)
    try:
        return job.post(wire), wire.sent
    finally:
        turns.end()


@contextmanager
def _job(
    make: Callable[[Path, Arranged], ActionJob | ShellJob], folder: Path, arranged: Arranged
) -> Iterator[ActionJob | ShellJob]:
    try:
        yield make(folder, arranged)
    finally:
        shutil.rmtree(folder)


def _living(arranged: Arranged) -> list[str]:
    """Return accessors of what lives."""
    tokens, logins = living(arranged)
    return [*(made.accessor for made in tokens), *logins]
