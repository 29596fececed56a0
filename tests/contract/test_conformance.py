"""Each server text that decides something has a conformance test, and so has each request and each row of the page."""

import ast
import inspect
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from conformance.statuses import STATUSES
from nomad_token import said
from nomad_token.clients.nomad import Nomad
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.clients.vault import Vault
from nomad_token.clients.vault_operator import VaultOperator

ROOT = Path(__file__).parents[2]
SUITE = sorted((ROOT / "tests" / "conformance").glob("test_*.py"))
REGISTERS = [kind for kind in vars(said).values() if isinstance(kind, type) and issubclass(kind, StrEnum)][1:]
SOURCES = [
    ROOT / "src" / "nomad_token" / "retry.py",
    ROOT / "src" / "nomad_token" / "renewal.py",
    ROOT / "src" / "nomad_token" / "verify.py",
    ROOT / "src" / "nomad_token" / "bootstrap.py",
    *sorted((ROOT / "src" / "nomad_token").glob("clients/*.py")),
    *sorted((ROOT / "src" / "nomad_token").glob("issuers/*.py")),
    *sorted((ROOT / "src" / "nomad_token").glob("leases/*.py")),
    *sorted((ROOT / "src" / "nomad_token").glob("setup/*.py")),
    *sorted((ROOT / "src" / "nomad_token").glob("undo/*.py")),
    *sorted((ROOT / "src" / "nomad_token").glob("vault_auth/*.py")),
]
# What foreign text is called in those files.
FOREIGN = re.compile(r"\b(said|text|texts|nomad\[1\])\b")


def _read(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


TESTS = {
    (path.stem, node.name) for path in SUITE for node in ast.walk(_read(path)) if isinstance(node, ast.FunctionDef)
}


def _marked(tree: ast.AST) -> Iterator[str]:
    """Return the texts that the `says` marks of a file name, as `FromVault.SEALED`."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"says", "pytest.mark.says"}:
            yield from (ast.unparse(argument) for argument in call.args)


def test_each_text_has_a_conformance_test() -> None:
    """A text in the register that no test hears a server say is one that no server may say any more."""
    marked = {text for path in SUITE for text in _marked(_read(path))}
    registered = {f"{kind.__name__}.{each.name}" for kind in REGISTERS for each in kind}

    assert len(registered) > 40
    assert registered - marked == set(), "give each a test with @says in tests/conformance"
    assert marked - registered == set()


def _literals(tree: ast.AST) -> Iterator[str]:
    """Return the places where a text is looked for in foreign text, and is written there and then."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Constant) and isinstance(node.left.value, str):
            searched = [right for op, right in zip(node.ops, node.comparators, strict=True) if _is_in(op)]
            if any(FOREIGN.search(ast.unparse(right)) for right in searched):
                yield ast.unparse(node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            searches = node.func.attr in {"startswith", "endswith", "find", "index", "count"}
            written = any(isinstance(argument, ast.Constant) for argument in node.args)
            if searches and written and FOREIGN.search(ast.unparse(node.func.value)):
                yield ast.unparse(node)


def _is_in(op: ast.cmpop) -> bool:
    return isinstance(op, ast.In | ast.NotIn)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_text_is_looked_for_beside_the_register(path: Path) -> None:
    """What decides something is named in `said.py`, where the test above finds it."""
    assert list(_literals(_read(path))) == []


@pytest.mark.parametrize("line", ['"sealed" in refusal.said', 'said.endswith("x")', '"a" not in answer.text'])
def test_such_a_text_would_be_found(line: str) -> None:
    """The forms that it is looked for in."""
    assert list(_literals(ast.parse(line))) == [ast.unparse(ast.parse(line))]


@pytest.mark.parametrize(
    ("client", "name", "file"),
    [
        (Vault, "vault", "test_clients.py"),
        (Nomad, "nomad", "test_clients.py"),
        (VaultOperator, "vault", "test_operators.py"),
        (NomadOperator, "nomad", "test_operators.py"),
    ],
)
def test_each_request_of_our_clients_is_sent_to_each_target(client: type, name: str, file: str) -> None:
    """A method of a client that no conformance test calls is a request that no server was asked."""
    methods = {
        each for each, value in vars(client).items() if inspect.isfunction(value) and not each.startswith("_")
    } - {"of_own_region"}
    text = (ROOT / "tests" / "conformance" / file).read_text("utf-8")

    assert {each for each in methods if f"{name}.{each}(" not in text} == set()


def test_each_row_of_the_page_names_its_test() -> None:
    """`docs/servers.md` says what differs, and each row of it is a test of the suite."""
    rows = re.findall(r"^\|.*\| `(\w+)::(\w+)` \|$", (ROOT / "docs" / "servers.md").read_text("utf-8"), re.MULTILINE)

    assert len(rows) > 15
    assert [row for row in rows if row not in TESTS] == []


def _statuses(tree: ast.AST) -> set[int]:
    """Return the numbers that a status is compared with."""
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare) and "status" in ast.unparse(node)]
    numbers = {each.value for node in compared for each in ast.walk(node) if isinstance(each, ast.Constant)}
    return {number for number in numbers if isinstance(number, int) and 200 <= number < 600}


def test_each_status_has_a_conformance_test() -> None:
    """A status that decides something is in the suite's table, with the test that shows it, or why no server can."""
    decided = set().union(*(_statuses(_read(path)) for path in SOURCES))
    named = [tuple(shown.split("::")) for shown in STATUSES.values() if "::" in shown]

    assert decided == set(STATUSES)
    assert set(named) - TESTS == set()
