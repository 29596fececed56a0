"""The post-step: one of five endings, in one line."""

import json

import httpx
import pytest

from fakes import DENIED, NOMAD, VAULT, World, nomad_error, vault_error
from nomad_token.clients.http import Connections
from nomad_token.errors import Error, LiveTokenLeft
from nomad_token.mint import mint
from nomad_token.outside import Outside
from nomad_token.post import post
from nomad_token.state import Settled
from through import answering

LEASES, REVOKE_SELF = "sys/leases/revoke", "auth/token/revoke-self"


def minted(inputs: dict[str, str] | None = None) -> World:
    """Run the main step."""
    world = World(None, **(inputs or {}))
    mint(world.order(), world.platform, world.outside)
    world.events.clear()
    return world


def posted(world: World) -> World:
    """Run the post-step."""
    post(world.platform, world.outside)
    return world


def stubborn(inputs: dict[str, str] | None = None) -> World:
    """Run the main step against a Vault that will revoke nothing."""
    world = minted({"nomad_addr": ""} | (inputs or {}))
    world.vault.may_revoke_leases = False
    world.vault.faults.before(REVOKE_SELF, vault_error(403, DENIED))
    return world


def test_revoked() -> None:
    """A revoke is one line with the accessor and the proof, and nothing else."""
    world = minted()
    accessor = next(iter(world.nomad.tokens.values())).accessor_id
    posted(world)
    told = [event for event in world.events if event[0] not in {"request", "trace", "scrub"}]

    ((what, line),) = told
    assert what == "say"
    assert line.startswith(f"Revoked {accessor}: ")
    assert "Nomad refuses it" in line


def test_not_wanted() -> None:
    """With `revoke: false` nothing is asked, and the line says so."""
    world = posted(minted({"revoke": "false"}))

    assert world.requests == []
    (line,) = world.told("say")
    assert line.startswith("Not wanted")
    assert len(world.alive) == 2


def test_nothing_saved() -> None:
    """A post-step without a mint is fine."""
    world = posted(World())

    assert world.told("say") == ["Nothing to revoke: nothing was saved."]
    assert world.told("warning") == []


def test_nothing_saved_after_an_undo() -> None:
    """A mint that was undone in place leaves nothing to do, and the line names no token."""
    world = World()
    world.platform.fails_to["export"] = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space"):
        mint(world.order(), world.platform, world.outside)
    world.events.clear()
    posted(world)

    assert world.requests == []
    (line,) = world.told("say")
    assert line.startswith("Nothing saved: ")


def test_already_expired() -> None:
    """A login whose time is over is said to be."""
    world = minted({"nomad_addr": ""})
    world.clock.push(3601)
    world.vault.tokens.clear()
    posted(world)

    (line,) = world.told("say")
    assert line.startswith("Already expired ")


def test_failed_is_a_warning() -> None:
    """A failed revoke is a warning that names the token, on the page and in the summary; the job stays green."""
    world = stubborn()
    accessor = next(iter(world.nomad.tokens.values())).accessor_id
    posted(world)

    (line,) = world.told("say")
    assert line.startswith(f"Failed to revoke {accessor}: ")
    (warning,) = world.told("warning")
    assert accessor in warning
    (summary,) = world.told("summary")
    assert accessor in summary


def test_failed_may_fail_the_job() -> None:
    """With `on-revoke-failure: fail` the job fails, with a code of its own and the same text."""
    world = stubborn({"on_revoke_failure": "fail"})
    accessor = next(iter(world.nomad.tokens.values())).accessor_id

    with pytest.raises(LiveTokenLeft) as left:
        posted(world)

    assert accessor in left.value.text
    assert left.value.exit_code == 6


def test_twice_is_fine() -> None:
    """A post-step after a post-step finds that all is gone."""
    world = posted(minted())
    posted(world)

    assert world.alive == []
    assert world.told("warning") == []


