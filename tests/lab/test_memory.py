"""The lab without sockets: the same servers, asked by a call, at a time that the caller says."""

from collections.abc import Iterator

import httpx
import pytest

from fakes import FakeClock
from nomad_token_lab import CLOSE, Fault, Lab, Silence
from nomad_token_lab.memory import InMemory


@pytest.fixture
def clock() -> FakeClock:
    """Begin on a morning in 2026."""
    return FakeClock()


@pytest.fixture
def lab(clock: FakeClock) -> Lab:
    """Make a lab in which a deploy is trusted."""
    return Lab(trust=True, now=clock.now)


@pytest.fixture
def servers(lab: Lab) -> Iterator[InMemory]:
    """Serve it in memory."""
    yield lab.start_in_memory()
    lab.stop()


def creds(lab: Lab, servers: InMemory) -> httpx.Response:
    """Ask Vault for a Nomad token, as root."""
    headers = {"X-Vault-Token": lab.root_token.get_secret_value()}
    return servers.ask(httpx.Request("GET", f"{lab.vault.addr}/v1/nomad/creds/deployer", headers=headers))


def test_servers_reach_each_other(lab: Lab, servers: InMemory) -> None:
    """Vault makes a token at Nomad, by a request that is recorded as any other."""
    answer = creds(lab, servers)

    (token,) = lab.nomad.live_tokens()
    assert answer.json()["data"]["accessor_id"] == token.accessor
    assert [record.path for record in lab.requests] == ["/v1/nomad/creds/deployer", "/v1/acl/token"]


def test_time_is_the_callers(lab: Lab, servers: InMemory, clock: FakeClock) -> None:
    """A lease ends when the clock that was handed in says so, and its token with the next request."""
    headers = creds(lab, servers).headers
    clock.push(1801)
    servers.ask(httpx.Request("GET", f"{lab.vault.addr}/v1/sys/health"))

    assert headers["date"] == "Wed, 04 Mar 2026 05:06:07 GMT"
    assert not lab.nomad.live_tokens()


@pytest.mark.parametrize("answer", [CLOSE, Silence(3600)])
def test_no_answer(lab: Lab, servers: InMemory, answer: object) -> None:
    """A fault that sends nothing is a lost connection at once, and what the server did before it stays done."""
    lab.faults.append(Fault("vault", "GET", "creds", answer, when="after"))  # type: ignore[arg-type]
    with pytest.raises(httpx.ReadError):
        creds(lab, servers)

    assert len(lab.nomad.live_tokens()) == 1


def test_addresses_of_ones_own(lab: Lab) -> None:
    """The servers can take themselves to be where somebody stands before them, and reach each other there."""
    places = {"github": "http://127.0.0.2:1", "vault": "http://127.0.0.3:2", "nomad": "http://127.0.0.4:3"}
    servers = lab.start_in_memory(places)  # type: ignore[arg-type]
    answer = creds(lab, servers)
    lab.stop()

    assert answer.is_success
    assert answer.url == "http://127.0.0.3:2/v1/nomad/creds/deployer"


def test_unknown_host(servers: InMemory) -> None:
    """Nobody else is there."""
    with pytest.raises(httpx.ConnectError):
        servers.ask(httpx.Request("GET", "https://elsewhere.lab.test/"))


def test_a_fault_between_the_servers(lab: Lab, servers: InMemory) -> None:
    """What is cut between Vault and Nomad is told in Vault's words."""
    lab.faults.append(Fault("nomad", "PUT", "/v1/acl/token", CLOSE))
    answer = creds(lab, servers)

    assert answer.status_code == 500
    assert "EOF" in answer.text
