"""What a mint and its undo say, word for word: a person reads it while a deploy waits."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest

from fakes import DENIED, NOMAD, VAULT, FakeClock, RecordingPlatform, World, nomad_error, vault_error
from nomad_token.clients.http import Connections
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clients.vault import VaultPlace
from nomad_token.clock import Deadline
from nomad_token.errors import Error, LiveTokenLeft
from nomad_token.mint import begin, mint
from nomad_token.order import read_order
from nomad_token.outside import Outside
from nomad_token.post import post
from nomad_token.revoke import undo
from nomad_token.secret import SecretStr
from nomad_token.signals import Signals
from nomad_token.state import Accepted, HeldLease, HeldToken, Ledger, Plan
from nomad_token.undo.outcome import Ending, Means, Outcome
from nomad_token_lab import Lab
from nomad_token_lab.memory import InMemory, Transport
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust
from through import Through, answering

ACCESSOR = "acce5500-0000-4000-8000-00000000000"
MINTED = f"Minted the client token {ACCESSOR}1: lease nomad/creds/deployer/lease0000."
KNOWN = "Nomad accepts it; policies: deployer."
ENDS = "ends at 2026-03-04T05:36:07Z"
END = f"It is revoked when the job ends. It {ENDS} at the latest."
EXPORTED = "Exported as NOMAD_TOKEN."
UNKNOWN = "it is a management token is not known: that takes Nomad's answer (`nomad-addr`)."
SEVERAL = "deployer | ONE, deployer | TWO"
MANAGEMENT = (
    f"Nomad says that {ACCESSOR}1 is a management token: it was not exported as NOMAD_TOKEN. To export it anyhow, set "
    "`export-env: true`; a role of type client is safer."
)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({}, [MINTED, KNOWN, END, EXPORTED]),
        ({"export_env": "false"}, [MINTED, KNOWN, END]),
        (
            {"revoke": "false"},
            [MINTED, KNOWN, f"It will not be revoked (`revoke: false`). It {ENDS} at the latest.", EXPORTED],
        ),
        ({"nomad_addr": ""}, [MINTED.replace("client ", ""), END, f"{EXPORTED} Whether {UNKNOWN}"]),
        (
            {"role": SEVERAL},
            [
                MINTED,
                KNOWN,
                MINTED.replace("1:", "2:").replace("0000.", "0001."),
                KNOWN,
                f"They are revoked when the job ends. The first {ENDS} at the latest.",
                "Exported as ONE, TWO.",
            ],
        ),
        (
            {"role": SEVERAL, "nomad_addr": ""},
            [
                MINTED.replace("client ", ""),
                MINTED.replace("client ", "").replace("1:", "2:").replace("0000.", "0001."),
                f"They are revoked when the job ends. The first {ENDS} at the latest.",
                f"Exported as ONE, TWO. Whether {UNKNOWN.replace('it is', 'one is')}",
            ],
        ),
    ],
    ids=["plain", "not exported", "not revoked", "without Nomad", "several", "several without Nomad"],
)
@pytest.mark.parametrize("summary", ["always", "auto"])
def test_a_mint(inputs: dict[str, str], said: list[str], summary: str) -> None:
    """What there is, what it may do, when it ends, and where it is; the summary has the same where it is wanted."""
    world = World(None, **inputs, summary=summary)
    mint(world.order(), world.platform, world.outside)
    page = "### nomad-token: mint\n\n```text\n" + "\n\n".join(said) + "\n```"

    assert world.told("say") == said
    assert world.told("summary") == ([page] if summary == "always" else [])
    assert world.told("warning") == []


@pytest.mark.parametrize("alone", [True, False])
def test_a_mint_that_is_renewed(alone: bool) -> None:  # noqa: FBT001 - a row of the table
    """While it runs a command it is renewed, and its end is told so."""
    world = World()
    minting = begin(world.order(), world.platform, world.outside, alone=alone)
    minting.report(minting.granted())

    assert world.told("say")[2].endswith("unless renewed." if alone else "at the latest.")


def test_a_management_token() -> None:
    """It is warned about, and the job's page has the warning below the rest."""
    world = World()
    world.nomad.token_type = "management"
    mint(world.order(), world.platform, world.outside)
    (summary,) = world.told("summary")

    assert world.told("say")[:2] == [MINTED.replace("client", "management"), "Nomad accepts it; policies: none."]
    assert ("warning", "A management token", MANAGEMENT) in world.events
    assert summary.splitlines()[-2] == MANAGEMENT


