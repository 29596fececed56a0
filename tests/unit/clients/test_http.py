"""HTTP, as this program speaks it."""

import datetime as dt
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fakes import FakeClock
from nomad_token import __version__
from nomad_token.clients.failures import Answer, Failure, Lost, NotSent, Refusal
from nomad_token.clients.http import Connection, Connections, Own, Place, origin
from nomad_token.clients.tls import Tls
from nomad_token.secret import SecretStr
from through import answering

AT = "https://vault.test"
CANARY = "hvs.canary-in-http"
HEADERS = {"X-Vault-Token": SecretStr(CANARY)}
Handler = Callable[[httpx.Request], httpx.Response]


def connection(handler: Handler, address: str = AT, trace: list[str] | None = None) -> Connection:
    """Speak to a server that is a function."""
    lines = [] if trace is None else trace
    return Connection(Place(address=address), clock=FakeClock(), trace=lines.append, transport=answering(handler))


def real(address: str) -> Connection:
    """Speak over a socket."""
    return Connection(Place(address=address), clock=FakeClock(), trace=lambda _: None)


class Redirecting:
    """Redirects each request that is not to `/end`."""

    def __init__(self, location: str | None, status: int = 307) -> None:
        """Send everyone to *location*."""
        self.requests: list[httpx.Request] = []
        self._headers = {} if location is None else {"Location": location}
        self._status = status

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request)
        if request.url.path == "/end":
            return httpx.Response(200, text="there")
        return httpx.Response(self._status, headers=self._headers)


