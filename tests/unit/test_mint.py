"""The main step: minted, proven and handed over, or as it was before."""

import os
import signal
from collections.abc import Callable

import httpx
import pytest

from fakes import GONE, INPUTS, NOMAD, VAULT, RecordingPlatform, World, nomad_error, vault_error
from nomad_token.errors import Cancelled, Error, InputError, LiveTokenLeft, NoIdentity, NotFound, Refused, Temporary
from nomad_token.mint import mint
from nomad_token.outside import Outside
from nomad_token.post import post
from nomad_token.signals import Signals
from nomad_token.state import Plan

LOGIN, CREDS, SELF = "auth/jwt/login", "nomad/creds/deployer", "acl/token/self"
REVOKE_SELF = "auth/token/revoke-self"
FACTS = Callable[[World], None]


def minted(world: World) -> World:
    """Run the main step."""
    mint(world.order(), world.platform, world.outside)
    return world


def failed(world: World) -> Error:
    """Run the main step, which fails."""
    with pytest.raises(Error) as raised:
        minted(world)
    return raised.value


def cancelled(world: World) -> Cancelled:
    """Run the main step, which is cancelled."""
    with pytest.raises(Cancelled) as raised, world.signals:
        minted(world)
    return raised.value


def posted(world: World) -> World:
    """Run the post-step after it."""
    post(world.platform, Outside(world.connections, world.clock, Signals()))
    return world


def secrets(world: World) -> set[str]:
    """Return every secret that was masked."""
    return set(world.told("mask"))


def test_order_of_events() -> None:
    """Each secret is masked, and its undo saved, before the next request or line; the export is last."""
    world = minted(World())
    told = [event[:2] if event[0] in {"keep", "request"} else event[:1] for event in world.events]

    assert told[: told.index(("export",)) + 1] == [
        ("preflight",),
        ("keep", "plan"),
        ("id token",),
        ("mask",),
        ("keep", "asked"),
        ("request", "POST /v1/auth/jwt/login"),
        ("trace",),
        ("mask",),
        ("keep", "login"),
        ("keep", "asked"),
        ("request", "GET /v1/nomad/creds/deployer"),
        ("trace",),
        ("mask",),
        ("keep", "lease"),
        ("request", "GET /v1/acl/token/self"),
        ("trace",),
        ("keep", "accepted"),
        ("request", "GET /v1/acl/policies"),
        ("trace",),
        ("export",),
    ]
    assert {event[0] for event in world.events[told.index(("export",)) + 1 :]} == {"say"}


def test_what_is_exported() -> None:
    """The next steps get the token that Nomad knows, and all that is known of it."""
    world = minted(World())
    (token,) = world.nomad.tokens.values()
    export = world.platform.exported

    assert export is not None
    assert {name: getattr(value, "get_secret_value", lambda: value)() for name, value in export.variables.items()} == {  # noqa: B023
        "NOMAD_ADDR": NOMAD,
        "NOMAD_TOKEN": token.secret,
    }
    assert export.outputs["accessor-id"] == token.accessor_id
    assert export.outputs["type"] == "client"
    assert export.outputs["policies"] == ("deployer",)
    # 30 min of lease, within an hour of login
    assert export.outputs["expires-at"] == "2026-03-04T05:36:07Z"


def test_end_is_the_earlier_one() -> None:
    """A lease ends with the login that asked for it, however long Vault says that it is (api-contract 7.4)."""
    world = World()
    world.vault.login_seconds = 60
    minted(world)

    assert world.platform.exported
    assert world.platform.exported.outputs["expires-at"] == "2026-03-04T05:07:07Z"
    assert world.platform.exported.outputs["lease-duration"] == 1800


def test_plain_road_leaves_nothing() -> None:
    """What was minted lives until the post-step, and not longer."""
    world = minted(World())
    assert len(world.alive) == 2
    posted(world)

    assert world.alive == []
    assert world.told("warning") == world.told("error") == []


def test_nothing_is_requested_before_state_can_be_kept() -> None:
    """Where the platform can't keep state, nothing is minted."""
    world = World()
    world.platform.fails_to["preflight"] = InputError("no state here")

    assert isinstance(failed(world), InputError)
    assert world.requests == []
    assert world.told("id token") == []


