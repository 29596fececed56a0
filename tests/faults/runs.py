"""The run of a case: the program's own entry for its steps, in this process, against a lab in memory."""

import io
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from faults.cases import At, Case, Decided, Plan, Request, anonymous
from faults.doors import PROGRAM, Call, Door
from faults.kinds import KINDS, PLAIN, Struck
from faults.roads import Arranged, Road
from faults.wire import Deed, Reply, Sent, Wire, server_of
from nomad_token.__main__ import step as step_of_action
from nomad_token.clock import Clock
from nomad_token.command_line import command
from nomad_token_lab.faults import ServerName
from nomad_token_lab.nomad.tokens import Token
from nomad_token_lab.runner import MINT, Ran

_BETWEEN: Final = 60.0
"""Seconds between main and post."""

Strikes = Callable[[str], Callable[[httpx.Request, Callable[[], Reply]], Deed]]
"""Of a step: what decides what comes of its requests."""
Around = Callable[[Callable[[], int]], int]
"""Calls a step of the program, and returns its exit code."""


@dataclass
class Result:
    """What came of a case."""

    main: Ran = field(default_factory=lambda: Ran(0, ""))
    post: Ran = field(default_factory=lambda: Ran(0, ""))
    sent_in_main: list[Sent] = field(default_factory=list)
    sent_in_post: list[Sent] = field(default_factory=list)
    decided: dict[str, list[Decided]] = field(default_factory=dict)
    """What was struck, step by step."""
    strays: list[str] = field(default_factory=list)
    spent: dict[str, float] = field(default_factory=dict)
    """Seconds of each step, on the clock of the case."""
    tokens_after_main: list[Token] = field(default_factory=list)
    logins_after_main: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)
    """Nomad's tokens that live at the end."""
    logins: list[str] = field(default_factory=list)
    """Accessors of Vault's tokens that live at the end."""
    leases: int = 0

    @property
    def sent(self) -> list[Sent]:
        """All that was asked."""
        return self.sent_in_main + self.sent_in_post

    @property
    def log(self) -> str:
        """All that a person can read."""
        return f"{self.main.log}\n{self.post.log}\n{self.main.summary}\n{self.post.summary}"


def plain_run(road: Road, arranged: Arranged, folder: Path) -> tuple[Result, list[At]]:
    """Run all steps without a fault, and return the requests that they made."""
    result = _run(road, arranged, folder, "plain", lambda _step: lambda _request, answer: Deed(answer().data))
    seen: dict[tuple[str, ...], int] = {}
    found = []
    for name, sent in (("main", result.sent_in_main), ("post", result.sent_in_post)):
        for each in sent:
            what = (name, each.server, each.method, anonymous(each.path.partition("?")[0]))
            found.append(At(*what, nth=seen.get(what, 0)))
            seen[what] = seen.get(what, 0) + 1
    return result, found


def run(case: Case, road: Road, arranged: Arranged, folder: Path) -> Result:
    """Run *case*."""
    decided: dict[str, list[Decided]] = {}

    def strikes(name: str) -> Callable[[httpx.Request, Callable[[], Reply]], Deed]:
        plan = Plan(case, name)
        decided[name] = []

        def strike(request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
            what = Request.of(request, server_of(request))
            decided[name].append(Decided(what, plan.strikes(what)))
            if not decided[name][-1].is_struck:
                return Deed(answer().data)
            return struck(case, what.server, request, answer, arranged.clock)

        return strike

    # The jitter of waiting times is that of the kind: see `comes_out_as`.
    result = _run(road, arranged, folder, f"{case.road}/{case.at.name}/{case.kind}/{case.when}", strikes)
    result.decided = decided
    return result


def struck(case: Case, server: ServerName, request: httpx.Request, answer: Callable[[], Reply], clock: Clock) -> Deed:
    """Return what comes of a *request* that is struck."""
    return KINDS[case.kind].make(Struck(server, request, answer() if case.when == "after" else PLAIN, clock))


def _run(road: Road, arranged: Arranged, folder: Path, seed: str, strikes: Strikes) -> Result:
    arranged.clock.rewind()
    random.seed(seed)
    with made_anew(folder / "job") as job:
        door = road.door(job, arranged.environ, arranged.inputs)
        result = Result()
        result.main, result.sent_in_main = step(door, "main", arranged, strikes, result)
        result.tokens_after_main, result.logins_after_main = living(arranged)
        arranged.clock.push(_BETWEEN)
        if "post" in door.steps:
            result.post, result.sent_in_post = step(door, "post", arranged, strikes, result)
        result.tokens, result.logins = living(arranged)
        result.leases = len(arranged.lab.vault.live_leases())
    clean(arranged)
    return result


def living(arranged: Arranged) -> tuple[list[Token], list[str]]:
    """Return what lives: Nomad's tokens, and the accessors of Vault's."""
    arranged.lab.settle()
    return arranged.lab.nomad.live_tokens(), [token.accessor for token in arranged.lab.vault.live_tokens()]


def step(
    door: Door, name: str, arranged: Arranged, strikes: Strikes, result: Result, around: Around = lambda call: call()
) -> tuple[Ran, list[Sent]]:
    """Run one step, called by what is *around* it; return how it ended and what it sent.

    What it cost is added to *result*.
    """
    wire = Wire(arranged.servers, arranged.clock, strikes(name))
    out = io.StringIO()
    began = arranged.clock.monotonic()
    code = around(lambda: _called(door.call(name), out, arranged, wire))
    result.spent[name] = arranged.clock.monotonic() - began
    result.strays += wire.strays
    return door.read(name, code, out.getvalue()), wire.sent


def _called(call: Call, out: io.StringIO, arranged: Arranged, wire: Wire) -> int:
    if call.executable == PROGRAM:
        return command(call.argv, call.environ, out, out, clock=arranged.clock, transport=wire)
    name = "mint" if call.executable == MINT else "revoke"
    return step_of_action(name, call.environ, out, clock=arranged.clock, transport=wire)


@contextmanager
def made_anew(job: Path) -> Iterator[Path]:
    """Remove in the end what a door made of the folder *job*."""
    try:
        yield job
    finally:
        shutil.rmtree(job)


def clean(arranged: Arranged) -> None:
    """End what was left, so that the next case begins as this one did."""
    lab = arranged.lab
    for token in lab.vault.live_tokens():
        lab.vault.revoke_token(token)
    for lease in lab.vault.live_leases():
        lab.vault.leases.end(lease)
    lab.settle()
    for made in lab.nomad.live_tokens():
        lab.nomad.delete_token(made.accessor)
    lab.requests.clear()
