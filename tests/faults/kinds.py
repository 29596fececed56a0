"""What can go wrong with one request: each kind a line of a table."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import Final

import httpx

from faults.wire import Deed, Reply, Then
from nomad_token.clock import Clock
from nomad_token_lab.faults import ServerName

_JSON: Final = {"content-type": "application/json"}
_TEXT: Final = {"content-type": "text/plain; charset=utf-8"}
_HTML: Final = {"content-type": "text/html"}
_PAGE: Final = b"<html>\r\n<head><title>Sorry</title></head>\r\n<body><h1>Sorry</h1></body>\r\n</html>"
AGAIN: Final = "again"
LOOP: Final = "loop"
"""Parameters by which a request is known that followed a redirect."""


@dataclass(frozen=True)
class Struck:
    """A request, as a fault sees it; `answer` is the server's own where it was asked, else a plain one."""

    server: ServerName
    request: httpx.Request
    answer: Reply
    clock: Clock


@dataclass(frozen=True)
class Kind:
    """One thing that goes wrong, *before* the server was asked, or *after* it has done its work."""

    name: str
    family: str
    make: Callable[[Struck], Deed]
    when: tuple[str, ...] = ("before", "after")
    servers: tuple[ServerName, ...] = ("github", "vault", "nomad")
    denies: bool = False
    """Whether the server says that nothing was made: after it has done its work, that is a lie."""
    claims: tuple[str, ...] = ()
    """The servers in whose words it says that a revoke was done: before they have done it, that is a lie."""
    is_final: bool = False
    """Whether the server says no, and would say it again."""


def _cut(at: Callable[[Reply], int], then: Then = Then.CLOSED) -> Callable[[Struck], Deed]:
    return lambda struck: Deed(struck.answer.data[: at(struck.answer)], then)


def _status_line(reply: Reply) -> int:
    return reply.head.index(b"\r\n")


def _into_body(part: Callable[[int], int]) -> Callable[[Reply], int]:
    """Cut in the body; an answer without one is cut before the last byte of its head."""
    return lambda reply: len(reply.head) + part(len(reply.body)) if reply.body else len(reply.head) - 1


def _answers(status: int, body: bytes, headers: dict[str, str]) -> Callable[[Struck], Deed]:
    deed = Deed(Reply(status, headers, body).data)
    return lambda _: deed


def _says(status: int, said: dict[str, str], **headers: str) -> Callable[[Struck], Deed]:
    """Answer with *status* in the form of each server: Vault's text, Nomad's, GitHub's."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    forms = {
        "vault": Deed(Reply(status, _JSON | named, json.dumps({"errors": [said["vault"]]}).encode()).data),
        "nomad": Deed(Reply(status, _TEXT | named, said["nomad"].encode()).data),
        "github": Deed(Reply(status, _JSON | named, b'{"message": "no"}').data),
    }
    return lambda struck: forms[struck.server]


def _later(struck: Struck) -> Deed:
    date = format_datetime(struck.clock.now() + timedelta(seconds=7), usegmt=True)
    return _says(429, _LIMITED, retry_after=date)(struck)


def _to(location: Callable[[httpx.URL], str], status: int = 307) -> Callable[[Struck], Deed]:
    return lambda struck: Deed(Reply(status, {"location": location(struck.request.url)}, b"").data)


def _same(**more: str) -> Callable[[httpx.URL], str]:
    return lambda url: str(url.copy_merge_params(more))


def _drip(struck: Struck) -> Deed:
    """Promise more than comes."""
    reply = struck.answer
    headers = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n"
    return Deed(headers.encode() + reply.body, Then.SILENT)


def _mistyped(struck: Struck) -> Deed:
    """Give the answer, and say that it is a page."""
    reply = struck.answer
    return Deed(Reply(reply.status, dict(reply.headers) | _HTML, reply.body).data)


_LIMITED: Final = {
    "vault": 'request path "nomad/creds/deployer": rate limit quota exceeded',
    "nomad": "Your IP is issuing too many concurrent connections, please rate limit your calls",
}
_DENIED: Final = {"vault": "1 error occurred:\n\t* permission denied\n\n", "nomad": "Permission denied"}
_UNKNOWN: Final = {"vault": "permission denied", "nomad": "ACL token not found"}
_SEALED: Final = {"vault": "Vault is sealed", "nomad": "No cluster leader"}
_ENGINE: Final = "1 error occurred:\n\t* {}\n\n"
_NOMAD_SAYS: Final = {
    "unreachable": 'Put "http://127.0.0.1:4646/v1/acl/token": dial tcp 127.0.0.1:4646: connect: connection refused',
    "no-acls": "Unexpected response code: 400 (ACL support disabled)",
    "no-acls-old": "Unexpected response code: 500 (ACL support disabled)",
    "denied": "Unexpected response code: 403 (Permission denied)",
    "unknown-old": "Unexpected response code: 403 (ACL token not found)",
    "expired-old": "Unexpected response code: 500 (ACL token expired)",
    "name-too-long": "Unexpected response code: 400 (token 0 invalid: 1 error occurred:\n\t* token name too long)",
    "limited": f"Unexpected response code: 429 ({_LIMITED['nomad']})",
    "no-leader": "Unexpected response code: 500 (No cluster leader)",
    "eof": 'Put "http://127.0.0.1:4646/v1/acl/token": EOF',
}
"""What Vault's 500 wraps (api-contract 1.5); the last is a connection that Nomad cut."""
_NOMAD_FINAL: Final = frozenset({"no-acls", "no-acls-old", "denied", "unknown-old", "expired-old", "name-too-long"})
_NOMAD_DENIES: Final = _NOMAD_FINAL | {"unreachable", "limited"}