def test_policies_that_nomad_does_not_know() -> None:
    """Each is named, with the line to compare."""
    world = World()
    world.nomad.faults.before("acl/policies", httpx.Response(200, json=[]))
    mint(world.order(), world.platform, world.outside)
    warning = (
        "Nomad knows no policy `deployer`: it takes such a name without a word, and grants nothing for it. "
        "Compare with: nomad acl policy list"
    )

    assert ("warning", "Unknown policies", warning) in world.events
    assert warning in world.told("summary")[0]


def test_a_nomad_that_can_not_be_asked() -> None:
    """The token is exported, and what could not be proven stands in the log and on the job's page."""
    world = World()
    world.nomad.faults.before("acl/token/self", *[httpx.ConnectError("unreachable")] * 200)
    mint(world.order(), world.platform, world.outside)
    (event,) = [event for event in world.events if event[0] == "warning"]

    assert event[1] == "Not verified"
    assert event[2] in world.told("summary")[0]


def _failed(world: World) -> Error:
    with pytest.raises(Error) as caught:
        mint(world.order(), world.platform, world.outside)
    return caught.value


def _refuses(world: World) -> None:
    world.vault.faults.before("nomad/creds/deployer", vault_error(403, DENIED))


def _refuses_all(world: World) -> None:
    _refuses(world)
    world.vault.faults.before("auth/token/revoke-self", vault_error(400, "no"))


@pytest.mark.parametrize("fails", [_refuses, _refuses_all])
def test_a_mint_that_failed(fails: Callable[[World], None]) -> None:
    """The job's page has the error, and below it what could not be undone."""
    world = World()
    fails(world)
    error = _failed(world)
    (summary,) = world.told("summary")
    warnings = world.told("warning")

    assert summary.startswith(f"### nomad-token: {error.title}\n\n```text\n{error.what}")
    assert all(warning in summary for warning in warnings)
    assert len(warnings) == (1 if fails is _refuses_all else 0)
    assert [event[1] for event in world.events if event[0] == "warning"] == ["Maybe left behind"] * len(warnings)
    assert world.told("say") == [f"Undone: {'no token was minted' if warnings else 'Vault revoked the login'}."]


def test_an_undo_that_failed() -> None:
    """What lives stands in the log under a title of its own."""
    world = World()
    world.vault.may_revoke_leases = False
    world.vault.faults.before("auth/token/revoke-self", vault_error(403, DENIED))
    world.platform.fails_to["export"] = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space"):
        mint(world.order(), world.platform, world.outside)
    (event,) = [event for event in world.events if event[0] == "warning"]

    assert event[1] == "Not undone yet"
    assert event[2].startswith(f"The Nomad token may live: {ACCESSOR}1. ")


def test_a_failure_that_no_post_step_follows() -> None:
    """With `revoke: false` what is left is the error itself."""
    world = World(revoke="false")
    world.vault.may_revoke_leases = False
    world.vault.faults.before("auth/token/revoke-self", vault_error(403, DENIED))
    world.platform.fails_to["export"] = OSError(28, "No space left on device")
    error = _failed(world)

    assert isinstance(error, LiveTokenLeft)
    assert error.what.startswith(f"The Nomad token may live: {ACCESSOR}1. ")


class Nomads:
    """A mint without Vault, on the lab in memory, with the management token that is lent."""

    def __init__(self, lab: Lab, servers: InMemory, **inputs: str) -> None:
        """Give the inputs of the issuer, and *inputs*."""
        self.clock = FakeClock()
        given = {"nomad-addr": lab.nomad.addr} | {name.replace("_", "-"): value for name, value in inputs.items()}
        self.events: list[tuple[str, ...]] = []
        self.platform = RecordingPlatform(self.events, given)
        connections = Connections(self.clock, lambda _: None, Through(Transport(servers)))
        self.outside = Outside(connections, self.clock, Signals())
        self.signals = self.outside.signals

    def said(self, what: str = "say") -> list[str]:
        """Return what was told."""
        return [event[-1] for event in self.events if event[0] == what]


