"""What the pages have people write and click is right."""

import re
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml
from pydantic import BaseModel

from contract.pages import (
    DOCS,
    PAGES,
    ROOT,
    Block,
    anchors,
    blocks,
    commands,
    included,
    links,
    prose,
    spans,
    under,
    uses,
)
from fakes import World
from nomad_token.command_line import read_call
from nomad_token.commands import OF_THE_LAB
from nomad_token.issuers import ISSUERS
from nomad_token.order import Order, all_declared
from nomad_token.outputs import OUTPUTS
from nomad_token.setup import shipped
from nomad_token.setup.file import Setup

HEADER: Final = next(yaml.safe_load_all((ROOT / "gitlab" / "nomad-token.yml").read_text("utf-8")))
TEMPLATE: Final[dict[str, dict[str, Any]]] = HEADER["spec"]["inputs"]
YAML: Final = blocks(PAGES, "yaml")
LINES: Final = [
    (f"{block.page}: {' '.join(words)}", words)
    for block in [*blocks(PAGES, "yaml", "sh"), *spans(PAGES)]
    for words in commands(block.text)
    if block.language or words[1:]  # a command that is only named, in a sentence
]
# Names of such a form that are not ours: of GitHub's, GitLab's, Vault's and Nomad's own.
OTHERS: Final = frozenset(
    {"acls-disabled", "deploy-app", "nomad-token", "nomad-token-linux-amd64", "openbao-plugin-secrets-nomad"}
    | {"nomad-token-mint", "nomad-token-revoke"}
    | {"setup-nomad", "submit-job", "vault-action"}
)


def keys(table: type[BaseModel]) -> set[str]:
    """List the keys of a table of the setup's file, and of those in it."""
    found = set()
    for field in table.model_fields.values():
        found.add(field.alias or "")
        below = [each for each in (field.annotation, *get_args(field.annotation)) if isinstance(each, type)]
        for each in below:
            if issubclass(each, BaseModel):
                found |= keys(each)
    return found


def name(page: Path) -> str:
    """Name a page."""
    return page.name


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link between the pages leads to a file that is there, and to a heading in it."""
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page

        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", DOCS, ids=name)
def test_every_page_is_linked(page: Path) -> None:
    """Each page is found from another one."""
    assert any(
        (other.parent / link.partition("#")[0]).resolve() == page
        for other in PAGES
        if other != page
        for link in links(other)
    )


@pytest.mark.parametrize("block", YAML, ids=str)
def test_yaml_is_read(block: Block) -> None:
    """Each block of YAML is, and has something in it."""
    assert block.read()


@pytest.mark.parametrize("act", [True, False])
@pytest.mark.parametrize("block", [one for one in YAML if list(uses(one.read()))], ids=str)
def test_inputs_of_a_workflow(block: Block, act: bool) -> None:  # noqa: FBT001 - a row of the table
    """What a workflow gives to the action are inputs that there are, and that an order is made of, here and there."""
    for given in uses(block.read()):
        assert isinstance(World(under(given, act=act)).order(), Order)


@pytest.mark.parametrize("block", [one for one in YAML if list(included(one.read()))], ids=str)
def test_inputs_of_a_pipeline(block: Block) -> None:
    """What a pipeline gives to the template are inputs that it has, with values that it takes."""
    for given in included(block.read()):
        assert set(given) <= set(TEMPLATE)
        for key, value in given.items():
            spec = TEMPLATE[key]
            assert value in spec["options"] if "options" in spec else re.search(spec["regex"], value), key


@pytest.mark.parametrize("words", [words for _, words in LINES], ids=[line for line, _ in LINES])
def test_command_lines(words: list[str]) -> None:
    """Each line of ours is one that the program's own parser reads."""
    if words[0] in OF_THE_LAB:
        return
    assert read_call(words, all_declared()).command == words[0]


def test_command_lines_are_found() -> None:
    """They are looked for in a shell's blocks, in a workflow's and a pipeline's, and within sentences."""
    pages = {line.partition(":")[0]: set[str]() for line, _ in LINES}
    for line, words in LINES:
        pages[line.partition(":")[0]].add(words[0])

    assert pages["README.md"] >= {"run", "bootstrap", "setup"}
    assert pages["shell.md"] >= {"mint", "run", "revoke", "completion"}
    assert pages["leases.md"] >= {"list", "renew", "revoke", "sweep"}
    assert pages["gitlab.md"] == {"run", "sweep"}
    assert pages["migrating.md"] >= {"mint", "run", "renew", "revoke"}


@pytest.mark.parametrize("page", DOCS, ids=name)
def test_what_a_page_names_is_there(page: Path) -> None:
    """A name with a hyphen in it, alone or with a value, is an input, an output, or a key or a policy of a setup."""
    named = set(re.findall(r"`([a-z]+(?:-[a-z0-9]+)+)(?:: [^`]*)?`", prose(page)))
    known = {one.name for one in all_declared()}.union(TEMPLATE, OUTPUTS, ISSUERS, keys(Setup), shipped.ABOUT, OTHERS)

    assert named - known == set()


def test_the_readme_has_the_measured_times() -> None:
    """How long a job waits, and with vault-action, is what docs/performance.md measured."""
    page = (ROOT / "docs" / "performance.md").read_text("utf-8")
    medians = dict(re.findall(r"\| ([^|]+) \| ([\d.]+) s \| [\d.]+ s \| [\d.]+ s \|", page))
    (row,) = re.findall(r"\| takes, image pulled \|.*", (ROOT / "README.md").read_text("utf-8"))
    proven = [f"{step} in Docker, proven at Nomad" for step in ("mint", "revoke")]
    shown = ["vault-action, the same", "mint", "revoke", *proven]

    assert re.findall(r"([\d.]+) s\b", row) == [f"{float(medians[name]):.2f}" for name in shown]
