"""Nothing is minted that can't be kept, and nothing is left behind, whatever becomes of the files.

Each file that a place has is struck before each request of a plain run, and at each of its entries, once and lasting;
so is the whole disk. An item is one place on one road, and fails with the names of its cases that did. One of them
alone, with its log:

    pytest tests/faults/test_disk.py --case disk/NAME -s
"""

import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from faults.disk import DISKS, EVERYTHING, SWAPS, Case, Result, run
from faults.known import KNOWN
from faults.places import ACT, PLACES
from faults.roads import OF_THE_ACTION, ROADS
from memory import in_memory

_MOST_SHOWN: Final = 20
_RUNNERS: Final = re.compile("save_state|set_env|set_output")
"""Files that the runner removes; what stands in them is dead by then."""
_TOLD: Final = re.compile(
    r"(GITHUB_(STATE|ENV|OUTPUT)|/\S*(state|token\.\w+|\.pem|nomad-token-\w+)) could not be written: [^\n]+"
    r"|othing was minted"
)
"""The file that failed, and why; or that nothing was asked for."""
_THIN: Final = [
    *(("action", road) for road in OF_THE_ACTION if road != "vault-jwt"),
    *((place, road) for place in ("act", "gitlab") for road in ("vault-token", "nomad-login", "nomad-management")),
]
"""Where the same files are written with other facts: there the whole disk is struck, and each entry of the state."""
_ITEMS: Final = [*((place, "vault-jwt") for place in PLACES), *_THIN]
_ENTRY: Final = {"GITHUB_STATE": b"nomad_token_", "the state": b"\n"}


@pytest.fixture
def memory() -> Iterator[Path]:
    """Make a folder in memory, which others may look into."""
    with in_memory() as made:
        made.chmod(0o755)
        yield made


