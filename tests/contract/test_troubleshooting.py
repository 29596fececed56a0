"""`docs/troubleshooting.md`: what the program says, found by its text."""

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
PAGES: Final = {page.stem: page for page in (ROOT / "tests" / "scenarios" / "__snapshots__").glob("*/*.txt")}
ENTRIES: Final = re.findall(r"^### ([^\n]+)\n\n```text ([^\n]+)\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
# The same words, for another reason that they name.
TWICE: Final = {"test_no_id_token[own_pull_request-environ2-says2]", "test_refusal[policy_denies]"}


def said(name: str) -> str:
    """Return what the program puts into the summary of a scenario, up to what it says of leftovers."""
    fence = re.search(r"^  ```text\n(.*?)\n  ```$", PAGES[name].read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert fence
    return "\n".join(line.removeprefix("  ") for line in fence[1].partition("\n\n")[0].splitlines())


def test_each_entry_is_what_the_program_says() -> None:
    """The text of each entry is the scenario's, word for word, and its heading is a part of it."""
    assert len(ENTRIES) == PAGE.count("\n### ") > 20
    assert [name for _, name, text in ENTRIES if text != said(name)] == []
    assert [heading for heading, _, text in ENTRIES if heading.strip("`") not in text and heading not in text] == []


def test_each_refusal_has_an_entry() -> None:
    """What a scenario shows to be refused can be looked up."""
    refused = {name for name in PAGES if name.startswith(("test_refusal[", "test_no_id_token["))}

    assert refused - TWICE == {name for _, name, _ in ENTRIES}
