"""The command line: where its inputs come from, where the token goes, and what is kept for the undo."""

import io
import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fakes import NOMAD, VAULT, World, jwt, vault_error
from limit import full_beyond
from nomad_token.clients.http import Connections
from nomad_token.clock import SystemClock
from nomad_token.command_line import command
from nomad_token.declared import Declared, Found
from nomad_token.order import all_declared
from nomad_token.platforms import sinks
from nomad_token.platforms.base import Export
from nomad_token.platforms.call import Call
from nomad_token.platforms.local import LocalJob
from nomad_token.platforms.shell import Shell
from nomad_token.platforms.state_file import StateFile
from nomad_token.state import Fact, Renewed, Settled, dumps
from through import answering

ROLE = ("--role", "deployer", "--vault-auth-role", "deploy-app")
CREDS = "nomad/creds/deployer"
NASTY = (
    "plain",
    "two words",
    "it's",
    'a "quote"',
    "$(touch pwned)`touch pwned`$HOME",
    "back\\slash\\",
    "a;touch pwned #",
    "*?[x]~{a,b}",
    "!history",
    "größe ✓",
    "-n",
    "&& touch pwned ||",
)


class Terminal(io.StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


class Caller:
    """A person at a shell: a home, variables, servers in memory, and what was printed last."""

    def __init__(self, home: Path) -> None:
        """Live at *home*."""
        self.home = home
        self.world = World()
        self.environ = {"HOME": str(home), "VAULT_ADDR": VAULT, "NOMAD_ADDR": NOMAD, "VAULT_ID_TOKEN": jwt()}
        self.out: io.StringIO = io.StringIO()
        self.err = io.StringIO()

    def __call__(self, *argv: str, out: Callable[[], io.StringIO] = io.StringIO) -> int:
        """Call the program; return its exit code."""
        self.out, self.err = out(), io.StringIO()
        transport = answering(
            lambda request: (self.world.vault if request.url.host == "vault.test" else self.world.nomad)(request)
        )
        return command(argv, self.environ, self.out, self.err, clock=self.world.clock, transport=transport)

    def mint(self, *argv: str, out: Callable[[], io.StringIO] = io.StringIO) -> int:
        """Mint with the plain inputs."""
        return self("mint", *ROLE, *argv, out=out)

    @property
    def told(self) -> str:
        """What was printed for people."""
        return self.err.getvalue()

    @property
    def printed(self) -> str:
        """What was printed for programs."""
        return self.out.getvalue()

    @property
    def states(self) -> list[Path]:
        """The states of mints that named none."""
        return sorted((self.home / ".local/state/nomad-token").glob("*"))

    @property
    def secret(self) -> str:
        """The one token that lives."""
        (secret,) = self.world.nomad.tokens
        return secret


@pytest.fixture
def caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """Make a caller in a folder of their own."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return Caller(tmp_path / "home")


def shell(environ: dict[str, str], **inputs: str) -> Shell:
    """Make the platform of a call with flags (with `_` for `-`)."""
    clock, err = SystemClock(), io.StringIO()
    job = LocalJob(environ, err, clock=clock, connect=Connections(clock, lambda _: None))
    call = Call("mint", {name.replace("_", "-"): value for name, value in inputs.items()})
    return Shell(job, call, environ, io.StringIO(), all_declared())


DECLARED = {one.name: one for one in all_declared()}


class TestInputs:
    """Where they come from."""

    def test_order(self) -> None:
        """A flag comes first, then the standard variables in their order, then the one of our own."""
        environ = {"VAULT_SERVER_URL": "second", "NOMAD_MINT_VAULT_ADDR": "third"}
        one = DECLARED["vault-addr"]

        assert shell(environ | {"VAULT_ADDR": "first"}, vault_addr="flag").lookup(one) == Found("flag", "--vault-addr")
        assert shell(environ | {"VAULT_ADDR": "first"}).lookup(one) == Found("first", "VAULT_ADDR", variable=True)
        assert shell(environ).lookup(one) == Found("second", "VAULT_SERVER_URL", variable=True)
        assert shell({"NOMAD_MINT_VAULT_ADDR": "third"}).lookup(one) == Found(
            "third", "NOMAD_MINT_VAULT_ADDR", variable=True
        )
        assert shell({}).lookup(one) is None

    @pytest.mark.parametrize("empty", ["", " ", "\t\n"])
    def test_empty_is_not_given(self, empty: str) -> None:
        """What is empty is passed over, wherever it stands, and is no name that was given."""
        platform = shell({"VAULT_ADDR": empty, "NOMAD_MINT_VAULT_ADDR": empty, "NOMAD_MINT_X": empty}, vault_addr=empty)

        assert platform.lookup(DECLARED["vault-addr"]) is None
        assert platform.given_names() == []

    def test_given_names(self) -> None:
        """Flags and variables of our own are meant for us; a standard one may be there for another program."""
        environ = {
            "VAULT_TOKEN": "x",
            "NOMAD_TOKEN": "x",
            "NOMAD_MINT_STATE": "x",
            "NOMAD_MINT_TTL": "1h",
            "NOMAD_MINTED": "x",
        }

        assert sorted(shell(environ, role="deployer").given_names()) == ["role", "ttl"]

    def test_undo_finds_what_is_lent_by_its_name(self) -> None:
        """An undo, which knows the name of an input alone, reads the variables that the mint read."""
        bare = Declared("vault-token", "", "", (), secret=True, required=False, choices=())

        assert shell({"VAULT_TOKEN": "lent"}).lookup(bare) == Found("lent", "VAULT_TOKEN", variable=True)

    def test_origins_are_logged(self, caller: Caller) -> None:
        """The variables that values came from are logged, those of our own too, without the values."""
        caller.environ |= {"NOMAD_MINT_MIN_TTL": "61s", "NOMAD_ID_TOKEN": "not used", "VAULT_TOKEN": "hvs.not-used"}
        code = caller.mint("--json", "-")

        (line,) = (line for line in caller.told.splitlines() if line.startswith("Taken from"))
        assert code == 0
        assert sorted(line.removeprefix("Taken from the environment: ").rstrip(".").split(", ")) == [
            "id-token from VAULT_ID_TOKEN",
            "min-ttl from NOMAD_MINT_MIN_TTL",
            "nomad-addr from NOMAD_ADDR",
            "vault-addr from VAULT_ADDR",
        ]
        assert "61s" not in caller.told

    @pytest.mark.parametrize(
        ("argv", "environ", "says"),
        [
            (("--role", "x", "--vault-addr", "v"), {}, "`--vault-addr`: `v` has no scheme"),
            (("--role", "x"), {"VAULT_ADDR": "v"}, "`VAULT_ADDR`: `v` has no scheme"),
            (("--role", "x"), {"VAULT_ADDR": ""}, "`--vault-addr` is missing: give it, or set VAULT_ADDR or VAULT_SER"),
            (("--vault-addr", VAULT), {}, "`--role` is missing: give it. "),
            (("--policies", "x"), {}, "`NOMAD_MANAGEMENT_TOKEN` is not set. "),
            (
                ("--role", "x"),
                {"NOMAD_MINT_VAULT_AUTH_METHOD": "approle"},
                "`NOMAD_MINT_VAULT_ROLE_ID` is not set. ",
            ),
            (
                ("--role", "x"),
                {"NOMAD_MINT_VAULT_TOKEN": "hvs.secret-value"},
                "`NOMAD_MINT_VAULT_TOKEN` is read with `--vault-auth-method token` alone, and it is `jwt` here",
            ),
            (("--role", "x"), {"NOMAD_MINT_ROEL": "x"}, "`NOMAD_MINT_ROEL` is not an input: did you mean `--role`?"),
            (("--role", "x"), {"NOMAD_MINT_URL": "x"}, "`NOMAD_MINT_URL` is vault-action's name"),
            (("--role", "x", "--export-env", "maybe"), {}, "`--export-env`: `maybe` is not one of auto, true, false"),
            (("--role", "x", "--revoke", "maybe"), {}, "`--revoke`: `maybe` is neither true nor false"),
            ((), {}, "say which with `--issuer`"),
        ],
    )
    def test_errors_speak_of_what_was_typed(
        self, caller: Caller, argv: tuple[str, ...], environ: dict[str, str], says: str
    ) -> None:
        """Inputs are spelled as flags, or as the variable that they came from, secrets as one; nothing is kept."""
        caller.environ |= environ
        code = caller("mint", "--json", "-", *argv)

        assert code == 2
        assert says in caller.told
        assert "with:" not in caller.told
        assert "secret-value" not in caller.told
        assert caller.states == []

    @pytest.mark.parametrize(
        ("argv", "says"),
        [
            (("mint", "--vault-token", "hvs.canary"), "Set VAULT_TOKEN or NOMAD_MINT_VAULT_TOKEN."),
            (("mint", "--vault-secret-id=hvs.canary"), "Set NOMAD_MINT_VAULT_SECRET_ID."),
            (("mint", "--vault-tokn", "hvs.canary"), "is not an input: did you mean `VAULT_TOKEN`?"),
            (("mint", "--secret=hvs.canary"), "is not an input"),
            (("mint", "hvs.canary"), "mint takes options alone"),
            (("mint", "--", "hvs.canary"), "mint takes no command after --"),
            (("mint", "--roleId", "hvs.canary"), "here it is called `NOMAD_MINT_VAULT_ROLE_ID`"),
            (("run", "hvs.canary"), "write the command after --"),
            (("run", "--"), "write the command after --"),
            (("revoke", "--role", "hvs.canary"), "revoke takes no --role"),
            (("mint", "--rol", "x"), "did you mean `--role`?"),
            (("mint", "--shellfile", "x"), "did you mean `shell-file`?"),
            ((), "COMMAND"),
        ],
    )
    def test_wrong_words(
        self, caller: Caller, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], says: str
    ) -> None:
        """A wrong word is told with what is right, exit code 2; its value is not repeated: it may be a secret."""
        with pytest.raises(SystemExit) as end:
            caller(*argv)

        told = capsys.readouterr().err
        assert end.value.code == 2
        assert says in told
        assert "canary" not in told

    def test_file_of_an_input(self, caller: Caller) -> None:
        """A path of an input is one of this machine, and what can't be read is told with the input's name."""
        code = caller.mint("--json", "-", "--vault-addr", "https://vault.test", "--vault-ca-cert", "none.pem")

        assert code == 2
        assert "`--vault-ca-cert`: `none.pem` can't be read: No such file or directory." in caller.told


class TestSinks:
    """Where the token goes."""

    @pytest.mark.parametrize("interpreter", ["bash", "dash", "busybox"])
    @pytest.mark.parametrize("value", NASTY)
    def test_shell_file(self, caller: Caller, interpreter: str, value: str) -> None:
        """Each shell reads back what was written, even one that stops at what is unset, and runs nothing of it."""
        if shutil.which(interpreter) is None:
            pytest.skip(f"{interpreter} is not installed")
        code = caller.mint("--shell-file", "file", f"--nomad-namespace={value}")
        words = [interpreter, *(["sh"] if interpreter == "busybox" else []), "-euc"]
        script = '. ./file; printf "%s\\n" "$NOMAD_NAMESPACE" "$NOMAD_TOKEN" "$NOMAD_MINT_STATE"; ls'
        ran = subprocess.run([*words, script], env={"PATH": os.environ["PATH"]}, capture_output=True, check=True)  # noqa: S603

        assert code == 0
        assert ran.stdout.decode().splitlines() == [value, caller.secret, str(caller.states[0]), "file"]
        assert ran.stderr == b""

    @pytest.mark.parametrize("value", NASTY)
    def test_dotenv_carries_it_or_refuses(self, caller: Caller, value: str) -> None:
        """What each reader of dotenv files would take differently is refused, and the token undone."""
        code = caller.mint("--dotenv", "file", f"--nomad-namespace={value}")
        written = Path("file").read_text().splitlines() if code == 0 else []

        assert (code == 0) == (value in {"plain", "-n"})
        assert code == 0 or (code == 2 and not Path("file").exists())
        assert written == (
            []
            if code
            else [
                f"NOMAD_NAMESPACE={value}",
                f"NOMAD_TOKEN={caller.secret}",
                f"NOMAD_MINT_STATE={caller.states[0]}",
            ]
        )
        assert code == 0 or (caller.world.alive == [] and caller.states == [])

    def test_json(self, caller: Caller) -> None:
        """Each output has its own type, what can't be known is null, and the state is named so that it is found."""
        caller.environ["NOMAD_ADDR"] = ""
        code = caller.mint("--json", "file", "--state", "state")
        read = json.loads(Path("file").read_text())

        assert code == 0
        assert read["token"] == caller.secret
        assert (read["lease-duration"], read["lease-renewable"], read["type"]) == (1800, True, None)
        assert [one["env-name"] for one in read["credentials"]] == ["NOMAD_TOKEN"]
        assert read["state"] == str(Path("state").absolute())

    @pytest.mark.parametrize(
        ("field", "value"), [("lease-duration", "1800"), ("lease-renewable", "true"), ("policies", '["deployer"]')]
    )
    def test_field(self, caller: Caller, field: str, value: str) -> None:
        """One output alone, as text, and nothing else on standard output."""
        code = caller.mint("--field", field)

        assert code == 0
        assert caller.printed == f"{value}\n"

    @pytest.mark.parametrize(("sink", "where"), [("json", "-"), ("field", "policies")])
    def test_what_a_server_said_commands_no_runner(self, sink: str, where: str) -> None:
        """A policy may have any name; printed in a step, none of it is a line, or a command within one."""
        names = ("##[add-path]/evil", "\n::error::pwned", "##[")
        printed = sinks.text(sink, where, Export({}, {"policies": names}))
        read = json.loads(printed)

        assert "##[" not in printed
        assert not any(line.lstrip().startswith("::") for line in printed.splitlines())
        assert (read["policies"] if sink == "json" else read) == list(names)

    def test_all_at_once(self, caller: Caller) -> None:
        """Several sinks get the same token; all are the owner's alone, and none is left after the revoke."""
        old = os.umask(0)
        try:
            code = caller.mint("--shell-file", "a", "--dotenv", "b", "--json", "c", "--field", "token")
        finally:
            os.umask(old)
        made = [*map(Path, "abc"), *caller.states]
        modes = {stat.S_IMODE(path.stat().st_mode) for path in made}
        secret = caller.secret
        texts = [path.read_text() for path in map(Path, "abc")]
        folder = stat.S_IMODE(caller.states[0].parent.stat().st_mode)
        revoked = caller("revoke", "--state", str(caller.states[0]))

        assert (code, revoked) == (0, 0)
        assert caller.world.alive == []
        assert all(secret in text for text in texts)
        assert modes == {0o600}
        assert folder == 0o700
        assert not any(path.exists() for path in made)

    def test_what_is_told_is_no_secret(self, caller: Caller) -> None:
        """Nothing secret is told, wherever the token goes, with a line for each request too."""
        code = caller.mint("--shell-file", "file", "--verbose")

        assert code == 0
        assert "debug: GET" in caller.told
        assert "Written to file." in caller.told
        assert caller.secret not in caller.told + caller.printed
        assert "hvs." not in caller.told
        assert caller.environ["VAULT_ID_TOKEN"] not in caller.told

    @pytest.mark.parametrize(
        "sink",
        [("--shell-file", "-"), ("--dotenv", "-"), ("--json", "-"), ("--field", "token"), ("--field", "token-x")],
    )
    def test_terminal(self, caller: Caller, sink: tuple[str, str]) -> None:
        """A terminal is shown no token unasked, and then none is minted."""
        code = caller.mint(*sink, out=Terminal)

        assert code == 2
        assert "--show" in caller.told
        assert caller.printed == ""
        assert caller.world.vault.logins == []

    def test_terminal_that_is_asked_for(self, caller: Caller) -> None:
        """With `--show` it is shown; what is no secret always is."""
        shown = caller.mint("--field", "token", "--show", out=Terminal)
        token = caller.printed.strip()
        harmless = caller.mint("--field", "accessor-id", out=Terminal)

        assert (shown, harmless) == (0, 0)
        assert token in caller.world.nomad.tokens
        assert caller.printed.strip() in {one.accessor_id for one in caller.world.nomad.tokens.values()}

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ((), "Nothing says where the token goes"),
            (("--field", "tokn"), "there is no such field"),
            (("--json", "-", "--field", "token"), "both go to standard output"),
            (("--shell-file", "same", "--json", "./same"), "name the same file"),
            (("--shell-file", "."), "--shell-file .: it is a directory"),
            (("--shell-file", "none/file"), "there is no such directory"),
            (("--json", "./same", "--state", "same"), "same is the state"),
        ],
    )
    def test_refused_before_the_mint(self, caller: Caller, given: tuple[str, ...], says: str) -> None:
        """A target that the token could not reach is told before anything is minted."""
        code = caller.mint(*given)

        assert code == 2
        assert says in caller.told
        assert caller.world.vault.logins == []
        assert caller.states == []

    def test_existing_file_is_replaced_and_removed(self, caller: Caller) -> None:
        """A file that was there has the token alone then, and is gone after the revoke."""
        Path("file").write_text("old")
        Path("file").chmod(0o644)
        caller.mint("--shell-file", "file", "--state", "state")
        mode, text = stat.S_IMODE(Path("file").stat().st_mode), Path("file").read_text()
        caller("revoke", "--state", "state")

        assert mode == 0o600
        assert "old" not in text
        assert os.listdir() == []  # noqa: PTH208 - names alone

    @pytest.mark.parametrize("name", ["two\nlines > of it", "a \udcff", "'\""])
    def test_any_path(self, caller: Caller, name: str) -> None:
        """Whatever a file's name holds, the file is gone after the revoke, and nothing else is found in the state."""
        minted = caller.mint("--shell-file", name, "--state", "state")
        revoked = caller("revoke", "--state", "state")

        assert (minted, revoked) == (0, 0), caller.told
        assert os.listdir() == []  # noqa: PTH208 - names alone

    def test_file_of_somebody_else_stays(self, caller: Caller) -> None:
        """A revoke removes a file only while it holds the token that is dead now."""
        caller.mint("--shell-file", "file", "--state", "state")
        Path("file").write_text("export NOMAD_TOKEN=another\n")
        code = caller("revoke", "--state", "state")

        assert code == 0
        assert Path("file").read_text() == "export NOMAD_TOKEN=another\n"

    def test_full_disk(self, caller: Caller) -> None:
        """A sink that is full is exit code 75, and leaves no token, no state, and none of the other files."""
        code = caller.mint("--shell-file", "file", "--json", "/dev/full")

        assert code == 75
        assert "No space left on device" in caller.told
        assert caller.world.alive == []
        assert caller.states == []
        assert os.listdir() == []  # noqa: PTH208

    def test_management_token(self, caller: Caller) -> None:
        """A management token is no variable unasked, in a file neither; asked for, it is."""
        caller.world.nomad.token_type = "management"
        unasked = caller.mint("--shell-file", "file", "--state", "state")
        without = Path("file").read_text()
        told = caller.told
        asked = caller.mint("--shell-file", "file", "--state", "state", "--export-env", "true")

        assert (unasked, asked) == (0, 0)
        assert "NOMAD_TOKEN" not in without
        assert "`--export-env true`" in told
        assert "NOMAD_TOKEN" in Path("file").read_text()