@pytest.fixture
def served() -> Iterator[tuple[Lab, InMemory]]:
    """Serve a lab in memory."""
    lab = Lab(now=FakeClock().now)
    yield lab, lab.start_in_memory()
    lab.stop()


def test_a_token_of_nomads_own(served: tuple[Lab, InMemory]) -> None:
    """It has no lease; the plan says who granted it, and the undo deletes it with what is lent."""
    lab, servers = served
    lent = lab.management_token.get_secret_value()
    nomads = Nomads(lab, servers, policies="deployer", nomad_management_token=lent)
    order = read_order(nomads.platform)
    minting = begin(order, nomads.platform, nomads.outside)
    (credential,) = minting.granted()
    minting.report((credential,))
    (token,) = lab.nomad.live_tokens()

    assert nomads.said()[0] == f"Minted the client token {token.accessor}."
    assert credential.verified
    assert minting.custody.plan.grants == order.nomad
    assert minting.custody.plan.lent == "nomad-management-token"
    assert minting.custody.plan.vault is None
    minting.undo_in_place()
    assert lab.nomad.live_tokens() == []
    assert nomads.said()[-1].startswith("Undone: Nomad deleted it, and Nomad refuses it")


def test_a_token_of_nomads_own_is_the_post_steps(served: tuple[Lab, InMemory]) -> None:
    """What was saved has the seal of what is lent: the post-step believes it, and deletes the token with that."""
    lab, servers = served
    lent = lab.management_token.get_secret_value()
    nomads = Nomads(lab, servers, policies="deployer", nomad_management_token=lent)
    mint(read_order(nomads.platform), nomads.platform, nomads.outside)
    (token,) = lab.nomad.live_tokens()
    post(nomads.platform, nomads.outside)

    assert lab.nomad.live_tokens() == []
    assert nomads.said()[-1].startswith(f"Revoked {token.accessor}: Nomad deleted it")


def test_policies_that_only_the_answer_tells(served: tuple[Lab, InMemory]) -> None:
    """Where Nomad is not asked for a proof, what it said as it made the token is told as that."""
    lab, servers = served
    lent = lab.management_token.get_secret_value()
    nomads = Nomads(lab, servers, policies="deployer, reader", nomad_management_token=lent, verify="off")
    mint(read_order(nomads.platform), nomads.platform, nomads.outside)

    assert nomads.said()[1] == "Policies: deployer, reader."


def test_a_login_that_nobody_may_delete(served: tuple[Lab, InMemory]) -> None:
    """A failed mint names the token that lives on to its end."""
    lab, servers = served
    with lab.nomad_client() as nomad:
        nomad_trust(NomadTrust(lab.github.addr, lab.audience), nomad)
    lab.mark()
    id_token = lab.github.id_token(lab.audience).get_secret_value()
    nomads = Nomads(lab, servers, nomad_auth_method="github", id_token=id_token)
    nomads.platform.fails_to["export"] = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space"):
        mint(read_order(nomads.platform), nomads.platform, nomads.outside)
    (token,) = lab.nomad.live_tokens()
    (event,) = [event for event in nomads.events if event[0] == "warning"]

    assert event[1] == "Not undone"
    assert event[2].startswith(f"The Nomad token {token.accessor} lives: Nomad lets only management tokens delete")


def _held(number: int) -> HeldLease:
    ends = FakeClock().now() + timedelta(hours=1)
    secret = SecretStr(f"5ec7e700-0000-4000-8000-00000000000{number}")
    return HeldLease(lease_id=f"nomad/creds/d/{number}", accessor_id=f"{ACCESSOR}{number}", secret=secret, ends=ends)


