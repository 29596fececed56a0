"""The program's way to servers that a test writes with httpx."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpcore
import httpx


class Through:
    """An httpx transport, as the program takes one."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        """Lead to *inner*."""
        self._inner = inner

    def handle_request(self, request: httpcore.Request) -> httpcore.Response:
        """Ask, and answer as httpcore does: the body when it is read, and failures of httpcore's own."""
        with _as_httpcore():
            answer = self._inner.handle_request(in_httpx(request))
        body = _Body(answer.stream)  # type: ignore[arg-type] # no test answers asynchronously
        return httpcore.Response(
            answer.status_code,
            headers=answer.headers.raw,
            content=answer.content if answer.is_stream_consumed else body,
            extensions={"reason_phrase": answer.reason_phrase.encode(), **answer.extensions},
        )

    def close(self) -> None:
        """Close it."""
        self._inner.close()


def in_httpx(request: httpcore.Request) -> httpx.Request:
    """Return the same request as httpx has it."""
    url = httpx.URL(
        scheme=request.url.scheme.decode(),
        host=request.url.host.decode(),
        port=request.url.port,
        raw_path=request.url.target,
    )
    return httpx.Request(
        request.method.decode(),
        url,
        headers=request.headers,
        content=b"".join(request.stream),  # type: ignore[arg-type] # the program sends bytes
        extensions=request.extensions,
    )


class _Body:
    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpcore():
            yield from self._stream

    def close(self) -> None:
        self._stream.close()


@contextmanager
def _as_httpcore() -> Iterator[None]:
    """Raise httpcore's exception for httpx's of the same name, which httpx made of it where it is real."""
    try:
        yield
    except httpx.TransportError as error:
        raise getattr(httpcore, type(error).__name__)(str(error)) from (error.__cause__ or error.__context__)


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> Through:
    """Lead to a server that is a function."""
    return Through(httpx.MockTransport(handler))
