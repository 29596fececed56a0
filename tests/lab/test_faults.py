"""Faults: what they replace, when they strike, and how often."""

import httpx
import pytest

from lab.ways import Ways
from nomad_token_lab import CLOSE, Answer, Fault, Silence


def test_before_the_server_acts_nothing_is_made(ways: Ways) -> None:
    """The answer is the fault's, status, headers and type; the next request is served."""
    answer = Answer(429, {"errors": ["slow"]}, {"Retry-After": "1"})
    ways.lab.faults.append(Fault("vault", "GET", r"^/v1/nomad/creds/", answer))
    token = ways.vault_token()
    struck, served = ways.creds(token), ways.creds(token)

    assert (struck.status_code, struck.json(), struck.headers["retry-after"]) == (429, {"errors": ["slow"]}, "1")
    assert served.status_code == 200
    assert len(ways.lab.nomad.live_tokens()) == 1


def test_after_the_server_has_committed_the_answer_alone_is_lost(ways: Ways) -> None:
    """The token lives, and the client has nothing."""
    token = ways.vault_token()
    ways.lab.faults.append(Fault("vault", "GET", "creds", CLOSE, when="after"))
    with pytest.raises(httpx.RemoteProtocolError):
        ways.creds(token)

    assert len(ways.lab.nomad.live_tokens()) == 1
    assert len(ways.lab.vault.live_leases()) == 1
    assert [(seen.path, seen.status) for seen in ways.lab.requests if not seen.internal][-1] == (
        "/v1/nomad/creds/deployer",
        None,
    )


def test_silence_ends_with_the_connection(ways: Ways) -> None:
    """A client with less patience goes; one with more is cut off."""
    ways.lab.faults.append(Fault("nomad", "GET", "token/self", Silence(30)))
    ways.lab.faults.append(Fault("nomad", "GET", "token/self", Silence(0.1)))
    url = f"{ways.lab.nomad.addr}/v1/acl/token/self"
    with pytest.raises(httpx.ReadTimeout):
        ways.http.get(url, timeout=0.2)
    with pytest.raises(httpx.RemoteProtocolError):
        ways.http.get(url, timeout=10)

    assert ways.http.get(url).status_code == 200


def test_a_fault_strikes_as_often_as_it_says_and_nothing_else(ways: Ways) -> None:
    """Server, method and path have to fit; None strikes until it is taken away."""
    ways.lab.faults.append(Fault("nomad", "GET", "self", Answer(500, "x", content_type="text/plain"), times=2))
    ways.lab.faults.append(Fault("nomad", "DELETE", ".", CLOSE, times=None))
    statuses = [ways.nomad("GET", path).status_code for path in ("jobs", "acl/token/self", "agent/self", "agent/self")]

    assert statuses == [200, 500, 500, 200]
    for _ in range(3):
        with pytest.raises(httpx.RemoteProtocolError):
            ways.nomad("DELETE", "acl/token/x")
    ways.lab.faults.clear()
    assert ways.nomad("DELETE", "acl/token/x").status_code == 400


def test_faults_strike_what_vault_asks_of_nomad_too(ways: Ways) -> None:
    """A lost answer of Nomad's is a 500 of Vault's, and a Nomad token without a lease (api-contract 7.2)."""
    token = ways.vault_token()
    ways.lab.faults.append(Fault("nomad", "PUT", "acl/token", CLOSE, when="after"))
    answer = ways.creds(token)

    assert answer.json()["errors"] == [f'1 error occurred:\n\t* Put "{ways.lab.nomad.addr}/v1/acl/token": EOF\n\n']
    assert len(ways.lab.nomad.live_tokens()) == 1
    assert ways.lab.vault.live_leases() == []