class TestState:
    """What is kept for the undo."""

    def test_two_mints_in_one(self, caller: Caller) -> None:
        """Both are undone by one revoke, the newest first."""
        caller.mint("--field", "accessor-id", "--state", "state")
        first = caller.printed.strip()
        caller.environ["NOMAD_MINT_STATE"] = "state"
        caller.mint("--field", "accessor-id")
        second = caller.printed.strip()
        code = caller("revoke")

        assert code == 0
        assert caller.world.alive == []
        assert caller.told.index(second) < caller.told.index(first)
        assert not Path("state").exists()

    def test_failed_revoke_is_done_again(self, caller: Caller) -> None:
        """What could not be revoked is exit code 6, keeps its state and its files, and a later revoke takes it."""
        caller.mint("--shell-file", "file", "--state", "state")
        for path in ("sys/leases/revoke", "auth/token/revoke-self"):
            caller.world.vault.faults.before(path, *[vault_error(503, "sealed")] * 40)
        failed = caller("revoke", "--state", "state")
        kept = [Path("file").exists(), Path("state").exists()]
        caller.world.vault.faults = World().vault.faults
        again = caller("revoke", "--state", "state")

        assert (failed, again) == (6, 0)
        assert kept == [True, True]
        assert caller.world.alive == []
        assert os.listdir() == []  # noqa: PTH208

    def test_one_of_two_fails(self, caller: Caller) -> None:
        """Where one mint can't be revoked the other one is; the state keeps the first alone."""
        caller.mint("--field", "accessor-id", "--state", "state")
        caller.mint("--field", "accessor-id", "--state", "state")
        for path in ("sys/leases/revoke", "auth/token/revoke-self"):
            caller.world.vault.faults.before(path, vault_error(400, "no"))
        failed = caller("revoke", "--state", "state")
        left = len(caller.world.nomad.tokens)
        again = caller("revoke", "--state", "state")

        assert (failed, left, again) == (6, 1, 0)
        assert caller.world.alive == []

    def test_torn_and_foreign_lines(self, caller: Caller) -> None:
        """What can't be read takes nothing with it: the tokens that are kept die, and the rest is told, exit code 6."""
        Path("state").write_text('deadbeef {"fact":"pl')
        caller.mint("--field", "accessor-id", "--state", "state")
        with Path("state").open("ab") as end:
            end.write(b"\xff\x00 what\n")
        code = caller("revoke", "--state", "state")

        assert code == 6
        assert "can't be read" in caller.told
        assert caller.world.alive == []

    @pytest.mark.parametrize("fact", [Settled(), Renewed(ends=None)])
    def test_last_word_on_a_revoked_mint(self, caller: Caller, fact: Fact) -> None:
        """What a renewal or an undo notes as a revoke has ended is no mint that can't be read: it is forgotten."""
        StateFile(Path("state")).keep("aaaa", dumps(fact))
        code = caller("revoke", "--state", "state")

        assert code == 0
        assert "Not revoked" not in caller.told
        assert not Path("state").exists()

    def test_failed_mint_leaves_none(self, caller: Caller) -> None:
        """A mint that was refused keeps nothing, neither in a folder of ours nor in a file that is named."""
        caller.mint("--field", "accessor-id", "--state", "state")
        before = Path("state").read_text().count("plan")
        caller.world.vault.faults.before(CREDS, *[vault_error(403, "1 error occurred:\n\t* permission denied\n\n")] * 2)
        refused = [caller.mint("--field", "token", "--state", "state"), caller.mint("--field", "token")]
        code = caller("revoke", "--state", "state")

        assert refused == [4, 4]
        assert before == 1
        assert code == 0
        assert caller.told.count("Revoked") == 1
        assert caller.told.count("\n") == 1
        assert caller.states == []

    def test_failed_mint_that_could_not_be_undone(self, caller: Caller) -> None:
        """What a failed mint left is told with the line that revokes it, and that line does."""
        for path in ("sys/leases/revoke", "auth/token/revoke-self"):
            caller.world.vault.faults.before(path, *[vault_error(503, "sealed")] * 40)
        code = caller.mint("--shell-file", "file", "--min-ttl", "5h")
        (line,) = (line for line in caller.told.splitlines() if line.startswith("What may live of it is revoked by: "))
        caller.world.vault.faults = World().vault.faults
        revoked = caller(*line.partition("nomad-token ")[2].rstrip(".").split())

        assert (code, revoked) == (4, 0)
        assert caller.world.alive == []
        assert caller.states == []

    @pytest.mark.parametrize("home", ["unset", "a file"])
    def test_nowhere_to_keep_it(self, caller: Caller, home: str) -> None:
        """Where the undo can't be kept nothing is minted, and the ways out are told."""
        if home == "unset":
            del caller.environ["HOME"]
        else:
            (caller.home / ".local").touch()
        code = caller.mint("--json", "file")

        assert code == 2
        assert "--state" in caller.told
        assert caller.world.vault.logins == []

    @pytest.mark.parametrize("state", ["folder", "pipe", "/dev/full", "file/state"])
    def test_impossible_state(self, caller: Caller, state: str) -> None:
        """A state that is no file is refused before the mint, and by the revoke."""
        Path("folder").mkdir()
        Path("file").touch()
        os.mkfifo("pipe")
        minted = caller.mint("--json", "-", "--state", state)

        assert minted == 2
        assert "can't be kept" in caller.told
        assert caller.world.vault.logins == []
        assert caller("revoke", "--state", state) == (0 if state == "file/state" else 2)

    @pytest.mark.parametrize("argv", [(), ("--state", "state")])
    def test_no_room_for_it(self, caller: Caller, argv: tuple[str, ...]) -> None:
        """On a full disk nothing is asked, the file is named, and none is left that a revoke could not read."""
        with full_beyond(0):
            code = caller.mint("--json", "-", *argv)

        assert code == 75
        assert re.search(r"state could not be written: File too large\.", caller.told)
        assert caller.world.vault.logins == []
        assert caller.states == []
        assert os.listdir() == []  # noqa: PTH208

    @pytest.mark.parametrize("state", ["state", "folder"])
    def test_not_revoked_with_a_state(self, caller: Caller, state: str) -> None:
        """With `--revoke false` a state that is named is neither needed nor left."""
        Path("folder").mkdir()
        code = caller.mint("--shell-file", "file", "--revoke", "false", "--state", state)

        assert code == 0
        assert sorted(os.listdir()) == ["file", "folder"]  # noqa: PTH208

    @pytest.mark.parametrize("sinks", [("json", "dotenv"), ("shell-file", "json")])
    @pytest.mark.parametrize("revoke", ["true", "false"])
    def test_one_of_two_files_fails(self, caller: Caller, sinks: tuple[str, str], revoke: str) -> None:
        """Where one of the files can't be written, the other one does not keep the dead token."""
        written, full = sinks
        code = caller.mint(f"--{written}", "file", f"--{full}", "/dev/full", "--revoke", revoke)

        assert code == 75
        assert caller.world.alive == []
        assert os.listdir() == []  # noqa: PTH208
        assert caller.states == []

    def test_not_revoked(self, caller: Caller) -> None:
        """With `--revoke false` nothing is kept, so that no folder is needed, and no state is named."""
        del caller.environ["HOME"]
        code = caller.mint("--shell-file", "file", "--revoke", "false")

        assert code == 0
        assert "NOMAD_MINT_STATE" not in Path("file").read_text()
        assert "will not be revoked (`--revoke false`)" in caller.told

    def test_folder_by_its_standard(self, caller: Caller, tmp_path: Path) -> None:
        """The XDG base directory is kept; a relative one is not valid there, and not used."""
        caller.environ["XDG_STATE_HOME"] = str(tmp_path / "xdg")
        caller.mint("--field", "token")
        caller.environ["XDG_STATE_HOME"] = "relative"
        caller.mint("--field", "token")

        assert len(list((tmp_path / "xdg/nomad-token").iterdir())) == 1
        assert len(caller.states) == 1
        assert os.listdir() == []  # noqa: PTH208

    def test_revoke_needs_a_name(self, caller: Caller) -> None:
        """Without a state's name nothing is revoked: what there is, is listed, to be pasted."""
        caller.mint("--field", "token")
        code = caller("revoke")
        line = next(line for line in caller.told.splitlines() if "--state /" in line)
        named = caller("revoke", *line.split())

        assert (code, named) == (2, 0)
        assert caller.world.alive == []

    def test_nothing_is_there(self, caller: Caller) -> None:
        """A second revoke finds nothing, says which file it looked at, and is no failure; `renew` then is one."""
        codes = [caller("revoke", "--state", "state")]
        told = caller.told
        codes.append(caller("renew", "--state", "state"))

        assert codes == [0, 2]
        assert "There is no state in state." in told
        assert "Nothing to renew" in caller.told

    def test_how_to_revoke_is_told(self, caller: Caller) -> None:
        """The line that revokes is told as it is to be typed."""
        caller.mint("--field", "token", "--state", "a state")
        named = caller.told
        caller.environ["NOMAD_MINT_STATE"] = "state"
        caller.mint("--field", "token")

        assert "It is revoked by: nomad-token revoke --state 'a state'." in named
        assert "It is revoked by: nomad-token revoke." in caller.told
