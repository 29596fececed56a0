"""Many jobs at once against one lab: each mints, uses its token and revokes it, as processes."""

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from faults.doors import ActionDoor
from faults.gate import Gate
from faults.kinds import KINDS, PLAIN, Kind, Struck
from faults.roads import ROADS
from faults.runs import living
from faults.wire import Deed, Reply, Sent
from nomad_token.clock import SystemClock
from nomad_token_lab.faults import ServerName
from nomad_token_lab.runner import Ran

_SECONDS: Final = 300
_NOT_ON_SOCKETS: Final = frozenset({"pipe", "refused", "redirect-plain"})
_LIMITED: Final = Deed(Reply(429, {"retry-after": "1"}, b'{"errors": ["rate limit quota exceeded"]}').data)


@dataclass
class Told:
    """What came of one job."""

    main: Ran
    post: Ran
    accepted: bool
    """Whether Nomad took the token that was exported."""
    dead: bool
    """Whether it took it no more after the post-step."""
    seconds: float
    """Of both steps, from the start of the first process to the end of the second."""

    @property
    def log(self) -> str:
        """All that a person can read."""
        return f"{self.main.log}\n{self.post.log}"


@dataclass
class Report:
    """The figures of a run."""

    jobs: list[Told]
    made: int
    """Nomad tokens that were made, tries that failed included."""
    tokens: list[str] = field(default_factory=list)
    """Accessors of Nomad's tokens that live at the end."""
    logins: list[str] = field(default_factory=list)
    """Accessors of Vault's."""
    lost: int = 0
    """Logins that were granted and whose answer was lost: nobody knows an accessor, and no Nomad token hangs on one."""
    requests: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    """Faults that were carried out, by their kind."""
    limited: int = 0
    """Requests that the rate limit refused."""

    @property
    def unnamed(self) -> list[str]:
        """What lives and is named by no job's log: by its accessor, and a lost login by the time of its request."""
        logs = "\n".join(told.log for told in self.jobs)
        by_time = min(self.lost, logs.count("no answer tells whether it was granted"))
        tokens, logins = ([each for each in some if each not in logs] for some in (self.tokens, self.logins))
        return [*tokens, *logins[by_time:]]

    @property
    def minted(self) -> list[Told]:
        """The jobs that had a token."""
        return [told for told in self.jobs if told.main.code == 0]

    def lines(self) -> Iterator[str]:
        """Say all of it, for a terminal."""
        codes = Counter(told.main.code for told in self.jobs)
        spent = sorted(told.seconds for told in self.jobs)
        cuts = statistics.quantiles(spent, n=100, method="inclusive")
        yield f"jobs           {len(self.jobs)}, of which {len(self.minted)} had a token"
        yield f"exit codes     {', '.join(f'{code}: {count}' for code, count in sorted(codes.items()))}"
        yield f"used           {sum(told.accepted for told in self.minted)} accepted by Nomad"
        yield f"tokens made    {self.made}"
        yield f"dead           {sum(told.dead for told in self.minted)} refused by Nomad after the post-step"
        yield f"left alive     {len(self.tokens)} Nomad tokens, {len(self.logins)} logins (answers lost: {self.lost})"
        yield f"not named      {len(self.unnamed)}"
        yield f"requests       {self.requests}, {self.requests / len(self.jobs):.1f} a job"
        yield f"struck         {self.struck.total()}, by {len(self.struck)} kinds of fault; rate limit: {self.limited}"
        parts = [f"{seconds:.2f} {where}" for seconds, where in ((cuts[49], "median"), (cuts[89], "at 90 %"))]
        yield f"seconds a job  {', '.join(parts)}, {cuts[98]:.2f} at 99 %, {spent[-1]:.2f} at most"


@dataclass(frozen=True)
class Place:
    """Where the jobs run."""

    inputs: Mapping[str, str]
    environ: Mapping[str, str]
    takes: Callable[[str], bool]
    """Asks Nomad, past all faults, whether it takes a token."""


def fleet(place: Place, folder: Path, *, jobs: int, at_once: int) -> list[Told]:
    """Run so many *jobs*, so many *at once*."""
    with ThreadPoolExecutor(at_once) as pool:
        return list(pool.map(lambda number: _job(place, folder / str(number)), range(jobs)))


def _job(place: Place, folder: Path) -> Told:
    door = ActionDoor(folder, place.environ, place.inputs)
    began = time.monotonic()
    main = door.run("main", _SECONDS)
    token = main.variables.get("NOMAD_TOKEN", "")
    accepted = bool(token) and place.takes(token)
    post = door.run("post", _SECONDS)
    seconds = time.monotonic() - began
    return Told(main, post, accepted, bool(token) and not place.takes(token), seconds)


