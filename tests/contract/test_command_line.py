"""The command line, the action and the pages hold the same inputs, defaults and meanings."""

import contextlib
import io
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from nomad_token.command_line import command, parser
from nomad_token.commands import COMMANDS, OF_THE_LAB
from nomad_token.commands.of_setup import PARTS
from nomad_token.connecting import VaultConnection
from nomad_token.declared import Declared
from nomad_token.order import all_declared
from nomad_token.places import VaultInputs
from nomad_token.platforms.spelling import spelled, spelt, variable

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))["inputs"]
README = (ROOT / "README.md").read_text("utf-8")
TABLE = README.partition("<!-- inputs -->")[2].partition("<!-- /inputs -->")[0]
DECLARED = all_declared()
NAMES = {one.name: spelt(one) for one in DECLARED}
HELPS = [(), *((name,) for name in COMMANDS), *(("setup", name) for name in PARTS)]


def joined(text: str) -> str:
    """Return *text* with every break of a line as one space."""
    return " ".join(text.split())


def help_of(*argv: str) -> str:
    """Return what `--help` prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as end:
        command([*argv, "--help"], {}, out, out)

    assert end.value.code == 0
    return out.getvalue()


@pytest.fixture(params=["mint", "run"])
def help_text(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the help of a command that takes inputs, on a terminal so wide that nothing is broken within a word."""
    monkeypatch.setenv("COLUMNS", "1000")
    return help_of(request.param)


@pytest.mark.parametrize("one", DECLARED, ids=lambda one: one.name)
def test_one_meaning_everywhere(one: Declared, help_text: str) -> None:
    """action.yml, the README's table and the help say of an input what its declaration says."""
    (row,) = (line for line in TABLE.splitlines() if line.startswith(f"| `{one.name}` |"))
    _, _, default, environment, meaning, _ = re.split(r"(?<!\\)\|", row)
    about = spelled(one.about, {each.name: each for each in DECLARED}, NAMES)

    assert one.about in joined(ACTION[one.name]["description"])
    assert one.about in meaning.replace("\\|", "|")
    assert joined(about) in joined(help_text)
    assert default.strip() == (f"`{one.default}`" if one.default else "")
    assert not one.default or f"Default: {one.default}." in joined(ACTION[one.name]["description"])
    assert all(f"`{name}`" in environment for name in one.environment)
    for reader in one.read_with:
        assert f"`{reader}`" in joined(ACTION[one.name]["description"])
        assert f"`{reader}`" in meaning
        assert f"`--{reader.replace(':', '')}`" in help_text


@pytest.mark.parametrize("one", [one for one in DECLARED if not one.secret], ids=lambda one: one.name)
def test_flags(one: Declared, help_text: str) -> None:
    """Each input that is no secret is a flag; its line tells its variables and its default."""
    line = re.search(rf"^  --{one.name} .*(?:\n {{8,}}.*)?$", help_text, re.MULTILINE)

    assert line
    assert f"Also read from {', '.join(one.environment)}." in line[0] or not one.environment
    assert f"Default: {one.default}." in line[0] or not one.default


@pytest.mark.parametrize("one", [one for one in DECLARED if one.secret], ids=lambda one: one.name)
def test_secrets(one: Declared, help_text: str) -> None:
    """A secret is no flag, and is listed with all of its variables."""
    assert not re.search(rf"--{one.name}\b(?!-)", help_text)
    assert f"  {', '.join([*one.environment, variable(one.name)])}\n" in help_text