def test_no_secret_is_shown() -> None:
    """No secret stands in what is logged, in an exception, or in a repr, on the good road and on a bad one."""
    good = posted(minted(World()))
    bad = World()
    bad.nomad.faults.before(SELF, *[nomad_error(403, "Permission denied")] * 200)
    error = failed(bad)

    for world in (good, bad):
        assert len(secrets(world)) == 3
        for secret in secrets(world):
            assert secret not in world.log
            assert secret not in f"{error!r} {error.text} {world.platform.facts!r} {world.platform.exported!r}"


def full(world: World, what: str) -> World:
    """Run the main step on a disk that is full when *what* is to be written."""
    world.platform.fails_to[what] = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        minted(world)
    return world


@pytest.mark.parametrize("kind", ["plan", "asked", "login", "lease"])
def test_full_disk_leaves_nothing(kind: str) -> None:
    """A fact that can't be saved ends the mint, and what was made is undone in place."""
    world = full(World(), f"keep {kind}")

    assert world.alive == []
    assert world.platform.exported is None
    if kind in {"plan", "asked"}:
        assert world.requests == []


def test_failed_export_leaves_nothing() -> None:
    """A token that can't be handed on is undone in place."""
    assert full(World(), "export").alive == []


def test_bug_leaves_nothing() -> None:
    """Even after a bug what was made is undone in place."""
    world = World()
    world.platform.fails_to["export"] = ZeroDivisionError()

    with pytest.raises(ZeroDivisionError):
        minted(world)

    assert world.alive == []


@pytest.mark.parametrize(
    ("path", "answer", "kind"),
    [
        (LOGIN, vault_error(400, 'role "deploy-app" could not be found'), NotFound),
        (LOGIN, vault_error(403, GONE), Refused),
        (CREDS, vault_error(400, 'role "deployer" not found'), NotFound),
        (CREDS, vault_error(403, "1 error occurred:\n\t* permission denied\n\n"), Refused),
        (
            CREDS,
            vault_error(500, "1 error occurred:\n\t* Unexpected response code: 403 (Permission denied)\n\n"),
            Refused,
        ),
    ],
)
def test_plain_no_is_not_asked_twice(path: str, answer: httpx.Response, kind: type[Error]) -> None:
    """A refusal is final: it is asked once, the login is undone, and there is nothing to warn about."""
    world = World()
    world.vault.faults.before(path, answer)
    error = failed(world)

    assert isinstance(error, kind)
    assert [request.endswith(path) for request in world.requests].count(True) == 1
    assert world.alive == []
    assert world.told("warning") == []


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused"),
        vault_error(429, "rate limit quota exceeded", retry_after="3"),
        vault_error(503, "Vault is sealed"),
        vault_error(412, "not up to date"),
    ],
)
@pytest.mark.parametrize("path", [LOGIN, CREDS])
def test_proof_that_nothing_was_made_is_tried_again(path: str, fault: httpx.Response | Exception) -> None:
    """Where nothing was made it is tried again, with the same login."""
    world = World()
    world.vault.faults.before(path, fault)
    minted(world)

    assert len(world.vault.logins) == 1
    assert len(world.nomad.tokens) == 1
    assert len(world.clock.slept) == 1


@pytest.mark.parametrize(
    "fault", [httpx.ReadError("reset"), httpx.ReadTimeout("late"), httpx.Response(502), httpx.Response(200, text="{}")]
)
def test_lost_creds_are_undone_and_asked_again(fault: httpx.Response | Exception) -> None:
    """An answer that is lost after Vault minted is undone first, and asked again with a new login."""
    world = World()
    world.vault.faults.after(CREDS, fault)
    minted(world)

    assert len(world.vault.logins) == 2
    assert len(world.vault.tokens) == len(world.nomad.tokens) == 1
    assert "vault-deployer-jwt-" in world.log
    posted(world)
    assert world.alive == []


def test_lost_creds_are_not_asked_for_ever() -> None:
    """After some tries the error is reported, and nothing is left; the undo is not repeated either."""
    world = World()
    world.vault.faults.after(CREDS, *[httpx.ReadError("reset")] * 10)
    error = failed(world)

    assert isinstance(error, Temporary)
    assert len(world.vault.logins) == 3
    assert world.alive == []
    assert world.requests.count("POST /v1/auth/token/revoke-self") == 3
    assert len(world.told("warning")) == 3


def test_lost_creds_that_cannot_be_undone() -> None:
    """Where the undo fails no second token is asked for; it is tried and told once, and the post-step does it."""
    world = World()
    world.vault.faults.after(CREDS, httpx.ReadError("reset"))
    world.vault.faults.before(REVOKE_SELF, vault_error(403, "1 error occurred:\n\t* permission denied\n\n"))
    error = failed(world)

    assert isinstance(error, Temporary)
    assert len(world.vault.logins) == 1
    assert world.told("warning") != []
    assert world.requests.count("POST /v1/auth/token/revoke-self") == 1
    posted(world)
    assert world.alive == []