class Proof:
    """Tokens whose leases were left without a login, and a Nomad that says of each what it makes of it."""

    def __init__(self, *answers: httpx.Response | Exception, of_vault: bool = False) -> None:
        """Have Nomad answer so, one after the other, and go on with the last; *of_vault*: there is a Vault too."""
        self.clock = FakeClock()
        self._answers = list(answers)
        self._vault = VaultPlace(address=VAULT) if of_vault else None

    def __call__(self, *held: HeldLease | HeldToken | Accepted) -> Outcome:
        """Undo what is held."""
        connections = Connections(self.clock, lambda _: None, answering(self._answer))
        place = NomadPlace(address=NOMAD)
        plan = Plan(
            mint="0badcafe", vault=self._vault, nomad=place, revoke=True, on_revoke_failure="warn", summary="never"
        )
        return undo(Ledger(held), plan, Means(connections, self.clock, Deadline(self.clock, 3)))

    def _answer(self, _: httpx.Request) -> httpx.Response:
        self.clock.push(0.05)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _lives(number: int) -> httpx.Response:
    return httpx.Response(200, json={"AccessorID": f"{ACCESSOR}{number}", "SecretID": "x", "Type": "client"})


DEAD = nomad_error(403, "Permission denied")
NOTHING = "no token was minted, or it was undone already"


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (1, f"{NOTHING}, and Nomad refuses it (proven in 50 ms)"),
        (2, f"{NOTHING}, and Nomad refuses them (proven in 100 ms)"),
    ],
)
def test_a_proof(count: int, line: str) -> None:
    """Nomad's word counts: it takes as long as it takes, and is told of one token or of several."""
    outcome = Proof(DEAD)(*map(_held, range(1, count + 1)))

    assert outcome == Outcome(Ending.REVOKED, line)


def test_tokens_that_live() -> None:
    """Each that Nomad accepts is named, with the line that ends its lease."""
    outcome = Proof(DEAD, _lives(2))(_held(1), _held(2))
    (left,) = outcome.left

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "Nomad still accepts it")
    assert left.startswith(f"Nomad still accepted the token {ACCESSOR}2 at 05:06:")
    assert left.endswith("Vault goes on trying for some minutes; by hand: vault lease revoke nomad/creds/d/2")


def test_a_token_of_nomads_that_lives() -> None:
    """One without a lease is deleted by hand."""
    held = HeldToken(accessor_id=f"{ACCESSOR}1", secret=SecretStr("x" * 36), ends=None, manager=False)
    (left,) = Proof(_lives(1))(held).left

    assert left.endswith(f"By hand: nomad acl token delete {ACCESSOR}1")


INCOMPLETE = "what was saved is incomplete"


@pytest.mark.parametrize(("count", "noun"), [(1, "token"), (2, "tokens"), (3, "tokens")])
def test_a_failure_whose_tokens_are_dead(count: int, noun: str) -> None:
    """What Vault could not do stays a failure, and is told with Nomad's word beside it."""
    held = list(map(_held, range(1, count + 1)))
    outcome = Proof(DEAD, of_vault=True)(*held, *(Accepted(accessor_id=each.accessor_id) for each in held))

    assert (outcome.ending, outcome.line) == (Ending.FAILED, f"{INCOMPLETE}, but Nomad refuses the {noun}")
    assert len(outcome.left) == count


def test_a_failure_whose_token_that_nomad_never_knew() -> None:
    """A Nomad that has not accepted a token may be another one, which refuses it as well: it proves nothing."""
    outcome = Proof(DEAD, of_vault=True)(_held(1))

    assert (outcome.ending, outcome.line, len(outcome.left)) == (Ending.FAILED, INCOMPLETE, 1)


@pytest.mark.parametrize(("answer", "more"), [(_lives(1), 1), (httpx.ConnectError("no"), 0)])
def test_a_failure_whose_token_is_not_dead(answer: httpx.Response | Exception, more: int) -> None:
    """One that was seen alive is told too; of one that can't be asked for all is said already."""
    outcome = Proof(answer, of_vault=True)(_held(1))

    assert (outcome.ending, outcome.line, outcome.notices) == (Ending.FAILED, INCOMPLETE, [])
    assert len(outcome.left) == 1 + more
    assert not more or outcome.left[1].startswith(f"Nomad still accepted the token {ACCESSOR}1 at 05:06:")


def test_one_that_can_not_be_asked_for() -> None:
    """A Nomad that gives no answer makes no failure of an undo that was none."""
    outcome = Proof(httpx.ConnectError("no"))(_held(1))

    assert outcome == Outcome(
        Ending.NOTHING_SAVED, NOTHING, [f"Nomad could not be asked whether the token {ACCESSOR}1 is dead."]
    )
