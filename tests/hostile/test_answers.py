"""Whatever a server answers, in any field of any answer: the log, the files and the summary hold what was meant alone.

Each case is a run of the whole program, in this process, on each platform.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

import pytest
from hypothesis import example, given

from faults.wire import Reply
from gitlab import dotenv
from hostile.answers import ALTERATIONS, LYING_TOKENS, Altered, header, refusal, struck
from hostile.program import PLATFORMS, Program, Told
from hostile.readers import commands, env_file, log_lines, out_of_fence, sections, sourced, unseen
from hostile.texts import HUGE, drawn
from memory import kept_in_memory

ROADS: Final = ("vault-jwt", "vault-approle", "vault-token", "nomad-management")
MAY_LIVE: Final = frozenset({"vault-token"})
"""Roads on which a token that nobody has seen can't be undone: it is named."""
PROMISED: Final = frozenset({0, 3, 4, 5, 6, 75})
MOST_OF_A_LOG: Final = 60_000
COLOUR: Final = re.compile(r"\x1b\[(?:3[13];1|0)m")
SECTION: Final = re.compile(r"\x1b\[0Ksection_(?:start|end):[0-9]+:nomad_token_(?:mint|revoke)\r\x1b\[0K")
TITLE: Final = re.compile(r"[A-Z][A-Za-z ]{3,40}")
UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
SHAPES: Final = {
    "token": UUID,
    "accessor-id": UUID,
    "lease-id": re.compile(r"[\w./-]{0,512}", re.ASCII),
    "lease-duration": re.compile(r"[0-9]{0,10}"),
    "lease-renewable": re.compile(r"(true|false)?"),
    "expires-at": re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z)?"),
    "type": re.compile(r"[a-z]{0,32}"),
    "issuer": re.compile(r"vault|nomad-management"),
}
"""What each output may look like; those that are missing here are JSON."""
VARIABLES: Final = {"NOMAD_TOKEN": UUID, "NOMAD_ADDR": re.compile(r"https://nomad\.lab\.test")}


@cache
def program(road: str, platform: str) -> Program:
    """Make a road ready once."""
    folder = kept_in_memory()
    return Program.on(road, platform, folder)


@pytest.fixture(scope="module", autouse=True)
def _ended() -> Iterator[None]:
    """End the labs."""
    yield
    for road in ROADS:
        for platform in PLATFORMS:
            made = program(road, platform)
            made.arranged.lab.stop()
    program.cache_clear()


def judged(told: Told, secrets: set[str]) -> None:
    """See that the log, and what the next steps read, hold nothing but what was meant."""
    for left in (told.main, told.post):
        assert left.code in PROMISED, left.log
        _log(told.platform, left.log, secrets)
        assert sum(map(len, left.files.values())) < 200_000
    if told.platform == "action":
        _action(told)
    else:
        _command_line(told)


def _log(platform: str, log: str, secrets: set[str]) -> None:
    assert sum(len(line) for line in log_lines(log) if not line.startswith("::add-mask::")) < MOST_OF_A_LOG
    plain = COLOUR.sub("", SECTION.sub("", log)) if platform == "gitlab" else log
    assert not sections(plain)
    assert not any(map(unseen, log_lines(plain)))
    for found in commands(plain):
        if found.name == "add-mask":
            assert found.data in secrets or re.fullmatch(r"[\w.=-]{8,16384}", found.data, re.ASCII)
            continue
        assert platform == "action"
        assert found.name in {"debug", "warning", "error"}
        assert set(found.properties) <= {"title"}
        assert found.name == "debug" or TITLE.fullmatch(found.properties["title"])
        assert not any(unseen(line) or len(line) > 4000 for line in log_lines(found.data))


def _action(told: Told) -> None:
    files = {name.rpartition("/")[2]: data for name, data in told.main.files.items() if "mint" in name}
    env, outputs, state = (env_file(files[name]) for name in ("set_env_1", "set_output_1", "save_state_1"))
    if told.main.code:
        assert not env
        assert not outputs
    else:
        assert all(VARIABLES[name].fullmatch(value) for name, value in env.items())
        _outputs(outputs)
    assert all(re.fullmatch(r"nomad_token_([0-9]{3}|end)", name) for name in state)
    assert all("fact" in json.loads(value) for name, value in state.items() if not name.endswith("end"))
    for left in (told.main, told.post):
        for name, data in left.files.items():
            if "summary" in name:
                assert out_of_fence(data.decode()) == []
                assert not any(map(unseen, log_lines(data.decode())))


