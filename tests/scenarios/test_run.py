"""`nomad-token run -- COMMAND`: the command has a live token for as long as it runs, and nothing is left of it."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import sysconfig
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jobs import accepted, lend, nothing_lives, operator, quick_start
from nomad_token_lab import Answer, Delay, Fault, Lab, Silence
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust

GONE = 25
"""Seconds from the first signal in which everything must be revoked, 9, and what a busy machine may add."""
_PRELUDE = """\
import os, signal, sys, time
from contextlib import suppress
def say(word):
    with open(os.environ["SAID"], "a") as said:
        said.write(f"{word}\\n")
def wait(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not os.path.exists(os.environ["SAID"] + ".go"):
        time.sleep(0.02)
def counting(*numbers):
    for number in numbers:
        signal.signal(number, lambda number, frame: say(signal.Signals(number).name))
def ending(code, *numbers):
    def end(number, frame):
        say(signal.Signals(number).name)
        time.sleep(0.3)  # a second one would still be counted
        os._exit(code)
    for number in numbers:
        signal.signal(number, end)
"""


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Return once *condition* holds; fail after *seconds*."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it did not come to that")
        time.sleep(0.02)


@dataclass
class Runs:
    """Starts `nomad-token run`, and sees what its command said."""

    lab: Lab
    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def said(self) -> list[str]:
        """What the command said so far."""
        with suppress(FileNotFoundError):
            return (self.folder / "said").read_text().split("\n")[:-1]
        return []

    @property
    def log(self) -> str:
        """What standard error got so far."""
        return (self.folder / "err").read_text(errors="replace")

    def go(self) -> None:
        """End the command's `wait`."""
        (self.folder / "said.go").touch()

    def start(
        self,
        *words: str,
        flags: Mapping[str, str] | None = None,
        options: tuple[str, ...] = (),
        **how: object,
    ) -> "subprocess.Popen[bytes]":
        """Start it in a session of its own, and so without a terminal; *how* is for `Popen`."""
        given = quick_start(self.lab) if flags is None else flags
        inputs = [f"--{name}={value}" for name, value in given.items()]
        argv = [str(Path(sysconfig.get_path("scripts"), "nomad-token")), "run", *options, *inputs, "--", *words]
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "start_new_session": True}
        with (self.folder / "err").open("ab") as err:
            process = subprocess.Popen(  # type: ignore[call-overload] # noqa: S603 - our own executable
                argv, env=self.environ, **{"stderr": err, **defaults, **how}
            )
        self.started.append(process)
        return process  # type: ignore[no-any-return]

    def script(self, body: str, **how: object) -> "subprocess.Popen[bytes]":
        """Start it with a command in Python, and wait until that said something."""
        process = self.start(sys.executable, "-I", "-S", "-c", _PRELUDE + body, **how)  # type: ignore[arg-type]
        wait_for(lambda: self.said or process.poll() is not None)
        return process

    def ended(self, process: "subprocess.Popen[bytes]", seconds: float = 20) -> int:
        """Wait for the end, and return the exit code."""
        process.communicate(timeout=seconds)
        return int(process.returncode)


@pytest.fixture
def runs(lab: Lab, tmp_path: Path) -> Iterator[Runs]:
    """Run in a plain shell whose user has an id token, and nothing else."""
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "SAID": str(tmp_path / "said"),
        "VAULT_ID_TOKEN": lab.github.id_token(lab.audience).get_secret_value(),
    }
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    runs = Runs(lab, tmp_path, coverage | environ)
    yield runs
    for process in runs.started:
        process.kill()
        process.communicate()


def lives(lab: Lab, ttl: str, *, cap: str = "1h", login: str = "30m") -> None:
    """Have leases live for *ttl*, at most to *cap*, and logins for *login*."""
    operator(lab, "nomad/config/lease", ttl=ttl, max_ttl=cap)
    with lab.vault_client() as vault:
        role = vault.get("/v1/auth/jwt/role/deploy-app").json()["data"]
    operator(lab, "auth/jwt/role/deploy-app", **(role | {"token_ttl": login}))
    lab.mark()


def asked(lab: Lab, path: str) -> Callable[[], bool]:
    """Tell whether a request for *path* has arrived."""
    return lambda: any(path in record.path for record in lab.requests)


