"""A first signal at each line of each step: whatever was made is undone there, or by the post-step."""

from collections.abc import Mapping
from functools import cache
from typing import Final

import pytest

from faults.roads import ROADS
from memory import kept_in_memory
from signals.lines import KILLED, SIGTERM, Place, Struck, moments

_PARTS: Final = 4
_WHOLE: Final = "vault-jwt, fails"
"""The road whose every line is struck: it is most of the program, the undo in place too."""
_EVERY: Final = 8
"""Of the other roads each eighth line, and on each road others."""
_FAILS: Final = {"min-ttl": "5h"}
"""Has each mint fail once the token is there."""
_ROADS: Final[Mapping[str, Mapping[str, str]]] = {
    "vault-jwt": {},
    "vault-jwt, fails": _FAILS,
    "vault-token": {},
    "vault-token, fails": _FAILS,
    "nomad-management": {},
    "nomad-login": {},
    "shell-vault-jwt": {},
    "shell-vault-jwt, fails": _FAILS,
    "shell-nomad-management": {},
    "run-vault-jwt": {},
    "run-vault-token": {},
}
_REFUSED: Final = 4


# A generator that is being closed swallows what is raised in it: then the mint is done, and the post-step ends it.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")


@cache
def place(name: str) -> Place:
    """Make a road ready when it is first asked for."""
    folder = kept_in_memory()
    return Place(ROADS[name.partition(",")[0]], folder, _ROADS[name])


def wrong(name: str, result: Struck) -> list[str]:
    """Say what does not hold."""
    road = place(name).road
    log = f"signal at {result.traced.fired}:\n{result.main.log}\n{result.post.log}"
    found = []
    if result.main.code not in {0, SIGTERM, KILLED, _REFUSED}:
        found.append(f"main ended with {result.main.code}: {log}")
    if result.main.code == SIGTERM and result.tokens_after_main and not road.grants_by_login:
        found.append(f"main did not undo in place: {log}")
    found += [
        f"token {token.accessor} lives: {log}"
        for token in result.tokens
        if not road.grants_by_login or token.accessor not in log
    ]
    if result.logins and not road.is_lent:
        found.append(f"a login lives: {log}")
    if "a bug" in log.lower():
        found.append(log)
    return found


@pytest.mark.parametrize(
    ("name", "begin", "every"),
    [
        *((_WHOLE, part, _PARTS) for part in range(_PARTS)),
        *((name, at % _EVERY, _EVERY) for at, name in enumerate(_ROADS) if name != _WHOLE),
    ],
)
def test_main(name: str, begin: int, every: int) -> None:
    """Wherever the first signal strikes the main step, it leaves nothing; or all is done, and the post-step ends it."""
    chosen = moments(place(name).run().traced.lines, "custody.py")[begin::every]
    found = {moment.name: text for moment in chosen if (text := wrong(name, place(name).run("main", moment.number)))}

    assert chosen
    assert found == {}


@pytest.mark.parametrize("name", [name for name in _ROADS if "fails" not in name and not name.startswith("run-")])
def test_post(name: str) -> None:
    """Wherever the first signal strikes the post-step, it does what it is there for."""
    chosen = moments(place(name).run("post").traced.lines, "post.py")[:: _EVERY // 2]
    found = {moment.name: text for moment in chosen if (text := wrong(name, place(name).run("post", moment.number)))}

    assert chosen
    assert found == {}
