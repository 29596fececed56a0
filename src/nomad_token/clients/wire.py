"""The socket below a request, so that a request can be bounded as a whole."""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpcore


class Wire:
    """The socket of a connection, as httpcore tells of it (docs, "Request extensions"), so that it can be cut."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of the socket, and of the one that TLS makes of it."""
        if event in {"connection.connect_tcp.complete", "proxy.start_tls.complete", "connection.start_tls.complete"}:
            self._socket = info["return_value"].get_extra_info("socket")

    def watch(self, request: httpcore.Request, seconds: float) -> threading.Timer:
        """Cut it after *seconds*, if *request* is not done with by then.

        The read timeout is for each piece, and a server that sends a byte at a time would never meet it.
        """
        request.extensions["trace"] = self.trace
        timer = threading.Timer(seconds, self.cut)
        timer.daemon = True
        timer.start()
        return timer

    def cut(self) -> None:
        """End all that is under way on it."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
