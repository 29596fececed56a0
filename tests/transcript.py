"""A scenario as one page: what was printed, handed on, saved and requested, in order, less all that varies."""

import itertools
import json
import re
from collections.abc import Iterable

from nomad_token_lab import Lab, Record
from nomad_token_lab.runner import Ran

_VARYING = (
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "<id token>"),
    (re.compile(r"\bhvs\.[\w-]+"), "<vault token>"),
    (re.compile(r"\bhvb\.[\w-]+"), "<batch token>"),
    (re.compile(r"/creds/(\w+)/\w{24}"), r"/creds/\1/<lease>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*Z"), "<time>"),
    (re.compile(r"\b(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\b"), "<time of day>"),
    (re.compile(r"in \d+ ms"), "in <n> ms"),
    (re.compile(r'"seal":"[0-9a-f]{64}"'), '"seal":"<seal>"'),
    (re.compile(r"nomad_token_[0-9a-f]{8}_"), "nomad_token_<mint>_"),
    (re.compile(r"nomad-token-[0-9a-f]{8}-\d{8}T\d+"), "nomad-token-<mint>-<time>"),
    (re.compile(r'"mint":"[0-9a-f]{8}"'), '"mint":"<mint>"'),
    (re.compile(r'"accessor":"\w{24}"'), '"accessor":"<vault accessor>"'),
    (re.compile(r"-accessor \w{24}"), "-accessor <vault accessor>"),
    (re.compile(r"nomad-token/[\d.]+"), "nomad-token/<version>"),
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Page:
    """A transcript that grows a section at a time."""

    def __init__(self, lab: Lab) -> None:
        """Begin an empty page of *lab*."""
        self._lab = lab
        self._seen = 0
        self._lines: list[str] = []

    def step(self, title: str, ran: Ran) -> "Page":
        """Add what a step printed, handed on and saved, and the requests that it made."""
        self._section(f"{title}: exit code {ran.code}", ran.log.splitlines())
        self._section("variables", _pairs(ran.variables))
        self._section("outputs", _pairs(ran.outputs))
        self._section("state", _pairs(ran.state))
        self._section("summary", ran.summary.splitlines())
        requests = [record for record in self._lab.requests if not record.internal]
        told = [_request(record) for record in requests[self._seen :]]
        # How often something is tried again is a matter of time: a run of the same is told once.
        self._section("requests", [line for line, _ in itertools.groupby(told)])
        self._seen = len(requests)
        return self

    def alive(self) -> str:
        """Close the page with what is alive at the end, and return it."""
        self._section(
            "alive at the end",
            [
                f"Nomad tokens: {len(self._lab.nomad.live_tokens())}",
                f"Vault tokens: {len(self._lab.vault.live_tokens())}",
                f"Vault leases: {len(self._lab.vault.live_leases())}",
            ],
        )
        return _settled("\n".join(self._lines) + "\n", self._lab)

    def _section(self, title: str, lines: Iterable[str]) -> None:
        body = [f"  {line}".rstrip() for line in lines]
        if body:
            self._lines += [f"{title}", *body]


def _pairs(values: dict[str, str]) -> list[str]:
    return [f"{name} = {value}" for name, value in sorted(values.items())]


def _request(record: Record) -> str:
    return f"{record.server:<6} {record.method:<6} {record.path} -> {record.status}"


def _settled(text: str, lab: Lab) -> str:
    for server in ("github", "vault", "nomad"):
        address = getattr(lab, server).addr
        text = text.replace(address, f"http://{server}").replace(
            address.replace(":", "%3A").replace("/", "%2F"), f"http://{server}"
        )
        text = text.replace(json.dumps(address)[1:-1], f"http://{server}")
    return masked(text)


def masked(text: str) -> str:
    """Put a word in the place of each thing that is another one in each run, but for addresses."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    names: dict[str, str] = {}
    return _UUID.sub(lambda found: names.setdefault(found[0], f"<uuid {len(names) + 1}>"), text)