NO_DELETE = vault_error(400, "failed to revoke entry: resp: x err: Delete: connect: refused")


def test_twice_is_no_better() -> None:
    """What Vault could not delete is left for a second post-step too, which Vault tells that all is gone."""
    world = minted({"nomad_addr": ""})
    (accessor,) = [token.accessor_id for token in world.nomad.tokens.values()]
    world.vault.revokes_at_nomad = False
    world.vault.faults.before(LEASES, NO_DELETE)
    first, second = posted(world).told("say"), posted(world).told("say")

    said = f"Failed to revoke {accessor}: Vault ended the login, and could not delete the token at Nomad."
    assert first == [said]
    gone = "already gone: Vault no longer knows the login"
    assert second[1:] == [f"Failed to revoke {accessor}: {gone}, and an earlier revoke left a token at Nomad."]
    posted(world)

    kept = [json.loads(line)["fact"] for line in world.platform.lines]
    assert kept.count("undeleted") == 1


def test_what_an_undo_in_place_could_not_delete() -> None:
    """It is left for the post-step as well."""
    world = World(nomad_addr="", role="deployer | A_TOKEN\nmissing | B_TOKEN")
    world.vault.revokes_at_nomad = False
    world.vault.faults.before(LEASES, NO_DELETE)
    with pytest.raises(Error):
        mint(world.order(), world.platform, world.outside)
    (accessor,) = [token.accessor_id for token in world.nomad.tokens.values()]
    world.events.clear()
    posted(world)

    (line,) = world.told("say")
    assert line.startswith(f"Failed to revoke {accessor}: ")
    (warning,) = world.told("warning")
    assert accessor in warning


def test_where_it_can_not_be_kept() -> None:
    """A full disk hides nothing of what is said now."""
    world = minted({"nomad_addr": ""})
    world.vault.faults.before(LEASES, NO_DELETE)
    world.platform.fails_to["keep undeleted"] = OSError(28, "No space left on device")
    posted(world)

    (line,) = world.told("say")
    assert line.startswith("Failed to revoke ")
    assert "undeleted" not in "".join(world.platform.lines)


def test_reads_no_input() -> None:
    """The inputs of the post-step may be an outer composite's: none is read, and the mint's addresses are asked."""
    world = minted()
    world.platform._inputs = {  # noqa: SLF001 - the runner hands over somebody else's
        "vault-addr": "http://elsewhere.test",
        "nomad-addr": "http://elsewhere.test",
        "revoke": "false",
        "unheard-of": "x",
    }
    posted(world)

    assert world.alive == []
    assert {place.address for place in world.connections._open} == {VAULT, NOMAD}  # noqa: SLF001


@pytest.mark.parametrize(("named", "is_sent"), [("", False), ("http://elsewhere.test", False), (VAULT, True)])
def test_headers_of_ones_own(named: str, is_sent: bool) -> None:  # noqa: FBT001 - of a table
    """They are sent to the saved address where it is named again: under act any step can add to what is saved."""
    world = minted({"vault_headers": "X-Key: canary"})
    world.platform._inputs = {"vault-headers": "X-Key: canary", "vault-addr": named}  # noqa: SLF001 - evaluated anew
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("X-Key"))
        return world.vault(request) if request.url.host == "vault.test" else world.nomad(request)

    connections = Connections(world.clock, lambda _: None, answering(answer))
    post(world.platform, Outside(connections, world.clock, world.signals))

    assert sent
    assert ("canary" in sent) is is_sent


def test_secrets_are_scrubbed() -> None:
    """Every secret that was saved is scrubbed, after the revoke, whatever its end."""
    for world in (minted(), stubborn()):
        expected = {json.loads(line).get(key) for line in world.platform.lines for key in ("token", "secret")} - {None}
        posted(world)

        assert set(world.platform.scrubbed) == expected
        assert world.events[-1][0] != "request"


