"""Nomad's API: what it makes of a token, in every version (api-contract 2.5)."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from fakes import NOMAD, FakeClock, nomad_error
from nomad_token.clients.failures import Lost, Refusal
from nomad_token.clients.http import Connection, Place
from nomad_token.clients.nomad import Nomad, NomadPlace, Standing
from nomad_token.secret import SecretStr
from through import answering

ACCESSOR = "acce5500-0000-4000-8000-000000000001"
SECRET = SecretStr("5ec7e700-0000-4000-8000-000000000001")
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
TOKEN: dict[str, Any] = {
    "AccessorID": ACCESSOR,
    "SecretID": SECRET.get_secret_value(),
    "Name": "vault-deployer",
    "Type": "client",
    "Policies": ["deployer", "reader"],
    "Roles": None,
    "Global": False,
    "ExpirationTime": None,
}


def nomad(answer: httpx.Response, seen: list[httpx.Request] | None = None, region: str = "") -> Nomad:
    """Speak to a server that answers everything alike."""

    def handler(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return answer

    to = Connection(Place(address=NOMAD), clock=FakeClock(), trace=lambda _: None, transport=answering(handler))
    return Nomad(to, NomadPlace(address=NOMAD, region=region))


def standing(answer: httpx.Response) -> Standing:
    """Ask what the server makes of the token."""
    return nomad(answer).standing(SECRET, ACCESSOR, now=NOW, read_seconds=1)[0]


def test_token_self() -> None:
    """The token asks for itself, in the region that was given."""
    seen: list[httpx.Request] = []
    token = nomad(httpx.Response(200, json=TOKEN), seen, "eu").token_self(SECRET, read_seconds=1)

    assert str(seen[0].url) == f"{NOMAD}/v1/acl/token/self?region=eu"
    assert seen[0].headers["X-Nomad-Token"] == SECRET.get_secret_value()
    assert (token.accessor_id, token.type, token.policies) == (ACCESSOR, "client", ("deployer", "reader"))
    assert SECRET.get_secret_value() not in repr(token)


def test_no_region_is_the_agents_own() -> None:
    """Without a region none is asked for."""
    seen: list[httpx.Request] = []
    nomad(httpx.Response(200, json=TOKEN), seen).token_self(SECRET, read_seconds=1)

    assert seen[0].url.query == b""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (httpx.Response(200, json=TOKEN), Standing.ACCEPTED),
        (httpx.Response(200, json=TOKEN | {"Policies": None}), Standing.ACCEPTED),
        (httpx.Response(200, json=TOKEN | {"ExpirationTime": "2026-03-04T05:06:07.123456789Z"}), Standing.ACCEPTED),
        (httpx.Response(200, json=TOKEN | {"ExpirationTime": "2026-03-04T05:06:06.999999999Z"}), Standing.REFUSED),
        (httpx.Response(200, json=TOKEN | {"ExpirationTime": "2026-03-04T06:06:08+01:00"}), Standing.ACCEPTED),
        (httpx.Response(200, json=TOKEN | {"AccessorID": "anonymous"}), Standing.REFUSED),
        (httpx.Response(200, json=TOKEN | {"AccessorID": "acls-disabled"}), Standing.NO_ACLS),
        (nomad_error(400, "ACL support disabled"), Standing.NO_ACLS),
        (nomad_error(500, "ACL support disabled"), Standing.NO_ACLS),
        (nomad_error(404, "ACL token not found"), Standing.REFUSED),
        (nomad_error(403, "Permission denied"), Standing.REFUSED),
        (nomad_error(403, "ACL token not found"), Standing.REFUSED),
        (nomad_error(500, "ACL token expired"), Standing.REFUSED),
        (nomad_error(500, "rpc error: rpc error: ACL token expired"), Standing.REFUSED),
    ],
    ids=repr,
)
def test_standing(answer: httpx.Response, expected: Standing) -> None:
    """Every version's answer to a token that is good, gone, over or not asked for is told apart."""
    assert standing(answer) is expected


@pytest.mark.parametrize(
    "answer",
    [
        nomad_error(500, "No cluster leader"),
        nomad_error(500, "No path to region"),
        nomad_error(429, "Your IP is issuing too many concurrent connections"),
        nomad_error(502, "Bad Gateway"),
    ],
    ids=repr,
)
def test_answer_that_settles_nothing(answer: httpx.Response) -> None:
    """An answer that says nothing of the token is no verdict on it."""
    with pytest.raises(Refusal) as refused:
        standing(answer)

    assert refused.value.said == answer.text


