"""Whatever text a sink is given, its reader finds what was meant, and no more: each sink, each with its own reader."""

import io
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fakes import FakeClock
from gitlab import dotenv
from hostile.readers import command, commands, env_file, log_lines, out_of_fence, sections, sourced, unseen
from hostile.texts import ENCODABLE, HUGE, TEXTS, drawn
from nomad_token.clients.http import Connection, Place
from nomad_token.errors import InputError
from nomad_token.order import all_declared
from nomad_token.platforms import JOBS, sinks
from nomad_token.platforms.base import Export, Level
from nomad_token.platforms.files import overwrite
from nomad_token.platforms.github import GitHubJob
from nomad_token.platforms.gitlab import ADD_MASK, GitLabJob
from nomad_token.platforms.local import LocalJob
from nomad_token.platforms.spelling import spelled, spelt
from nomad_token.secret import SecretStr
from nomad_token.text import in_summary, pasted, shown

MOST_OF_A_LINE: Final = 4100
MOST_OF_A_TEXT: Final = 1_000_000
NAMES: Final = st.from_regex(r"[A-Z][A-Z0-9_]{2,10}", fullmatch=True).map(lambda name: f"T_{name}")
# What no variable of a process can hold, and no file of text.
VALUES: Final = ENCODABLE.map(lambda text: text.replace("\0", ""))
SHELLS: Final = (("sh",), ("bash", "--noprofile", "--norc"))


class Log(Protocol):
    """What a platform prints text with."""

    def say(self, line: str) -> None: ...  # noqa: D102

    def trace(self, line: str) -> None: ...  # noqa: D102

    def annotate(self, level: Level, title: str, text: str) -> None: ...  # noqa: D102

    def mask(self, secret: SecretStr) -> None: ...  # noqa: D102


def nowhere(_place: Place) -> Connection:
    """Connect to nothing: no log asks a server."""
    raise AssertionError


def printed(kind: type[GitHubJob | GitLabJob | LocalJob], act: Callable[[Log], None], **environ: str) -> str:
    """Return what a job prints when *act* does something with it."""
    out = io.StringIO()
    act(kind({"RUNNER_DEBUG": "1", **environ}, out, clock=FakeClock(), connect=nowhere))
    return out.getvalue()


def harmless(text: str, *, most: int = MOST_OF_A_TEXT) -> bool:
    """Tell whether *text* is lines of visible characters, none too long, and not too many."""
    lines = log_lines(text)
    return not any(unseen(line) or len(line) > MOST_OF_A_LINE for line in lines) and len(text) <= most


@pytest.mark.parametrize("kind", JOBS)
@drawn(300)
@given(TEXTS)
@example(": ::error::x")
def test_a_line_is_a_line(kind: type[GitHubJob], text: str) -> None:
    """What is said is one line, of visible characters, and no command."""
    log = printed(kind, lambda job: job.say(text))

    assert log.endswith("\n")
    assert len(log_lines(log)) == 2
    assert harmless(log, most=MOST_OF_A_LINE)
    assert not commands(log)


@drawn(300)
@given(TEXTS)
def test_debug_line(text: str) -> None:
    """A debug line is one command, and nothing but a line of visible characters in it."""
    log = printed(GitHubJob, lambda job: job.trace(text))
    (found,) = commands(log)

    assert found.name == "debug"
    assert len(log_lines(found.data)) == 1
    assert harmless(found.data)


@drawn(300)
@given(TEXTS, st.sampled_from(Level))
def test_annotation(text: str, level: Level) -> None:
    """An annotation is one command with our title, and its text is lines of visible characters."""
    log = printed(GitHubJob, lambda job: job.annotate(level, "A title", text))
    (found,) = commands(log)

    assert (found.name, found.properties) == (level.value, {"title": "A title"})
    assert len(log_lines(log)) == 2
    assert harmless(found.data)


