"""What can go wrong between a client and a server, put on by tests: another answer, a cut line, silence, delay."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

ServerName = Literal["github", "vault", "nomad"]


@dataclass(frozen=True)
class Answer:
    """What is sent instead; a body that is not text is sent as JSON."""

    status: int
    body: str | Mapping[str, Any] = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


@dataclass(frozen=True)
class Close:
    """The connection is closed without an answer."""


@dataclass(frozen=True)
class Silence:
    """Nothing is sent for *seconds*, then the connection is closed; a client that leaves earlier ends it."""

    seconds: float


@dataclass(frozen=True)
class Delay:
    """The request is passed on after *seconds*: a slow server, not a broken one."""

    seconds: float


CLOSE: Final = Close()


@dataclass
class Fault:
    """Strikes requests of one server whose path and query `path_regex` finds (`re.search`).

    `when` is "before" the server has acted, or "after": it has committed, then its answer is lost. `times` counts
    down to 0; None strikes always.
    """

    server: ServerName
    method: str
    path_regex: str
    answer: Answer | Close | Silence | Delay
    when: Literal["before", "after"] = "before"
    times: int | None = 1

    def strikes(self, server: str, method: str, path: str) -> bool:
        """Tell whether this request is struck, and count it."""
        if self.times == 0 or (self.server, self.method) != (server, method) or not re.search(self.path_regex, path):
            return False
        if self.times is not None:
            self.times -= 1
        return True


class FaultLine:
    """The ASGI middleware in which faults lie."""

    def __init__(self, app: ASGIApp, *, server: ServerName, faults: list[Fault]) -> None:
        """Watch *faults*, the lab's own list."""
        self._app = app
        self._server = server
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or let the first fault that fits strike."""
        query = scope["query_string"].decode("ascii")
        path = scope["path"] + (f"?{query}" if query else "")
        fault = next((fault for fault in self._faults if fault.strikes(self._server, scope["method"], path)), None)
        if fault is None:
            await self._app(scope, receive, send)
            return
        if isinstance(fault.answer, Delay):
            await asyncio.sleep(fault.answer.seconds)
            await self._app(scope, receive, send)
            return
        if fault.when == "after":
            await self._app(scope, receive, _lost)
        await _strike(fault.answer, scope, receive, send)


async def _lost(_message: Message) -> None:
    """Send nothing on."""


async def _strike(answer: Answer | Close | Silence, scope: Scope, receive: Receive, send: Send) -> None:
    match answer:
        case Answer():
            body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
            headers = {"content-type": answer.content_type, "content-length": str(len(body.encode())), **answer.headers}
            raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
            await send({"type": "http.response.start", "status": answer.status, "headers": raw})
            await send({"type": "http.response.body", "body": body.encode()})
        case Close():
            await _cut(scope, receive)
        case Silence():
            try:
                await asyncio.wait_for(_gone(receive), answer.seconds)
            except TimeoutError:
                await _cut(scope, receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(scope: Scope, receive: Receive) -> None:
    scope["state"]["transport"].abort()
    await _gone(receive)


class CuttableProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1, whose connection the application can cut (ASGI itself has no word for it)."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in the base
        """Hand the transport to each request's scope."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}
