"""Each request of the program's own clients, on each target: paths, fields, verdicts (api-contract 1.5, 2.3, 3.2)."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from msgspec.structs import fields

from answers import done
from conformance.road import AUDIENCE, CREDS, Job
from conformance.targets import Agent, Heard, Served, not_applicable
from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.http import Connection
from nomad_token.clients.nomad import Minted, Nomad, NomadPlace, Standing
from nomad_token.clients.nomad import TokenSelf as NomadSelf
from nomad_token.clients.vault import Creds, Granted, Login, Vault, VaultPlace, policy_denies, token_is_gone
from nomad_token.clients.vault import TokenSelf as VaultSelf
from nomad_token.clock import SystemClock
from nomad_token.retry import Verdict, of_making
from nomad_token.said import FromVault
from nomad_token.secret import SecretStr
from nomad_token.value import Value
from nomad_token_lab import Answer as Said
from nomad_token_lab import Fault, Lab
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust
from through import Through

SECONDS = 10.0


@pytest.fixture
def vault(served: Served, texts: list[str]) -> Iterator[Vault]:
    """Our client of the server under test."""
    place = VaultPlace(address=served.addr)
    connection = Connection(place, clock=SystemClock(), trace=lambda _: None, transport=Through(Heard(texts)))
    yield Vault(connection, place)
    connection.close()


@pytest.fixture
def nomad(agent: Agent, texts: list[str]) -> Iterator[Nomad]:
    """Our client of the Nomad under test."""
    place = NomadPlace(address=agent.addr)
    connection = Connection(place, clock=SystemClock(), trace=lambda _: None, transport=Through(Heard(texts)))
    yield Nomad(connection, place)
    connection.close()


def _fields(kind: type[Value]) -> set[str]:
    return {field.encode_name for field in fields(kind)}


def _logged_in(vault: Vault, job: Job, role: str = "deploy-app") -> Login:
    job.lab.github.claims = {}
    return vault.log_in("auth/jwt/login", {"role": role, "jwt": job.lab.github.id_token(AUDIENCE)})


def test_what_is_read_is_there(job: Job) -> None:
    """Each field that is read of a login, a look-up, creds and the renewals is in the answer."""
    login = job.login().json()["auth"]
    token = {"X-Vault-Token": login["client_token"]}
    own = job.anonymous.get("auth/token/lookup-self", headers=token).json()["data"]
    minted = job.mint(token)
    again = job.anonymous.post("auth/token/renew-self", json={}, headers=token).json()["auth"]
    lease = job.anonymous.post("sys/leases/renew", json={"lease_id": minted["lease_id"]}, headers=token).json()

    assert _fields(Login) - login.keys() == set()
    assert _fields(VaultSelf) - own.keys() == set()
    assert _fields(Creds) - (minted.keys() | minted["data"].keys()) == set()
    assert _fields(Granted) - again.keys() == _fields(Granted) - lease.keys() == set()


def test_a_job_from_end_to_end(vault: Vault, job: Job, lab: Lab) -> None:
    """Log in, look up, read, renew both, ask, revoke both: each of our requests is understood."""
    login = _logged_in(vault, job)
    token = login.client_token
    own = vault.look_up(token)
    creds = vault.creds(token, "nomad", "deployer")
    alive = [each.accessor for each in lab.nomad.live_tokens()]
    grown = (
        vault.renew_self(token, read_seconds=SECONDS),
        vault.renew_lease(token, creds.lease_id, read_seconds=SECONDS),
    )
    may = [vault.may(token, "update", path, read_seconds=SECONDS) for path in ("sys/leases/revoke", "sys/seal")]
    vault.revoke_lease(token, creds.lease_id, read_seconds=SECONDS)
    left = lab.nomad.live_tokens()
    vault.revoke_self(token, read_seconds=SECONDS)
    with pytest.raises(Refusal) as gone:
        vault.look_up(token)

    assert (login.token_type, login.num_uses, login.lease_duration) == ("service", 0, 1800)
    assert own is not None
    assert (own.display_name, 1790 <= own.ttl <= 1800) == ("jwt-octo-org/octo-app", True)
    assert (creds.renewable, creds.lease_duration, alive) == (True, 1800, [creds.accessor_id])
    assert grown == (1800, 1800)
    assert may == [True, False]
    assert left == []
    assert (token_is_gone(gone.value), policy_denies(gone.value)) == (True, False)


def test_what_takes_no_token(vault: Vault, served: Served) -> None:
    """Health tells the seal, the time, and by what it leaves out that it is OpenBao's (api-contract 3.1)."""
    health = vault.health(read_seconds=SECONDS)

    assert (health.status, health.json()["sealed"]) == (200, False)
    assert "date" in health.headers
    assert ("performance_standby" in health.json()) == (not served.is_openbao)