@pytest.mark.parametrize("kind", [GitLabJob, LocalJob])
@drawn(300)
@given(TEXTS, st.sampled_from(Level))
@example("a\n  ::add-mask::x", Level.ERROR)
def test_message(kind: type[GitLabJob], text: str, level: Level) -> None:
    """Where there are no annotations, a message is visible lines with our words before the first, in our colours."""
    log = printed(kind, lambda job: job.annotate(level, "A title", text))
    coloured = re.fullmatch(r"\x1b\[3[13];1m([^\x1b]*)\x1b\[0m([^\x1b]*)", log)
    plain = "".join(coloured.groups()) if coloured else log

    assert (coloured is not None) == (kind is GitLabJob)
    assert plain.startswith(f"{level.value}: A title:")
    assert harmless(plain)
    assert not commands(plain)
    assert not sections(log)


@drawn(200)
@given(VALUES)
def test_mask(text: str) -> None:
    """A mask is one command that holds the whole secret, as it is."""
    found = commands(printed(GitHubJob, lambda job: job.mask(SecretStr(text))))

    assert [(each.name, each.data) for each in found] == [("add-mask", text)]


@drawn(200)
@given(st.lists(VALUES, min_size=1, max_size=4).map("\n".join))
@example("-----BEGIN PRIVATE KEY-----\nMIIsecretsecretsecret\n-----END PRIVATE KEY-----")
def test_mask_of_gitlab(text: str) -> None:
    """No part of a secret is printed behind anything but `::add-mask::`, whatever lines it has."""
    log = printed(GitLabJob, lambda job: job.mask(SecretStr(text)), **{ADD_MASK: "true"})

    assert all(line.startswith("::add-mask::") for line in log_lines(log) if line)
    assert all(
        len(part.strip()) < 8 or f"::add-mask::{part.strip()}\n" in log for part in log_lines(text) if not unseen(part)
    )


def handed_over(variables: Mapping[str, str], outputs: Mapping[str, object]) -> list[dict[str, str]]:
    """Return the runner's reading of `GITHUB_ENV` and `GITHUB_OUTPUT` after an export."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, name) for name in ("GITHUB_ENV", "GITHUB_OUTPUT")}
        for file in files.values():
            file.write_text("BEFORE=us\n")
        job = GitHubJob({n: str(f) for n, f in files.items()}, io.StringIO(), clock=FakeClock(), connect=nowhere)
        job.hand_over(Export({**variables}, outputs))
        job.hand_over(Export({"T_LAST": "one"}, {"last": "one"}))
        return [env_file(file.read_bytes()) for file in files.values()]


@drawn(200)
@given(st.dictionaries(NAMES, ENCODABLE, max_size=3), st.lists(TEXTS, max_size=3))
def test_files_of_the_runner(variables: dict[str, str], texts: list[str]) -> None:
    """The runner reads exactly the pairs that were handed over, whatever their values hold."""
    env, output = handed_over(variables, {"policies": texts})

    assert env == {"BEFORE": "us", **variables, "T_LAST": "one"}
    assert {**output, "policies": json.loads(output["policies"])} == {"BEFORE": "us", "policies": texts, "last": "one"}


@drawn(50)
@given(TEXTS)
def test_no_half_of_a_file(text: str) -> None:
    """What can't be written in UTF-8 is not written by halves: the file stays as it was."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "env")
        file.touch()
        job = GitHubJob({"GITHUB_ENV": str(file)}, io.StringIO(), clock=FakeClock(), connect=nowhere)
        with pytest.raises(UnicodeEncodeError):
            job.append("GITHUB_ENV", {"T_A": "plain", "T_B": f"{text}\ud800"})

        assert not file.read_bytes()


@drawn(200)
@given(st.dictionaries(NAMES, TEXTS, max_size=3))
def test_dotenv(variables: dict[str, str]) -> None:
    """GitLab reads the values as they are, with nothing in them to expand, or the file is refused."""
    refused, text = "", ""
    try:
        text = sinks.text("dotenv", "file", Export({**variables}, {}), most=dotenv.LARGEST - 1)
    except InputError as error:
        refused = error.text

    assert harmless(refused)
    assert refused or dotenv.parsed(text.encode()) == variables
    assert refused or not any(map(dotenv.expandable, variables.values()))


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@drawn(40)
@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_shell_file(shell: tuple[str, ...], variables: dict[str, str]) -> None:
    """A shell that sources the file has the variables as they are, and does nothing else."""
    text = sinks.text("shell-file", "file", Export({**variables}, {}))

    assert sourced(shell, text) == variables


