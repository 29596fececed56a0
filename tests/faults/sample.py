"""A sample of the matrix that is named by a rule, not by hand: for runs that take real time, over sockets."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx

from faults.cases import At, Case, Plan, Request, cases
from faults.gate import Gate, Refusing
from faults.kinds import KINDS
from faults.roads import ROADS, Arranged, Road
from faults.runs import Result, living, run, struck
from faults.wire import Deed, Reply, Sent
from nomad_token.clock import SystemClock
from nomad_token_lab.faults import ServerName
from nomad_token_lab.runner import Ran

EACH: Final = 12
"""Cases of a road."""
AT_GATES: Final = [road for road in ROADS.values() if not road.needs_tls]
_SHORT: Final = 2.0
"""Seconds that the steps of a case take together, on its own clock."""
# A socket can't refuse to be written to by a request's number, and the gates speak no https to be led away from.
_IN_MEMORY_ALONE: Final = frozenset({"pipe", "redirect-plain"})
_PAIRS: Final = tuple(
    (kind.name, when) for kind in KINDS.values() if kind.name not in _IN_MEMORY_ALONE for when in kind.when
)


def sample(road: Road, requests: Sequence[At], arranged: Arranged, folder: Path) -> Iterator[Case]:
    """Choose `EACH` cases of *road*, each of another kind, and short: in the order of their names' SHA-256.

    The road that comes next in the register goes on with the kinds where this one ends.
    """
    found = 0
    first = EACH * AT_GATES.index(road)
    every = [case for at in requests for case in cases(road, at)]
    for turn in range(len(_PAIRS)):
        pair = _PAIRS[(first + turn) % len(_PAIRS)]
        named = sorted((case for case in every if (case.kind, case.when) == pair and _can_be(case)), key=_hash)
        short = (case for case in named[:_MOST_TRIED] if _is_short(run(case, road, arranged, folder)))
        if case := next(short, None):
            yield case
            found += 1
        if found == EACH:
            return


_MOST_TRIED: Final = 8


def _can_be(case: Case) -> bool:
    """Tell whether sockets can show it: a server that refuses for longer refuses all requests, not one path's."""
    return case.kind != "refused" or case.span == "once"


def _hash(case: Case) -> str:
    return hashlib.sha256(case.name.encode()).hexdigest()


def _is_short(result: Result) -> bool:
    return sum(result.spent.values()) < _SHORT


Steps = Callable[[str], Ran]
"""Runs a step of that name, as a process."""


def run_at_gate(case: Case, requests: Sequence[At], arranged: Arranged, gate: Gate, steps: Steps) -> Result:
    """Run *case* in processes: *arranged* is where *gate* leads to."""
    result = Result()
    result.main, result.sent_in_main = _step(case, "main", requests, gate, steps)
    with gate.lock:
        result.tokens_after_main, result.logins_after_main = living(arranged)
    if "post" in ROADS[case.road].door.steps:
        result.post, result.sent_in_post = _step(case, "post", requests, gate, steps)
    with gate.lock:
        result.tokens, result.logins = living(arranged)
        result.leases = len(arranged.lab.vault.live_leases())
    return result


def _step(case: Case, name: str, requests: Sequence[At], gate: Gate, steps: Steps) -> tuple[Ran, list[Sent]]:
    plan = Plan(case, name)

    def strike(server: ServerName, request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        if case.kind == "refused" or not plan.strikes(Request.of(request, server)):
            return Deed(answer().data)
        return struck(case, server, request, answer, SystemClock())

    with gate.step(strike, _refusing(case, name, requests)) as meanwhile:
        return steps(name), meanwhile.sent


def _refusing(case: Case, name: str, requests: Sequence[At]) -> Refusing | None:
    """Plan when a server refuses: before the first request of a step that would be struck in a plain run."""
    if case.kind != "refused":
        return None
    plan = Plan(case, name)
    of_step = [at for at in requests if at.step == name]
    struck_ones = [
        number for number, at in enumerate(of_step) if plan.strikes(Request(at.server, at.method, at.path, loops=False))
    ]
    return Refusing(case.at.server, struck_ones[0]) if struck_ones else None
