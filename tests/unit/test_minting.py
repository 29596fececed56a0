"""The parts of a mint: what it asks with, how its undo spends the time that a signal leaves, and what it removes."""

import signal
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import httpx
import pytest
from msgspec import structs

from fakes import LOGIN, World, nomad_error, vault_error
from nomad_token.clients.vault import VaultPlace
from nomad_token.credential import Credential
from nomad_token.declared import Declared, Lookup
from nomad_token.errors import Cancelled, NoIdentity
from nomad_token.issuers.base import Means
from nomad_token.mint import Minting, begin, mint
from nomad_token.names import is_own, own_name
from nomad_token.outside import Outside
from nomad_token.platforms.base import Kept
from nomad_token.run import run
from nomad_token.secret import SecretStr
from nomad_token.signals import GONE_WITHIN, Signals
from nomad_token.state import Plan

REVOKE_SELF = "auth/token/revoke-self"


def begun(world: World) -> Minting:
    """Begin a mint."""
    return begin(world.order(), world.platform, world.outside)


def test_headers_of_ones_own_are_brought_to_their_server() -> None:
    """What a proxy before Vault wants is sent to Vault, and not to Nomad."""
    world = World(vault_headers="X-Door: open")
    mint(world.order(), world.platform, world.outside)

    assert {(request.url.host, request.headers.get("X-Door")) for request in world.sent} == {
        ("vault.test", "open"),
        ("nomad.test", None),
    }


@dataclass
class Curious:
    """An issuer that grants nothing, and keeps what it is given to work with."""

    told_by: ClassVar[tuple[str, ...]] = ()
    means: list[Means] = field(default_factory=list)

    @classmethod
    def read(cls, _lookup: Lookup) -> Self:
        """Read no input."""
        return cls()

    @classmethod
    def declared(cls) -> list[Declared]:
        """Have no input."""
        return []

    def vault(self) -> VaultPlace | None:
        """Name no Vault."""
        return None

    def lent(self) -> tuple[str, SecretStr | None]:
        """Be lent nothing."""
        return "", None

    def issue(self, _env_name: str, means: Means) -> tuple[Credential, ...]:
        """Keep *means*, and grant nothing."""
        self.means.append(means)
        return ()


def test_what_an_issuer_works_with() -> None:
    """It has the places of the order, with their TLS, and the mint's id, of which Nomad's tokens are named."""
    world, issuer = World(), Curious()
    order = replace(world.order(), issuer=issuer)
    minting = begin(order, world.platform, world.outside)
    minting.granted()
    (means,) = issuer.means

    assert (means.vault, means.nomad) == (order.vault, order.nomad)
    assert means.mint == world.platform.plan.mint
    assert is_own(own_name(means.mint, world.clock.now()))


def test_an_id_token_is_awaited_as_long_as_all_the_rest() -> None:
    """The platform has what is left of `timeout` to come up with it."""
    world = World(timeout="40s")
    minting = begun(world)
    world.clock.push(15)
    minting.granted()

    assert world.platform.id_token_within == [25]


def test_a_long_life_is_warned_about() -> None:
    """It stands under a title of its own in the log, and on the job's page."""
    world = World()
    world.vault.login_seconds = world.vault.lease_seconds = 100 * 3600
    mint(world.order(), world.platform, world.outside)
    (event,) = [event for event in world.events if event[0] == "warning"]

    assert event[1] == "A long life"
    assert event[2].startswith("The token would live for 4 d 4 h if nothing revoked it. ")
    assert event[2] in world.told("summary")[0]


def test_nothing_is_undone_where_nothing_was_made() -> None:
    """A mint that failed before its first request asks nothing, and saves nothing more."""
    world = World()
    world.platform.id_token_value = ""
    with pytest.raises(NoIdentity):
        mint(world.order(), world.platform, world.outside)

    assert [type(fact) for fact in world.platform.facts] == [Plan]


@pytest.mark.parametrize("ends", [True, False])
def test_an_end_that_is_not_known(ends: bool) -> None:  # noqa: FBT001 - a row of the table
    """Of an end that nobody told nothing is said."""
    world = World()
    minting = begun(world)
    (credential,) = minting.granted()
    minting.report([credential if ends else structs.replace(credential, expires_at=None)])

    told = " It ends at 2026-03-04T05:36:07Z at the latest." if ends else ""
    assert world.told("say")[2] == f"It is revoked when the job ends.{told}"


def test_an_end_that_nobody_can_bring_about() -> None:
    """Of a token that Nomad lets nobody here delete the log says so, and does not promise a revoke."""
    world = World()
    minting = begun(world)
    (credential,) = minting.granted()
    minting.report([structs.replace(credential, revocable=False)])

    assert world.told("say")[2].startswith(
        "It can't be revoked, since Nomad lets only management tokens delete tokens."
    )


