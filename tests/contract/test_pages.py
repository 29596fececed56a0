"""The pages, the code and the packaging say the same."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from fakes import World
from nomad_token import __version__, errors, pages
from nomad_token.command_line import read_call
from nomad_token.order import Order, all_declared
from nomad_token.outputs import OUTPUTS
from nomad_token.platforms import host_paths
from nomad_token_lab.trust import Trust, login_role

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


@pytest.mark.parametrize("path", list(pages.written()), ids=lambda path: path.name)
def test_generated_pages_are_up_to_date(path: Path) -> None:
    """What stands in the page is what the declarations make of it: `python3 dev.py generate` writes it."""
    assert path.read_text("utf-8") == pages.written()[path]


def test_action_has_each_input_once() -> None:
    """action.yml offers the inputs that the code reads, the one that the runner itself fills in, and no others."""
    names = [one.name for one in all_declared()]

    assert list(ACTION["inputs"]) == [*names, host_paths.INPUT]
    assert len(names) == len(set(names))


def test_inputs_are_described_in_sentences() -> None:
    """Every input and output is described in full sentences."""
    described = [entry["description"].strip() for part in ("inputs", "outputs") for entry in ACTION[part].values()]

    assert [text for text in described if not (text[0].isupper() or text[0] == "`") or text[-1] not in ".)"] == []


def test_action_sets_no_defaults() -> None:
    """Defaults stand in the code: act hands none of action.yml's to a post-step, which has no use for the only one."""
    defaults = {name: entry["default"] for name, entry in ACTION["inputs"].items() if "default" in entry}

    assert defaults == {host_paths.INPUT: host_paths.DEFAULT}


def test_executables_exist() -> None:
    """The two executables that action.yml starts are installed under those names."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    runs = ACTION["runs"]

    assert Path(runs["entrypoint"]).name in scripts
    assert Path(runs["post-entrypoint"]).name in scripts


def test_outputs_are_those_of_the_code() -> None:
    """action.yml promises the outputs that are written."""
    assert list(ACTION["outputs"]) == list(OUTPUTS)


def test_exit_codes_are_unique_and_in_the_readme() -> None:
    """Each kind of error has an exit code of its own, and the README lists them all."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Error)]
    codes = sorted(kind.exit_code for kind in kinds)
    listed = re.findall(r"^\| (\d+)(?:, (\d+))? \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)

    assert codes == sorted(set(codes))
    assert sorted({0, *codes, 129, 130, 143}) == sorted({int(code) for row in listed for code in row if code})


def test_changelog_knows_the_version() -> None:
    """A released version has its own heading in the changelog; until then there is one for what is to come."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")

    assert f"## [{__version__}]" in text or "## [Unreleased]" in text


def snippets(language: str, page: str = "README.md") -> list[str]:
    """Return a page's blocks of code in *language*."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL)


USES = [snippet for snippet in snippets("yaml") if "uses: OWNER/nomad-token@" in snippet]
QUICK_STARTS = [snippet for snippet in USES if "steps:" in snippet]
COMMANDS = re.findall(r"nomad-token ((?:mint|run|revoke|renew)\b.*)", "\n".join(snippets("sh") + snippets("yaml")))


@pytest.mark.parametrize("quick_start", QUICK_STARTS, ids=["vault", "nomad"])
def test_quick_start_is_short_and_right(quick_start: str) -> None:
    """A quick start is a whole job in at most 8 lines of YAML."""
    steps = yaml.safe_load(quick_start)["steps"]

    assert len(quick_start.splitlines()) <= 8
    assert any("checkout" in step.get("uses", "") for step in steps)
    assert any("setup-nomad" in step.get("uses", "") for step in steps)


@pytest.mark.parametrize("snippet", USES, ids=lambda snippet: snippet.splitlines()[0].strip())
def test_inputs_of_the_readme_are_right(snippet: str) -> None:
    """What the README gives to the action are inputs that there are, and that an order is made of."""
    read = yaml.safe_load(snippet)
    steps = read if isinstance(read, list) else read["steps"]
    (given,) = (step["with"] for step in steps if "nomad-token" in step.get("uses", ""))

    assert isinstance(World(given).order(), Order)


@pytest.mark.parametrize("line", COMMANDS)
def test_command_lines_of_the_readme_are_right(line: str) -> None:
    """What the README has people type is a command line that there is."""
    command, *rest = shlex.split(line, comments=True)
    call = read_call([command, *rest], all_declared())

    assert call.command == command
    assert bool(call.inputs) is any(word.startswith("--") for word in rest if word != "--")


def test_there_are_command_lines_in_the_readme() -> None:
    """The line of the quick start is found."""
    assert {line.split()[0] for line in COMMANDS} == {"run"}


def test_the_trust_by_hand_is_the_one_that_is_tested() -> None:
    """The JSON and HCL that a page has an operator write are what the lab's trust is made of."""
    (operator,) = [block for block in snippets("sh", "docs/setup-vault.md") if "vault secrets enable" in block]
    role = json.loads(re.search(r"<<'JSON'\n(.*?)\nJSON", operator, re.DOTALL)[1])  # type: ignore[index]
    settings = Trust("issuer", "https://vault.example.com:8200", "nomad", repository_id="123456789")

    assert role == login_role(settings)
