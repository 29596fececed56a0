"""Proof from Nomad: accepted, and no longer."""

import httpx
import pytest

from fakes import ASKED_LOGIN, NOMAD, FakeClock, Fault, NomadToken, World, nomad_error
from nomad_token.clients.nomad import Nomad, NomadPlace, TokenSelf
from nomad_token.clock import Deadline
from nomad_token.credential import Credential
from nomad_token.errors import Refused, Temporary
from nomad_token.secret import SecretStr
from nomad_token.state import HeldLease
from nomad_token.verify import PROOF_SECONDS, Death, Unverified, wait_until_accepted, wait_until_refused

SELF = "acl/token/self"


def token(world: World) -> NomadToken:
    """Make a token in the world's Nomad."""
    return world.nomad.make()


def accepted(
    world: World, made: NomadToken, seconds: float = 120, *, region: str = "", issuer: str = "vault"
) -> TokenSelf:
    """Wait until it is accepted."""
    credential = Credential(
        secret=SecretStr(made.secret),
        accessor_id=made.accessor_id,
        issuer=issuer,
        env_name="NOMAD_TOKEN",
        access="nomad/config/access" if issuer == "vault" else "",
    )
    place = NomadPlace(address=NOMAD, region=region)
    nomad = Nomad(world.connections(place), place)
    deadline = Deadline(world.clock, seconds)
    return wait_until_accepted(nomad, credential, clock=world.clock, deadline=deadline, advice="Some advice.")


def refused(world: World, made: NomadToken, seconds: float = 30) -> Death:
    """Wait until it is refused."""
    lease = HeldLease(lease_id="x", accessor_id=made.accessor_id, secret=SecretStr(made.secret), ends=ASKED_LOGIN.at)
    nomad = Nomad(world.connections(NomadPlace(address=NOMAD)), NomadPlace(address=NOMAD))
    return wait_until_refused(nomad, lease, clock=world.clock, deadline=Deadline(world.clock, seconds))


def test_accepted_at_once() -> None:
    """A token that Nomad knows is asked for once, and what Nomad says of it is returned."""
    world = World()
    said = accepted(world, token(world))

    assert (said.type, said.policies) == ("client", ("deployer",))
    assert (len(world.requests), world.clock.slept) == (1, [])


def test_accepted_later() -> None:
    """Refusals and silences are outlasted, with pauses that grow to 2 s."""
    world = World()
    world.nomad.faults.before(
        SELF, nomad_error(403, "Permission denied"), httpx.ReadError("reset"), nomad_error(500, "No cluster leader")
    )
    accepted(world, token(world))

    assert len(world.requests) == 4
    assert all(half <= slept <= 2 * half for half, slept in zip([0.1, 0.2, 0.4], world.clock.slept, strict=True))


@pytest.mark.parametrize(
    "fault",
    [httpx.ConnectError("unreachable"), httpx.ReadTimeout("late"), nomad_error(500, "No path to region")],
    ids=repr,
)
def test_silence_is_short(fault: httpx.Response | Exception) -> None:
    """A Nomad that can't be asked is given up after 5 s, with what it said, why, and what to do."""
    world = World()
    world.nomad.faults.before(SELF, *[fault] * 100)

    with pytest.raises(Unverified) as unverified:
        accepted(world, token(world))

    assert world.clock.monotonic() - FakeClock().monotonic() <= PROOF_SECONDS
    error = unverified.value.error
    assert isinstance(error, Temporary)
    assert NOMAD in error.what
    assert ("no way to the region" if isinstance(fault, httpx.Response) else "Some advice.") in error.why
    assert "`nomad-addr`" in error.fix
    if isinstance(fault, httpx.Response):
        assert fault.text in error.what


def test_silence_ends_with_the_deadline() -> None:
    """A deadline that is nearer than that counts."""
    world = World()
    world.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 100)

    with pytest.raises(Unverified):
        accepted(world, token(world), seconds=1)

    assert sum(world.clock.slept) <= 1


def test_silence_is_counted_anew_after_an_answer() -> None:
    """A Nomad that answers in between is not silent."""
    world = World()
    down: Fault = httpx.ConnectError("unreachable")
    late: Fault = nomad_error(403, "Permission denied")
    world.nomad.faults.before(SELF, *[down, late] * 6)

    assert accepted(world, token(world)).type == "client"
    assert sum(world.clock.slept) > PROOF_SECONDS