@pytest.fixture
def under_act(memory: Path) -> Iterator[Path]:
    """Make a folder where act has its files, which is how it is known; what is in it is in memory."""
    made = [path for path in (ACT, ACT / "workflow") if not path.exists()]
    (ACT / "workflow").mkdir(parents=True, exist_ok=True)
    folder = ACT / "workflow" / memory.name
    folder.symlink_to(memory)
    yield folder
    folder.unlink()
    for path in reversed(made):
        with suppress(OSError):
            path.rmdir()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the items, or the cases that were named."""
    if "place" in metafunc.fixturenames:
        named = metafunc.config.getoption("case")
        metafunc.parametrize(("place", "road"), [] if named else _ITEMS, ids=str)
    if "named_place" in metafunc.fixturenames:
        named = metafunc.config.getoption("case") or KNOWN
        metafunc.parametrize("named_place", [name for name in named if name.startswith("disk/")])


def _points(content: bytes, what: str) -> Iterator[int]:
    """Yield where a file may end: before each entry, in its middle, and before its last byte."""
    mark = _ENTRY.get(what)
    begins = [0]
    while mark and (at := content.find(mark, begins[-1] + 1)) >= 0:
        begins.append(at)
    for begin, end in zip(begins, [*begins[1:], len(content)], strict=True):
        yield from sorted({begin, (begin + end) // 2, max(begin, end - 1)})


def cases(plain: Result, files: list[str]) -> Iterator[Case]:
    """Make the cases of a place and a road, of which there was a *plain* run, for the whole disk and for *files*."""
    for step, sent in (("main", plain.sent), ("post", plain.sent_in_post)):
        for at in range(len(sent) + 1):
            for kind in DISKS:
                yield from _spans(step, EVERYTHING, kind, at)
            for what, kind in itertools.product(files if step == "main" else files[:1], SWAPS):
                if not (what.startswith("--") and kind == "unsynced"):  # a token may be written there, if one likes
                    yield from _spans(step, what, kind, at)
    for what, content in plain.files.items():
        if what in _ENTRY or (what in files and not what.startswith("--")):
            for at in _points(content, what):
                yield from _spans("main", what, "room", at)


def _spans(step: str, what: str, kind: str, at: int) -> Iterator[Case]:
    yield Case(step, what, kind, at)
    if kind in {"full", "room", "gone"}:
        yield Case(step, what, kind, at, lasts=False)


def wrong(case: Case, result: Result, place: str, road: str) -> Iterator[str]:
    """Say what must not be so."""
    yield from _of_main(result, place)
    text = "\n".join(line for line in result.log.splitlines() if not line.startswith("::add-mask::"))
    if any(secret in text for secret in result.secrets):
        yield "a secret is in the log"
    if _is_lost(case, result):
        return
    if result.post and result.post.code != 0:
        yield f"post ended with {result.post.code}"
    for when, living in (("after a mint that failed", result.after_main), ("in the end", result.in_the_end)):
        for accessor in living if result.main.code or when == "in the end" else []:
            # A token of a Nomad login ends by itself.
            if road != "nomad-login" or accessor not in result.log:
                yield f"{accessor} lives {when}"
    if case.step == "main" and place != "gitlab-pair":  # there the files are another job's
        yield from (f"{left} holds a secret in the end" for left in result.left if not _RUNNERS.match(left))


def _of_main(result: Result, place: str) -> Iterator[str]:
    code = result.main.code
    if code not in {0, 2, 75}:
        yield f"main ended with {code}"
    if code == 2 and result.sent:
        yield "something was asked, though the place is no place for a mint"
    if code and not _TOLD.search(result.main.log):
        yield "the text does not say what failed"
    has_files = place not in {"run", "run-with-state"}
    if code == 0 and has_files and not any(secret in result.handed_over for secret in result.secrets):
        yield "nothing was handed over"


def _is_lost(case: Case, result: Result) -> bool:
    """Tell whether the revoke had no state from its begin on, and says so."""
    told = result.post.log if result.post else ""
    texts = ("can't be read", "There is no state", "Nothing to revoke")
    return (case.step, case.at) == ("post", 0) and any(text in told for text in texts)


def test_disk(
    place: str, road: str, memory: Path, under_act: Path, record_property: Callable[[str, object], None]
) -> None:
    """Whatever becomes of the files: what was made is undone, or a later revoke does it; the text says what failed."""
    arranged = ROADS[road].arrange(memory)
    folder = (under_act if place == "act" else memory) / "job"
    plain = run(PLACES[place], folder, arranged, None)
    files = [] if (place, road) in _THIN else list(PLACES[place](memory / "names", arranged).files)
    struck = list(cases(plain, files))
    failed = [
        f"disk/{place}/{road}/{case.name}: {text}"
        for case in struck
        for text in wrong(case, run(PLACES[place], folder, arranged, case), place, road)
    ]
    arranged.lab.stop()
    record_property("cases", len(struck))

    assert plain.main.code == 0, plain.log
    assert len(struck) > 20
    assert not failed, "\n".join([f"{len(failed)} cases:", *failed[:_MOST_SHOWN]])


def test_named_case(named_place: str, memory: Path, under_act: Path) -> None:
    """A case that found a bug, or is named with `--case`; `-s` shows what was asked and printed."""
    _, place, road, rest = named_place.split("/", maxsplit=3)
    arranged = ROADS[road].arrange(memory)
    folder = (under_act if place == "act" else memory) / "job"
    plain = run(PLACES[place], folder, arranged, None)
    case = next(
        each for each in cases(plain, list(PLACES[place](memory / "names", arranged).files)) if each.name == rest
    )
    result = run(PLACES[place], folder, arranged, case)
    arranged.lab.stop()
    for sent in [*result.sent, *result.sent_in_post]:
        print(f"{sent.method} {sent.path}")  # noqa: T201
    print(result.log)  # noqa: T201 - this is the way to look at a case

    assert not list(wrong(case, result, place, road))