def test_a_policy_is_told_from_a_token_that_is_gone(vault: Vault, job: Job) -> None:
    """A 403 of a policy's is one thing, a 403 to a token that is unknown another (3.1)."""
    token = _logged_in(vault, job).client_token
    with pytest.raises(Refusal) as denied:
        vault.creds(token, "nomad", "other")
    with pytest.raises(Refusal) as unknown:
        vault.creds(SecretStr("hvs.unknown-to-anybody"), "nomad", "deployer")
    blind = job.root.post("auth/token/create", json={"policies": ["creds-only"], "no_default_policy": True})

    assert (policy_denies(denied.value), token_is_gone(denied.value)) == (True, False)
    assert (policy_denies(unknown.value), token_is_gone(unknown.value)) == (False, True)
    assert vault.look_up(SecretStr(blind.json()["auth"]["client_token"])) is None


def _no_role(job: Job) -> None:
    done(job.root.delete("nomad/role/deployer"))


def _no_mount(job: Job) -> None:
    done(job.root.delete("sys/mounts/nomad"))


def _no_nomad(job: Job) -> None:
    done(job.root.put("nomad/config/access", json={"address": "http://127.0.0.1:9"}))


def _no_acls(job: Job) -> None:
    job.lab.nomad.acl_enabled = False


def _no_leader(job: Job) -> None:
    job.lab.nomad.leader = False


def _no_manager(job: Job) -> None:
    done(job.root.put("nomad/config/access", json={"token": "00000000-0000-4000-8000-000000000000"}))


def _overloaded(job: Job) -> None:
    body = "Your IP is issuing too many concurrent connections, please rate limit your calls\n"
    job.lab.faults.append(Fault("nomad", "PUT", "^/v1/acl/token$", Said(429, body)))


def _line_break(job: Job) -> None:
    done(job.root.put("nomad/config/access", json={"token": "00000000-0000-4000-8000-000000000000\n"}))


@pytest.mark.parametrize(
    ("arrange", "verdict"),
    [
        (_no_role, Verdict.FINAL),
        (_no_mount, Verdict.FINAL),
        (_no_nomad, Verdict.NOTHING_MADE),
        (_no_acls, Verdict.FINAL),
        (_no_leader, Verdict.UNCLEAR),
        (_no_manager, Verdict.FINAL),
        (_overloaded, Verdict.NOTHING_MADE),
        pytest.param(_line_break, Verdict.FINAL, marks=pytest.mark.says(FromVault.HEADER_WITH_LINE_BREAK)),
    ],
)
def test_a_refusal_proves_what_we_take_it_for(
    vault: Vault, job: Job, lab: Lab, arrange: Callable[[Job], None], verdict: Verdict
) -> None:
    """Where a refusal of creds proves that nothing was made, nothing was (1.5)."""
    token = _logged_in(vault, job).client_token
    arrange(job)
    with pytest.raises(Failure) as failed:
        vault.creds(token, "nomad", "deployer")

    assert of_making(failed.value) is verdict
    assert lab.nomad.live_tokens() == []


@pytest.mark.parametrize("tells", [False, True], ids=["bare", "with_headers"])
def test_a_quota(vault: Vault, job: Job, *, tells: bool) -> None:
    """One request too many is a 429 by Vault itself: nothing was made; `Retry-After` where it is asked for (1.5)."""
    token = _logged_in(vault, job).client_token
    try:
        done(job.root.put("sys/quotas/config", json={"enable_rate_limit_response_headers": tells}))
        done(job.root.put("sys/quotas/rate-limit/conformance", json={"path": CREDS, "rate": 1, "interval": "1h"}))
        failures = [_failure(lambda: vault.creds(token, "nomad", "deployer")) for _ in range(3)]
    finally:
        done(job.root.delete("sys/quotas/rate-limit/conformance"))
        done(job.root.put("sys/quotas/config", json={"enable_rate_limit_response_headers": False}))
    refused = [failure for failure in failures if isinstance(failure, Refusal)]

    assert len(refused) == 2
    assert {failure.status for failure in refused} == {429}
    assert {of_making(failure) for failure in refused} == {Verdict.NOTHING_MADE}
    assert f'request path "{CREDS}": rate limit quota exceeded' in refused[0].said
    assert [0 < int(failure.headers.get("retry-after", "0")) <= 3600 for failure in refused] == [tells] * 2


def _failure(ask: Callable[[], object]) -> Failure | None:
    try:
        ask()
    except Failure as failure:
        return failure
    return None


def test_a_second_factor(vault: Vault, job: Job, served: Served) -> None:
    """A login that wants one is a 200 without a token, which is a refusal to us (3.2)."""
    if served.is_lab:
        not_applicable("the lab has no login enforcement")
    accessor = job.root.get("sys/auth").json()["data"]["jwt/"]["accessor"]
    made = job.root.post("identity/mfa/method/totp", json={"issuer": "conformance"}).raise_for_status()
    method = made.json()["data"]["method_id"]
    enforced = "identity/mfa/login-enforcement/conformance"
    try:
        done(job.root.post(enforced, json={"mfa_method_ids": [method], "auth_method_accessors": [accessor]}))
        failed = _failure(lambda: _logged_in(vault, job))
    finally:
        done(job.root.delete(enforced))
        done(job.root.delete(f"identity/mfa/method/totp/{method}"))

    assert isinstance(failed, Refusal)
    assert (failed.status, of_making(failed)) == (200, Verdict.FINAL)


