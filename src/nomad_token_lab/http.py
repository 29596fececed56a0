"""What the three servers share on the wire: the record of requests, the `Date` header, JSON bodies."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from email.utils import format_datetime
from typing import Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nomad_token_lab.clock import Clock

# What the lab's own servers say they are when they talk to each other.
VAULT_AGENT: Final = "nomad-token-lab-vault"
NOMAD_AGENT: Final = "nomad-token-lab-nomad"


@dataclass(frozen=True)
class Record:
    """A request as it reached a server; `status` is None when no answer was sent (yet)."""

    server: str
    method: str
    path: str
    status: int | None
    user_agent: str

    @property
    def internal(self) -> bool:
        """Whether one of the lab's own servers made it."""
        return self.user_agent in {VAULT_AGENT, NOMAD_AGENT}


class Recorder:
    """Appends one `Record` a request, in the order of arrival, and stamps answers with the server's own time."""

    def __init__(self, app: ASGIApp, *, server: str, records: list[Record], clock: Clock) -> None:
        """Stand outermost, so that what is recorded is what the client got."""
        self._app = app
        self._server = server
        self._records = records
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        query = scope["query_string"].decode("ascii")
        path = scope["path"] + (f"?{query}" if query else "")
        record = Record(self._server, scope["method"], path, None, Headers(scope=scope).get("user-agent", ""))
        self._records.append(record)

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["date"] = format_datetime(self._clock(), usegmt=True)
                self._answered(record, message["status"])
            await send(message)

        await self._app(scope, receive, stamped)

    def _answered(self, record: Record, status: int) -> None:
        """Put the status into the record, unless a test has cleared it away meanwhile."""
        for at in range(len(self._records) - 1, -1, -1):
            if self._records[at] is record:
                self._records[at] = replace(record, status=status)
                break


async def json_body(request: Request) -> Any:  # noqa: ANN401 - JSON is any of these
    """Return the request's JSON, None for an empty body.

    Raises:
        ValueError: with a text in the manner of Go's decoder.
    """
    raw = await request.body()
    if not raw.strip():
        return None
    try:
        return json.loads(raw)
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc):
            raise ValueError("unexpected EOF") from error
        raise ValueError(f"invalid character {error.doc[error.pos]!r} looking for beginning of value") from error


def bearer(headers: Headers, own: str) -> str:
    """Return the token of a request: header *own*, else a bearer; empty when there is none (api-contract 2.1, 3.1)."""
    if token := headers.get(own, "").strip():
        return token
    scheme, *words = headers.get("authorization", "").split() or [""]
    return words[0] if words and scheme.lower() == "bearer" else ""


def multierror(*texts: str) -> str:
    """Return *texts* as hashicorp/go-multierror lists them."""
    return f"{counted(texts)} occurred:\n" + "".join(f"\t* {text}\n" for text in texts) + "\n"


def counted(texts: Iterable[str]) -> str:
    """Return `1 error`, `2 errors`."""
    count = len(list(texts))
    return f"{count} error" + ("s" if count != 1 else "")