def _wrapped(name: str) -> Callable[[Struck], Deed]:
    return _answers(500, json.dumps({"errors": [_ENGINE.format(_NOMAD_SAYS[name])]}).encode(), _JSON)


def _said(status: int) -> dict[str, str]:
    return {"vault": f"the lab says {status}", "nomad": f"the lab says {status}"}


def _kinds() -> Iterator[Kind]:
    yield Kind("refused", "refused", lambda _: Deed(is_connected=False), ("before",))
    yield Kind("pipe", "reset", lambda _: Deed(then=Then.RESET, is_read=False), ("before",))
    yield Kind("reset", "reset", lambda _: Deed(then=Then.RESET))
    yield Kind("closed", "reset", lambda _: Deed(then=Then.CLOSED))
    yield Kind("silence", "silence", lambda _: Deed(then=Then.SILENT))
    yield Kind("cut-in-status", "cut", _cut(lambda _: 6))
    yield Kind("cut-after-status", "cut", _cut(_status_line))
    yield Kind("cut-in-headers", "cut", _cut(lambda reply: (_status_line(reply) + len(reply.head)) // 2))
    yield Kind("cut-before-body", "cut", _cut(_into_body(lambda _: 0)))
    yield Kind("cut-at-first-byte", "cut", _cut(_into_body(lambda _: 1)))
    yield Kind("cut-in-body", "cut", _cut(_into_body(lambda size: size // 2)))
    yield Kind("cut-before-last-byte", "cut", _cut(_into_body(lambda size: size - 1)))
    yield Kind("reset-in-body", "cut", _cut(_into_body(lambda size: size // 2), Then.RESET))
    yield Kind("silence-in-headers", "cut", _cut(_status_line, Then.SILENT))
    yield Kind("silence-in-body", "cut", _cut(_into_body(lambda size: size // 2), Then.SILENT))
    yield Kind("too-long-a-promise", "cut", _drip)
    yield Kind("garbage", "garbage", lambda _: Deed(b"\x15\x03\x01\x00\x02\x02\x50" * 9, Then.CLOSED))
    yield Kind("no-json", "garbage", _answers(200, b'{"auth": {"client_tok', _JSON))
    yield Kind("other-json", "garbage", _answers(200, b"[1, 2]", _JSON))
    yield Kind("empty-json", "garbage", _answers(200, b"{}", _JSON), claims=("vault",))
    yield Kind("page", "garbage", _answers(200, _PAGE, _HTML))
    yield Kind("no-content", "garbage", _answers(204, b"", {}), claims=("vault",))
    yield Kind("other-type", "garbage", _mistyped, claims=("vault",))
    yield Kind("compressed", "garbage", _answers(200, b"\x1f\x8b\x08\x00", _JSON | {"content-encoding": "gzip"}))
    yield Kind("too-large", "garbage", _answers(200, b'{"a": "' + b"a" * (1 << 20) + b'"}', _JSON))
    for status in (400, 401, 404):
        yield Kind(str(status), "4xx", _says(status, _said(status)), denies=True, is_final=True)
    yield Kind("403", "4xx", _says(403, _DENIED), denies=True, is_final=True)
    yield Kind("403-unknown", "4xx", _says(403, _UNKNOWN), denies=True, claims=("vault",), is_final=True)
    yield Kind("403-page", "4xx", _answers(403, _PAGE, _HTML), denies=True, is_final=True)
    yield Kind("412", "4xx", _says(412, _said(412)), denies=True)
    yield Kind("429", "429", _says(429, _LIMITED), denies=True)
    yield Kind("429-seconds", "429", _says(429, _LIMITED, retry_after="7"), denies=True)
    yield Kind("429-date", "429", _later, denies=True)
    yield Kind("429-an-hour", "429", _says(429, _LIMITED, retry_after="3600"), denies=True)
    for status in (500, 502, 503, 504):
        yield Kind(str(status), "5xx", _says(status, _said(status)))
    yield Kind("502-page", "5xx", _answers(502, _PAGE, _HTML))
    yield Kind("sealed", "sealed", _says(503, _SEALED), servers=("vault",), denies=True)
    yield Kind("no-leader", "sealed", _says(500, _SEALED), servers=("nomad",))
    for name in _NOMAD_SAYS:
        yield Kind(
            f"nomad-{name}",
            "Nomad's",
            _wrapped(name),
            servers=("vault",),
            denies=name in _NOMAD_DENIES,
            is_final=name in _NOMAD_FINAL,
        )
    yield Kind("redirect-same", "redirect", _to(_same(again="1")), denies=True)
    yield Kind("redirect-see-other", "redirect", _to(_same(again="1"), 303), denies=True, is_final=True)
    yield Kind("redirect-loop", "redirect", _to(_same(loop="1")), denies=True)
    for name, location in (
        ("host", lambda url: str(url.copy_with(host="elsewhere.test"))),
        ("port", lambda url: str(url.copy_with(port=8443))),
        ("plain", lambda url: str(url.copy_with(scheme="http"))),
        ("nowhere", lambda _: "https://[::1"),
    ):
        yield Kind(f"redirect-{name}", "redirect", _to(location), denies=True, is_final=True)


KINDS: Final = {kind.name: kind for kind in _kinds()}
FAMILIES: Final = tuple(dict.fromkeys(kind.family for kind in KINDS.values()))
PLAIN: Final = Reply(200, _JSON, b'{"request_id": "00000000-0000-4000-8000-000000000000", "data": {"plain": true}}')
"""What is cut where the server was not asked."""
