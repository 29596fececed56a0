"""A signal that comes with a request: before the server has done its work, or after it and before the answer."""

import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx

from faults.cases import At
from faults.gate import Gate
from faults.roads import Arranged, Road
from faults.runs import Result, living
from faults.wire import Deed, Reply, Then
from nomad_token_lab.faults import ServerName
from nomad_token_lab.nomad.tokens import Token
from nomad_token_lab.runner import Ran

GONE_WITHIN: Final = 9
"""Seconds from the first signal on (actions/runner kills after 10)."""
SIGNALS: Final[Mapping[str, tuple[signal.Signals, ...]]] = {
    "interrupted": (signal.SIGINT,),
    "terminated": (signal.SIGTERM,),
    "interrupted-and-terminated": (signal.SIGINT, signal.SIGTERM),
    "killed": (signal.SIGKILL,),
}
_REFUSED: Final = 4


@dataclass(frozen=True)
class Stroke:
    """What is sent, with which request of a step."""

    at: At
    number: int
    """How many requests of the step come before it."""
    what: str
    when: str

    @property
    def name(self) -> str:
        """What it is called in a failure."""
        return f"{self.at.name}/{self.what}/{self.when}"

    @property
    def kills(self) -> bool:
        """Whether the program has no say in it."""
        return self.what == "killed"


@dataclass(frozen=True)
class Running:
    """A step under way."""

    send: Callable[[signal.Signals], None]
    end: Callable[[], Ran]


Start = Callable[[str], Running]


def strokes(road: Road, requests: Sequence[At]) -> Iterator[Stroke]:
    """Choose the strokes of a road: each request of the main step, and of a revoke that can be called again."""
    for step in road.door.steps:
        for number, at in enumerate(each for each in requests if each.step == step):
            for what in SIGNALS:
                if what == "killed" and not _goes_on(road, step):
                    continue
                for when in ("before", "after") if what == "killed" else ("after",):
                    yield Stroke(at, number, what, when)


def _goes_on(road: Road, step: str) -> bool:
    """Tell whether anybody comes after a step that was killed: nobody after the post-step, or after `run`."""
    return "post" in road.door.steps and (step == "main" or road.is_strict)


@dataclass
class _Sent:
    running: list[Running] = field(default_factory=list)
    is_sent: bool = False


def run(stroke: Stroke, road: Road, arranged: Arranged, gate: Gate, start: Start) -> Result:
    """Run the steps of *road*, with *stroke* in one of them; after it a revoke is called again."""
    result = Result()
    steps = road.door.steps
    again = ("post",) if stroke.at.step == "post" and stroke.kills else ()
    sent = _Sent()
    for name in (*steps, *again):
        struck = stroke if name == stroke.at.step and not sent.is_sent else None
        ran = _step(struck, sent, gate, name, start)
        with gate.lock:
            tokens, logins = living(arranged)
        if name == "main":
            result.main, result.tokens_after_main, result.logins_after_main = ran, tokens, logins
        else:
            result.post = Ran(ran.code, f"{result.post.log}{ran.log}")
        result.tokens, result.logins = tokens, logins
    return result


def _step(stroke: Stroke | None, sent: _Sent, gate: Gate, name: str, start: Start) -> Ran:
    number = 0

    def strike(_server: ServerName, _request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        nonlocal number
        number += 1
        if stroke is None or number - 1 != stroke.number:
            return Deed(answer().data)
        reply = answer() if stroke.when == "after" else None
        sent.is_sent = True
        for signum in SIGNALS[stroke.what]:
            sent.running[-1].send(signum)
        return Deed(reply.data) if reply else Deed(then=Then.CLOSED)

    with gate.step(strike):
        with gate.lock:  # so that no request is struck before there is something to send a signal to
            sent.running.append(start(name))
        return sent.running[-1].end()


def wrong(stroke: Stroke, road: Road, result: Result) -> Iterator[str]:
    """Say what does not hold."""
    log = result.log
    ends = {0, _REFUSED, *(128 + each for each in SIGNALS[stroke.what]), *((-signal.SIGKILL,) if stroke.kills else ())}
    struck = result.main if stroke.at.step == "main" else result.post
    if struck.code not in ends:
        yield f"{stroke.name}: {stroke.at.step} ended with {struck.code}: {log}"
    of_main = result.tokens_after_main if stroke.at.step == "main" and result.main.code and not stroke.kills else []
    for when, tokens in (("after main", of_main), ("in the end", result.tokens)):
        for token in tokens:
            if not (_may_live(stroke, road) and _is_named(token, log)):
                yield f"{stroke.name}: {token.accessor} lives {when}: {log}"
    if result.logins and not road.is_lent and not (stroke.kills and stroke.at.is_login and "login" in log):
        yield f"{stroke.name}: a login lives: {log}"
    if "a bug" in log.lower() or "Traceback" in log:
        yield f"{stroke.name}: {log}"


def _may_live(stroke: Stroke, road: Road) -> bool:
    """Tell whether no request could have revoked a token: a login's at Nomad, or one that nobody was told of."""
    return road.grants_by_login or (stroke.kills and road.is_lent)


def _is_named(token: Token, log: str) -> bool:
    """Tell whether the log has the accessor, the name or its begin; or the time of a login that was granted."""
    begins = re.findall(r"named (\S+)…", log)
    by_time = "a token that nobody holds may live" in log
    return by_time or token.accessor in log or token.name in log or token.name.startswith(tuple(begins))
