"""No secret is in sight: each one of a run is known, and looked for wherever a run leaves anything.

On each road and platform: a run that goes well, refusals in which the server says again what it was told, bugs,
signals, and a revoke that fails; in debug mode.
"""

import base64
import contextlib
import io
import json
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import httpx
import pytest

from fakes import World, vault_error
from faults.roads import OF_THE_ACTION
from faults.wire import Deed, Reply, server_of
from hostile.answers import refusal
from hostile.canaries import ENVIRON, HEADERS, PROXY, answered, forms, given, seen, shown_by_objects, without_masks
from hostile.program import PLATFORMS, Program, Strike, Told
from hostile.readers import log_lines
from memory import kept_in_memory
from nomad_token.errors import Error
from nomad_token.mint import mint

FOR_NEXT_STEPS: Final = ("set_env", "set_output", "save_state", "state", "shell-file", "dotenv", "json")
"""The files in which design §6.3 has the short-lived secrets, until the post-step."""


@cache
def program(road: str, platform: str) -> Program:
    """Make a road ready once, with headers and a proxy's password beside its own secrets."""
    made = Program.on(road, platform, kept_in_memory(), **ENVIRON)
    servers = {name for name in ("vault", "nomad") if f"{name}-addr" in made.arranged.inputs}
    made.arranged.inputs.update({name: value for name, value in HEADERS.items() if name.split("-")[0] in servers})
    return made


def secrets_of(made: Program) -> set[str]:
    """Return the long-lived secrets of a road: its inputs', the runner's, a proxy's, and a pod's."""
    found = given(made.arranged.inputs) | {PROXY, made.arranged.lab.github.request_token.get_secret_value()}
    if path := made.arranged.inputs.get("vault-kubernetes-token-path"):
        found.add(Path(path).read_text("ascii").strip())
    return found