def test_no_secret_is_shown() -> None:
    """No secret stands in what the post-step says."""
    for world in (minted(), stubborn()):
        posted(world)

        for secret in world.platform.scrubbed:
            assert secret not in world.log


@pytest.mark.parametrize("entry", [0, 1, 2, 3, 4])
def test_torn_entry_takes_no_other_with_it(entry: int) -> None:
    """Whichever entry of the state is torn, what can be undone is undone, and what can't is warned about by name."""
    world = minted()
    accessor = next(iter(world.nomad.tokens.values())).accessor_id
    world.platform.lines[entry] = world.platform.lines[entry][:-3]
    posted(world)

    assert world.alive == [] or any(accessor in warning for warning in world.told("warning"))


@pytest.mark.parametrize("version", [0, 2, "1"])
def test_foreign_version(version: object) -> None:
    """State of another version is not guessed at: a warning says that the token ends with its lease."""
    world = minted()
    world.platform.lines[:] = [json.dumps(json.loads(line) | {"v": version}) for line in world.platform.lines]
    posted(world)

    assert world.requests == []
    (warning,) = world.told("warning")
    assert "lease" in warning


def test_tampered_state_cannot_command_the_runner() -> None:
    """State that somebody changed can't begin a line of the log."""
    world = minted()
    world.platform.lines[:] = [line.replace("acce5500", "\\n::add-mask::x") for line in world.platform.lines]
    posted(world)

    assert not any(line.startswith("::") for text in world.told("say") for line in text.splitlines())


@pytest.mark.parametrize(("summary", "written"), [("auto", 0), ("always", 1), ("never", 0)])
def test_summary_of_a_good_end(summary: str, written: int) -> None:
    """A good end is in the summary where that was asked for."""
    assert len(posted(minted({"summary": summary})).told("summary")) == written


@pytest.mark.parametrize(("summary", "written"), [("auto", 1), ("always", 1), ("never", 0)])
def test_summary_of_a_bad_end(summary: str, written: int) -> None:
    """A bad end is in the summary, unless none was wanted."""
    assert len(posted(stubborn({"summary": summary})).told("summary")) == written


def test_server_text_is_no_markdown() -> None:
    """What a server says is shown in the summary as it is, not as Markdown."""
    world = minted({"nomad_addr": ""})
    world.vault.may_revoke_leases = False
    world.vault.faults.before(REVOKE_SELF, vault_error(400, "![x](http://evil.test/x.png) <b>bold</b> ```"))
    posted(world)

    (summary,) = world.told("summary")
    outside_fences = "".join(summary.split("```")[::2])
    assert "![x]" not in outside_fences
    assert "<b>" not in outside_fences


def test_notices_are_warnings() -> None:
    """What may be left though all was done is a warning, and in the summary."""
    world = World()
    world.vault.faults.after("nomad/creds/deployer", *[httpx.ReadError("reset")] * 3)
    with pytest.raises(Exception, match="reset"):
        mint(world.order(), world.platform, world.outside)
    # that the last undo is done could not be noted: the post-step does it again
    while world.platform.facts[-1] == Settled():
        world.platform.lines.pop()
    world.events.clear()
    posted(world)

    assert len(world.told("warning")) == 1
    assert "vault-deployer-jwt-" in world.told("warning")[0]
    assert len(world.told("summary")) == 1


def test_slow_nomad_does_not_hold_the_post_step() -> None:
    """A Nomad that still accepts the token is asked for 5 s, and no longer."""
    world = minted()
    world.vault.revokes_at_nomad = False
    posted(world)

    assert sum(world.clock.slept) <= 5
    assert len(world.told("warning")) == 1


def test_silent_nomad_is_told() -> None:
    """A Nomad that can't be asked in the post-step is a warning, not a failure."""
    world = minted({"on_revoke_failure": "fail"})
    world.nomad.faults.before("acl/token/self", *[nomad_error(500, "No cluster leader")] * 100)
    posted(world)

    assert world.vault.tokens == {}
    assert len(world.told("warning")) == 1