def test_lost_login_is_named() -> None:
    """A login whose answer is lost can't be undone by anybody: it is said so, and asked again."""
    world = World()
    world.vault.faults.after(LOGIN, httpx.ReadError("reset"))
    minted(world)

    assert len(world.vault.tokens) == 2
    assert any("auth/jwt/login" in warning and "token_ttl" in warning for warning in world.told("warning"))


def test_second_factor_is_refused_once() -> None:
    """A login that wants a second factor is a plain no, with a text of its own."""
    world = World()
    auth = {"client_token": "", "lease_duration": 0, "mfa_requirement": {"mfa_request_id": "x"}}
    world.vault.faults.before(LOGIN, *[httpx.Response(200, json={"auth": auth})] * 3)
    error = failed(world)

    assert isinstance(error, Refused)
    assert world.requests == ["POST /v1/auth/jwt/login"]
    assert "second factor" in error.text
    assert "proxy" not in error.text
    assert world.told("warning") == []


def test_no_identity() -> None:
    """A job without an id token asks Vault for nothing."""
    world = World()
    world.platform.id_token_value = ""

    assert isinstance(failed(world), NoIdentity)
    assert world.requests == []


@pytest.mark.parametrize(("kind", "uses", "text"), [("batch", 0, "batch token"), ("service", 1, "for one use")])
def test_login_that_cannot_be_undone_is_refused(kind: str, uses: int, text: str) -> None:
    """A batch token, or one with too few uses, is refused before a credential is read with it."""
    world = World()
    world.vault.token_type, world.vault.num_uses = kind, uses
    error = failed(world)

    assert isinstance(error, Refused)
    assert text in error.text
    assert "auth/jwt/role/" in error.fix
    assert "GET /v1/nomad/creds/deployer" not in world.requests


@pytest.mark.parametrize("uses", [2, 3, 4, 5])
def test_few_uses_are_enough(uses: int) -> None:
    """A login with few uses is spent on the read and its own end, and on nothing else that it can't spare."""
    world = World()
    world.vault.num_uses = uses
    posted(minted(world))

    assert world.alive == []
    assert ("POST /v1/sys/leases/revoke" in world.requests) is (uses >= 4)


def test_revoke_false_takes_a_batch_token() -> None:
    """Without a revoke a batch token is as good as any; no secret is saved, and the post-step does nothing."""
    world = World(revoke="false")
    world.vault.token_type = "batch"
    minted(world)
    before = list(world.requests)
    posted(world)

    assert world.requests == before
    assert [type(fact) for fact in world.platform.facts] == [Plan]
    assert ("preflight",) not in world.events


def test_revoke_false_needs_no_state() -> None:
    """Without a revoke a platform that can't keep state is no hindrance."""
    world = World(revoke="false")
    world.platform.fails_to["keep plan"] = OSError("GITHUB_STATE is not set")
    minted(world)

    assert world.platform.exported


def test_revoke_false_still_undoes_a_failed_mint() -> None:
    """A mint that fails is undone all the same."""
    assert full(World(revoke="false"), "export").alive == []


def test_nomad_that_cannot_be_reached_is_a_warning() -> None:
    """With `verify: auto` a Nomad that can't be asked is a warning, within 5 s; the token is exported."""
    world = World()
    world.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 200)
    minted(world)

    assert world.platform.exported
    assert world.platform.exported.outputs["type"] is None
    assert world.platform.exported.outputs["policies"] is None
    assert sum(world.clock.slept) <= 5
    (warning,) = world.told("warning")
    assert "nomad-addr" in warning
    assert f"Advice on {NOMAD}." in warning


def test_required_proof_that_cannot_be_had() -> None:
    """With `verify: required` it fails, and what was minted is undone in place."""
    world = World(verify="required")
    world.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 30)
    error = failed(world)

    assert isinstance(error, Temporary)
    assert world.vault.tokens == {}
    assert world.platform.exported is None


@pytest.mark.parametrize("inputs", [{"verify": "off"}, {"nomad_addr": ""}])
def test_nomad_is_not_asked(inputs: dict[str, str]) -> None:
    """With `verify: off`, or without an address, Nomad is asked for nothing, in main and post alike."""
    world = World(None, **inputs)
    posted(minted(world))

    assert not any("/v1/acl/" in request for request in world.requests)
    assert world.alive == []


