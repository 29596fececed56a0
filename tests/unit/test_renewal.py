"""Renewal, on a clock that is pushed, against a Vault whose logins and leases end."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import pytest

from fakes import LEASE, LOGIN, PLAN, VAULT, FakeClock, Fault, World, vault_error
from nomad_token.clients.failures import Lost
from nomad_token.clients.http import Connection
from nomad_token.clients.vault import Vault, VaultPlace
from nomad_token.errors import InputError
from nomad_token.mint import mint
from nomad_token.renew import renew
from nomad_token.renewal import Renewal, living, of_lent
from nomad_token.secret import SecretStr
from nomad_token.state import HeldLease, HeldLogin, HeldToken, Ledger, Renewed
from through import answering

HOUR = 3600
SELF = "auth/token/renew-self"
DENIED = vault_error(403, "1 error occurred:\n\t* permission denied\n\n")
SEALED = vault_error(503, "Vault is sealed")


@dataclass
class Life:
    """What Vault knows of a login, or of a lease."""

    ttl: int
    latest: datetime
    ends: datetime


class FakeVault:
    """Renews what lives, by *ttl* and no further than to its *cap* (api-contract 1.6 and 3.2)."""

    def __init__(self, clock: FakeClock) -> None:
        """Know nothing yet."""
        self._clock = clock
        self.lives: dict[str, Life] = {}
        self.faults: list[Fault] = []
        self.seconds = 0.0
        """How long an answer takes."""
        self.asked: list[tuple[str, float]] = []
        """What was renewed, and when, in seconds from the beginning."""
        self._began = clock.now()

    def grant(self, name: str, ttl: int, cap: int) -> datetime:
        """Have something live for *ttl* from now, and return its end."""
        now = self._clock.now()
        ends = now + timedelta(seconds=ttl)
        self.lives[name] = Life(ttl, now + timedelta(seconds=cap), ends)
        return ends

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        path = request.url.path.removeprefix("/v1/")
        name = "" if path == SELF else json.loads(request.content)["lease_id"]
        self.asked.append((name, (self._clock.now() - self._began).total_seconds()))
        if self.faults:
            fault = self.faults.pop(0)
            if isinstance(fault, Exception):
                raise fault
            return fault
        now, life = self._clock.now(), self.lives.get(name)
        if life is None or life.ends <= now:
            return vault_error(403, "permission denied") if not name else vault_error(400, "lease not found")
        life.ends = min(now + timedelta(seconds=life.ttl), life.latest)
        granted = int((life.ends - now).total_seconds())
        self._clock.push(self.seconds)
        return httpx.Response(
            200, json={"auth": {"lease_duration": granted}} if not name else {"lease_duration": granted}
        )


class Command:
    """A command that runs while what it needs is renewed."""

    def __init__(self) -> None:
        """Begin with a Vault, and nothing in it."""
        self.clock = FakeClock()
        self.vault = FakeVault(self.clock)
        self.ledger = Ledger([PLAN])
        self.warned: list[tuple[float, str]] = []
        self.noted: list[Renewed] = []
        self._began = self.clock.now()
        self.renewal: Renewal | None = None

    def login(self, ttl: int, cap: int = 99 * HOUR, *, uses: int = 0) -> None:
        """Have a login."""
        ends = self.vault.grant("", ttl, cap)
        self.ledger.add(HeldLogin(token=LOGIN.token, accessor="", ends=ends, uses=uses))

    def lease(self, ttl: int, cap: int = 99 * HOUR, name: str = LEASE.lease_id) -> None:
        """Have a lease."""
        ends = self.vault.grant(name, ttl, cap)
        held = HeldLease(lease_id=name, accessor_id=LEASE.accessor_id, secret=LEASE.secret, ends=ends)
        self.ledger.add(held)

    def begin(self, *, lent: str = "", uses: int = 0, lent_ends: datetime | None = None) -> Renewal:
        """Begin to renew it."""
        transport = answering(self.vault)
        place = VaultPlace(address=VAULT)
        vault = Vault(Connection(place, clock=self.clock, trace=lambda _: None, transport=transport), place)
        what = living(self.ledger, vault, SecretStr(lent) if lent else None, uses=uses)
        what += [of_lent(lent_ends)] if lent_ends else []
        self.renewal = Renewal(what, clock=self.clock, note=self._note, warn=self._warn)
        return self.renewal

    def run(self, seconds: float) -> None:
        """Let the command run until *seconds* from the beginning."""
        renewal = self.renewal or self.begin()
        for _ in range(500):
            left = seconds - self.passed
            if renewal.due() > left:
                self.clock.push(left)
                return
            self.clock.push(renewal.due())
            renewal.step()
        pytest.fail("it is asked without end")

    @property
    def passed(self) -> float:
        """The seconds from the beginning."""
        return (self.clock.now() - self._began).total_seconds()

    @property
    def lives(self) -> bool:
        """Whether all of it lives now."""
        return all(life.ends > self.clock.now() for life in self.vault.lives.values())

    def _note(self, fact: Renewed) -> None:
        self.noted.append(fact)
        self.ledger.add(fact)

    def _warn(self, text: str) -> None:
        self.warned.append((self.passed, text))


def test_schedule() -> None:
    """Login and lease are renewed at two thirds of the shorter life, and live for as long as the command does."""
    command = Command()
    command.login(HOUR)
    command.lease(HOUR // 2)
    command.run(10 * HOUR)

    assert command.lives
    assert command.vault.asked[:4] == [("", 1200), (LEASE.lease_id, 1200), ("", 2400), (LEASE.lease_id, 2400)]
    assert len(command.vault.asked) == 2 * 30
    assert command.warned == []


def test_new_ends_are_noted() -> None:
    """Each new end is noted, by its lease and for the login, counted from before the request."""
    command = Command()
    command.login(HOUR)
    command.lease(HOUR // 2)
    command.vault.seconds = 1.5
    command.run(1210)

    assert [fact.lease_id for fact in command.noted] == ["", LEASE.lease_id]
    assert command.ledger.login
    assert command.ledger.login.ends == command.vault.lives[""].ends
    assert command.ledger.leases[0].ends == command.vault.lives[LEASE.lease_id].ends


@pytest.mark.parametrize(("ttl", "cap"), [(1800, 3600), (60, 150), (20, 50)])
def test_lease_at_its_cap(ttl: int, cap: int) -> None:
    """A lease that grows no further is told once, with its end, some time before it."""
    command = Command()
    command.login(99 * HOUR)
    command.lease(ttl, cap)
    command.run(2 * cap)
    ((when, text),) = command.warned

    assert cap / 2 < when < cap
    assert f"{command.vault.lives[LEASE.lease_id].latest:%Y-%m-%d %H:%M}" in text
    assert "max_ttl of the engine's config/lease" in text
    assert [at for _, at in command.vault.asked if at > when] == []


def test_login_at_its_cap() -> None:
    """A login that grows no further takes its leases along: that is told, and they are renewed until then."""
    command = Command()
    command.login(1800, 2 * HOUR)
    command.lease(600)
    command.run(3 * HOUR)
    ((when, text),) = command.warned

    assert "token_max_ttl" in text
    assert "07:06:07" in text
    assert HOUR < when < 2 * HOUR
    assert max(at for _, at in command.vault.asked) < 2 * HOUR


def test_last_second_of_a_life() -> None:
    """A life of less than a second is told as 0 by Vault, and is no life without an end."""
    command = Command()
    command.login(99 * HOUR)
    command.lease(3, 5)
    command.run(60)

    assert len(command.warned) == 1
    assert all(fact.ends is not None for fact in command.noted)


def test_refused() -> None:
    """A renewal that Vault refuses is not tried again; its words and the end are told at two thirds of what is left."""
    command = Command()
    command.login(HOUR)
    command.lease(HOUR)
    command.vault.faults = [DENIED, DENIED]
    command.run(2 * HOUR)
    ((when, text),) = command.warned

    assert len(command.vault.asked) == 2
    assert when == pytest.approx(2400 + 800)
    assert "Vault refused to renew it (1 error occurred: * permission denied)" in text
    assert "in 6 min 40 s" in text


def test_lease_that_is_refused_takes_no_other_along() -> None:
    """Of several leases the others live on where one ends."""
    command = Command()
    command.login(HOUR)
    command.lease(HOUR // 2, name="nomad/creds/a/1")
    command.lease(HOUR // 2, name="nomad/creds/b/2")
    del command.vault.lives["nomad/creds/a/1"]
    command.run(5 * HOUR)

    assert command.lives
    assert len(command.warned) == 1
    assert [name for name, _ in command.vault.asked].count("nomad/creds/a/1") == 1


def test_several_leases_at_their_cap() -> None:
    """Leases that end together are told once."""
    command = Command()
    command.login(99 * HOUR)
    for number in range(5):
        command.lease(600, 1500, name=f"nomad/creds/deployer/{number}")
        command.clock.push(1)
    command.run(HOUR)

    assert len(command.warned) == 1


@pytest.mark.parametrize(
    "fault", [SEALED, vault_error(429, "slow down"), vault_error(500, "internal error"), httpx.ReadTimeout("silent")]
)
def test_trouble_for_a_while(fault: Fault) -> None:
    """A server in trouble is asked again, at most some seconds later, and nothing is said where that goes well."""
    command = Command()
    command.login(HOUR)
    command.lease(HOUR)
    command.vault.faults = [fault] * 3
    command.run(5 * HOUR)

    assert command.lives
    assert command.warned == []
    assert [at for _, at in command.vault.asked][:4] == [2400, 2415, 2430, 2445]


def test_trouble_to_the_end() -> None:
    """Trouble that lasts is told once, shortly before the end; the server is asked on until then, and no longer."""
    command = Command()
    command.login(HOUR)
    command.lease(HOUR)
    command.vault.faults = [SEALED] * 1000
    command.run(2 * HOUR)
    ((when, text),) = command.warned

    assert HOUR - 10 < when < HOUR
    assert "it could not be renewed: HTTP 503" in text
    assert when < max(at for _, at in command.vault.asked) <= HOUR + 1


def test_trouble_that_ends_after_the_warning() -> None:
    """A server that answers again in the last seconds still keeps the token alive; its cap is told all the same."""
    command = Command()
    command.login(99 * HOUR)
    command.lease(60, 200)
    command.vault.faults = [SEALED] * 6
    command.run(100)

    assert command.lives
    assert ["could not be renewed" in text for _, text in command.warned] == [True]
    command.run(600)
    assert ["max_ttl" in text for _, text in command.warned] == [False, True]


def test_a_step_is_one_request() -> None:
    """Whoever waits for a step waits for one answer, however much there is to renew."""
    command = Command()
    command.login(HOUR)
    for number in range(20):
        command.lease(HOUR, name=f"nomad/creds/deployer/{number}")
    renewal = command.begin()
    command.clock.push(renewal.due())

    for sent in range(1, 22):
        assert renewal.due() == 0
        renewal.step()
        assert len(command.vault.asked) == sent
    assert renewal.due() > 1000


def test_without_an_end() -> None:
    """A login without an end needs no renewal, its lease does; where nothing ends there is nothing to do."""
    command = Command()
    command.ledger.add(HeldLogin(token=LOGIN.token, accessor="", ends=None, uses=0))
    command.lease(HOUR)
    command.run(5 * HOUR)
    endless = Renewal(living(Ledger(), None, None), clock=command.clock, note=print, warn=print)

    assert command.lives
    assert {name for name, _ in command.vault.asked} == {LEASE.lease_id}
    assert (endless.due(), endless.ends) == (float("inf"), None)
    endless.step()


def test_login_with_few_uses() -> None:
    """No use is taken from a login that has a number of them: they are for the revoke."""
    command = Command()
    command.login(HOUR, uses=4)
    command.lease(HOUR)
    command.run(2 * HOUR)

    assert command.vault.asked == []
    assert ["limited number of uses" in text for _, text in command.warned] == [True]


@pytest.mark.parametrize(("ttl", "when"), [(600, 400), (7 * HOUR, 0)])
def test_lent(ttl: int, when: int) -> None:
    """A token that is lent is not renewed, its leases are; its end is told, be it before or after the lease's first."""
    command = Command()
    ends = command.vault.grant("", ttl, 99 * HOUR)
    command.lease(1800)
    command.begin(lent="hvs.lent-to-us", lent_ends=ends)
    command.run(8 * HOUR)
    ((told, text),) = command.warned

    assert "the Vault token that is lent ends then" in text
    assert ttl / 2 < told < ttl
    assert when in {0, told}
    assert "" not in [name for name, _ in command.vault.asked]


