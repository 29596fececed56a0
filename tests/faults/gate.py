"""Sockets before the lab in memory, on which a fault is carried out: what the program meets is a network.

The gates speak plain HTTP. A refused connection is seen by nobody, so it is planned ahead: see `Gate.refuse`.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

import httpx

from faults.wire import Deed, Reply, Sent, Then
from nomad_token_lab.faults import ServerName
from nomad_token_lab.memory import InMemory

_HOSTS: Final[Mapping[ServerName, str]] = {"github": "127.0.0.2", "vault": "127.0.0.3", "nomad": "127.0.0.4"}
_AT_ONCE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: closing is a reset (socket(7))."""
_BLINK: Final = 0.2
"""Seconds for which a server is away that refuses one connection: less than anybody waits before the next try."""

Strike = Callable[[ServerName, httpx.Request, Callable[[], Reply]], Deed]


@dataclass
class Refusing:
    """A server that is to refuse a connection: that of the request that comes after so many others."""

    server: ServerName
    after: int


@dataclass
class Meanwhile:
    """What happens at the gates during a step."""

    strike: Strike
    refusing: Refusing | None = None
    sent: list[Sent] = field(default_factory=list)


class Gate:
    """A socket for each server; `with` they listen."""

    def __init__(self) -> None:
        """Take a port for each."""
        self._listening = {name: socket.create_server((host, 0)) for name, host in _HOSTS.items()}
        self.addresses: dict[ServerName, str] = {
            name: "http://{}:{}".format(*each.getsockname()) for name, each in self._listening.items()
        }
        self.lock = threading.Lock()
        """Held while the lab works: it has one loop, which has no thread of its own."""
        self._places = {name: each.getsockname() for name, each in self._listening.items()}
        self._open: dict[socket.socket, ServerName] = {}
        self._servers: InMemory | None = None
        self._meanwhile: Meanwhile | None = None
        self._coming: threading.Timer | None = None
        """Brings a server back that is away."""

    def lead_to(self, servers: InMemory) -> None:
        """Begin to listen."""
        self._servers = servers
        for name in self._listening:
            self._listen(name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in _HOSTS:
            self._leave(name)

    @contextmanager
    def step(self, strike: Strike, refusing: Refusing | None = None) -> Iterator[Meanwhile]:
        """Have *strike* decide while a step runs."""
        self._meanwhile = Meanwhile(strike, refusing)
        self._perhaps_refuse(self._meanwhile)
        try:
            yield self._meanwhile
        finally:
            if self._coming:
                self._coming.join()

    def _perhaps_refuse(self, now: Meanwhile, answering: socket.socket | None = None) -> bool:
        """Go away before the request that is to be refused, so that its connection is; tell whether this is now."""
        if now.refusing is None or now.refusing.after != len(now.sent):
            return False
        self._leave(now.refusing.server, answering)
        self._coming = threading.Timer(_BLINK, self._come_back, [now.refusing.server])
        self._coming.start()
        return True

    def _leave(self, name: ServerName, answering: socket.socket | None = None) -> None:
        if listening := self._listening.pop(name, None):
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)  # whoever waits in `accept` would hold it open
            listening.close()
        for each in [each for each, server in self._open.items() if server == name and each is not answering]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _come_back(self, name: ServerName) -> None:
        if name not in self._listening:
            self._listening[name] = socket.create_server(self._places[name])
            self._listen(name)

    def _listen(self, name: ServerName) -> None:
        threading.Thread(target=self._accept, args=(name, self._listening[name]), daemon=True).start()

    def _accept(self, name: ServerName, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = listening.accept()
                self._open[accepted] = name
                threading.Thread(target=self._serve, args=(name, accepted), daemon=True).start()

    def _serve(self, name: ServerName, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while request := self._read(name, connection):
                deed = self._decided(name, request, connection)
                connection.sendall(deed.data)
                match deed.then:
                    case Then.CLOSED:
                        break
                    case Then.RESET:
                        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                        break
                    case Then.SILENT:
                        while connection.recv(4096):
                            pass
                        break
                    case Then.OPEN:
                        pass
        del self._open[connection]

    def _read(self, name: ServerName, connection: socket.socket) -> httpx.Request | None:
        """Read a request; our own client sends no other than such."""
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65536)):
                return None
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        line, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        headers = [(key, value.strip()) for key, _, value in (each.partition(":") for each in lines)]
        length = int({key.lower(): value for key, value in headers}.get("content-length", "0"))
        while len(body) < length:
            body += connection.recv(65536)
        return httpx.Request(method, self.addresses[name] + target, headers=headers, content=body)

    def _decided(self, name: ServerName, request: httpx.Request, connection: socket.socket) -> Deed:
        assert self._servers is not None
        assert self._meanwhile is not None
        now, servers, answers = self._meanwhile, self._servers, list[Reply]()

        def answer() -> Reply:
            answers.append(Reply.of(servers.ask(request)))
            return answers[-1]

        with self.lock:
            deed = now.strike(name, request, answer)
            path = request.url.raw_path.decode()
            now.sent.append(Sent(name, request.method, path, deed, answers[0] if answers else None))
            if self._perhaps_refuse(now, connection):
                return Deed(deed.data.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n", 1), Then.CLOSED)
        return deed
