"""The cases: what goes wrong with which request, when, how often, and in which step. None of it says how it is run."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import httpx

from faults.kinds import KINDS, LOOP
from faults.roads import Road
from nomad_token_lab.faults import ServerName

SPANS: Final = ("once", "twice", "lasting", "onward")
"""The request the first time; and the next one to that server; each time; and all that follow to that server."""
_PARTS: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class At:
    """A request of the plain run: the *nth* of its kind in its step."""

    step: str
    server: ServerName
    method: str
    path: str
    nth: int = 0

    @property
    def is_login(self) -> bool:
        """Tell whether it logs in at a server."""
        return "/login" in self.path

    @property
    def name(self) -> str:
        """A name for people."""
        last = "-".join(part for part in self.path.split("/")[-2:] if part not in {"v1", "*"})
        return f"{self.step}:{self.method}-{last}" + (f"-{self.nth + 1}" if self.nth else "")


@dataclass(frozen=True)
class Case:
    """One fault: what goes wrong, with which request of which road, when, how often, and in which step."""

    road: str
    at: At
    kind: str
    when: str
    span: str
    where: str
    """`main`, `post`, or `both`."""

    @property
    def name(self) -> str:
        """What the case is run by."""
        return f"{self.road}/{self.at.name}/{self.kind}/{self.when}/{self.span}/{self.where}"


def cases(road: Road, at: At) -> Iterator[Case]:
    """Make all cases of one request.

    On a road that is *like* another from its login on, the requests after it are struck `once` and `lasting`: what a
    second server, or a second fault, adds is seen on the road that it is like. It asks the same with the same code.
    """
    steps = road.door.steps
    wheres = ("post",) if at.step == "post" else ("main", "both") if "post" in steps else ("main",)
    spans = SPANS if not road.like or at.is_login else ("once", "lasting")
    for kind in KINDS.values():
        if at.server in kind.servers:
            for when, span, where in itertools.product(kind.when, spans, wheres):
                yield Case(road.name, at, kind.name, when, span, where)


@dataclass(frozen=True)
class Request:
    """A request, without what is another in each run."""

    server: ServerName
    method: str
    path: str
    loops: bool
    """Whether it follows a redirect in a circle."""

    @classmethod
    def of(cls, sent: httpx.Request, server: ServerName) -> Self:
        """Return *sent*, which goes to *server*."""
        return cls(server, sent.method, anonymous(sent.url.path), LOOP in sent.url.params)


@dataclass(frozen=True)
class Decided:
    """A request of a run, and whether it was struck."""

    request: Request
    is_struck: bool


def anonymous(path: str) -> str:
    """Return *path* without what is another in each run: an accessor."""
    return _PARTS.sub("*", path)


def comes_out_as(case: Case, run: Mapping[str, Sequence[Decided]]) -> bool:
    """Tell whether *case* would be that *run* once more, which was made with the same kind of fault.

    The program does the same where it is answered the same: if each request of the run is struck in the case exactly
    where it was in the run, the case has no other request.
    """
    for step, decided in run.items():
        plan = Plan(case, step)
        if any(plan.strikes(each.request) is not each.is_struck for each in decided):
            return False
    return True


class Plan:
    """Which requests of a step are struck; it counts them."""

    def __init__(self, case: Case, step: str) -> None:
        """Begin the *step*, `main` or `post`."""
        self._case = case
        self._is_meant = case.where in {step, "both"}
        self._is_on = False
        self._seen = 0
        self._struck = 0
        # In the other step than that of the request, everything counts that is asked of its server.
        self._any = step != case.at.step

    def strikes(self, request: Request) -> bool:
        """Tell whether *request*, which comes next, is struck."""
        at = self._case.at
        if not self._is_meant:
            return False
        if request.loops:
            return True
        if request.server != at.server:
            return False
        is_it = self._any
        if not self._any and (request.method, request.path) == (at.method, at.path):
            is_it = self._seen >= at.nth
            self._seen += 1
        self._is_on = self._is_on or is_it
        if not self._is_on or not self._in_span(is_it=is_it):
            return False
        self._struck += 1
        return True

    def _in_span(self, *, is_it: bool) -> bool:
        match self._case.span:
            case "once":
                return self._struck < 1
            case "twice":
                return self._struck < 2
            case "lasting":
                return is_it
            case _:
                return True
