"""docs/architecture.md and the code that it is the map of."""

import re
from typing import Final

import pytest

from contract.pages import ROOT

PAGE: Final = (ROOT / "docs" / "architecture.md").read_text("utf-8")
CODE: Final = ROOT / "src" / "nomad_token"
NAMED: Final = set(re.findall(r"`(\w+\.py|\w+/)`", PAGE))
ROOMS: Final = {f"{path.name}/" for path in CODE.iterdir() if (path / "__init__.py").exists()} | {
    path.name for path in CODE.glob("*.py") if path.name != "__init__.py"
}


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_each_file_and_folder_is_on_the_map(room: str) -> None:
    """A newcomer finds everything that is at the top of the package."""
    assert room in NAMED


def test_nothing_else_is_on_the_map() -> None:
    """What the map names is there."""
    elsewhere = {f"{path.name}/" for path in ROOT.iterdir() if path.is_dir()}
    deeper = {path.name for path in CODE.rglob("*.py")}

    assert not NAMED - ROOMS - elsewhere - deeper
