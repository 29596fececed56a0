"""State that was cut, changed, or is another version's: what can be revoked is, and no bug stands in the way."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from faults.disk import Tampered, tampered
from faults.places import PLACES
from faults.roads import ROADS
from memory import in_memory

_HOSTILE: Final = ("", "x" * 3000, "\n::add-mask::x", "%0A::error::x", "https://[::1", "file:///etc")
_DATES: Final = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-04T05:06:07", "1")


@pytest.fixture
def memory() -> Iterator[Path]:
    """Make a folder in memory."""
    with in_memory() as made:
        yield made


def _changes(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield what may become of *lines*, each with a name."""
    yield "nothing", []
    yield "reversed", lines[::-1]
    yield "twice", [each for each in lines for _ in range(2)]
    yield "all twice", lines * 2
    for at, line in enumerate(lines):
        yield f"without {at}", lines[:at] + lines[at + 1 :]
        yield f"{at} first", [line, *lines[:at], *lines[at + 1 :]]
        yield f"{at} last", [*lines[:at], *lines[at + 1 :], line]
        for name, other in _others(line):
            yield f"{at} {name}", [*lines[:at], other, *lines[at + 1 :]]
    for name, other in _others(lines[0]):
        yield f"more: {name}", [*lines, other]


def _others(line: str) -> Iterator[tuple[str, str]]:
    """Yield what may become of one fact."""
    yield from (("empty", ""), ("a list", "[]"), ("null", "null"), ("no JSON", "{'fact': 1}"), ("nested", "[" * 50_000))
    yield from (("long", json.dumps({"fact": "x" * 100_000})), ("no text", "{\udcff}"), ("cut", line[:-1]))
    if not line.startswith("{"):
        return
    fact = json.loads(line)
    for version in (0, 2, "1", None, [1]):
        yield f"of version {version}", json.dumps(fact | {"v": version})
    yield "unknown", json.dumps(fact | {"fact": "of tomorrow"})
    yield "with more", json.dumps(fact | {"of tomorrow": True})
    for field, value in fact.items():
        yield f"without {field}", json.dumps({name: fact[name] for name in fact if name != field})
        yield f"{field} is null", json.dumps(fact | {field: None})
        for number, other in enumerate(_instead(field, value)):
            yield f"{field} {number}", json.dumps(fact | {field: other})


def _instead(field: str, value: object) -> Iterator[object]:
    match value:
        case bool():
            yield not value
        case int():
            yield from (-1, 10**30, 0.5)
        case str():
            yield from _DATES if field in {"at", "ends"} else _HOSTILE
        case dict():
            for name, inner in value.items():
                yield from (value | {name: other} for other in (*_instead(name, inner), None))
        case _:
            yield "x"


def _wrong(result: Tampered) -> Iterator[str]:
    if result.post.code not in {0, 6}:
        yield f"post ended with {result.post.code}"
    if result.strays:
        yield f"asked elsewhere: {result.strays}"
    if any(secret in result.post.log for secret in result.secrets):
        yield "a secret is in the log"
    commands = [line for line in result.post.log.splitlines() if line.startswith("::")]
    if any(not line.startswith(("::warning ", "::error ")) for line in commands):
        yield "a command is in the log"


@pytest.mark.parametrize(
    ("place", "road"), [("action", "vault-jwt"), ("action", "nomad-management"), ("shell", "vault-token")]
)
def test_changed(place: str, road: str, memory: Path) -> None:
    """Whatever the state holds, the undo ends as one, asks nobody else, and gives no secret and no command away."""
    arranged = ROADS[road].arrange(memory)
    first = tampered(PLACES[place], memory / "job", arranged, lambda lines: lines)
    names, failed = [], []
    for name, _ in _changes(first.lines):
        change = _named(name)
        result = tampered(PLACES[place], memory / "job", arranged, change)
        names.append(name)
        failed += [f"{name}: {text}" for text in _wrong(result)]
    arranged.lab.stop()

    assert first.living == []
    assert len(names) > 100
    assert not failed, "\n".join(failed[:40])


def _named(name: str) -> Callable[[list[str]], list[str]]:
    return lambda lines: next(changed for each, changed in _changes(lines) if each == name)