def _outputs(outputs: dict[str, str]) -> None:
    for name, value in outputs.items():
        if name in SHAPES:
            assert SHAPES[name].fullmatch(value), name
        elif value:
            assert isinstance(json.loads(value), list)
        assert not any(map(unseen, log_lines(value)))


def _command_line(told: Told) -> None:
    if told.main.code:
        assert not {"shell-file", "dotenv", "json"} & set(told.main.files)
        return
    variables = dotenv.parsed(told.main.files["dotenv"])
    assert all(VARIABLES[name].fullmatch(value) for name, value in variables.items() if name in VARIABLES)
    assert set(variables) <= {*VARIABLES, "NOMAD_MINT_STATE"}
    outputs = json.loads(told.main.files["json"])
    assert not commands(told.main.files["json"].decode())
    assert all(SHAPES[name].fullmatch(str(outputs[name])) for name in ("token", "accessor-id"))
    lines = told.main.files["shell-file"].decode().splitlines()
    assert [line.partition("=")[0] for line in lines] == [f"export {name}" for name in variables]


def tried(road: str, platform: str, altered: Altered) -> Told:
    """Run, judge, and see that nothing lives that could have been undone."""
    made = program(road, platform)
    told = made.run(struck(altered))
    judged(told, {line for value in made.arranged.inputs.values() for line in [value, *value.splitlines()]})
    if altered.step == "main" and not altered.claims and road not in MAY_LIVE:
        assert not told.living, told.main.log + told.post.log
    return told


ESCAPING: Final = header(307, {"location": "https://vault.lab.test/v1/%1b[31m%0A::error::x%E2%80%AE"})


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("road", ROADS)
@drawn(250)
@given(ALTERATIONS)
@example(Altered("main", 1, False, "a redirect to an escape", ESCAPING))  # noqa: FBT003 - as all
@example(Altered("main", 3, True, "a page that never ends", refusal(403, "1 error occurred: \n::error::x" * 9000)))  # noqa: FBT003
def test_any_answer(road: str, platform: str, altered: Altered) -> None:
    """No answer commands anybody, none is a bug, and what was made is undone."""
    tried(road, platform, altered)


@drawn(150)
@given(LYING_TOKENS)
def test_claims(altered: Altered) -> None:
    """What an id token says of itself is shown, and commands nobody."""
    told = tried("vault-jwt", "action", altered)

    assert told.main.code


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_ten_megabytes(platform: str, status: int, text: str) -> None:
    """An answer of 10 MB is not read to its end, and nothing of it is more than a line."""
    for nth in range(4):
        tried("vault-approle", platform, Altered("main", nth, False, "10 MB", refusal(status, text)))  # noqa: FBT003


def _with_policies(_server: str, answer: Callable[[], Reply]) -> Reply:
    reply = answer()
    body = json.loads(reply.body) if reply.body else None
    if not isinstance(body, dict) or "Policies" not in body:
        return reply
    policies = [f"no-such-policy-{number}" for number in range(20_000)]
    return Reply(reply.status, reply.headers, json.dumps({**body, "Policies": policies}).encode())


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("road", ["vault-approle", "nomad-management"])
def test_many_policies(road: str, platform: str) -> None:
    """Of more policies than a person could read a line is shown, unknown ones included."""
    altered = Altered("main", 0, True, "policies", _with_policies)  # noqa: FBT003
    told = program(road, platform).run(struck(altered))

    assert told.main.code == 0
    assert len(told.main.log) < MOST_OF_A_LOG
    assert all(len(data) < MOST_OF_A_LOG for name, data in told.main.files.items() if "summary" in name)
    assert not told.living


def test_shell_file_in_a_shell() -> None:
    """The file of a run does in a shell what its lines say."""
    told = program("vault-approle", "shell").run()
    variables = sourced(("sh",), told.main.files["shell-file"].decode())

    assert all(VARIABLES[name].fullmatch(value) for name, value in variables.items() if name in VARIABLES)
    assert set(variables) <= {*VARIABLES, "NOMAD_MINT_STATE", "HOME"}
