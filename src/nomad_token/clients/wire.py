"""The socket below a request, so that a request can be bounded as a whole."""

import math
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpcore


class Wire:
    """The socket of a connection, as httpcore tells of it (docs, "Request extensions"), so that it can be cut."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._ends = math.inf
        """When the request that is under way must be over."""
        self._fires = math.inf
        """When the timer looks whether it is: it outlives a request, since starting a thread takes as long as one."""

    @contextmanager
    def bounded(self, request: httpcore.Request, seconds: float) -> Iterator[None]:
        """Cut it after *seconds*, if *request* is not done with by then.

        The read timeout is for each piece, and a server that sends a byte at a time would never meet it.
        """
        request.extensions["trace"] = self._trace
        self._end_by(time.monotonic() + seconds)
        try:
            yield
        finally:
            self._end_by(math.inf)

    def _trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of the socket, and of the one that TLS makes of it."""
        if event in {"connection.connect_tcp.complete", "proxy.start_tls.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")

    def _end_by(self, ends: float) -> None:
        with self._lock:
            self._ends = ends
            if ends < self._fires:
                self._start()

    def _start(self) -> None:
        timer = threading.Timer(self._ends - time.monotonic(), self._look)
        timer.daemon = True
        timer.start()
        self._fires = self._ends

    def _look(self) -> None:
        with self._lock:
            self._fires = math.inf
            if self._ends <= time.monotonic():
                self._cut()
            elif self._ends < math.inf:
                self._start()

    def _cut(self) -> None:
        """End all that is under way on it."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
