"""The undo of what Nomad granted itself: what is asked of it, and what is said of what lives on."""

from datetime import timedelta

import httpx
import pytest

from fakes import NOMAD, FakeClock, Fault, Faults, nomad_error
from nomad_token.clients.http import Connections
from nomad_token.clients.nomad import NomadPlace
from nomad_token.clock import Deadline
from nomad_token.secret import SecretStr
from nomad_token.state import Asked, Fact, HeldToken, Ledger, Made
from nomad_token.undo.nomad import undo_at_nomad
from nomad_token.undo.outcome import Ending, Means, Outcome
from through import answering

MANAGER = SecretStr("a0a0a0a0-0000-4000-8000-000000000000")
OWN = SecretStr("5ec7e700-0000-4000-8000-000000000001")
DELETED = "DELETE acl/token/acce5500-0000-4000-8000-00000000000"


def accessor(number: int) -> str:
    """Return the accessor of a token."""
    return f"acce5500-0000-4000-8000-{number:012d}"


class Cluster:
    """Tokens by accessor with their names; managers may list and delete (api-contract 2.3)."""

    def __init__(self, *names: str) -> None:
        """Hold a token of each name."""
        self.alive = {accessor(number): name for number, name in enumerate(names, 1)}
        self.managers = {MANAGER.get_secret_value()}
        self.clock = FakeClock()
        self.faults = Faults()
        self.requests: list[str] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/v1/")
        self.requests.append(f"{request.method} {path}")
        return self.faults.applied(path, lambda: self._work(request, path))

    def _work(self, request: httpx.Request, path: str) -> httpx.Response:
        if request.headers.get("X-Nomad-Token") not in self.managers:
            return nomad_error(403, "Permission denied")
        if request.method == "GET":
            return httpx.Response(200, json=[{"AccessorID": key, "Name": name} for key, name in self.alive.items()])
        gone = self.alive.pop(path.rpartition("/")[2], None)
        return httpx.Response(200) if gone else nomad_error(400, f"Cannot delete nonexistent tokens: {path}")

    def undone(self, *facts: Fact, lent: SecretStr | None = MANAGER, seconds: float = 30) -> Outcome:
        """Undo *facts*."""
        connections = Connections(self.clock, lambda _: None, answering(self._answer))
        by = Means(connections, self.clock, Deadline(self.clock, seconds), lent)
        return undo_at_nomad(NomadPlace(address=NOMAD), Ledger(facts), by)

    def asked(self, named: str = "", what: Made = "token") -> Asked:
        """Return what is saved before a request for a token."""
        path = "acl/token" if what == "token" else "github"
        return Asked(what=what, path=path, named=named, at=self.clock.now())

    def held(self, number: int = 1, *, life: float | None = 60, manager: bool = False) -> HeldToken:
        """Return what is saved of a token; *life* in seconds, None for ever."""
        ends = None if life is None else self.clock.now() + timedelta(seconds=life)
        return HeldToken(accessor_id=accessor(number), secret=OWN, ends=ends, manager=manager)


def test_each_token_is_deleted_with_what_is_lent() -> None:
    """Each is deleted by its accessor, once, with the management token."""
    cluster = Cluster("one", "two")
    outcome = cluster.undone(cluster.held(1), cluster.held(2))

    assert cluster.requests == [f"{DELETED}1", f"{DELETED}2"]
    assert cluster.alive == {}
    assert outcome == Outcome(Ending.REVOKED, "Nomad deleted it")


def test_a_management_token_deletes_itself() -> None:
    """Without one that is lent, a token of management type has the right itself (api-contract 2.7)."""
    cluster = Cluster("one")
    cluster.managers = {OWN.get_secret_value()}

    assert cluster.undone(cluster.held(manager=True), lent=None).ending is Ending.REVOKED
    assert cluster.alive == {}


