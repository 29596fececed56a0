"""`docs/setup-vault.md` and `docs/setup-nomad.md` hold what the program makes, takes and reads."""

import io
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, get_args

import pytest
import yaml
from pydantic import BaseModel

from fakes import World
from nomad_token.command_line import command, read_call
from nomad_token.order import Order, all_declared
from nomad_token.setup import shipped
from nomad_token.setup.bounds import PLATFORMS
from nomad_token.setup.export import FORMATS
from nomad_token.setup.file import Setup, load
from nomad_token.setup.objects import wanted

DOCS: Final = Path(__file__).parents[2] / "docs"
PAGES: Final = {name: (DOCS / f"{name}.md").read_text("utf-8") for name in ("setup-vault", "setup-nomad")}
PLACES: Final = {"VAULT_ADDR": "https://vault.example.com:8200", "NOMAD_ADDR": "https://nomad.example.com:4646"}


def blocks(page: str, language: str) -> list[str]:
    """Return a page's blocks in *language*."""
    return re.findall(rf"```{language}\n(.*?)```", PAGES[page], re.DOTALL)


def lines(page: str) -> Iterator[list[str]]:
    """Yield the command lines of ours that a page has people type."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("nomad-token "):
                yield shlex.split(line.partition(" > ")[0], comments=True)[1:]


ALL_LINES: Final = [line for page in PAGES for line in lines(page)]
INITS: Final = {page: line for page in PAGES for line in reversed(list(lines(page))) if line[:2] == ["setup", "init"]}


@pytest.mark.parametrize("line", ALL_LINES, ids=" ".join)
def test_command_lines_are_right(line: list[str]) -> None:
    """What a page has people type is a command line that there is."""
    assert read_call(line, all_declared()).command == line[0]


def test_each_part_is_shown() -> None:
    """The lines are found: each part of `setup`, each format of an export, and the bootstrap."""
    parts = {line[1] for line in ALL_LINES if line[0] == "setup"}
    formats = {line[line.index("--format") + 1] for line in ALL_LINES if "--format" in line}

    assert parts == {"init", "plan", "apply", "export"}
    assert formats == set(FORMATS)
    assert ["bootstrap", "--out", "nomad-operator.token"] in ALL_LINES


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, line: list[str]) -> str:
    """Return the file that a line makes of nothing in *folder*."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    err = io.StringIO()
    assert command(line, PLACES, io.StringIO(), err) == 0, err.getvalue()
    return (folder / "nomad-token.toml").read_text("utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_the_file_is_what_the_line_above_it_makes(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that a page shows is, letter by letter, what its `setup init` writes; and the other parts take it."""
    (shown,) = blocks(page, "toml")

    assert made(tmp_path, monkeypatch, INITS[page]) == shown
    assert wanted(*load(tmp_path / "nomad-token.toml"))


ROWS: Final = re.findall(r"^\| .* \| `(--[^`]+)`", PAGES["setup-vault"].partition("## Plan and apply")[0], re.MULTILINE)


@pytest.mark.parametrize("flags", ROWS)
def test_flags_for_other_jobs_make_a_file(flags: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of flags, after those of the page's own line, makes a file that the other parts take."""
    (tmp_path / "app.policy.hcl").write_text('namespace "app" { policy = "write" }')
    given = shlex.split(flags.replace(r"\|", "|"))
    line = INITS["setup-vault"]
    kept = line[:-2] if "--project-id" in given else line
    made(tmp_path, monkeypatch, [*kept, *given])

    assert wanted(*load(tmp_path / "nomad-token.toml"))


def test_there_are_such_rows() -> None:
    """The rows are found."""
    assert len(ROWS) == 7


SNIPPETS: Final = [block for page in PAGES for block in blocks(page, "yaml")]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_jobs_are_right(snippet: str) -> None:
    """What a page gives to the action is what an order is made of."""
    read = yaml.safe_load(snippet)
    (given,) = (
        step["with"]
        for step in (read if isinstance(read, list) else read["steps"])
        if "nomad-token" in step.get("uses", "")
    )

    assert isinstance(World(given).order(), Order)


def tables(model: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield each table below *model*, as its head is written, and what it is."""
    for field, info in model.model_fields.items():
        kinds = [info.annotation, *get_args(info.annotation)]
        below = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        if below:
            path = f"{name}.{field.replace('_', '-')}".lstrip(".")
            head = f"[{path}]" if below in kinds[:1] else f"[[{path}]]"
            yield head, below
            yield from tables(below, path)


def without(model: type[BaseModel], field: str) -> str:
    """Return what a key of the file is without being given, as the page writes it."""
    info = model.model_fields[field]
    if info.is_required():
        return "needed"
    if isinstance(info.default, float):
        return f"`{int(info.default) // 3600}h`" if info.default % 3600 == 0 else f"`{int(info.default) // 60}m`"
    if isinstance(info.default, bool):
        return f"`{str(info.default).lower()}`"
    return f"`{info.default}`" if info.default not in {None, ()} else ""


def test_schema_is_that_of_the_file() -> None:
    """The page has each table and key that the file may have, what is needed, and what the others default to."""
    table = PAGES["setup-vault"].partition("<!-- schema -->\n")[2].partition("<!-- /schema -->")[0]
    rows = [re.split(r" *\| *", line.strip("| "))[-4:] for line in table.splitlines()[2:]]
    found: dict[str, dict[str, str]] = {}
    head = ""
    for cells in rows:
        if len(cells) == 4:
            head = cells.pop(0).strip("`")
        key, default, _ = cells
        found.setdefault(head, {})[key.strip("`")] = default
    meant = {
        head: {info.alias or field: without(model, field) for field, info in model.model_fields.items()}
        for head, model in tables(Setup, "")
    }

    assert {head: set(keys) for head, keys in found.items()} == {head: set(keys) for head, keys in meant.items()}
    for head_, keys in meant.items():
        assert {key: default for key, default in found[head_].items() if keys[key]} == {
            key: default for key, default in keys.items() if default
        }


def test_claims_are_those_that_are_bound() -> None:
    """The page names each claim that has to be bound, of which one is enough, and no other."""
    part = PAGES["setup-vault"].partition("What a role has to bind")[2].partition("A `*` in a value")[0]
    named = set(re.findall(r"`([a-z_]+)`", "".join(re.findall(r"^\| (.*?) \|", part, re.MULTILINE))))
    needed = {name for known in PLATFORMS.values() for name in (*known.who, *known.when)}
    beside = {name for known in PLATFORMS.values() for names in known.who.values() for name in names}

    assert named == needed | beside | {"aud", "audience"}


def test_policies_are_those_that_are_shipped() -> None:
    """The page lists the policies that come with the program."""
    part = PAGES["setup-vault"].partition("Three policies come")[2].partition("They are written")[0]

    assert re.findall(r"^\| `(\w[\w-]*)` \|", part, re.MULTILINE) == ["deploy", "readonly", "ns-admin"]
    assert set(shipped.ABOUT) == {"deploy", "readonly", "ns-admin"}