def test_lent_with_few_uses() -> None:
    """No use is taken from a token that is lent with a number of them."""
    command = Command()
    command.lease(HOUR)
    command.begin(lent="hvs.lent-to-us", uses=3)
    command.run(2 * HOUR)

    assert command.vault.asked == []
    assert len(command.warned) == 1


def test_lent_and_not_there() -> None:
    """A lent token that can't be had again renews nothing, which is told."""
    command = Command()
    command.lease(HOUR)
    command.run(2 * HOUR)

    assert command.vault.asked == []
    assert ["is not there" in text for _, text in command.warned] == [True]


@pytest.mark.parametrize("has_end", [True, False])
def test_direct_issuer(has_end: bool) -> None:  # noqa: FBT001
    """A token of Nomad's own can't be renewed: its end, if it has one, is told once at two thirds of its life."""
    command = Command()
    ends = command.clock.now() + timedelta(minutes=30) if has_end else None
    token = HeldToken(accessor_id=LEASE.accessor_id, secret=LEASE.secret, ends=ends, manager=False)
    what = living(Ledger([token]), None, None)
    command.renewal = Renewal(what, clock=command.clock, note=print, warn=command._warn)  # noqa: SLF001 - its own
    command.run(HOUR)

    assert [when for when, _ in command.warned] == ([1200] if has_end else [])
    assert all("in 10 min" in text and "can't be renewed" in text for _, text in command.warned)