def test_request_is_what_was_asked_for() -> None:
    """Method, path below the address, query, headers and JSON body arrive, secrets revealed; the agent is named."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"a": 1})

    got = connection(answer, "https://vault.test:8200/below").send(
        "POST", "/v1/x", headers=HEADERS, params={"region": "eu&x=y"}, body={"jwt": SecretStr(CANARY), "sync": True}
    )

    (request,) = seen
    assert request.method == "POST"
    assert str(request.url) == "https://vault.test:8200/below/v1/x?region=eu%26x%3Dy"
    assert request.headers["X-Vault-Token"] == CANARY
    assert request.headers["User-Agent"] == f"nomad-token/{__version__}"
    assert request.content == f'{{"jwt":"{CANARY}","sync":true}}'.encode()
    assert got.json() == {"a": 1}


def test_every_wait_is_bounded() -> None:
    """Connecting takes no longer than an answer may, 10 s at most."""
    seen: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    to = connection(answer)
    to.send("GET", "/", read_seconds=95)
    to.send("GET", "/", read_seconds=5)

    assert seen[0] == {"connect": 10, "pool": 10, "read": 95, "write": 95}
    assert seen[1]["connect"] <= 5


def test_header_may_hold_any_letters() -> None:
    """A namespace is whatever its owner called it: it is sent in UTF-8."""
    seen: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.extend(value for name, value in request.headers.raw if name == b"X-Vault-Namespace")
        return httpx.Response(200)

    connection(answer).send("GET", "/", headers={"X-Vault-Namespace": "größe"})

    assert seen == ["größe".encode()]


@pytest.mark.parametrize("location", ["/end", "https://vault.test/end", "https://VAULT.test:443/end"])
@pytest.mark.parametrize("status", [307, 308])
def test_redirect_to_the_same_origin_is_followed(location: str, status: int) -> None:
    """The same request, secrets and body included, is sent once more to the same server."""
    server = Redirecting(location, status)

    assert connection(server).send("POST", "/v1/x", headers=HEADERS, body={"a": "b"}).text == "there"

    first, second = server.requests
    assert second.method == "POST"
    assert second.content == first.content
    assert second.headers["X-Vault-Token"] == CANARY


@pytest.mark.parametrize(
    "location",
    [
        "https://elsewhere.test/end",
        "http://vault.test/end",
        "https://vault.test:8443/end",
        "//elsewhere.test/end",
        "https://vault.test@elsewhere.test/end",
        "https://user:secret@vault.test/end",
        "https://vault.test.elsewhere.test/end",
        "ftp://vault.test/end",
    ],
)
def test_redirect_elsewhere_is_refused(location: str) -> None:
    """No request goes to another host, port or scheme: it would take the secrets along."""
    server = Redirecting(location)

    with pytest.raises(Refusal) as refused:
        connection(server).send("GET", "/v1/x", headers=HEADERS)

    assert len(server.requests) == 1
    assert refused.value.status == 307
    assert refused.value.said.startswith("redirects to ")


@pytest.mark.parametrize("status", [301, 302, 303])
def test_redirect_to_another_request_is_refused(status: int) -> None:
    """A redirect that turns a POST into a GET is not followed, wherever it leads."""
    server = Redirecting("/end", status)

    with pytest.raises(Refusal):
        connection(server).send("POST", "/v1/x", headers=HEADERS)

    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["/v1/x", None])
def test_redirect_loop_ends(location: str | None) -> None:
    """A server that redirects to itself, or nowhere, is left alone after a few requests."""
    server = Redirecting(location)

    with pytest.raises(Failure):
        connection(server).send("GET", "/v1/x")

    assert len(server.requests) <= 5


@pytest.mark.parametrize(
    "location", ["http://[", "https://vault.test:99999999/", "http://\x00", "https://ex ample/", "javascript:alert(1)"]
)
def test_redirect_to_nonsense_is_a_failure(location: str) -> None:
    """A location that is no address is a refusal like any other, not a crash."""
    with pytest.raises(Failure):
        connection(Redirecting(location)).send("GET", "/v1/x")


@pytest.mark.parametrize("name", ["a\nb", "a\x00", "a\ud800", "a" * 70000])
def test_a_path_that_is_none_is_not_sent(name: str) -> None:
    """A server may have named what is asked for next: what no address can hold is a failure, not a crash."""
    with pytest.raises(NotSent) as caught:
        connection(Redirecting("/end")).send("GET", f"/v1/acl/policy/{name}")

    assert caught.value.lasts


@pytest.mark.parametrize(
    "kind", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol]
)
def test_not_sent(kind: type[httpx.TransportError]) -> None:
    """What fails before the request leaves proves that nothing was made."""
    with pytest.raises(NotSent, match=r"https://vault\.test: x"):
        connection(_raising(kind("x"))).send("GET", "/")


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadError("x"),
        httpx.WriteError("x"),
        httpx.ReadTimeout("x"),
        httpx.WriteTimeout("x"),
        httpx.RemoteProtocolError("x"),
        httpx.ReadError(""),
    ],
    ids=repr,
)
def test_lost(error: Exception) -> None:
    """What fails later proves nothing: something may have been made. A reason is given in any case."""
    with pytest.raises(Lost) as lost:
        connection(_raising(error)).send("GET", "/")

    assert lost.value.reason


def _raising(error: Exception) -> Handler:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    return answer


class Slow(httpx.SyncByteStream):
    """A body that comes in pieces, with time between them."""

    def __init__(self, clock: FakeClock, pieces: int, size: int, seconds: float) -> None:
        """Send *pieces* of *size* bytes, one each *seconds*."""
        self._clock, self._pieces, self._size, self._seconds = clock, pieces, size, seconds
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces."""
        for _ in range(self._pieces):
            self._clock.push(self._seconds)
            yield b"x" * self._size

    def close(self) -> None:
        """Remember it."""
        self.closed = True


@pytest.mark.parametrize(
    ("pieces", "size", "seconds", "reason"), [(2000, 1024, 0, "larger than 1 MiB"), (100, 1, 1, "longer than 30 s")]
)
def test_answer_is_bounded(pieces: int, size: int, seconds: float, reason: str) -> None:
    """An answer that is too large, or drips for too long, is given up, and its connection closed."""
    clock = FakeClock()
    body = Slow(clock, pieces, size, seconds)
    to = Connection(
        Place(address=AT),
        clock=clock,
        trace=lambda _: None,
        transport=answering(lambda _: httpx.Response(200, stream=body)),
    )

    with pytest.raises(Lost, match=reason):
        to.send("GET", "/")

    assert body.closed