@pytest.mark.parametrize("prefix", ["", "rpc error: ", "rpc error: rpc error: "])
def test_hops_are_not_shown(prefix: str) -> None:
    """What a follower relays is shown as the leader said it."""
    with pytest.raises(Refusal) as refused:
        standing(nomad_error(500, f"{prefix}No cluster leader\n"))

    assert refused.value.said == "No cluster leader"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>",
        b"[" * 100_000,
        b'{"AccessorID":7,"Type":"client"}',
        b'{"AccessorID":"x"}',
        b'{"AccessorID":"x","Type":"client\\n::error::pwned"}',
        b'{"AccessorID":"x","Type":"##[error]pwned"}',
        b'{"AccessorID":"x","Type":"$(touch pwned)"}',
    ],
)
def test_answer_that_is_no_token_is_lost(body: bytes) -> None:
    """A success that is no token says nothing either: something else answers at that address."""
    with pytest.raises(Lost):
        standing(httpx.Response(200, content=body))


@pytest.mark.parametrize("body", [b"", b"null", b"\n"])
def test_delete(body: bytes) -> None:
    """Nomad has nothing to tell of a token that it deleted."""
    nomad(httpx.Response(200, content=body)).delete(SECRET, ACCESSOR, read_seconds=1)


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="<html>"), httpx.Response(200, json={}), httpx.Response(204)], ids=repr
)
def test_delete_that_somebody_else_answers(answer: httpx.Response) -> None:
    """A success that is not Nomad's says nothing of the token: it may live."""
    with pytest.raises(Lost):
        nomad(answer).delete(SECRET, ACCESSOR, read_seconds=1)


@pytest.mark.parametrize("listed", [{}, [1, 2], ["x"]])
def test_list_that_somebody_else_answers(listed: object) -> None:
    """A list of something else does not say that there is no such token."""
    with pytest.raises(Lost):
        nomad(httpx.Response(200, json=listed)).named(SECRET, "nomad-token-x", read_seconds=1)


def _paged(pages: list[list[str]], seen: list[httpx.Request]) -> Nomad:
    """Speak to a server that lists tokens of these names, whose accessors all begin with `ac`, on these pages.

    As Nomad up to 1.10.0 may: each page of the whole list is the first one.
    """

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        asked = request.url.params
        at = int(asked.get("next_token") or "0") if "prefix" in asked else 0
        stubs = [{"Name": name, "AccessorID": f"acce5500-0000-4000-8000-00000000000{at}"} for name in pages[at]]
        if asked.get("prefix", "ac") != "ac":
            return httpx.Response(200, json=[])
        following = {"X-Nomad-NextToken": str(at + 1)} if at + 1 < len(pages) else {}
        return httpx.Response(200, json=stubs, headers=following)

    to = Connection(Place(address=NOMAD), clock=FakeClock(), trace=lambda _: None, transport=answering(handler))
    return Nomad(to, NomadPlace(address=NOMAD))


def test_a_name_is_found_on_any_page() -> None:
    """A cluster has more tokens than one answer may hold, and each is told once."""
    found = _paged([["a", "b"], ["b"], ["mine", "c"]], []).named(SECRET, "mine", read_seconds=1)
    first = _paged([["mine", "b"], ["b"]], []).named(SECRET, "mine", read_seconds=1)

    assert found == ["acce5500-0000-4000-8000-000000000002"]
    assert first == ["acce5500-0000-4000-8000-000000000000"]


def test_pages_that_go_on_are_followed() -> None:
    """A Nomad that knows where it was needs a request a page, and what it lists twice is told once."""
    pages = {"": ["a1", "a2"], "a3": ["a3", "a2"], "a4": ["a4"]}
    following = {"": "a3", "a3": "a4"}
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        at = request.url.params.get("next_token", "")
        seen.append(at)
        stubs = [{"AccessorID": each} for each in pages[at]]
        return httpx.Response(200, json=stubs, headers={"X-Nomad-NextToken": following.get(at, "")})

    to = Connection(Place(address=NOMAD), clock=FakeClock(), trace=lambda _: None, transport=answering(handler))
    listed = [stub["AccessorID"] for stub in Nomad(to, NomadPlace(address=NOMAD)).tokens(SECRET, read_seconds=1)]

    assert listed == ["a1", "a2", "a3", "a4"]
    assert seen == ["", "a3", "a4"]


def test_a_list_of_one_page_takes_one_request() -> None:
    """Most clusters' tokens fit in one."""
    seen: list[httpx.Request] = []
    _paged([["mine"]], seen).named(SECRET, "mine", read_seconds=1)

    assert len(seen) == 1


def test_a_list_without_an_end_is_none() -> None:
    """A server that names a next page for ever is not believed, and not asked for ever."""
    answer = httpx.Response(200, json=[], headers={"X-Nomad-NextToken": "1"})
    seen: list[httpx.Request] = []

    with pytest.raises(Lost, match="no end"):
        nomad(answer, seen).named(SECRET, "mine", read_seconds=1)
    assert len(seen) == 2000