def test_late_follower_is_waited_for() -> None:
    """A Nomad that learns of the token a little later is asked again."""
    world = World()
    world.nomad.faults.before(SELF, *[nomad_error(403, "Permission denied")] * 5)
    minted(world)

    assert world.platform.exported
    assert world.requests.count("GET /v1/acl/token/self") == 6


def test_token_of_another_cluster_is_undone() -> None:
    """A Nomad that refuses the token to the end does not get it, nor does the job."""
    world = World(timeout="20s")
    world.nomad.faults.before(SELF, *[nomad_error(403, "Permission denied")] * 100)
    error = failed(world)

    assert isinstance(error, Temporary)
    assert "nomad-addr" in error.text
    assert sum(world.clock.slept) < 30
    assert world.vault.tokens == {}


@pytest.mark.parametrize("export_env", ["auto", "false", "true"])
def test_management_token(export_env: str) -> None:
    """A token that Nomad knows as a manager's goes into the environment only where that was asked for."""
    world = World(export_env=export_env)
    world.nomad.token_type = "management"
    minted(world)

    assert world.platform.exported
    assert ("NOMAD_TOKEN" in world.platform.exported.variables) is (export_env == "true")
    assert bool(world.told("warning")) is (export_env == "auto")


def test_unknown_type_is_exported_and_told() -> None:
    """A token of unknown type is exported, with a word on that."""
    world = minted(World(nomad_addr=""))

    assert world.platform.exported
    assert "NOMAD_TOKEN" in world.platform.exported.variables
    assert any("not known" in line for line in world.told("say"))


def test_nothing_is_begun_after_the_timeout() -> None:
    """After `timeout` no new request is begun: a login that took longer reads no credential."""
    world = World(timeout="10s")
    world.vault.faults.hooks[LOGIN] = lambda: world.clock.push(11)
    error = failed(world)

    assert isinstance(error, Temporary)
    assert "GET /v1/nomad/creds/deployer" not in world.requests
    assert "timeout" in error.text
    assert world.alive == []


def test_creds_are_not_cut_by_the_timeout() -> None:
    """A read that is under way when the time is over is still awaited."""
    world = World(timeout="10s", nomad_addr="")
    world.vault.faults.hooks[CREDS] = lambda: world.clock.push(11)
    minted(world)

    assert world.platform.exported


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("path", [LOGIN, CREDS])
def test_cancel_while_an_answer_is_under_way(path: str, number: int) -> None:
    """The answer is awaited, what it brings is held, and undone in place."""
    world = World()
    world.vault.faults.hooks[path] = lambda: os.kill(os.getpid(), number)
    ended = cancelled(world)

    assert ended.exit_code == 128 + number
    assert world.alive == []
    assert world.platform.exported is None
    posted(world)
    assert world.alive == []


def test_cancel_while_an_answer_is_lost() -> None:
    """A creds read that is cancelled and lost is left to the post-step, which knows of it."""
    world = World()
    world.vault.faults.hooks[CREDS] = lambda: signal.raise_signal(signal.SIGINT)
    world.vault.faults.after(CREDS, httpx.ReadError("reset"))
    cancelled(world)

    assert world.told("mask")[-1].startswith("hvs.")
    posted(world)
    assert world.alive == []
    assert any("vault-deployer-jwt-" in warning for warning in world.told("warning"))


def test_cancel_while_an_answer_is_lost_without_a_post_step() -> None:
    """With `revoke: false` no post-step comes to undo it: it is undone in place, lost answer or not."""
    world = World(revoke="false")
    world.vault.faults.hooks[CREDS] = lambda: signal.raise_signal(signal.SIGINT)
    world.vault.faults.after(CREDS, httpx.ReadError("reset"))
    cancelled(world)

    assert world.alive == []


def test_cancel_in_a_wait() -> None:
    """A cancel between two requests undoes what is held."""
    world = World()
    world.nomad.faults.hooks[SELF] = lambda: signal.raise_signal(signal.SIGTERM)
    ended = cancelled(world)

    assert ended.exit_code == 143
    assert world.alive == []