@pytest.mark.parametrize(
    "text", ["", "not json", "[" * 100_000, '{"a":', "\ufffd", "1" * 5000, '{"\\ud800": 1}', '["\\ud800"]', "NaN"]
)
def test_what_is_no_json_is_none(text: str) -> None:
    """A body that can't be read as JSON is None, whatever is wrong with it."""
    assert Answer(200, {}, text).json() is None


def test_broken_letters_are_read() -> None:
    """A body that is not UTF-8 is read all the same."""
    assert connection(lambda _: httpx.Response(200, content=b"a\xffb")).send("GET", "/").text == "a\ufffdb"


@pytest.mark.parametrize("status", [400, 403, 500, 502])
@pytest.mark.parametrize("said", ["no: {}", '{{"errors": ["no: {}"]}}', "<b>{}</b>"])
def test_no_secret_is_said_again(said: str, status: int) -> None:
    """What was sent as a secret is hidden in what a server refuses with, in JSON and in a URL too; a role is not."""
    secrets = {"header": CANARY, "bearer": f"Bearer {CANARY}-2", "body": 'pass"wörd/1', "short": "abc"}
    words = (
        CANARY,
        f"{CANARY}-2",
        'pass"wörd/1',
        json.dumps('pass"wörd/1'),
        quote('pass"wörd/1', safe=""),
        "deploy-app",
    )

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=said.format(" ".join(words)))

    got = connection(answer).send(
        "POST",
        "/v1/x",
        headers={"X-Vault-Token": SecretStr(secrets["header"]), "Authorization": SecretStr(secrets["bearer"])},
        body={"password": SecretStr(secrets["body"]), "short": SecretStr(secrets["short"]), "role": "deploy-app"},
    )

    assert got.text == said.format('*** *** *** "***" *** deploy-app')


def test_no_secret_is_said_of_a_redirect() -> None:
    """A redirect that is refused, or followed, says no secret in its path."""
    trace: list[str] = []
    with pytest.raises(Refusal) as refused:
        connection(Redirecting(f"https://elsewhere.test/{CANARY}"), trace=trace).send("GET", "/v1/x", headers=HEADERS)
    connection(Redirecting(f"/{CANARY}/../end"), trace=trace).send("GET", "/v1/x", headers=HEADERS)
    with pytest.raises(Refusal):
        connection(Redirecting(f"/{CANARY}"), trace=trace).send("GET", "/v1/x", headers=HEADERS)

    assert "elsewhere.test/***" in refused.value.said
    assert "GET /***: 307 in 0 ms" in trace
    assert not any(CANARY in line for line in trace)


@pytest.mark.parametrize("cookie", [b"\x80", b"a=\xff", b"a=b", b"a=b; Domain=.test; Path=/", b"a=\x80; Max-Age=9"])
def test_no_cookie_is_kept(cookie: bytes) -> None:
    """A server's cookie goes nowhere: one with letters that no header may hold would keep the undo from being sent."""
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, headers=[(b"Set-Cookie", cookie)])

    one = connection(answer)
    answers = [one.send("GET", "/v1/x").status, one.send("POST", "/v1/x").status]

    assert answers == [200, 200]
    assert not any("cookie" in request.headers for request in seen)