def live_token(lab: Lab, runs: Runs) -> bool:
    """Tell whether Nomad accepts the token that the command said first."""
    return accepted(lab, runs.said[0])


TOKEN = 'say(os.environ["NOMAD_TOKEN"])\n'


class TestPlainRoad:
    """What the command gets, and what comes back."""

    def test_environment(self, lab: Lab, runs: Runs) -> None:
        """The command has a token that Nomad accepts, and Nomad's address; what is for us alone it has not."""
        runs.environ |= {
            "NOMAD_MINT_ID_TOKEN": runs.environ.pop("VAULT_ID_TOKEN"),
            "NOMAD_MINT_TIMEOUT": "60s",
            "OTHER": "ours",
        }
        process = runs.script(
            TOKEN + 'say(os.environ["NOMAD_ADDR"]); say(os.environ["OTHER"])\n'
            'say([name for name in os.environ if name.startswith("NOMAD_MINT_")])\n'
            'say(sorted(os.listdir("/proc/self/fd"))); say("all"); wait(20)'
        )
        wait_for(lambda: "all" in runs.said)
        works = live_token(lab, runs)
        ours = b"".join(Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ"))
        runs.go()

        assert runs.ended(process) == 0
        assert works
        assert runs.said[1:4] == [lab.nomad.addr, "ours", "[]"]
        assert runs.said[4] == "['0', '1', '2', '3']", "its streams, and the folder that it reads: none of ours"
        assert runs.said[0].encode() not in ours
        assert runs.said[0] not in runs.log
        assert nothing_lives(lab)

    def test_nothing_is_on_disk(self, lab: Lab, runs: Runs) -> None:
        """Without `--state` no file is written, neither before nor after the command."""
        process = runs.script(TOKEN + "wait(20)")
        held = [path for path in runs.folder.rglob("*") if path.is_file() and path.name not in {"said", "err"}]
        runs.go()

        assert runs.ended(process) == 0
        assert [path for path in held if ".coverage" not in path.name] == []
        assert nothing_lives(lab)

    def test_state_is_there_meanwhile(self, runs: Runs) -> None:
        """With `--state` what revokes is in a file for its owner alone while the command runs, and gone with it."""
        state = runs.folder / "state"
        process = runs.script(TOKEN + "wait(20)", options=("--state", str(state)))
        mode, text = state.stat().st_mode & 0o777, state.read_text()
        runs.go()

        assert runs.ended(process) == 0
        assert mode == 0o600
        assert runs.said[0] in text
        assert not state.exists()

    @pytest.mark.parametrize(
        ("script", "code"),
        [("exit 0", 0), ("exit 125", 125), ("kill -9 $$", 137)],
    )
    def test_exit_code(self, lab: Lab, runs: Runs, script: str, code: int) -> None:
        """The command's own code comes back, 128 and the signal's number where one ended it."""
        assert runs.ended(runs.start("sh", "-c", script)) == code
        assert nothing_lives(lab)

    def test_output_is_untouched(self, runs: Runs) -> None:
        """10 MB of any bytes pass unchanged through both outputs, and the input reaches the command."""
        body = os.urandom(1 << 20) * 10
        source = runs.folder / "source"
        source.write_bytes(body)
        with source.open("rb") as stdin:
            process = runs.start("sh", "-c", f"cat; cat {source} >&2", stdin=stdin)
            out, _ = process.communicate(timeout=60)

        assert process.returncode == 0
        assert out == body
        assert body in (runs.folder / "err").read_bytes()

    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    def test_closed_streams(self, lab: Lab, runs: Runs, closed: str) -> None:
        """Without an input, an output or a log the command runs, and what was minted is revoked."""
        given = [f"--{name}={value}" for name, value in quick_start(lab).items()]
        ours = Path(sysconfig.get_path("scripts"), "nomad-token")
        command = ["sh", "-c", f'exec "$@" {closed}', "sh", str(ours), "run", *given, "--", "sh", "-c"]
        ended = subprocess.run(  # noqa: S603 - our own executable
            [*command, 'echo "$NOMAD_TOKEN" >"$SAID"; exit 7'],
            env=runs.environ,
            capture_output=True,
            timeout=30,
            check=False,
            start_new_session=True,
        )

        assert ended.returncode == 7
        assert runs.said
        assert nothing_lives(lab)

    def test_log_that_nobody_reads(self, lab: Lab, runs: Runs) -> None:
        """A log whose reader goes away changes neither the revoke nor the code."""
        reader, writer = os.pipe()
        process = runs.script(TOKEN + "wait(20); sys.exit(7)", stderr=writer)
        os.close(writer)
        os.close(reader)
        runs.go()

        assert runs.ended(process) == 7
        assert nothing_lives(lab)

    def test_command_that_closes_our_pipes(self, lab: Lab, runs: Runs) -> None:
        """A command that closes its streams, and leaves a process behind, ends when it ends itself."""
        code = runs.ended(runs.start("sh", "-c", "exec <&- >&- 2>&-; sleep 3 & exit 4"))

        assert code == 4
        assert nothing_lives(lab)

    def test_several_roles(self, lab: Lab, runs: Runs) -> None:
        """Each role's token is in a variable of its own, and all are revoked."""
        operator(lab, "nomad/role/reader", policies="deployer")
        operator(lab, "sys/policies/acl/nomad-deployer", policy='path "nomad/creds/*" { capabilities = ["read"] }')
        lab.mark()
        runs.environ |= {"NOMAD_MINT_ROLE": "deployer | DEPLOY_TOKEN\nreader | READ_TOKEN"}
        flags = {name: value for name, value in quick_start(lab).items() if name != "role"}
        process = runs.script(
            'say(os.environ["DEPLOY_TOKEN"]); say(os.environ["READ_TOKEN"])\n'
            'say("NOMAD_TOKEN" in os.environ); wait(20)',
            flags=flags,
        )
        wait_for(lambda: len(runs.said) == 3)
        works = [accepted(lab, token) for token in runs.said[:2]]
        runs.go()

        assert runs.ended(process) == 0
        assert works == [True, True]
        assert runs.said[0] != runs.said[1]
        assert runs.said[2] == "False"
        assert nothing_lives(lab)

    def test_on_github(self, lab: Lab, runs: Runs) -> None:
        """In a step, each secret is masked before the command runs, and the next steps get nothing."""
        files = {name: runs.folder / name for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STATE")}
        for path in files.values():
            path.touch()
        named = {name: str(path) for name, path in files.items()}
        runs.environ |= {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(runs.folder), **named}
        process = runs.script('sys.stderr.write("the command runs\\n"); sys.stderr.flush()\n' + TOKEN)

        assert runs.ended(process) == 0
        assert runs.log.index(f"::add-mask::{runs.said[0]}\n") < runs.log.index("the command runs\n")
        assert runs.log.count(runs.said[0]) == 1
        assert [path.read_text() for path in files.values()] == ["", "", ""]
        assert not (runs.folder / "nomad-token.state").exists()
        assert nothing_lives(lab)


class TestNotStarted:
    """A command that can't be started, and a mint that fails."""

    @pytest.mark.parametrize("word", ["no-such-command", "/etc/passwd", "/tmp", "./nowhere/x"])  # noqa: S108
    def test_no_command(self, lab: Lab, runs: Runs, word: str) -> None:
        """What is no command is 125, and nothing was asked of anyone."""
        assert runs.ended(runs.start(word)) == 125
        assert "nothing was minted" in runs.log
        assert lab.requests == []

    def test_no_program(self, lab: Lab, runs: Runs) -> None:
        """A file that the system does not run is 125 as well, and what was minted by then is undone."""
        broken = runs.folder / "broken"
        broken.write_bytes(b"\x00\x01 no program")
        broken.chmod(0o755)

        assert runs.ended(runs.start(str(broken))) == 125
        assert "Exec format error" in runs.log
        assert "Undone" in runs.log
        assert nothing_lives(lab)

    def test_mint_fails(self, lab: Lab, runs: Runs) -> None:
        """A mint that fails gives its own code, and the command never runs."""
        process = runs.start("touch", str(runs.folder / "ran"), flags=quick_start(lab, role="unheard-of"))

        assert runs.ended(process) in {4, 5}
        assert not (runs.folder / "ran").exists()
        assert nothing_lives(lab)


class TestRenewal:
    """A command that runs for longer than a login, or a lease, lives."""

    def test_past_several_lives(self, lab: Lab, runs: Runs) -> None:
        """Login and lease are renewed, and the token is accepted long after the end that they had at first."""
        lives(lab, "9s", login="9s")
        process = runs.script(TOKEN + "wait(60)")
        end = time.monotonic() + 20
        seen = []
        while time.monotonic() < end:
            seen.append(live_token(lab, runs))
            time.sleep(0.25)
        runs.go()

        assert runs.ended(process) == 0
        assert all(seen)
        assert "Ends soon" not in runs.log
        assert "unless renewed." in runs.log
        assert nothing_lives(lab)

    def test_cap(self, lab: Lab, runs: Runs) -> None:
        """A lease that its engine lets grow no further is told, with its end, while it still lives."""
        lives(lab, "16s", cap="20s")
        process = runs.script(TOKEN + "wait(30)")
        wait_for(lambda: "Ends soon" in runs.log)
        works = live_token(lab, runs)
        runs.go()

        assert runs.ended(process) == 0
        assert works
        assert runs.log.count("Ends soon") == 1
        assert "max_ttl" in runs.log

    def test_sealed_for_a_while(self, lab: Lab, runs: Runs) -> None:
        """A Vault that is sealed when it is asked is asked again, and the token outlives the trouble."""
        lives(lab, "10s")
        process = runs.script(TOKEN + "wait(30)")
        began = time.monotonic()
        lab.requests.clear()
        lab.vault.sealed = True
        wait_for(asked(lab, "/renew"))
        lab.vault.sealed = False
        wait_for(lambda: time.monotonic() > began + 11.5)
        works = live_token(lab, runs)
        runs.go()

        assert runs.ended(process) == 0
        assert works
        assert nothing_lives(lab)

    def test_vault_is_gone_for_good(self, lab: Lab, runs: Runs) -> None:
        """The end is told when it can't be put off; after a signal all is over in time, and what may live is named."""
        lives(lab, "4s")
        process = runs.script(TOKEN + "ending(7, signal.SIGTERM); wait(40)")
        lab.faults.append(Fault("vault", "POST", "", Silence(60), times=None))
        wait_for(lambda: "Ends soon" in runs.log)
        began = time.monotonic()
        process.terminate()
        code = runs.ended(process)
        took = time.monotonic() - began

        assert code == 7
        assert took < GONE
        assert runs.log.count("Ends soon") == 1
        assert "A token was left alive" in runs.log
        assert "vault lease revoke nomad/creds/deployer/" in runs.log

    def test_lent_token_ends(self, lab: Lab, runs: Runs) -> None:
        """A token that is lent is not renewed: its end is told, also where it comes after the lease's first one."""
        lives(lab, "10s")
        runs.environ |= {"VAULT_TOKEN": lend(lab, ttl="20s")}
        flags = {"vault-auth-method": "token", "vault-addr": lab.vault.addr, "role": "deployer"}
        process = runs.script(TOKEN + "wait(30)", flags=flags)
        wait_for(lambda: "Ends soon" in runs.log)
        works = live_token(lab, runs)
        runs.go()

        assert runs.ended(process) == 0
        assert works
        assert "lent" in runs.log
        assert not asked(lab, "renew-self")()

    def test_lent_token_with_few_uses(self, lab: Lab, runs: Runs) -> None:
        """No use of a lent token is taken for a renewal: with the last one the command's token would die."""
        lives(lab, "12s")
        runs.environ |= {"VAULT_TOKEN": lend(lab, num_uses=4)}
        flags = {"vault-auth-method": "token", "vault-addr": lab.vault.addr, "role": "deployer"}
        process = runs.script(TOKEN + "wait(30)", flags=flags)
        wait_for(lambda: "Ends soon" in runs.log)
        works = live_token(lab, runs)
        runs.go()

        assert runs.ended(process) == 0
        assert works
        assert "limited number of uses" in runs.log
        assert not asked(lab, "/renew")()
        assert nothing_lives(lab)

    def test_direct_issuer(self, lab: Lab, runs: Runs) -> None:
        """A token of Nomad's own can't be renewed: its end is told while the command runs."""
        with lab.nomad_client() as nomad:
            made = nomad_trust(NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.nomad.addr), nomad)
        lab.mark()
        runs.environ |= {"NOMAD_MANAGEMENT_TOKEN": made.management_token.get_secret_value()}
        flags = {"nomad-addr": lab.nomad.addr, "policies": "deployer", "ttl": "61s"}
        lab.nomad.clock.offset = -56.0  # its machine's clock is behind, and the token's end comes earlier for us
        process = runs.script(TOKEN + "wait(30)", flags=flags)
        wait_for(lambda: "Ends soon" in runs.log)
        works = live_token(lab, runs)
        runs.go()

        assert runs.ended(process) == 0
        assert works
        assert "can't be renewed" in runs.log
        assert "at the latest." in runs.log
        assert not lab.nomad.live_tokens()


THREE = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


class TestSignals:
    """Without a terminal."""

    @pytest.mark.parametrize(
        ("number", "to"),
        [*((number, to) for number in THREE for to in ("us", "our group")), (signal.SIGQUIT, "us")],
        ids=lambda value: getattr(value, "name", value),
    )
    def test_reaches_it_once(self, lab: Lab, runs: Runs, number: signal.Signals, to: str) -> None:
        """A signal reaches the command exactly once, wherever it was sent; what that makes of it is its own."""
        process = runs.script(f"ending(7, {int(number)})\n{TOKEN}wait(20)")
        (os.kill if to == "us" else os.killpg)(process.pid, number)

        assert runs.ended(process, GONE) == 7
        assert runs.said[1:] == [number.name]
        assert nothing_lives(lab)

    def test_each_one_reaches_it(self, lab: Lab, runs: Runs) -> None:
        """The second signal, and the third, reach the command as well."""
        process = runs.script(f"counting(2); ending(7, 15)\n{TOKEN}wait(20)")
        for count in (2, 3):
            process.send_signal(signal.SIGINT)
            wait_for(lambda: len(runs.said) == count)  # noqa: B023 - it is waited for
        process.send_signal(signal.SIGTERM)

        assert runs.ended(process, GONE) == 7
        assert runs.said[1:] == ["SIGINT", "SIGINT", "SIGTERM"]
        assert nothing_lives(lab)

    def test_ends_it(self, lab: Lab, runs: Runs) -> None:
        """A command that does nothing about it is ended by it, and the code says so."""
        process = runs.start("sh", "-c", 'echo "$NOMAD_TOKEN" >"$SAID"; exec sleep 30')
        wait_for(lambda: runs.said)
        process.terminate()

        assert runs.ended(process, GONE) == 143
        assert nothing_lives(lab)

    def test_reaches_what_it_started(self, lab: Lab, runs: Runs) -> None:
        """A signal that was sent to us alone reaches what the command has started too."""
        process = runs.script(
            f"""
child = os.fork()
if not child:
    ending(0, 15); say("child"); wait(20)
{TOKEN}
os.waitpid(child, 0); sys.exit(3)
"""
        )
        wait_for(lambda: len(runs.said) == 2)
        process.terminate()

        assert runs.ended(process, GONE) == 143
        wait_for(lambda: "SIGTERM" in runs.said)
        assert nothing_lives(lab)

    def test_ignored(self, lab: Lab, runs: Runs) -> None:
        """A command that ignores a signal keeps a live token for a while, then goes on without; its code is ours."""
        process = runs.script(f"counting(15)\n{TOKEN}wait(30); sys.exit(7)")
        began = time.monotonic()
        process.terminate()
        wait_for(lambda: not live_token(lab, runs))
        took = time.monotonic() - began
        wait_for(lambda: nothing_lives(lab))
        runs_on = process.poll() is None
        spent = _cpu(process.pid)
        time.sleep(1)
        spent = _cpu(process.pid) - spent
        runs.go()

        assert runs.ended(process) == 7
        assert 5 <= took < GONE
        assert runs_on
        assert spent < 0.5, "it waits, and does not turn in a circle"

    def test_revoke_that_failed_is_tried_again(self, lab: Lab, runs: Runs) -> None:
        """Where the revoke after a signal failed, and the command goes on, it is tried again at its end."""
        process = runs.script(f"counting(15)\n{TOKEN}wait(30); sys.exit(7)")
        lab.vault.sealed = True
        process.terminate()
        wait_for(lambda: "failed to revoke" in runs.log.lower())
        lab.vault.sealed = False
        runs.go()

        assert runs.ended(process) == 7
        assert nothing_lives(lab)

    def test_in_the_mint(self, lab: Lab, runs: Runs) -> None:
        """A signal that comes before the token is there cancels: the command never runs, and nothing is left."""
        lab.faults.append(Fault("vault", "GET", "/creds/", Delay(4)))
        process = runs.start("touch", str(runs.folder / "ran"))
        wait_for(asked(lab, "/creds/"))
        process.terminate()

        assert runs.ended(process, GONE) == 143
        assert not (runs.folder / "ran").exists()
        assert nothing_lives(lab)

    def test_in_a_mint_that_hangs(self, lab: Lab, runs: Runs) -> None:
        """No post-step comes, so that a read which nobody answers is undone by us, in time."""
        lab.faults.append(Fault("vault", "GET", "/creds/", Silence(60), when="after"))
        process = runs.start("touch", str(runs.folder / "ran"))
        wait_for(lambda: bool(lab.nomad.live_tokens()))
        process.terminate()

        assert runs.ended(process, GONE) == 143
        assert not (runs.folder / "ran").exists()
        assert nothing_lives(lab)

    def test_in_the_revoke(self, lab: Lab, runs: Runs) -> None:
        """A signal that comes while the revoke is under way changes neither it nor the command's code."""
        lab.faults.append(Fault("vault", "POST", "/revoke", Delay(3)))
        process = runs.start("sh", "-c", "exit 7")
        wait_for(asked(lab, "/revoke"))
        process.terminate()

        assert runs.ended(process, GONE) == 7
        assert "Revoked" in runs.log
        assert nothing_lives(lab)

    def test_in_a_renewal_that_hangs(self, lab: Lab, runs: Runs) -> None:
        """A signal that comes while Vault is silent reaches the command at once, and the revoke is in time."""
        lives(lab, "4s")
        lab.faults.append(Fault("vault", "POST", "/renew", Silence(60), times=None))
        process = runs.script(f"ending(7, 15)\n{TOKEN}wait(20)")
        wait_for(asked(lab, "/renew"))
        began = time.monotonic()
        process.terminate()
        wait_for(lambda: "SIGTERM" in runs.said)
        reached = time.monotonic() - began

        assert runs.ended(process, GONE) == 7
        assert reached < 2, "sooner than the silent request is given up"
        assert nothing_lives(lab)

    def test_killed(self, lab: Lab, runs: Runs) -> None:
        """When we are killed, Linux ends the command; with `--state` the token can be revoked after that."""
        state = str(runs.folder / "state")
        process = runs.script(f"ending(0, 15)\n{TOKEN}wait(20)", options=("--state", state))
        process.kill()
        runs.ended(process)
        wait_for(lambda: "SIGTERM" in runs.said)
        works = live_token(lab, runs)
        ours = str(Path(sysconfig.get_path("scripts"), "nomad-token"))
        revoke = [ours, "revoke", "--state", state]
        subprocess.run(revoke, env=runs.environ, timeout=30, check=True, capture_output=True)  # noqa: S603

        assert works
        assert nothing_lives(lab)

    def test_nohup(self, lab: Lab, runs: Runs) -> None:
        """Under nohup neither we nor the command hear of a terminal that goes."""
        process = runs.script(
            TOKEN + "say(signal.getsignal(1)); wait(20); sys.exit(7)",
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        wait_for(lambda: len(runs.said) == 2)
        os.killpg(process.pid, signal.SIGHUP)
        time.sleep(0.3)
        works = live_token(lab, runs)
        runs.go()

        assert runs.ended(process) == 7
        assert works
        assert runs.said[1].endswith("1") or "SIG_IGN" in runs.said[1]
        assert nothing_lives(lab)


def _cpu(pid: int) -> float:
    """Return the seconds of processor time that a process took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Terminal:
    """A terminal that a process has for its own."""

    def __init__(self) -> None:
        """Open it."""
        self._ours, self.theirs = pty.openpty()

    def take(self) -> None:
        """Make it that of the calling process, which leads a session."""
        os.setsid()
        fcntl.ioctl(self.theirs, termios.TIOCSCTTY, 0)

    def press(self, key: bytes) -> None:
        """Press a key."""
        os.write(self._ours, key)

    def close(self) -> None:
        """Hang up."""
        for end in (self._ours, self.theirs):
            with suppress(OSError):
                os.close(end)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Open a terminal."""
    made = Terminal()
    yield made
    made.close()


class TestTerminal:
    """At one."""

    @pytest.mark.parametrize("stdin", ["terminal", "elsewhere"])
    def test_key_ends_it(self, lab: Lab, runs: Runs, terminal: Terminal, stdin: str) -> None:
        """Ctrl-C reaches the command once, from the terminal; the token is revoked, and the code is the command's."""
        process = runs.script(
            f"ending(7, 2)\n{TOKEN}wait(20)",
            stdin=terminal.theirs if stdin == "terminal" else subprocess.DEVNULL,
            start_new_session=False,
            preexec_fn=terminal.take,
        )
        terminal.press(b"\x03")

        assert runs.ended(process, GONE) == 7
        assert runs.said[1:] == ["SIGINT"]
        assert nothing_lives(lab)

    def test_key_that_is_the_commands_own(self, lab: Lab, runs: Runs, terminal: Terminal) -> None:
        """A command that does something else at Ctrl-C goes on, and its token lives on."""
        lives(lab, "8s")
        process = runs.script(
            f"counting(2)\n{TOKEN}wait(20); sys.exit(7)",
            stdin=terminal.theirs,
            start_new_session=False,
            preexec_fn=terminal.take,
        )
        terminal.press(b"\x03")
        wait_for(lambda: "SIGINT" in runs.said)
        time.sleep(9.5)
        works = live_token(lab, runs)
        runs.go()

        assert runs.ended(process) == 7
        assert works
        assert runs.said[1:] == ["SIGINT"]
        assert nothing_lives(lab)

    def test_command_may_use_it(self, lab: Lab, runs: Runs, terminal: Terminal) -> None:
        """A command whose input is a pipe can still ask a question at the terminal."""
        process = runs.script(
            f"{TOKEN}say(open('/dev/tty').readline().strip())",
            start_new_session=False,
            preexec_fn=terminal.take,
        )
        terminal.press(b"yes\n")

        assert runs.ended(process, GONE) == 0
        assert runs.said[1:] == ["yes"]
        assert nothing_lives(lab)

    def test_termination_reaches_it(self, lab: Lab, runs: Runs, terminal: Terminal) -> None:
        """A signal that no key sends is passed on at a terminal too."""
        process = runs.script(
            f"ending(7, 15)\n{TOKEN}wait(20)",
            stdin=terminal.theirs,
            start_new_session=False,
            preexec_fn=terminal.take,
        )
        process.terminate()

        assert runs.ended(process, GONE) == 7
        assert runs.said[1:] == ["SIGTERM"]
        assert nothing_lives(lab)

    def test_hang_up(self, lab: Lab, runs: Runs, terminal: Terminal) -> None:
        """A terminal that goes takes the command along, and with it the log: the token is revoked all the same."""
        process = runs.script(
            TOKEN + "wait(20)",
            stdin=terminal.theirs,
            stderr=terminal.theirs,
            start_new_session=False,
            preexec_fn=terminal.take,
        )
        terminal.close()

        assert runs.ended(process, GONE) == 129
        assert nothing_lives(lab)


class TestRevokeFails:
    """A revoke that Vault refuses."""

    @pytest.fixture(autouse=True)
    def _refused(self, lab: Lab) -> None:
        """Have Vault refuse it."""
        denied = Answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
        lab.faults.append(Fault("vault", "POST", "/revoke", denied, times=None))

    @pytest.mark.parametrize(
        ("on_failure", "own", "code"), [("warn", 0, 0), ("warn", 3, 3), ("fail", 0, 6), ("fail", 3, 3)]
    )
    def test_code(self, lab: Lab, runs: Runs, on_failure: str, own: int, code: int) -> None:
        """It is a warning; where it is to fail, only a command that went well gives way to it."""
        flags = quick_start(lab, on_revoke_failure=on_failure, verify="off")

        assert runs.ended(runs.start("sh", "-c", f"exit {own}", flags=flags)) == code
        assert "vault lease revoke" in runs.log or code == 3

    def test_state_is_kept(self, lab: Lab, runs: Runs) -> None:
        """What was not revoked stays in the state that was named, for another try."""
        state = runs.folder / "state"
        flags = quick_start(lab, verify="off")

        assert runs.ended(runs.start("true", flags=flags, options=("--state", str(state)))) == 0
        assert state.exists()