@pytest.mark.parametrize(("life", "told"), [(60, "at 2"), (None, "never")])
def test_a_client_token_that_nobody_may_delete(life: float | None, told: str) -> None:
    """Nomad is not asked for what it refuses; the end is told, and the post-step must know of it."""
    cluster = Cluster("one")
    outcome = cluster.undone(cluster.held(life=life), lent=None)

    assert cluster.requests == []
    assert (outcome.ending, outcome.lives, outcome.left) == (Ending.LEFT_TO_END, True, [])
    assert told in outcome.line


@pytest.mark.parametrize(("life", "ending"), [(0, Ending.EXPIRED), (-1, Ending.EXPIRED), (1, Ending.REVOKED)])
def test_a_token_that_has_ended_is_not_asked_for(life: float, ending: Ending) -> None:
    """To the second: at its end it is over."""
    cluster = Cluster("one")

    outcome = cluster.undone(cluster.held(life=life))
    at = f"{cluster.clock.now() + timedelta(seconds=life):%H:%M:%S}"

    assert outcome.ending is ending
    assert outcome.line == (f"Nomad ended it at {at} UTC" if ending is Ending.EXPIRED else "Nomad deleted it")
    assert cluster.requests == ([] if ending is Ending.EXPIRED else [f"{DELETED}1"])


def test_one_that_is_gone_is_success() -> None:
    """Who deletes a second time is told so, and that is no failure."""
    cluster = Cluster()

    assert cluster.undone(cluster.held()).ending is Ending.REVOKED


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (nomad_error(403, "Permission denied"), "Permission denied"),
        (httpx.Response(400, text=""), "HTTP 400"),
    ],
)
def test_a_refused_delete_is_named(fault: Fault, said: str) -> None:
    """What lives, until when, why, and the operator's line; it is asked once."""
    cluster = Cluster("one", "two")
    cluster.faults.before(f"acl/token/{accessor(2)}", fault)
    outcome = cluster.undone(cluster.held(1), cluster.held(2))
    (left,) = outcome.left

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "Nomad did not delete it")
    assert list(cluster.alive) == [accessor(2)]
    assert left.startswith(f"The Nomad token {accessor(2)} may live; it ends at {cluster.clock.now():%Y-%m-%d}")
    assert f"Nomad at {NOMAD}: {said}" in left
    assert left.endswith(f"By hand: nomad acl token delete {accessor(2)}")
    assert cluster.requests.count(f"{DELETED}2") == 1


@pytest.mark.parametrize("fault", [httpx.ReadError("reset"), httpx.ConnectError("no"), nomad_error(500, "no leader")])
def test_a_delete_is_tried_again(fault: Fault) -> None:
    """A delete may be sent twice without harm, within the time that there is."""
    cluster = Cluster("one")
    cluster.faults.before(f"acl/token/{accessor(1)}", fault, fault)

    assert cluster.undone(cluster.held()).ending is Ending.REVOKED
    assert cluster.requests == [f"{DELETED}1"] * 3


def test_the_time_is_up() -> None:
    """Nothing is tried again beyond the deadline, and the reason is the last failure's."""
    cluster = Cluster("one")
    cluster.faults.before(f"acl/token/{accessor(1)}", *[httpx.ReadError("reset")] * 50)
    outcome = cluster.undone(cluster.held(), seconds=5)

    assert outcome.ending is Ending.FAILED
    assert f"Nomad at {NOMAD}: reset" in outcome.left[0]
    assert 1 < len(cluster.requests) < 10


def test_nothing_was_made() -> None:
    """Without a token and without a question there is nobody to ask."""
    cluster = Cluster("one")
    outcome = cluster.undone()

    assert (outcome.ending, outcome.line) == (Ending.NOTHING_SAVED, "no token was minted, or it was undone already")
    assert (cluster.requests, outcome.notices, outcome.left) == ([], [], [])