@pytest.mark.parametrize(
    ("inputs", "is_enough"),
    [
        ({"min_ttl": "30m"}, True),
        ({"min_ttl": "1801s"}, True),
        ({"min_ttl": "1802s"}, False),
        ({"max_ttl": "30m"}, True),
        ({"max_ttl": "1799s"}, False),
    ],
)
def test_life_to_the_second(inputs: dict[str, str], is_enough: bool) -> None:  # noqa: FBT001 - a column
    """A lease of 30 min is one of 30 min, though a moment has passed and its end came in whole seconds."""
    world = World(None, **inputs)
    if is_enough:
        assert minted(world).platform.exported
    else:
        with pytest.raises(Refused, match=f"would live for 30 min 1 s, and `{next(iter(inputs)).replace('_', '-')}`"):
            minted(world)


def test_cancel_as_a_failure_is_handled() -> None:
    """A first signal that comes between a failure and its undo does not keep the undo from being done."""
    world = World(min_ttl="5h")

    class Cleared(RecordingPlatform):
        """A job that is cancelled as soon as something has failed."""

        def clear(self, mint: str) -> None:
            super().clear(mint)
            signal.raise_signal(signal.SIGTERM)

    world.platform = Cleared(world.events, INPUTS | {"min-ttl": "5h"})
    with pytest.raises(Refused), world.signals:
        minted(world)

    assert world.alive == []


def test_failed_undo_is_told() -> None:
    """A failed mint whose undo fails too keeps its own error, names the token, and leaves it to the post-step."""
    world = World()
    world.vault.may_revoke_leases = False
    world.vault.faults.before(REVOKE_SELF, vault_error(403, "1 error occurred:\n\t* permission denied\n\n"))
    full(world, "export")

    (accessor,) = (token.accessor_id for token in world.nomad.tokens.values())
    assert any(accessor in warning for warning in world.told("warning"))
    posted(world)
    assert world.alive == []


def test_login_alone_that_cannot_be_undone_is_the_post_steps() -> None:
    """A login that the undo could not end, and on which no token hangs, is named, and ended by the post-step."""
    world = World()
    world.vault.faults.before(CREDS, vault_error(403, "1 error occurred:\n\t* permission denied\n\n"))
    world.vault.faults.before(REVOKE_SELF, vault_error(400, "no"))
    assert isinstance(failed(world), Refused)
    posted(world)

    assert world.requests.count("POST /v1/auth/token/revoke-self") == 2
    assert any("vault token revoke -accessor login-accessor-0001" in warning for warning in world.told("warning"))
    assert world.alive == []


def test_undo_whose_settlement_cannot_be_saved() -> None:
    """An undo that can't be noted is one all the same; the post-step finds that all is gone."""
    world = World()
    world.platform.fails_to["keep settled"] = OSError(28, "No space left on device")
    posted(full(world, "export"))

    assert world.alive == []
    assert world.told("warning") == []


def test_summary_always() -> None:
    """`summary: always` writes to the job's summary, without a secret."""
    world = minted(World(summary="always"))

    assert len(world.told("summary")) == 1
    (token,) = world.nomad.tokens.values()
    assert token.accessor_id in world.told("summary")[0]
    assert token.secret not in world.told("summary")[0]


def test_summary_auto() -> None:
    """`summary: auto` writes where something needs attention, and only there."""
    quiet, loud = World(), World()
    loud.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 200)
    minted(quiet)
    minted(loud)

    assert quiet.told("summary") == []
    assert len(loud.told("summary")) == 1


def test_summary_never() -> None:
    """`summary: never` writes nothing."""
    world = World(summary="never")
    world.nomad.faults.before(SELF, *[httpx.ConnectError("unreachable")] * 200)
    minted(world)

    assert world.told("summary") == []


def test_live_token_left_without_a_post_step() -> None:
    """With `revoke: false` nobody comes after a failed undo: the error says that a token is left."""
    world = World(revoke="false")
    world.platform.fails_to["export"] = OSError(28, "No space left on device")
    world.vault.may_revoke_leases = False
    world.vault.faults.before(REVOKE_SELF, *[vault_error(403, "1 error occurred:\n\t* permission denied\n\n")] * 5)
    error = failed(world)

    assert isinstance(error, LiveTokenLeft)


def test_unresolvable_vault() -> None:
    """A Vault that can't be reached is named as it was given, with the platform's advice."""
    world = World()
    world.vault.faults.before(LOGIN, *[httpx.ConnectError("Name or service not known")] * 100)
    error = failed(world)

    assert isinstance(error, Temporary)
    assert VAULT in error.text
    assert f"Advice on {VAULT}." in error.text
    assert "`vault-addr`" in error.fix
    assert world.alive == []