# Nomad


def test_what_nomad_tells_anybody(nomad: Nomad, agent: Agent) -> None:
    """Its leader, which is text, with the time."""
    leader = nomad.leader(read_seconds=SECONDS)

    assert leader.status == 200
    assert ":" in leader.json()
    assert "date" in leader.headers
    assert agent.addr == nomad.address


def test_what_is_read_of_nomad_is_there(agent: Agent) -> None:
    """Each field that is read of a token is in the answer, to the mint and to `token/self`."""
    made = agent.client()
    own = agent.ask("GET", "acl/token/self", token=made["SecretID"]).json()

    assert _fields(Minted) - made.keys() == set()
    assert _fields(NomadSelf) - own.keys() == set()


def test_a_token_of_nomads_own_from_end_to_end(nomad: Nomad, agent: Agent) -> None:
    """Create, find, ask, list and delete: each of our requests is understood, and a second delete is no failure."""
    manager = agent.management_token
    wanted = {
        "Name": "nomad-token-conformance",
        "Type": "client",
        "Policies": ["deployer", "nothing-there"],
        "Roles": [],
        "Global": False,
        "ExpirationTTL": 600 * 10**9,
    }
    made = nomad.create(manager, wanted)
    found = nomad.named(manager, "nomad-token-conformance", read_seconds=SECONDS)
    during, token = _standing(nomad, made)
    known = nomad.policies(made.secret_id, read_seconds=SECONDS)
    own = nomad.token_self(made.secret_id, read_seconds=SECONDS)
    for _ in range(2):
        nomad.delete(manager, made.accessor_id, read_seconds=SECONDS)
    after, _ = _standing(nomad, made)

    assert found == [made.accessor_id]
    assert (during, after) == (Standing.ACCEPTED, Standing.REFUSED)
    assert token == own
    assert (own.type, own.is_global, own.expiration_time) == ("client", False, made.expiration_time)
    assert sorted(own.policies) == ["deployer", "nothing-there"]
    assert known == ["deployer"]


def _standing(nomad: Nomad, made: Minted) -> tuple[Standing, NomadSelf | None]:
    return nomad.standing(made.secret_id, made.accessor_id, now=datetime.now(UTC), read_seconds=SECONDS)


def test_an_expired_token_is_refused_whatever_the_version_says(nomad: Nomad, agent: Agent) -> None:
    """Up to 1.10.0 the time decides, from 1.10.1 the server's words (2.5)."""
    made = nomad.create(
        agent.management_token, {"Type": "client", "Policies": ["deployer"], "ExpirationTTL": 60 * 10**9}
    )
    assert made.expiration_time is not None
    agent.wait(61)
    standing, _ = nomad.standing(made.secret_id, made.accessor_id, now=made.expiration_time, read_seconds=SECONDS)

    assert standing is Standing.REFUSED


def test_a_nomad_without_acls_has_no_tokens(nomad: Nomad, agent: Agent, without_acls: str, texts: list[str]) -> None:
    """Whatever the version says of it, it is known for what it is (2.5)."""
    place = NomadPlace(address=without_acls)
    connection = Connection(place, clock=SystemClock(), trace=lambda _: None, transport=Through(Heard(texts)))
    unknown = SimpleNamespace(secret_id=SecretStr("6ba7b810-9dad-11d1-80b4-00c04fd430c8"), accessor_id="x")
    standing, _ = _standing(Nomad(connection, place), unknown)  # type: ignore[arg-type]
    connection.close()

    assert standing is Standing.NO_ACLS
    assert nomad.address == agent.addr


def test_a_list_in_pages(nomad: Nomad, agent: Agent) -> None:
    """More than a page of them, and each is listed once (2.1)."""
    made = [agent.client()["AccessorID"] for _ in range(3)]
    listed = [each["AccessorID"] for each in nomad.tokens(agent.management_token, read_seconds=SECONDS, a_page=2)]

    assert [listed.count(accessor) for accessor in made] == [1, 1, 1]


def test_a_login_from_end_to_end(nomad: Nomad, agent: Agent) -> None:
    """The login's answer is read, with its end (2.6)."""
    if agent.target.release < (1, 5, 4):
        not_applicable("Nomad has JWT logins from 1.5.4 on")
    headers = {"X-Nomad-Token": agent.management_token.get_secret_value()}
    with httpx.Client(base_url=agent.addr, headers=headers, timeout=30) as manager:
        nomad_trust(NomadTrust(agent.lab.github.addr, AUDIENCE), manager)
    made = nomad.log_in("github", agent.lab.github.id_token(AUDIENCE))
    standing, token = _standing(nomad, made)

    assert standing is Standing.ACCEPTED
    assert token is not None
    assert token.expiration_time == made.expiration_time is not None


def test_fields_of_the_list(agent: Agent) -> None:
    """A stub has the two fields by which a token is found."""
    made: dict[str, Any] = agent.client()
    stub = next(each for each in agent.ask("GET", "acl/tokens").json() if each["AccessorID"] == made["AccessorID"])

    assert stub["Name"] == made["Name"]