@pytest.mark.parametrize("name", COMMANDS)
def test_help_speaks_of_flags(name: str) -> None:
    """No input is named as a workflow does, and nothing is said that only the action has."""
    help_text = joined(help_of(name))
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)(?:: [^`]+)?`", help_text)) & {one.name for one in DECLARED}
    choices = {choice for one in DECLARED for choice in one.choices} | {"token", "policies", "type"}

    assert named - choices == set()
    assert "with:" not in help_text
    assert "workspace" not in help_text


def test_every_command_is_told() -> None:
    """The top help tells what each command does, and the README's exit codes."""
    told = help_of()
    table = dict(re.findall(r"^\| (\d+)(?:, \d+)? \| (.*) \|$", README, re.MULTILINE))

    assert [name for name, about in (COMMANDS | OF_THE_LAB).items() if f" {name} {about}" not in joined(told)] == []
    assert [code for code in table if not re.search(rf"\b{code}\b", told)] == []


def test_a_line_is_not_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """The help fits into a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    assert [line for words in HELPS for line in help_of(*words).splitlines() if len(line) > 80] == []


@pytest.mark.parametrize("words", HELPS, ids=" ".join)
def test_an_example_is_a_flag_of_the_command(words: tuple[str, ...]) -> None:
    """Where a help shows how a flag's variable is called, it is a flag that the command takes."""
    told = joined(help_of(*words))

    for flag in re.findall(r"variable of its own too: (--[a-z-]+) is", told):
        assert f" {flag} " in told.partition("options:")[2].partition("Each of these has")[0]


@pytest.mark.parametrize("name", ["revoke", "renew", "completion"])
def test_other_commands_take_no_inputs(name: str) -> None:
    """What only the mint decides is no flag of the commands that come after it; where Vault is may be one."""
    places = {one.name for one in [*VaultInputs.declared(), *VaultConnection.declared()]}
    found = {one.name for one in DECLARED if f"--{one.name} " in help_of(name)}

    assert found <= (places if name != "completion" else set())


def test_a_bootstrap_has_no_token() -> None:
    """It asks Nomad as nobody, and takes no flag for a token that there is none of yet."""
    assert "--nomad-token-file" not in help_of("bootstrap")
    assert "--nomad-token-file" in help_of("list")


class TestCompletion:
    """`nomad-token completion`."""

    @pytest.fixture
    def script(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        """Write the script of a shell that is here."""
        shell = request.param
        pytest.importorskip("shtab")
        if shutil.which(shell) is None:
            pytest.skip(f"{shell} is not installed")
        out = io.StringIO()

        assert command(["completion", shell], {}, out, io.StringIO()) == 0
        path = tmp_path / f"completion.{shell}"
        path.write_text(out.getvalue())
        return path

    @pytest.mark.parametrize("script", ["bash"], indirect=True)
    @pytest.mark.parametrize(
        ("words", "found"),
        [
            ("nomad-token mi", {"mint"}),
            ("nomad-token re", {"revoke", "renew"}),
            ("nomad-token mint --shell", {"--shell-file"}),
            ("nomad-token mint --vault-auth-r", {"--vault-auth-role"}),
            ("nomad-token run --vault-auth-r", {"--vault-auth-role"}),
            ("nomad-token revoke --st", {"--state"}),
            ("nomad-token mint --vault-tok", set()),
            ("nomad-token mint --vault-sec", set()),
        ],
    )
    def test_bash(self, script: Path, words: str, found: set[str]) -> None:
        """Bash loads it, and completes commands and flags, but no secret."""
        text = f"""
            . {script}
            COMP_WORDS=({words}) COMP_CWORD=$(({len(words.split())} - 1)) COMP_LINE='{words}' COMP_POINT=${{#COMP_LINE}}
            complete_by=$(complete -p nomad-token | sed 's/.*-F \\([^ ]*\\).*/\\1/')
            "$complete_by" nomad-token "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        ran = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)  # noqa: S603, S607

        assert ran.stderr == ""
        assert set(ran.stdout.split()) == found

    @pytest.mark.parametrize("script", ["zsh"], indirect=True)
    def test_zsh(self, script: Path) -> None:
        """Zsh loads it, and knows it for the program."""
        text = f'autoload -Uz compinit; compinit -u -D; eval "$(cat {script})"; print $_comps[nomad-token]'
        ran = subprocess.run(["zsh", "-fc", text], capture_output=True, text=True, check=False)  # noqa: S603, S607

        assert ran.stderr == ""
        assert ran.stdout.strip().startswith("_shtab_nomad_token")


def test_parser_takes_each_flag_once() -> None:
    """Every input has one flag of its own in the parser, so that none shadows another."""
    given = [f"--{one.name}=x" for one in DECLARED if not one.secret]
    read = vars(parser(DECLARED).parse_args(["mint", *given]))

    assert {name for name, value in read.items() if value == "x"} == {
        f"input {one.name}" for one in DECLARED if not one.secret
    }