@drawn(200)
@given(st.dictionaries(NAMES, TEXTS, max_size=3), st.lists(TEXTS, max_size=3))
def test_json(outputs: dict[str, str], policies: list[str]) -> None:
    """JSON says what was handed over, in lines of ASCII that no runner takes for a command."""
    text = sinks.text("json", "file", Export({}, {**outputs, "policies": policies}))

    assert json.loads(text) == {**outputs, "policies": policies}
    assert text.isascii()
    assert not any(map(unseen, log_lines(text)))
    assert not commands(text)


@drawn(200)
@given(st.lists(st.fixed_dictionaries({"env-name": TEXTS, "policies": st.lists(TEXTS, max_size=2)}), max_size=2))
def test_field(credentials: list[dict[str, object]]) -> None:
    """A field that is no text is one line of JSON, which is no command."""
    text = sinks.text("field", "credentials", Export({}, {"credentials": credentials}))

    assert json.loads(text) == credentials
    assert len(log_lines(text)) == 2
    assert not commands(text)


@drawn(300)
@given(TEXTS, TEXTS)
@example("a\n```\n<b>\n", "~~~\n[x](y)\n")
def test_summary(one: str, two: str) -> None:
    """In a summary all but our heading is in a fence, of visible lines, and not too many of them."""
    summary = in_summary("mint", one, two)

    assert out_of_fence(summary) == []
    assert harmless(summary)


DECLARED: Final = {one.name: one for one in all_declared()}


@drawn(300)
@given(TEXTS, st.sampled_from(sorted(DECLARED)))
def test_spelling(text: str, name: str) -> None:
    """Inputs are named as they were given in a server's text too, and it is as harmless as before."""
    names = {one.name: spelt(one) for one in DECLARED.values()}
    said = spelled(shown(f"{text} `{name}` {text}"), DECLARED, names)

    assert len(log_lines(said)) == 1
    assert not unseen(said)
    assert command(f"no: {said}") is None


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@drawn(40)
@given(st.lists(VALUES, min_size=1, max_size=6))
def test_pasted(shell: tuple[str, ...], texts: list[str]) -> None:
    """What a person pastes is one word for a shell, which does nothing with it."""
    lines = "".join(f"export T_{number}={pasted(text)}\n" for number, text in enumerate(texts))

    assert sourced(shell, lines) == {f"T_{number}": shown(text) for number, text in enumerate(texts)}


@drawn(100)
@given(st.lists(VALUES, max_size=6), st.lists(st.from_regex(r"[\w.-]{8,40}", fullmatch=True), min_size=1, max_size=3))
def test_overwriting(texts: list[str], secrets: list[str]) -> None:
    """What is overwritten is gone, and the file is as long as before."""
    content = "\n".join([*texts, *secrets, *texts, *reversed(secrets)]).encode()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "set_env_1")
        file.write_bytes(content)
        overwrite(file, [secret.encode() for secret in secrets])
        after = file.read_bytes()

    assert len(after) == len(content)
    assert not any(secret.encode() in after for secret in secrets)


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
@pytest.mark.parametrize("kind", JOBS)
def test_ten_megabytes(kind: type[GitHubJob], text: str) -> None:
    """Of 10 MB of text no more is printed than a person could scroll through, and nothing in it is a command."""

    def act(job: Log) -> None:
        job.say(text)
        job.trace(text)
        job.annotate(Level.ERROR, text, text)

    log = printed(kind, act)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", log)
    own = [found for found in commands(plain) if found.name in {"debug", "error"}]

    assert len(log) < MOST_OF_A_TEXT
    assert len(commands(plain)) == len(own) == (2 if kind is GitHubJob else 0)
    assert not any(unseen(line) for found in own for line in log_lines(found.data))
    assert not any(map(unseen, log_lines(plain)))
    assert len(in_summary("mint", text, text)) < MOST_OF_A_TEXT
    assert len(pasted(text)) < MOST_OF_A_LINE
