"""`run`, where what happens at a moment can be chosen."""

import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from fakes import DENIED, INPUTS, Event, RecordingPlatform, World, vault_error
from nomad_token.errors import Cancelled, LiveTokenLeft, NotStarted
from nomad_token.run import run

ENVIRON = {"PATH": "/usr/bin:/bin", "NOMAD_MINT_VAULT_TOKEN": "canary"}


def ran(world: World, *words: str) -> int:
    """Run a command."""
    with world.signals:
        return run(world.order(), world.platform, world.outside, words, ENVIRON)


class Interrupted(RecordingPlatform):
    """A job that is cancelled as it says something."""

    def __init__(self, events: list[Event], inputs: Mapping[str, str], *, at: str) -> None:
        """Be cancelled *at* a word."""
        super().__init__(events, inputs)
        self._at = at

    def say(self, line: str) -> None:
        """Log a line, and be cancelled."""
        super().say(line)
        if self._at in line:
            signal.raise_signal(signal.SIGTERM)


def test_code_and_order(tmp_path: Path) -> None:
    """The command's code comes back; it was started when the token was there, and its end was awaited."""
    world = World()
    code = ran(world, "sh", "-c", f'echo "$NOMAD_TOKEN" >{tmp_path}/said; /usr/bin/env >{tmp_path}/env; exit 7')

    assert code == 7
    assert (tmp_path / "said").read_text().startswith("5ec7e700-")
    assert "canary" not in (tmp_path / "env").read_text()
    assert world.alive == []
    assert world.told("say")[-1].startswith("Revoked acce5500-")
    assert world.platform.events[-1] == ("scrub", "undone")


def test_cancelled_before_the_start(tmp_path: Path) -> None:
    """A signal that comes between the mint and the start undoes the one, and starts no command."""
    world = World()
    world.platform = Interrupted(world.events, INPUTS, at="Minted")
    with pytest.raises(Cancelled) as cancelled:
        ran(world, "touch", str(tmp_path / "ran"))

    assert cancelled.value.exit_code == 143
    assert not (tmp_path / "ran").exists()
    assert world.alive == []


def test_signal_at_the_last_line() -> None:
    """A signal that comes when all is revoked already changes nothing of the code."""
    world = World()
    world.platform = Interrupted(world.events, INPUTS, at="Revoked")

    assert ran(world, "sh", "-c", "exit 7") == 7


def test_revoke_that_is_broken_off() -> None:
    """A revoke for which a signal leaves no time is reported with what may live, and the code is the command's."""
    world = World(nomad_addr="")
    world.vault.may_revoke_leases = False

    def silence() -> None:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGALRM)

    world.vault.faults.hooks["auth/token/revoke-self"] = silence

    assert ran(world, "sh", "-c", "exit 7") == 7
    assert world.told("say")[-1].endswith("the time was up.")
    assert "vault lease revoke nomad/creds/deployer/lease0000" in world.told("warning")[-1]
    assert ("scrub", "undone") not in world.events


def test_log_that_is_gone() -> None:
    """A log that can't be written to any more changes neither the revoke nor the code."""
    world = World()
    world.vault.faults.hooks["auth/token/revoke-self"] = lambda: world.platform.fails_to.update(say=BrokenPipeError())

    assert ran(world, "sh", "-c", "exit 7") == 7
    assert world.alive == []


@pytest.mark.parametrize("word", ["no-such-command", "", "/", "./nowhere"])
def test_no_command(word: str) -> None:
    """What is no command is told before anything is asked for."""
    world = World()
    with pytest.raises(NotStarted):
        ran(world, word)

    assert world.events == []


def test_revoke_that_is_to_fail() -> None:
    """A token that is left is an error where that is asked for, and only after a command that went well."""
    for code, raises in ((0, True), (3, False)):
        world = World(on_revoke_failure="fail", nomad_addr="")
        world.vault.may_revoke_leases = False
        world.vault.faults.before("auth/token/revoke-self", vault_error(403, DENIED), vault_error(403, DENIED))
        if raises:
            with pytest.raises(LiveTokenLeft):
                ran(world, "sh", "-c", f"exit {code}")
        else:
            assert ran(world, "sh", "-c", f"exit {code}") == code
        assert ("scrub", "undone") not in world.events


def test_not_to_be_revoked() -> None:
    """With `revoke: false` the token outlives the command."""
    world = World(revoke="false")

    assert ran(world, "true") == 0
    assert len(world.alive) == 2
