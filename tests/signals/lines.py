"""A signal at a line of the program: its steps in this process, on a lab in memory."""

import random
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final, Self

from faults.roads import Road
from faults.runs import Result, Strikes, clean, living, made_anew, step
from faults.wire import Deed

_OURS: Final = ("/nomad_token/", "/contextlib.py")
"""What is traced: `with` is half in the standard library."""
SIGTERM: Final = 143
KILLED: Final = -15
_ANSWERED: Final[Strikes] = lambda _step: lambda _request, answer: Deed(answer().data)  # noqa: E731 - typed

Line = tuple[str, int, str]


@dataclass(frozen=True)
class Moment:
    """The moment at which a line begins."""

    name: str
    number: int
    """How many lines of ours came before it."""


class _Killed(BaseException):
    """The end of a process that takes no signal, or none any more."""


class Traced:
    """Counts lines, and sends a signal at the one that was chosen."""

    def __init__(self, at: int | None) -> None:
        """Send none without *at*."""
        self.lines: list[Line] = []
        self.fired = ""
        """The line at which the signal was sent."""
        self._at = at
        self._count = 0

    def __enter__(self) -> Self:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, _arg: Any) -> Any:  # noqa: ANN401 - as the interpreter's
        if not any(part in frame.f_code.co_filename for part in _OURS):
            return None
        if event not in {"call", "line"}:
            return self._trace
        if self._at is None:
            self.lines.append((Path(frame.f_code.co_filename).name, frame.f_lineno, event))
        elif self._count == self._at:
            sys.settrace(None)
            self._count += 1
            self.fired = f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno} {event}"
            signal.raise_signal(signal.SIGTERM)
            return None
        self._count += 1
        return self._trace


@dataclass
class Struck(Result):
    """What came of a run with a signal in it."""

    traced: Traced = field(default_factory=lambda: Traced(None))


class Place:
    """A road, made ready once, on which one run after the other is made."""

    def __init__(self, road: Road, folder: Path, more: Mapping[str, str]) -> None:
        """Give *more* inputs than the road's."""
        self.road = road
        self._arranged = road.arrange(folder)
        self._inputs = {**self._arranged.inputs, **more}
        self._folder = folder

    def run(self, struck: str = "main", at: int | None = None) -> Struck:
        """Run the steps, with a signal in the one that is *struck*."""
        arranged, result = self._arranged, Struck(traced=Traced(at))
        arranged.clock.rewind()
        random.seed(at)  # the jitter of waiting times
        with made_anew(self._folder / "job") as job:
            door = self.road.door(job, arranged.environ, self._inputs)
            for name in door.steps:
                traced = result.traced if name == struck else nullcontext()
                ran, _ = step(door, name, arranged, _ANSWERED, result, partial(_survived, traced))
                if name == "main":
                    result.main = ran
                    result.tokens_after_main, result.logins_after_main = living(arranged)
                else:
                    result.post = ran
            result.tokens, result.logins = living(arranged)
        clean(arranged)
        return result


def _survived(traced: AbstractContextManager[object], call: Callable[[], int]) -> int:
    """Return the exit code; of a signal that the program does not take, the end that this process is to survive."""

    def die(*_: object) -> None:
        raise _Killed

    before = signal.signal(signal.SIGTERM, die)
    try:
        with traced:
            return call()
    except _Killed:
        return KILLED
    finally:
        signal.signal(signal.SIGTERM, before)


def moments(lines: Iterable[Line], since: str) -> list[Moment]:
    """Return the last moment of each line, from the one on in whose file *since* something happens."""
    last: dict[Line, int] = {}
    for number, line in enumerate(lines):
        if last or line[0] == since:
            last[line] = number
    found = {number: line for line, number in last.items()}
    return [Moment(f"{line[0]}:{line[1]} {line[2]} ({number})", number) for number, line in sorted(found.items())]