def test_trace_names_no_secret() -> None:
    """The debug lines name method, path and status, and neither query nor header nor body."""
    trace: list[str] = []
    connection(lambda _: httpx.Response(403, text=CANARY), trace=trace).send(
        "POST", "/v1/x", headers=HEADERS, params={"q": CANARY}, body={"jwt": SecretStr(CANARY)}
    )

    assert trace == ["POST /v1/x: 403 in 0 ms"]


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadError("x")])
def test_failures_are_traced(error: Exception) -> None:
    """A request without an answer has its debug line too."""
    trace: list[str] = []
    with pytest.raises(Failure):
        connection(_raising(error), trace=trace).send("GET", "/v1/x")

    assert len(trace) == 1
    assert trace[0].startswith("GET /v1/x: ")


@pytest.mark.parametrize("location", ["/{}", "/x/%70a%22ss%40word12", '/x/pa"ss@word12'])
def test_no_quoted_secret_is_traced(location: str) -> None:
    """A server that redirects to a secret, however it quotes it, does not bring it into the trace."""
    trace: list[str] = []
    secret = SecretStr('pa"ss@word12')
    with pytest.raises(Refusal):
        connection(Redirecting(location.format(quote(secret.get_secret_value()))), trace=trace).send(
            "POST", "/v1/x", body={"password": secret}
        )

    assert trace[0].startswith("POST /v1/x: 307")
    assert all("***" in line for line in trace[1:])


def test_what_others_ask_of_a_login_is_not_told() -> None:
    """A query or a fragment in a redirect to elsewhere may hold a secret of somebody else's: it is left out."""
    with pytest.raises(Refusal) as refused:
        connection(Redirecting("https://sso.test/auth?state=canary#canary", 302)).send("GET", "/v1/x")

    assert refused.value.said == "redirects to https://sso.test/auth"


@pytest.mark.parametrize(("location", "path"), [("/\u00f6".encode(), "/%C3%B6"), (b"/\xf6", "/%C3%B6")])
def test_header_of_any_letters_is_read(location: bytes, path: str) -> None:
    """A header is UTF-8, or Latin-1."""
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.raw_path.decode())
        return httpx.Response(307 if len(seen) == 1 else 204, headers=[(b"Location", location)])

    connection(answer).send("GET", "/v1/x")

    assert seen == ["/v1/x", path]


@pytest.mark.parametrize("address", ["https://vault..test", f"https://{'a' * 70}.test", "https://vault.test:99999"])
def test_saved_address_that_is_none(address: str) -> None:
    """Under act any step may change what is saved: a name that no host can have is sent nothing."""
    with pytest.raises(NotSent) as caught:
        real(address).send("GET", "/", headers=HEADERS)

    assert caught.value.lasts


def test_header_that_can_not_be_written_is_not_told() -> None:
    """A token with a line break in it is sent nowhere, and not quoted."""
    with pytest.raises(NotSent) as caught:
        real("https://127.0.0.1:1").send("GET", "/", headers={"X-Vault-Token": SecretStr(f'{CANARY}"\\\n')})

    assert CANARY not in str(caught.value)


def test_answer_does_not_show_its_body() -> None:
    """An answer's repr does not hold its body, which may be a secret."""
    assert CANARY not in repr(Answer(200, {}, CANARY))


def test_refusal_keeps_the_servers_words() -> None:
    """The server's texts can be read, and are not part of the exception's own."""
    refusal = Refusal(AT, Answer(400, {}, CANARY), ["one", CANARY])

    assert refusal.said == f"one; {CANARY}"
    assert CANARY not in f"{refusal} {refusal!r}"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://Vault.Example.com:8200/below/", "https://vault.example.com:8200"),
        ("HTTP://vault", "http://vault"),
        ("https://[::1]:8200", "https://[::1]:8200"),
    ],
)
def test_origin(address: str, expected: str) -> None:
    """A server is named by scheme, host and port."""
    assert origin(address) == expected


