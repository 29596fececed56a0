"""A forward proxy on loopback: absolute-form requests and CONNECT, and a record of what went through."""

import base64
import http.client
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

_SECONDS: Final = 30.0
_BYTES: Final = 65536
# Headers that are between two neighbours and not passed on (RFC 9110, 7.6.1).
_HOP: Final = frozenset({"connection", "proxy-connection", "proxy-authorization", "keep-alive", "transfer-encoding"})


@dataclass(frozen=True)
class Passed:
    """A request as the proxy saw it: of a tunnel the host and port alone, else the whole address."""

    method: str
    target: str
    authorization: str = ""

    @property
    def host(self) -> str:
        """The host and the port that were asked for."""
        return urlsplit(self.target).netloc or self.target


@dataclass
class Proxy:
    """A running proxy; `passed` grows while it runs, `refuses` is answered instead of passing anything on.

    `names` are hosts that it alone knows, each with the address (`host:port`) that is there; `login` is the
    `user:password` that it wants, empty for none.
    """

    addr: str = ""
    passed: list[Passed] = field(default_factory=list)
    refuses: int | None = None
    names: dict[str, str] = field(default_factory=dict)
    login: str = ""

    def way_to(self, host: str, port: int) -> tuple[str, int]:
        """Return the host and the port to connect to."""
        there, _, at = self.names.get(host, f"{host}:{port}").rpartition(":")
        return there, int(at)

    def refusal_of(self, authorization: str) -> int | None:
        """Return the status of what is answered instead, where a request is not to go on."""
        wanted = f"Basic {base64.b64encode(self.login.encode()).decode()}" if self.login else authorization
        return self.refuses or (None if authorization == wanted else 407)


@contextmanager
def running() -> Iterator[Proxy]:
    """Run a proxy until the block ends."""
    proxy = Proxy()

    class Requests(_Requests):
        record = proxy

    with ThreadingHTTPServer(("127.0.0.1", 0), Requests) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, name="proxy", daemon=True)
        thread.start()
        proxy.addr = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join(_SECONDS)


class _Requests(BaseHTTPRequestHandler):
    record: Proxy
    timeout = _SECONDS

    def do_CONNECT(self) -> None:
        if not self._let_through():
            return
        host, _, port = self.path.rpartition(":")
        try:
            server = socket.create_connection(self.record.way_to(host.strip("[]"), int(port)), _SECONDS)
        except OSError as error:
            self.send_error(502, str(error))
            return
        with server:
            self.send_response_only(200, "Connection established")
            self.end_headers()
            with suppress(OSError):
                _pump(self.connection, server)
        self.close_connection = True

    def _pass_on(self) -> None:
        if not self._let_through():
            return
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        host, port = self.record.way_to(url.hostname or "", url.port or 80)
        server = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        try:
            server.request(self.command, url._replace(scheme="", netloc="").geturl() or "/", body, headers)
            answer = server.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.send_error(502, str(error))
            return
        finally:
            server.close()
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in {*_HOP, "content-length"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = _pass_on  # noqa: N815 - the names are http.server's

    def _let_through(self) -> bool:
        """Record the request, and tell whether it is to go on."""
        authorization = self.headers.get("Proxy-Authorization", "")
        self.record.passed.append(Passed(self.command, self.path, authorization))
        status = self.record.refusal_of(authorization)
        if status is None:
            return True
        self.send_error(status)
        return False

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Say nothing."""


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until a side closes, or both are silent for half a minute."""
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, (one, other))
        selector.register(other, selectors.EVENT_READ, (other, one))
        while ready := selector.select(_SECONDS):
            for key, _ in ready:
                source, sink = key.data
                data = source.recv(_BYTES)
                if not data:
                    return
                sink.sendall(data)
