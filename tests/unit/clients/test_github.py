"""The runner's id token endpoint."""

import httpx
import pytest

from fakes import FakeClock, jwt
from nomad_token.clients.failures import Lost, Refusal
from nomad_token.clients.github import request_id_token
from nomad_token.clients.http import Connection, Place
from nomad_token.secret import SecretStr
from through import answering

AT = "https://actions.test"
BEARER = SecretStr("canary-bearer")


def ask(answer: httpx.Response, seen: list[httpx.Request] | None = None) -> SecretStr:
    """Ask a server that answers everything alike."""

    def handler(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return answer

    to = Connection(Place(address=AT), clock=FakeClock(), trace=lambda _: None, transport=answering(handler))
    return request_id_token(to, "/a/b", {"api-version": "2.0", "audience": "https://vault.test:8200"}, BEARER)


def test_id_token_is_asked_for() -> None:
    """The request carries the runner's bearer and the audience, and the answer's value is the id token."""
    seen: list[httpx.Request] = []
    token = ask(httpx.Response(200, json={"count": 1, "value": jwt(aud="me")}), seen)

    assert token.get_secret_value() == jwt(aud="me")
    assert seen[0].url.path == "/a/b"
    assert dict(seen[0].url.params) == {"api-version": "2.0", "audience": "https://vault.test:8200"}
    assert seen[0].headers["Authorization"] == "Bearer canary-bearer"


def test_refusal() -> None:
    """Anything but a 200 is a refusal."""
    with pytest.raises(Refusal, match="HTTP 401"):
        ask(httpx.Response(401, text="no"))


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"null", b"[]", b"{}", b'{"value":null}', b'{"value":"abc"}', b'{"value":"a.b.c\\nd"}', b"[" * 100_000),
        b'{"value":"a.%s.c"}' % (b"b" * 17_000),
    ],
)
def test_answer_without_a_jwt_is_lost(body: bytes) -> None:
    """A success without a JWT is none."""
    with pytest.raises(Lost, match="no JWT"):
        ask(httpx.Response(200, content=body))