class Weather:
    """Draws the faults, and keeps the rate limit."""

    def __init__(self, seed: int, *, share: float, rate: float) -> None:
        """Strike a *share* of the requests, and let *rate* of them through in a second.

        A server that lies is left out: what it says is done can't be told from what is (SECURITY.md).
        """
        self.struck: Counter[str] = Counter()
        self.limited = 0
        self._random = random.Random(seed)  # noqa: S311 - not for a secret
        self._share = share
        self._rate = rate
        self._left = rate
        self._since = time.monotonic()
        self._lock = threading.Lock()
        self._kinds = [(kind, when) for kind in KINDS.values() for when in kind.when if _is_honest(kind, when)]

    def strike(self, server: ServerName, request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        """Return what comes of *request*."""
        with self._lock:
            if self._is_too_many():
                self.limited += 1
                return _LIMITED
            kind, when = self._random.choice(self._kinds)
            is_struck = self._random.random() < self._share and server in kind.servers
            if is_struck:
                self.struck[f"{kind.name}, {when}"] += 1
        if not is_struck:
            return Deed(answer().data)
        return kind.make(Struck(server, request, answer() if when == "after" else PLAIN, SystemClock()))

    def _is_too_many(self) -> bool:
        now = time.monotonic()
        self._left = min(self._rate, self._left + (now - self._since) * self._rate) - 1
        self._since = now
        if self._left < 0:
            self._left += 1
            return True
        return False


def _is_honest(kind: Kind, when: str) -> bool:
    return kind.name not in _NOT_ON_SOCKETS and not (kind.denies if when == "after" else kind.claims)


def in_bad_weather(folder: Path, weather: Weather, *, jobs: int, at_once: int, **more: str) -> Report:
    """Run the fleet against one lab, all of whose requests are in the *weather*; *more* are inputs of each job."""
    folder.mkdir(parents=True, exist_ok=True)
    with Gate() as gate:
        arranged = ROADS["vault-jwt"].arrange(folder, gate.addresses)
        gate.lead_to(arranged.servers)

        def takes(token: str) -> bool:
            headers = {"X-Nomad-Token": token}
            with gate.lock:
                asked = httpx.Request("GET", f"{gate.addresses['nomad']}/v1/acl/token/self", headers=headers)
                return arranged.servers.ask(asked).status_code == 200

        with gate.step(weather.strike) as meanwhile:
            told = fleet(
                Place({**arranged.inputs, **more}, arranged.environ, takes), folder, jobs=jobs, at_once=at_once
            )
        with gate.lock:
            tokens, logins = living(arranged)
        arranged.lab.stop()
    return Report(
        told,
        sum(map(_is_made, meanwhile.sent)),
        [token.accessor for token in tokens],
        logins,
        sum(map(_is_lost, meanwhile.sent)),
        len(meanwhile.sent),
        weather.struck,
        weather.limited,
    )


def _is_made(sent: Sent) -> bool:
    return "/creds/" in sent.path and sent.answer is not None and sent.answer.status == 200


def _is_lost(sent: Sent) -> bool:
    """Tell whether a login was granted and its answer changed on the way."""
    granted = sent.path.startswith("/v1/auth/jwt/login") and sent.answer is not None and sent.answer.status == 200
    return granted and sent.answer is not None and sent.deed.data != sent.answer.data


def picture(report: Report, bars: int = 40) -> str:
    """Draw how long the jobs took, as SVG: a bar for each part of the time, as high as it has jobs."""
    spent = [told.seconds for told in report.jobs]
    width = max(spent) / bars
    counts = Counter(min(int(each / width), bars - 1) for each in spent)
    scale = 200 / max(counts.values())
    rects = "".join(
        f'<rect x="{40 + 15 * bar}" y="{220 - scale * count:.1f}" width="13" height="{scale * count:.1f}"/>'
        for bar, count in sorted(counts.items())
    )
    marks = "".join(
        f'<text x="{40 + 15 * bar}" y="240" text-anchor="middle">{width * bar:.1f} s</text>'
        for bar in range(0, bars + 1, 10)
    )
    title = f"{len(spent)} jobs by the seconds that mint and revoke took; the highest bar has {max(counts.values())}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {80 + 15 * bars} 260" font-family="sans-serif" '
        f'font-size="12"><title>{title}</title><text x="40" y="14">{title}</text>'
        f'<g fill="#4c78a8">{rects}</g>{marks}</svg>\n'
    )