def test_never_accepted() -> None:
    """A token that Nomad refuses to the end is another cluster's: the text compares addresses and regions."""
    world = World()
    made = token(world)
    world.nomad.tokens.clear()

    with pytest.raises(Temporary) as never:
        accepted(world, made, seconds=30)

    assert 25 <= sum(world.clock.slept) <= 30
    for part in ("`nomad-addr`", "`nomad-region`", "config/access"):
        assert part in never.value.text


class TestRegions:
    """A region that refuses the token, and the agent's own, which may know better."""

    @pytest.mark.parametrize(
        ("issuer", "fix"),
        [
            ("vault", "vault write MOUNT/role/ROLE policies=… global=true"),
            ("nomad-login", "-token-locality=global"),
            ("nomad-management", "`global: true`"),
        ],
    )
    def test_local_token(self, issuer: str, fix: str) -> None:
        """A local token is told after one more try, with what makes a global one."""
        world = World()

        with pytest.raises(Refused) as foreign:
            accepted(world, token(world), region="eu", issuer=issuer)

        assert len(world.requests) == 3
        assert sum(world.clock.slept) < 1
        for part in ("`eu`", "`nomad-region`", NOMAD, fix):
            assert part in foreign.value.text

    def test_global_token_under_way(self) -> None:
        """A global token is waited for; the agent's own region is asked once."""
        world = World()
        made = token(world)
        made.global_ = True
        late: Fault = nomad_error(403, "Permission denied")
        home = httpx.Response(200, json={"AccessorID": made.accessor_id, "Type": "client", "Global": True})
        world.nomad.faults.before(SELF, late, home, late, late, late)

        assert accepted(world, made, region="eu").is_global
        assert len(world.requests) == 6

    def test_own_region_by_its_name(self) -> None:
        """The agent's own region that learns of the token between two questions is no foreign one."""
        world = World()
        made = token(world)
        world.nomad.faults.before(SELF, nomad_error(403, "Permission denied"))

        assert accepted(world, made, region="home").type == "client"
        assert len(world.requests) == 3

    @pytest.mark.parametrize("fault", [httpx.ConnectError("unreachable"), nomad_error(403, "Permission denied")])
    def test_own_region_knows_nothing_yet(self, fault: Fault) -> None:
        """Where the agent's own region refuses the token too, or can't be asked, it is asked again."""
        world = World()
        world.nomad.faults.before(SELF, nomad_error(403, "Permission denied"), fault)

        with pytest.raises(Refused, match="`eu`"):
            accepted(world, token(world), region="eu")

        assert len(world.requests) == 5


def test_no_acls() -> None:
    """A Nomad without ACLs is told at once."""
    world = World()
    world.nomad.acls = False

    with pytest.raises(Refused, match="ACL support disabled"):
        accepted(world, token(world))

    assert len(world.requests) == 1


def test_refused_at_once() -> None:
    """A token that is gone is proven dead with one request."""
    world = World()
    made = token(world)
    world.nomad.tokens.clear()

    assert refused(world, made) is Death.PROVEN
    assert (len(world.requests), world.clock.slept) == (1, [])


def test_refused_later() -> None:
    """Vault revokes in the background: Nomad is asked again."""
    world = World()
    made = token(world)
    asked: list[int] = []

    def third_time() -> None:
        asked.append(1)
        if len(asked) == 3:
            world.nomad.tokens.clear()

    world.nomad.faults.hooks[SELF] = third_time

    assert refused(world, made) is Death.SEEN
    assert len(world.requests) == 3


def test_nomad_without_acls_proves_nothing() -> None:
    """A Nomad without ACLs takes anything, and knows of no token."""
    world = World()
    world.nomad.acls = False

    assert refused(world, token(world)) is Death.UNKNOWN


@pytest.mark.parametrize("answer", [httpx.Response(403, text="<html>Forbidden"), httpx.Response(404, text="not here")])
def test_what_a_proxy_says_is_not_nomads_word(answer: httpx.Response) -> None:
    """A refusal in other words than Nomad's proves nothing."""
    world = World()
    world.nomad.faults.before(SELF, *[answer] * 100)

    assert refused(world, token(world)) is Death.UNKNOWN


@pytest.mark.parametrize("seconds", [30, 2])
def test_still_accepted(seconds: float) -> None:
    """After 5 s, or with the deadline, a token that is still accepted is alive."""
    world = World()

    assert refused(world, token(world), seconds) is Death.ALIVE
    assert sum(world.clock.slept) <= min(seconds, PROOF_SECONDS)


def test_nobody_to_ask() -> None:
    """A Nomad that can't be asked proves nothing; what it said last counts."""
    world = World()
    world.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 100)

    assert refused(world, token(world)) is Death.UNKNOWN
    assert sum(world.clock.slept) <= PROOF_SECONDS