def searched(made: Program, strike: Strike) -> Told:
    """Run, and look for each secret in all that was printed and left."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        told = made.run(strike)
    lasting, fresh = secrets_of(made), answered(told.sent)
    all_of_them = lasting | fresh

    assert len(all_of_them) > 2
    assert not printed.getvalue()
    for left in (told.main, told.post):
        assert not seen(without_masks(left.log), all_of_them), left.log
    for name, data in told.main.files.items():
        expected = Path(name).name.startswith(FOR_NEXT_STEPS)
        assert not seen(data, lasting if expected else all_of_them), name
    if told.platform == "action" or told.post.code == 0:
        for name, data in told.post.files.items():
            assert not seen(data, all_of_them), name
    return told


def at(
    step: str, nth: int, act: Callable[[httpx.Request, Callable[[], Reply]], Deed], *, onward: bool = False
) -> Strike:
    """Strike the *nth* request of a *step*, and those that follow where it is *onward*."""
    count = -1

    def strike(name: str, request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        nonlocal count
        count += name == step
        return act(request, answer) if name == step and (count == nth or (onward and count > nth)) else plain(answer)

    return strike


def plain(answer: Callable[[], Reply]) -> Deed:
    """Do what the server does."""
    return Deed(answer().data)


def told_to(request: httpx.Request) -> list[str]:
    """Return the secrets that *request* carries, the shortest first."""
    headers = [
        value.removeprefix("Bearer ") for name, value in request.headers.items() if name.startswith(("x-", "auth"))
    ]
    body = json.loads(request.content) if request.content else {}
    words = [*headers, *(str(value) for value in body.values())]
    return sorted({word for word in words if len(word) >= 8}, key=len)


def echo(status: int) -> Callable[[httpx.Request, Callable[[], Reply]], Deed]:
    """Refuse, and say again what was told."""

    def act(request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        said = f"permission denied to {' '.join(told_to(request))} {json.dumps(told_to(request))}"
        return Deed(refusal(status, said)(server_of(request), answer).data)

    return act


def bug(request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
    """Break where nobody expects it, with all that is known in the error."""
    raise ZeroDivisionError(f"{told_to(request)} {answer().body!r}")


def stop(_request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
    """Have the job cancelled while the request is under way."""
    os.kill(os.getpid(), signal.SIGTERM)
    return plain(answer)


def elsewhere(request: httpx.Request, _answer: Callable[[], Reply]) -> Deed:
    """Redirect to another host, whose name and path are what was told."""
    words = [httpx.URL("https://a.test").copy_with(path=f"/{word}").raw_path.decode() for word in told_to(request)]
    return Deed(Reply(307, {"location": f"https://elsewhere.test{''.join(words)}"}, b"").data)


HAPPENINGS: Final = {
    "refused": echo(403),
    "in trouble": echo(500),
    "a wrong request": echo(400),
    "redirected": elsewhere,
    "a bug": bug,
    "a signal": stop,
}


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    """End the labs."""
    yield
    for road in OF_THE_ACTION:
        for platform in PLATFORMS:
            program(road, platform).arranged.lab.stop()
    program.cache_clear()


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("road", OF_THE_ACTION)
def test_plain_run(road: str, platform: str) -> None:
    """A run that goes well shows no secret, in no object of ours either, and leaves none."""
    made = program(road, platform)
    shown: set[str] = set()
    fresh: set[str] = set()

    def strike(_step: str, _request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        reply = answer()
        fresh.update(word for word in reply.body.decode().split('"') if word.startswith("hvs.") or len(word) == 36)
        shown.update(shown_by_objects(secrets_of(made) | fresh_secrets()))
        return Deed(reply.data)

    def fresh_secrets() -> set[str]:
        return {word for word in fresh if word.startswith("hvs.")}

    told = searched(made, strike)

    assert (told.main.code, told.post.code) == (0, 0), told.main.log
    assert not shown
    if platform != "shell":
        ours = secrets_of(made) | answered(told.sent) - {PROXY}
        ours -= {PROXY, made.arranged.lab.github.request_token.get_secret_value()}
        assert ours == seen(
            "\n".join(line for line in log_lines(told.main.log) if line.startswith("::add-mask::")), ours
        )


@pytest.mark.parametrize("what", HAPPENINGS)
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("road", OF_THE_ACTION)
def test_what_goes_wrong(road: str, platform: str, what: str) -> None:
    """Whatever goes wrong with a request, in main or in post, shows no secret."""
    made = program(road, platform)
    requests = {"main": 0, "post": 0}

    def count(step: str, _request: httpx.Request, answer: Callable[[], Reply]) -> Deed:
        requests[step] += 1
        return plain(answer)

    made.run(count)
    for step, number in requests.items():
        for nth in range(number):
            searched(made, at(step, nth, HAPPENINGS[what], onward=what in {"in trouble", "redirected"}))


def test_forms_are_found() -> None:
    """A secret is found in each form, wherever its base64 begins."""
    secret = 'hvs.a/b+c&"<größe>' * 2

    assert all(len(form) > 20 for form in forms(secret))
    for text in (secret, json.dumps({"a": secret}), f"https://a.test/?q={httpx.QueryParams(a=secret)}"):
        assert seen(text, [secret])
    for before in ("", "a", "ab", "abc"):
        assert seen(base64.b64encode(f"{before}{secret}tail".encode()), [secret])
    assert not seen("hvs.another", [secret])


@pytest.mark.parametrize("path", ["auth/jwt/login", "nomad/creds/deployer"])
@pytest.mark.parametrize("status", [400, 403, 429, 500, 503])
def test_traceback(path: str, status: int) -> None:
    """What Python would print of an error of ours, with all that it came from, shows no secret."""
    world = World()
    world.vault.faults.hooks[path] = lambda: world.vault.faults.before(path, vault_error(status, *world.vault.tokens))
    with pytest.raises(Error) as raised:
        mint(world.order(), world.platform, world.outside)

    printed = "".join(traceback.format_exception(raised.value))
    assert "Traceback" in printed
    assert world.told("mask")
    assert not seen(printed, world.told("mask"))