@pytest.mark.parametrize(("verified", "begins"), [(True, "Nomad accepts it; policies"), (False, "Policies")])
def test_policies_are_listed(verified: bool, begins: str) -> None:  # noqa: FBT001 - a row of the table
    """They are told where they are known, and Nomad's own word on the token where it was asked for."""
    world = World()
    minting = begun(world)
    (credential,) = minting.granted()
    minting.report([structs.replace(credential, policies=("read", "write"), verified=verified)])

    assert world.told("say")[1] == f"{begins}: read, write."


@pytest.mark.parametrize(("revoke", "undone"), [("true", False), ("false", True)])
def test_a_read_that_was_broken_off(revoke: str, undone: bool) -> None:  # noqa: FBT001 - a row of the table
    """What it makes while nobody waits is the post-step's to undo, with all the rest; without one it is undone here."""
    world = World(revoke=revoke)
    minting = begun(world)
    minting.granted()
    minting.fail(Cancelled(signal.SIGTERM, broke_off=True))

    assert (world.alive == []) is undone


def test_what_a_failure_leaves_open_is_looked_at() -> None:
    """Of several causes of an error, what anybody may look at decides; after a signal there is no time for that."""
    world = World()
    minting = begun(world)
    world.nomad.faults.before("status/leader", nomad_error(500, "No cluster leader"))
    error = NoIdentity("No id token.", doubts=("leader",))
    minting.fail(error)
    looked = world.told("say")
    world.events.clear()
    world.signals.first = signal.SIGTERM
    minting.fail(error)

    (line,) = looked
    assert line.startswith("Looked at: leader. ")
    assert world.told("say") == []
    assert world.requests == []


class Limited(Signals):
    """Signals that leave so many seconds, and tell what is held from them."""

    def __init__(self, seconds: float) -> None:
        """Leave so many *seconds*."""
        super().__init__()
        self.seconds = seconds
        self.held_for: list[float] = []

    def left(self) -> float:
        """Return the seconds."""
        return self.seconds

    def held(self, limit: float) -> AbstractContextManager[None]:
        """Hold, and remember it."""
        self.held_for.append(limit)
        return super().held(limit)


@pytest.mark.parametrize(
    ("left", "held", "least", "most"),
    [
        (float("inf"), [GONE_WITHIN], 20, 30),
        (3, [GONE_WITHIN], 0, 3),
        (1, [GONE_WITHIN], 0, 1),
        (0.1, [GONE_WITHIN], 0, 1),
        (0, [], 20, 30),
    ],
)
def test_a_revoke_spends_the_time_that_is_left(left: float, held: list[float], least: float, most: float) -> None:
    """A Vault that can't be reached is tried while a signal leaves time; to the full where nobody ended us then."""
    world = World(nomad_addr="")
    signals = Limited(left)
    minting = begin(world.order(), world.platform, Outside(world.connections, world.clock, signals))
    minting.granted()
    signals.held_for.clear()
    for path in ("sys/capabilities-self", REVOKE_SELF):
        world.vault.faults.before(path, *[httpx.ConnectError("unreachable")] * 200)
    minting.revoke()

    assert signals.held_for == held
    assert least <= sum(world.clock.slept) <= most
    assert len(minting.left) == 1


def test_a_revoke_that_is_broken_off_before_there_was_a_token() -> None:
    """Where a signal leaves no time, a login of which no token is known is what may live."""
    world = World()
    minting = begun(world)
    minting.custody.hold([LOGIN.token], LOGIN)

    def silence() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGALRM)

    world.vault.faults.hooks[REVOKE_SELF] = silence
    with world.signals, world.signals.relayed(lambda _: True):
        minting.revoke()

    assert minting.left == ["The login may live."]
    assert world.told("say")[-1].endswith("the time was up.")


def test_what_was_kept_is_removed() -> None:
    """Where nothing is left to revoke, the lines of this mint are removed, and of no other."""
    world = World()
    minting = begun(world)
    minting.granted()
    minting.forget()
    before = list(world.platform.removed)
    minting.revoke()
    minting.forget()

    assert before == []
    assert world.platform.removed == [Kept(minting.custody.plan.mint, [])]
    assert len(world.platform.scrubbed) == 2


def test_what_was_kept_and_can_not_be_removed() -> None:
    """It opens nothing any more: the command's code stands."""
    world = World()
    world.platform.fails_to["scrub"] = OSError(30, "Read-only file system")

    with world.signals:
        assert run(world.order(), world.platform, world.outside, ["true"], {"PATH": "/usr/bin:/bin"}) == 0
    assert world.platform.removed != []


def test_an_undo_is_told_once() -> None:
    """What lives on, and is no failure, is not undone a second time: the post-step knows of it."""
    world = World()
    minting = begun(world)
    minting.custody.hold([LOGIN.token], LOGIN)
    world.vault.faults.before(REVOKE_SELF, vault_error(400, "no"))
    minting.undo_in_place()
    minting.undo_in_place()

    assert minting.lives
    assert world.requests == ["POST /v1/auth/token/revoke-self"]
    assert len(world.told("warning")) == 1