def test_renewal_that_comes_late() -> None:
    """After a machine's sleep what has ended is refused, and told without a life that is left."""
    command = Command()
    command.login(HOUR)
    command.lease(HOUR)
    renewal = command.begin()
    command.clock.push(5 * HOUR)
    for _ in range(3):
        renewal.step()

    assert ["in 0 s" in text for _, text in command.warned] == [True]
    assert renewal.due() == float("inf")


def test_once_by_hand() -> None:
    """All is renewed at once where that is asked for; a server that can't be asked is the caller's to explain."""
    command = Command()
    command.login(HOUR)
    command.lease(HOUR // 2)
    renewal = command.begin()
    command.clock.push(60)
    renewal.renew_all()

    assert renewal.ends == command.clock.now() + timedelta(minutes=30)
    assert renewal.over == []
    command.vault.faults = [httpx.ReadTimeout("silent")]
    with pytest.raises(Lost):
        renewal.renew_all()


def test_by_hand_with_few_uses() -> None:
    """Nor does `renew` take a use: it says why nothing was renewed, and not that something was."""
    world = World()
    world.vault.num_uses = 4
    mint(world.order(), world.platform, world.outside)
    world.events.clear()

    with pytest.raises(InputError) as error:
        renew(world.platform, world.outside)
    assert "limited number of uses" in error.value.text
    assert world.events == []
