"""A job that is cancelled: SIGINT, SIGTERM and SIGKILL, while a request is under way."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from jobs import quick_start
from nomad_token_lab import Delay, Fault, Lab, Silence
from nomad_token_lab.runner import MINT, REVOKE, Ran, Step


def wait_for(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Return once *condition* holds; fail after *seconds*."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it did not come to that")
        time.sleep(0.02)


def asked(lab: Lab, path: str) -> Callable[[], bool]:
    """Tell whether a request for *path* has arrived."""
    return lambda: any(path in record.path for record in lab.requests)


def stopped(step: Step, process: subprocess.Popen[str], seconds: float) -> Ran:
    """Wait for the end of a main step, and read what it left."""
    log, _ = process.communicate(timeout=seconds)
    return step.read(MINT, process.returncode, log)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_cancelled_while_nomad_is_asked(lab: Lab, step: Step, signum: int, code: int) -> None:
    """A token that is there already is undone in place, before the program ends."""
    lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", Silence(30)))
    process = step.start(MINT, quick_start(lab))
    wait_for(asked(lab, "/v1/acl/token/self"))
    os.kill(process.pid, signum)
    main = stopped(step, process, 30)

    assert main.code == code
    assert "Undone: Vault revoked the lease" in main.log
    assert not lab.nomad.live_tokens()
    assert "NOMAD_TOKEN" not in main.variables
    assert step.post().log == "Nothing saved: no token was minted, or it was undone already.\n"


@pytest.mark.parametrize("path", ["/login$", "/creds/"])
def test_an_answer_under_way_is_awaited(lab: Lab, step: Step, path: str) -> None:
    """A request that Vault is at is awaited for a while, so that what it makes can be undone."""
    method = "GET" if "creds" in path else "POST"
    lab.faults.append(Fault("vault", method, path, Delay(4)))
    process = step.start(MINT, quick_start(lab))
    wait_for(asked(lab, path.strip("/$")))
    os.kill(process.pid, signal.SIGTERM)
    main = stopped(step, process, 30)

    assert main.code == 143
    assert "Undone: Vault revoked" in main.log
    assert not lab.nomad.live_tokens()
    assert not lab.vault.live_tokens()
    assert step.post().log == "Nothing saved: no token was minted, or it was undone already.\n"


def test_an_answer_that_is_none_is_undone(lab: Lab, step: Step) -> None:
    """Where the awaited answer tells nothing, the login is revoked at once: nobody is at it any more."""
    lab.faults.append(Fault("nomad", "PUT", "/v1/acl/token$", Silence(4)))
    process = step.start(MINT, quick_start(lab))
    wait_for(asked(lab, "/creds/"))
    os.kill(process.pid, signal.SIGTERM)
    main = stopped(step, process, 30)

    assert main.code == 143
    assert "Maybe left behind" in main.log
    assert not lab.vault.live_tokens()


@pytest.mark.parametrize("later", [0.1, 7.5])
def test_silence_ends_in_time(lab: Lab, step: Step, later: float) -> None:
    """A creds read that nobody answers does not keep the program: it is gone in time, and the post-step goes on."""
    lab.faults.append(Fault("vault", "GET", "/creds/", Silence(60), when="after"))
    process = step.start(MINT, quick_start(lab))
    wait_for(lambda: bool(lab.nomad.live_tokens()))
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    time.sleep(later)
    os.kill(process.pid, signal.SIGTERM)
    main = stopped(step, process, 30)
    took = time.monotonic() - began
    post = step.post()

    assert main.code == 130
    assert took < 25, "9 s, and what a busy machine adds"
    assert "Maybe left behind" in post.log
    assert "vault-deployer-jwt-" in post.log
    assert not lab.nomad.live_tokens()


def test_killed_after_the_mint(lab: Lab, step: Step) -> None:
    """After SIGKILL the post-step does it all, from what was saved by then."""
    lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", Silence(30)))
    process = step.start(MINT, quick_start(lab))
    wait_for(asked(lab, "/v1/acl/token/self"))
    process.kill()
    main = stopped(step, process, 30)
    post = step.post()

    assert main.code == -signal.SIGKILL
    assert "Revoked" in post.log
    assert not lab.nomad.live_tokens()
    assert not lab.vault.live_tokens()


def test_killed_while_creds_are_read(lab: Lab, step: Step) -> None:
    """After SIGKILL in the middle of a read, the login's end takes the token along; the post-step says what may be."""
    lab.faults.append(Fault("vault", "GET", "/creds/", Silence(30), when="after"))
    process = step.start(MINT, quick_start(lab))
    wait_for(lambda: bool(lab.nomad.live_tokens()))
    process.kill()
    stopped(step, process, 30)
    post = step.post()

    assert "vault-deployer-jwt-" in post.log
    assert not lab.nomad.live_tokens()


def test_killed_while_logging_in(lab: Lab, step: Step) -> None:
    """After SIGKILL in the middle of a login nothing can be revoked, and the post-step names what may live."""
    lab.faults.append(Fault("vault", "POST", "/login$", Silence(30), when="after"))
    process = step.start(MINT, quick_start(lab))
    wait_for(lambda: bool(lab.vault.live_tokens()))
    process.kill()
    stopped(step, process, 30)
    post = step.post()

    assert post.code == 0
    assert "a Vault token that nobody holds may live" in post.log
    assert not lab.nomad.live_tokens()


STRUCK_AS_IT_IMPORTS = """\
import os, sys
class Strike:
    def find_spec(self, name, path, target=None):
        if name == "{module}":
            os.kill(os.getpid(), {number})
            os.write(2, b"struck\\n")
sys.meta_path.insert(0, Strike())
from nomad_token.__main__ import revoke_step
revoke_step()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_while_the_post_step_is_loaded(lab: Lab, step: Step, number: int) -> None:
    """It waits for the program to be there, which is most of its time, and then revokes all the same."""
    step.main(quick_start(lab))
    before = len(lab.nomad.live_tokens())
    done = subprocess.run(  # noqa: S603 - this interpreter, which strikes itself as it looks for a module
        [sys.executable, "-c", STRUCK_AS_IT_IMPORTS.format(module="ssl", number=int(number))],
        env=step.environment(REVOKE, {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 128 + number, done.stderr
    assert before == 1
    assert not lab.nomad.live_tokens()
    assert done.stdout.startswith("Revoked ")
    assert done.stderr == "struck\n"