def test_a_lost_answer_is_found_by_its_name() -> None:
    """Each token of exactly that name is deleted, and no other one."""
    cluster = Cluster("mine-1", "mine", "another", "mine")
    outcome = cluster.undone(cluster.asked("mine"))

    assert (outcome.ending, outcome.line) == (Ending.REVOKED, "Nomad deleted what a lost answer told of")
    assert sorted(cluster.alive.values()) == ["another", "mine-1"]
    assert cluster.requests == ["GET acl/tokens", f"{DELETED}2", f"{DELETED}4"]


def test_a_lost_answer_that_made_nothing() -> None:
    """Nobody has that name: nothing was made."""
    cluster = Cluster("another")
    outcome = cluster.undone(cluster.asked("mine"))

    assert (outcome.ending, outcome.left, outcome.notices) == (Ending.NOTHING_SAVED, [], [])
    assert cluster.alive == {accessor(1): "another"}


def test_nobody_can_look_for_it() -> None:
    """Without the management token the name is told, the time, and what to do."""
    cluster = Cluster("mine")
    outcome = cluster.undone(cluster.asked("mine"), lent=None)

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "nobody could look for it")
    assert cluster.requests == []
    assert outcome.left == [
        (
            f"A token with the name mine was asked for at {cluster.clock.now():%H:%M:%S} UTC, and may live. "
            "`nomad-management-token` was not handed over again.\n"
            "By hand: nomad acl token list, and nomad acl token delete ACCESSOR"
        )
    ]


@pytest.mark.parametrize("path", ["acl/tokens", f"acl/token/{accessor(1)}"])
def test_it_can_not_be_looked_for(path: str) -> None:
    """A refusal of the list, or of the delete, leaves it named."""
    cluster = Cluster("mine")
    cluster.faults.before(path, nomad_error(403, "Permission denied"))
    outcome = cluster.undone(cluster.asked("mine"))

    assert (outcome.ending, outcome.line) == (Ending.FAILED, "what was asked for could not be looked for")
    assert "A token with the name mine" in outcome.left[0]
    assert f"Nomad at {NOMAD}: Permission denied" in outcome.left[0]


def test_a_list_is_asked_for_again() -> None:
    """A look-up may be sent twice."""
    cluster = Cluster("mine")
    cluster.faults.before("acl/tokens", httpx.ReadError("reset"), nomad_error(500, "no leader"))

    assert cluster.undone(cluster.asked("mine")).ending is Ending.REVOKED
    assert cluster.alive == {}


def test_a_login_has_no_name() -> None:
    """What a lost answer to a login made can't be found: it is told, and what came after it is still looked for."""
    cluster = Cluster("mine")
    outcome = cluster.undone(cluster.asked(what="nomad login"), cluster.asked("mine"))
    (notice,) = outcome.notices

    assert outcome.ending is Ending.REVOKED
    assert cluster.alive == {}
    assert notice.startswith(f"The login with `github` was sent at {cluster.clock.now():%H:%M:%S} UTC")
    assert notice.endswith("By hand: nomad acl token list")


@pytest.mark.parametrize("lent", [None, MANAGER])
def test_a_notice_is_kept_beside_a_failure(lent: SecretStr | None) -> None:
    """A login that may live is told of, also where the rest could not be undone."""
    cluster = Cluster("mine")
    cluster.faults.before("acl/tokens", nomad_error(403, "Permission denied"))
    outcome = cluster.undone(cluster.asked(what="nomad login"), cluster.asked("mine"), lent=lent)

    assert (outcome.ending, len(outcome.notices), len(outcome.left)) == (Ending.FAILED, 1, 1)


def test_a_request_leaves_time_for_another() -> None:
    """A server that does not answer takes a third of the time that is left, and a second at least."""
    clock = FakeClock()
    connections = Connections(clock, lambda _: None, answering(lambda _: httpx.Response(200)))

    def share(seconds: float) -> float:
        return Means(connections, clock, Deadline(clock, seconds)).share()

    assert (share(30), share(3), share(2)) == (10, 1, 1)
