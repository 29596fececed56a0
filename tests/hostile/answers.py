"""Answers of a server that is not what it was: any field, any refusal, any header, any bytes."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import httpx
from hypothesis import strategies as st

from fakes import jwt
from faults.kinds import PLAIN
from faults.wire import Deed, Reply, server_of
from hostile.program import Strike
from hostile.texts import TEXTS

_JSON: Final = {"content-type": "application/json"}
_STATUSES: Final = (200, 202, 204, 307, 400, 401, 403, 404, 405, 412, 429, 500, 503, 599)
_HEADERS: Final = (
    "date",
    "retry-after",
    "location",
    "set-cookie",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "www-authenticate",
    "x-vault-request",
    "x\u00e9",
)
_DELETED: Final = object()

Alter = Callable[[str, Callable[[], Reply]], Reply]
"""Makes the answer of a server, by its name; what it is given asks the server itself."""


class Altered(NamedTuple):
    """One alteration: of the *nth* request of a *step*, and of those that follow where it is *onward*."""

    step: str
    nth: int
    onward: bool
    name: str
    alter: Alter
    claims: bool = False
    """Whether it may be taken for the server's word that something is gone, which is believed."""

    def __repr__(self) -> str:
        """Tell it shortly."""
        return f"{self.step}[{self.nth}{'…' if self.onward else ''}] {self.name}"


def struck(altered: Altered) -> Strike:
    """Strike as *altered* says."""
    count = -1

    def strike(step: str, request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        nonlocal count
        count += step == altered.step
        is_it = step == altered.step and (count == altered.nth or (altered.onward and count > altered.nth))
        return Deed((altered.alter(server_of(request), answer) if is_it else answer()).data)

    return strike


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - decoded JSON
    if isinstance(value, dict):
        pairs: Iterator[tuple[Any, Any]] = iter(value.items())
    elif isinstance(value, list):
        pairs = iter(enumerate(value))
    else:
        yield path
        return
    for name, inner in pairs:
        yield from _leaves(inner, (*path, name))


def _field(number: int, change: Callable[[Any], Any]) -> Alter:
    def alter(_server: str, answer: Callable[[], Reply]) -> Reply:
        reply = answer()
        try:
            body = json.loads(reply.body)
        except ValueError:
            return reply
        leaves = list(_leaves(body))
        *path, last = leaves[number % len(leaves)] or (None,)
        if last is None:
            return reply
        inner = body
        for name in path:
            inner = inner[name]
        value = change(inner[last])
        if value is _DELETED:
            del inner[last]
        else:
            inner[last] = value
        return Reply(reply.status, reply.headers, json.dumps(body).encode())

    return alter


def refusal(status: int, text: str) -> Alter:
    """Answer with *status* and *text*, in the form of each server."""

    def alter(server: str, _answer: Callable[[], Reply]) -> Reply:
        forms = {"vault": {"errors": [text, text]}, "github": {"message": text}}
        if server in forms:
            return Reply(status, _JSON, json.dumps(forms[server]).encode())
        return Reply(status, {"content-type": "text/plain"}, text.encode("utf-8", "surrogatepass"))

    return alter


def _bytes(status: int, body: bytes) -> Alter:
    return lambda _server, _answer: Reply(status, _JSON, body)


def header(status: int, headers: Mapping[str, str]) -> Alter:
    """Answer with more *headers*; with another *status* too, where it is not 0: then nothing was done."""

    def alter(_server: str, answer: Callable[[], Reply]) -> Reply:
        reply = PLAIN if status else answer()
        return Reply(status or reply.status, {**reply.headers, **headers}, reply.body)

    return alter


def claims(claims: Mapping[str, object], said: str) -> Alter:
    """Give an id token with *claims*, which Vault and Nomad refuse with what they *said*."""

    def alter(server: str, _answer: Callable[[], Reply]) -> Reply:
        if server == "github":
            return Reply(200, _JSON, json.dumps({"value": jwt(**claims)}).encode())
        return refusal(400, said)(server, _answer)

    return alter


_CHANGES: Final = st.one_of(
    TEXTS.map(lambda text: ("text", lambda _value: text)),
    TEXTS.map(lambda text: ("behind", lambda value: f"{value}{text}")),
    TEXTS.map(lambda text: ("before", lambda value: f"{text}{value}")),
    st.sampled_from(
        [0, -1, 10**30, 10**400, 1e308, True, None, [], {}, [[]] * 3, "", "0" * 8, _DELETED, float("inf")]
    ).map(lambda new: ("other", lambda _value: new)),
    st.lists(TEXTS, max_size=3).map(lambda new: ("list", lambda _value: new)),
)
_FIELDS: Final = st.builds(
    lambda number, change: (f"field {number}, {change[0]}: {change[1]('…')!r:.300}", _field(number, change[1])),
    st.integers(0, 40),
    _CHANGES,
)
_REFUSALS: Final = st.builds(
    lambda status, text: (
        f"{status} {text!r:.300}",
        refusal(status, text),
        status < 300 or "permission denied" in text,
    ),
    st.sampled_from(_STATUSES),
    TEXTS,
)
_BYTES: Final = st.builds(
    lambda status, body: (f"{status} {body!r:.300}", _bytes(status, body), status < 300),
    st.sampled_from(_STATUSES),
    st.binary(max_size=40) | TEXTS.map(lambda text: text.encode("utf-16", "surrogatepass")),
)
_OF_ADDRESSES: Final = (
    *("http", "https", "://", "//", "vault.lab.test", ":8200", ":", "/v1/", "..", "[::1", "@", "%0A::error::x"),
    *("%1b[31m", "%E2%80%AE", "%", "?", "#", "xn--", "a" * 70, "0", "1" * 30, "Mon, 01 Jan 2999 00:00:00 GMT"),
)
_LINES: Final = st.one_of(
    TEXTS.map(lambda text: text.encode("latin-1", "ignore").decode("latin-1")),
    st.lists(st.sampled_from(_OF_ADDRESSES), max_size=6).map("".join),
)
_HEADS: Final = st.builds(
    lambda status, name, value: (f"{status} {name}: {value!r:.300}", header(status, {name: value})),
    st.sampled_from([0, 0, 307, 308, 302, 429, 503]),
    st.sampled_from(_HEADERS),
    _LINES,
)
_CLAIMS: Final = st.builds(
    lambda names, value, said: (
        f"claims {names} {value!r:.200}, {said!r:.100}",
        claims(dict.fromkeys(names, value), said),
    ),
    st.lists(st.sampled_from(["iss", "sub", "aud", "ref", "event_name", "environment", "x"]), min_size=1, max_size=4),
    st.one_of(TEXTS, st.lists(TEXTS, max_size=2), st.integers(), st.dictionaries(TEXTS, TEXTS, max_size=2), st.none()),
    st.one_of(
        TEXTS,
        st.sampled_from(["audience", "error validating claims: ", "error validating token: ", "expired", "not found"]),
    ),
)
ALTERATIONS: Final = st.builds(
    lambda step, nth, onward, what: Altered(step, nth, onward, *what),
    st.sampled_from(["main", "main", "post"]),
    st.integers(0, 5),
    st.booleans(),
    st.one_of(_FIELDS, _FIELDS, _REFUSALS, _BYTES, _HEADS),
)
LYING_TOKENS: Final = _CLAIMS.map(lambda what: Altered("main", 0, True, *what))  # noqa: FBT003 - its own repr is short
