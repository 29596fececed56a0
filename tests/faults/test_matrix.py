"""Nothing is left behind: each fault, at each request of each road, once and lasting, in main, in post and in both.

An item is one request of one road, and fails with the names of its cases that did. One of them alone, with its log:

    pytest tests/faults --case NAME -s

Everything runs in this process, on a clock that nobody waits for: see `runs`.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from faults.cases import At, Case, anonymous, cases, comes_out_as
from faults.conftest import PROPERTY
from faults.judge import CLASSES, Class, Verdict, judged
from faults.kinds import KINDS
from faults.known import KNOWN
from faults.roads import ROADS, Arranged, Road
from faults.runs import Result, plain_run, run

_MOST_SHOWN: Final = 20

EXAMPLES: Final = {
    "token of a Nomad login": "nomad-login/main:GET-token-self/reset/before/once/main",
    "lost answer to a Nomad login": "nomad-login/main:POST-acl-login/reset/after/once/main",
    "lost answer to a read with a lent token": "vault-token/main:GET-creds-deployer/reset/after/once/main",
    "lost answer to a read in another namespace": "openbao-namespaces/main:GET-creds-deployer/reset/after/once/main",
    "lost answer to a login at Vault": "vault-jwt/main:POST-jwt-login/reset/after/once/main",
    "claimed though not done: the login": "vault-jwt/post:POST-token-revoke-self/no-content/before/once/post",
    "claimed though not done: the token": "vault-jwt/post:POST-leases-revoke/no-content/before/onward/post",
    "kept from the revoke: the login": "vault-jwt/post:POST-token-revoke-self/reset/before/lasting/post",
    "kept from the revoke: the token": "vault-jwt/post:POST-sys-capabilities-self/reset/before/onward/post",
    "kept from the revoke: a token that was not seen": "nomad-management/main:POST-acl-token/reset/after/onward/both",
    "denied though done": "nomad-management/main:POST-acl-token/400/after/once/main",
}
"""A case of each class of what may be left."""


@cache
def requests(name: str) -> tuple[At, ...]:
    """Return the requests of a plain run of a road."""
    with tempfile.TemporaryDirectory() as made:
        arranged = ROADS[name].arrange(Path(made))
        try:
            result, found = plain_run(ROADS[name], arranged, Path(made))
        finally:
            arranged.lab.stop()

    assert (result.main.code, result.post.code) == (0, 0), result.log
    return tuple(found)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make the items: a request of a road each, or the cases that were named."""
    if "at" in metafunc.fixturenames:
        items = [(road, at) for name, road in ROADS.items() for at in requests(name)]
        wanted = [] if metafunc.config.getoption("case") else items
        metafunc.parametrize(("road", "at"), wanted, ids=[f"{road.name}/{at.name}" for road, at in wanted])
    if "named" in metafunc.fixturenames:
        names = metafunc.config.getoption("case") or KNOWN
        metafunc.parametrize("named", [name for name in names if not name.startswith("disk/")])


def found(name: str) -> Case:
    """Return the case of that *name*. Raises `LookupError`."""
    road = ROADS[name.split("/", maxsplit=1)[0]]
    for at in requests(road.name):
        for case in cases(road, at):
            if case.name == name:
                return case
    raise LookupError(name)


def tried(case: Case, road: Road, arranged: Arranged, folder: Path) -> tuple[Result, Verdict]:
    """Run a case and judge it."""
    result = run(case, road, arranged, folder)
    return result, judged(case, road, arranged, result)


def test_matrix(road: Road, at: At, folder: Path, record_property: Callable[[str, object], None]) -> None:
    """Whatever goes wrong, what could be revoked is, what could not is named, and the rest of design §6 holds."""
    arranged = road.arrange(folder)
    row: defaultdict[str, Counter[str]] = defaultdict(Counter)
    made: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    wrong, survivors = [], 0
    for case in cases(road, at):
        runs = made[case.kind, case.when]
        result = next((each for each in runs if comes_out_as(case, each.decided)), None)
        if result is None:
            result = run(case, road, arranged, folder)
            runs.append(result)
        verdict = judged(case, road, arranged, result)
        row[KINDS[case.kind].family][verdict.ending] += 1
        survivors += verdict.survivors
        wrong += [f"{case.name}: {text}" for text in verdict.wrong]
    arranged.lab.stop()
    cells = {family: dict(cell) for family, cell in row.items()}
    record_property(PROPERTY, (f"{road.name}/{at.name}", cells, sum(map(len, made.values())), survivors))

    assert not wrong, "\n".join([f"{len(wrong)} cases:", *wrong[:_MOST_SHOWN]])


def test_named_case(named: str, folder: Path) -> None:
    """A case that found a bug once, or one that is named with `--case`; `-s` shows what was asked and printed."""
    case = found(named)
    road = ROADS[case.road]
    arranged = road.arrange(folder)
    result, verdict = tried(case, road, arranged, folder)
    arranged.lab.stop()
    for sent in result.sent:
        print(f"{sent.method} {sent.path}: {sent.answer.status if sent.answer else 'not asked'}, {sent.deed}"[:200])  # noqa: T201
    print(result.log)  # noqa: T201 - this is the way to look at a case

    assert not verdict.wrong


@pytest.mark.parametrize("each", CLASSES, ids=lambda each: each.name)
def test_classes_occur(each: Class, folder: Path) -> None:
    """Each class of what may be left has a case: the table holds nothing that does not happen."""
    case = found(EXAMPLES[each.name])
    road = ROADS[case.road]
    arranged = road.arrange(folder)
    _, verdict = tried(case, road, arranged, folder)
    arranged.lab.stop()

    assert each.name in verdict.classes


def test_comes_out_as(folder: Path) -> None:
    """A case of which it is said that it comes out as a run comes out so: the same requests, times and ends."""
    road = ROADS["nomad-management"]
    arranged = road.arrange(folder)
    made: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    pairs = []
    for case in [case for case in cases(road, requests(road.name)[0]) if case.kind in {"reset", "429", "page", "403"}]:
        result = run(case, road, arranged, folder)
        runs = made[case.kind, case.when]
        pairs += [(_outcome(result), _outcome(each)) for each in runs if comes_out_as(case, each.decided)][:1]
        runs.append(result)
    arranged.lab.stop()

    assert len(pairs) > 10
    assert all(one == other for one, other in pairs)


def _outcome(result: Result) -> tuple[object, ...]:
    sent = [(each.method, anonymous(each.path), each.deed.then, each.answer is None) for each in result.sent]
    return sent, result.spent, result.decided, result.main.code, result.post.code, len(result.tokens)