def test_one_connection_an_address() -> None:
    """What is asked of one server goes over one pool; closing closes all."""
    closed: list[bool] = []
    way = answering(lambda _: httpx.Response(204))
    way.close = lambda: closed.append(True)  # type: ignore[method-assign]
    connections = Connections(FakeClock(), lambda _: None, way)
    first, other = connections(Place(address="https://a.test")), connections(Place(address="https://b.test"))

    assert connections(Place(address="https://a.test")) is first
    assert other is not first
    assert first.send("GET", "/").status == 204
    connections.close()
    assert len(closed) == 2


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Serve one connection on loopback, and give its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def accept() -> None:
            with server.accept()[0] as client:
                client.settimeout(10)
                serve(client)

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_refused_connection_over_a_socket() -> None:
    """A port where nobody listens is not sent, and the socket's own error is kept for the explanation."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(NotSent) as failed:
        real(f"http://127.0.0.1:{port}").send("GET", "/")

    assert isinstance(failed.value.cause, ConnectionRefusedError)


def test_unknown_host_over_a_socket() -> None:
    """A name that does not resolve is not sent, and the resolver's own error is kept (RFC 6761: never resolves)."""
    with pytest.raises(NotSent) as failed:
        real("http://vault.invalid:8200").send("GET", "/")

    assert isinstance(failed.value.cause, socket.gaierror)


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", b"HTTP/1.1 200", b"what?\r\n\r\n"]
)
def test_torn_answer_over_a_socket(said: bytes) -> None:
    """A server that hangs up at any byte leaves it unclear what it made."""

    def serve(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(said)

    with listening(serve) as port, pytest.raises(Lost):
        real(f"http://127.0.0.1:{port}").send("GET", "/")


@pytest.fixture(scope="module", name="certificate")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a certificate for localhost that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    day = dt.timedelta(days=1)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - day, now + day)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "pair.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.mark.parametrize("scheme", ["https", "HTTPS", "Https"])
def test_certificate_is_checked(certificate: Path, scheme: str) -> None:
    """A server without a trusted certificate is not spoken to, however the scheme is spelt."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    got: list[bytes] = []

    def serve(client: socket.socket) -> None:
        try:
            with context.wrap_socket(client, server_side=True) as secure:
                got.append(secure.recv(65536))
                secure.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
        except OSError:
            return

    with listening(serve) as port, pytest.raises(NotSent) as failed:
        real(f"{scheme}://localhost:{port}").send("GET", "/", headers=HEADERS)

    assert isinstance(failed.value.cause, ssl.SSLCertVerificationError)
    assert not any(got)


def test_environment_steers_nothing(tmp_path: Path) -> None:
    """Neither a .netrc nor a proxy of an earlier step has a say (run in a child, whose environment is its own)."""
    import subprocess  # noqa: PLC0415
    import sys  # noqa: PLC0415

    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password stolen\n")
    got: list[bytes] = []

    def serve(client: socket.socket) -> None:
        got.append(client.recv(65536))
        client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    script = (
        "import sys\nfrom nomad_token.clients.http import Connection, Place\n"
        "from nomad_token.clock import SystemClock\n"
        "to = Connection(Place(address=sys.argv[1]), clock=SystemClock(), trace=lambda _: None)\n"
        "print(to.send('GET', '/v1/x').status)"
    )
    with listening(serve) as port:
        ran = subprocess.run(  # noqa: S603
            [sys.executable, "-c", script, f"http://127.0.0.1:{port}"],
            env={"HOME": str(tmp_path), "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    assert ran.stdout == "204\n"
    assert b"authorization" not in got[0].lower()


def test_a_byte_at_a_time_is_cut() -> None:
    """A server that never lets the read timeout strike is cut off, and its answer lost."""

    def drip(client: socket.socket) -> None:
        client.recv(65536)
        with suppress(OSError):
            for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 1000:
                client.sendall(bytes([letter]))
                time.sleep(0.1)

    with listening(drip) as port, pytest.raises(Lost):
        real(f"http://127.0.0.1:{port}").send("GET", "/", read_seconds=0.5)


def test_a_sooner_bound_is_kept_too() -> None:
    """A request is bounded by its own seconds, and not by those of the one before."""
    answered: list[bytes] = []

    def drip(client: socket.socket) -> None:
        with suppress(OSError):
            while client.recv(65536):
                if not answered:
                    answered.append(b"one")
                    client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
                    continue
                for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 300:
                    client.sendall(bytes([letter]))
                    time.sleep(0.1)

    with listening(drip) as port:
        to = real(f"http://127.0.0.1:{port}")
        assert to.send("GET", "/", read_seconds=25).status == 204
        with pytest.raises(Lost):
            to.send("GET", "/", read_seconds=0.5)


def test_a_later_bound_is_kept_too() -> None:
    """A request is not cut when the one before it would have been."""
    turns: list[int] = []

    def late(client: socket.socket) -> None:
        while client.recv(65536):
            time.sleep(1.5 * len(turns))
            turns.append(1)
            client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    with listening(late) as port:
        to = real(f"http://127.0.0.1:{port}")
        assert to.send("GET", "/", read_seconds=0.5).status == 204
        assert to.send("GET", "/", read_seconds=25).status == 204
        to.close()


def test_server_of_tls_that_is_spoken_to_without() -> None:
    """An alert of TLS in answer to plain HTTP is told from half an answer: it is no HTTP at all."""

    def serve(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"\x15\x03\x01\x00\x02\x02\x46")

    with listening(serve) as port, pytest.raises(Lost) as failed:
        real(f"http://127.0.0.1:{port}").send("GET", "/")

    assert failed.value.hung_up


def test_half_an_answer_is_no_silence() -> None:
    """A server that hangs up in the middle of its answer has spoken."""

    def serve(client: socket.socket) -> None:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    with listening(serve) as port, pytest.raises(Lost) as failed:
        real(f"http://127.0.0.1:{port}").send("GET", "/")

    assert not failed.value.hung_up


@pytest.mark.parametrize(
    "proxy",
    [
        "http://proxy:port",
        "http://proxy:99999",
        "http://proxy:0",
        "http://",
        "http://ci:secret@",
        "http://[",
        "http://ci:sec[ret@proxy:80",
        "http://\x01:80",
        "http://p\udcff:9",
        "http://a..b:80",
        "http://u\udcff:x@proxy:80",
        "http://u\x00:x@proxy:80",
        f"http://{'a' * 70}:80",
    ],
)
def test_proxy_that_is_none(proxy: str) -> None:
    """What is no address is no bug of this program either, as an undo begins least of all; a password is not told."""
    made = Connection(Place(address=AT), clock=FakeClock(), trace=lambda _: None, proxy=proxy)

    with pytest.raises(NotSent, match="can't be read") as caught:
        made.send("GET", "/")
    assert caught.value.lasts
    assert "sec" not in caught.value.proxy


@pytest.mark.parametrize("tls", [Tls(ca="no PEM"), Tls(certificate="no PEM")])
def test_saved_certificates_that_are_none(tls: Tls) -> None:
    """Under act any step may change what is saved: nothing is sent then, and an undo ends as one."""
    made = Connection(Place(address=AT, tls=tls), clock=FakeClock(), trace=lambda _: None, own=Own(SecretStr("no key")))

    with pytest.raises(NotSent, match="can't be read") as caught:
        made.send("GET", "/", headers=HEADERS)
    assert caught.value.lasts


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1080", "ftp://127.0.0.1"])
def test_proxy_of_another_kind(proxy: str) -> None:
    """A proxy that this program can't speak to is no bug of it: nothing is sent."""
    made = Connection(Place(address=AT), clock=FakeClock(), trace=lambda _: None, proxy=proxy)

    with pytest.raises(NotSent, match="no proxy of the kind"):
        made.send("GET", "/", headers=HEADERS)


@pytest.mark.parametrize("status", [200, 407])
def test_status_407_without_a_proxy(status: int) -> None:
    """Only where there is a proxy is a 407 the proxy's: else it is whatever the server means by it."""
    assert connection(lambda _: httpx.Response(status)).send("GET", "/").status == status
