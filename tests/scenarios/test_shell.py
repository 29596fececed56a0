"""The command line, as people and `run:` steps use it: mint, use, renew, revoke."""

import json
import os
import pty
import re
import resource
import signal
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from answers import within
from jobs import accepted, lend, nothing_lives, operator
from nomad_token_lab import Answer, Fault, Lab, Silence, logins
from nomad_token_lab.nomad_trust import Made, NomadTrust, nomad_trust
from nomad_token_lab.runner import pairs

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPTS = Path(sysconfig.get_path("scripts"))
PROGRAM = str(SCRIPTS / "nomad-token")
ROLE = ("--role", "deployer", "--vault-auth-role", "deploy-app")
EVIL = "no\n::add-mask::a\n::error::pwned\r\n##[set-env name=X]y\x1b[31m\u202ered\x07 \x9b0m"

Ran = subprocess.CompletedProcess[str]


class Person:
    """Somebody with a shell, a home, and an id token."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        """Live in *folder*."""
        self.folder = folder
        self.largest = 0
        """The bytes beyond which no file grows, as on a disk that fills up; 0 is without limit."""
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        self.environ = coverage | {
            "PATH": f"{SCRIPTS}:/usr/bin:/bin",
            "HOME": str(folder / "home"),
            "VAULT_ADDR": lab.vault.addr,
            "NOMAD_ADDR": lab.nomad.addr,
            "VAULT_ID_TOKEN": lab.github.id_token(lab.vault.addr).get_secret_value(),
        }

    def __call__(self, *argv: str, **environ: str) -> Ran:
        """Call the program."""
        return self._ran([PROGRAM, *argv], environ)

    def mint(self, *argv: str, **environ: str) -> Ran:
        """Mint with the plain inputs."""
        return self("mint", *ROLE, *argv, **environ)

    def script(self, text: str, **environ: str) -> Ran:
        """Run a script as a CI does."""
        return self._ran(["/bin/bash", "-eo", "pipefail", "-c", text], environ)

    @property
    def files(self) -> list[str]:
        """The files that are left, but the home's."""
        return sorted(path.name for path in self.folder.iterdir() if path.name != "home")

    def _ran(self, words: list[str], environ: dict[str, str]) -> Ran:
        def limited() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest, self.largest))

        return subprocess.run(  # noqa: S603 - our own program
            words,
            env=self.environ | environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            preexec_fn=limited if self.largest else None,
        )


class Workflow(Person):
    """A job whose steps are `run:` steps: the runner's files, and what they hand to the next step."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        """Begin a job that may ask for id tokens."""
        super().__init__(lab, folder)
        self.runner = folder / "runner"
        self.runner.mkdir()
        del self.environ["VAULT_ID_TOKEN"], self.environ["HOME"]
        self.environ |= lab.github.environ() | {"GITHUB_ACTIONS": "true", "RUNNER_TEMP": str(self.runner)}
        self.outputs: dict[str, str] = {}
        self._steps = 0

    def step(self, text: str, **environ: str) -> Ran:
        """Run one step, and hand over what it exports."""
        self._steps += 1
        names = {"GITHUB_ENV": "set_env", "GITHUB_OUTPUT": "set_output", "GITHUB_STATE": "save_state"}
        files = {name: self.runner / f"{file}_{self._steps}" for name, file in names.items()}
        for file in files.values():
            file.touch()
        ran = self.script(text, **{name: str(file) for name, file in files.items()}, **environ)
        self.environ |= pairs(files["GITHUB_ENV"])
        self.outputs = pairs(files["GITHUB_OUTPUT"])
        return ran


@pytest.fixture
def person(lab: Lab, tmp_path: Path) -> Person:
    """Make a person with a shell."""
    return Person(lab, tmp_path)


@pytest.fixture
def workflow(lab: Lab, tmp_path: Path) -> Workflow:
    """Make a job of a workflow."""
    return Workflow(lab, tmp_path)


@pytest.fixture
def made(lab: Lab) -> Made:
    """Trust GitHub's jobs in Nomad itself."""
    with lab.nomad_client() as nomad:
        made = nomad_trust(NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.nomad.addr), nomad)
    lab.mark()
    return made


def unmasked(log: str) -> str:
    """Return what a runner shows of *log*."""
    return "\n".join(line for line in log.splitlines() if not line.startswith("::add-mask::"))


def masks(log: str) -> list[str]:
    """Return what the runner was told to hide."""
    return [line.removeprefix("::add-mask::") for line in log.splitlines() if line.startswith("::add-mask::")]


class TestByHand:
    """A person, or a script of any CI."""

    def test_readme(self, lab: Lab, person: Person) -> None:
        """The README's four lines: minted into a file, sourced, used, revoked, and the file is gone."""
        ran = person.script(
            f"""
            nomad-token mint {" ".join(ROLE)} --shell-file deploy.env
            . ./deploy.env
            nomad-token renew
            printf '%s' "$NOMAD_TOKEN" > token
            nomad-token revoke
            """
        )
        token = (person.folder / "token").read_text()

        assert ran.returncode == 0, ran.stderr
        assert re.fullmatch(r"[0-9a-f-]{36}", token)
        assert not accepted(lab, token)
        assert token not in ran.stdout + ran.stderr
        assert nothing_lives(lab)
        assert person.files == ["token"]
        assert list((person.folder / "home/.local/state/nomad-token").iterdir()) == []

    @pytest.mark.parametrize(
        ("argv", "use"),
        [
            ("--field token", "token=$(cat out)"),
            ("--json -", 'token=$(sed -n \'s/^  "token": "\\(.*\\)",$/\\1/p\' out)'),
            ("--dotenv -", "set -a; . ./out; token=$NOMAD_TOKEN"),
            ("--shell-file -", ". ./out; token=$NOMAD_TOKEN"),
            ("--shell-file file", ". ./file; token=$NOMAD_TOKEN"),
            (
                "--shell-file >(cat > file)",
                "until grep -q NOMAD_TOKEN= file; do sleep 0.05; done; . ./file; token=$NOMAD_TOKEN",
            ),
        ],
    )
    def test_each_target(self, lab: Lab, person: Person, argv: str, use: str) -> None:
        """Whatever the token is written to, what reads it has a token that Nomad accepts."""
        ran = person.script(
            f"nomad-token mint {' '.join(ROLE)} --state state {argv} > out; {use}; printf '%s' \"$token\" > token"
        )
        alive = accepted(lab, (person.folder / "token").read_text())
        code = person("revoke", "--state", "state").returncode

        assert (ran.returncode, code) == (0, 0), ran.stderr
        assert alive
        assert nothing_lives(lab)

    def test_several_roles(self, lab: Lab, person: Person) -> None:
        """Several tokens go into one file, each under its name, and into one field each; one revoke ends them all."""
        roles = "deployer | NOMAD_TOKEN\ndeployer | READ_TOKEN"
        ran = person("mint", "--role", roles, *ROLE[2:], "--state", "s", "--json", "j", "--field", "token-read-token")
        written = json.loads((person.folder / "j").read_text())
        alive = [accepted(lab, token) for token in (written["token-nomad-token"], ran.stdout.strip())]
        person("revoke", "--state", "s")

        assert ran.returncode == 0, ran.stderr
        assert alive == [True, True]
        assert nothing_lives(lab)

    def test_terminal(self, lab: Lab, person: Person) -> None:
        """On a real terminal the token is refused, by standard output and by the terminal's path, unless asked for."""
        ours, theirs = pty.openpty()
        try:
            base = [PROGRAM, "mint", *ROLE, "--state", "s"]
            codes = [
                subprocess.run(  # noqa: S603 - our own program
                    [*base, *more], env=person.environ, cwd=person.folder, stdout=theirs, stderr=-3, check=False
                ).returncode
                for more in (["--field", "token"], ["--json", os.ttyname(theirs)], ["--field", "token", "--show"])
            ]
            shown = os.read(ours, 1000).decode().strip()
        finally:
            os.close(ours)
            os.close(theirs)

        assert codes == [2, 2, 0]
        assert accepted(lab, shown)

    @pytest.mark.parametrize("closed", ["2>&-", "2>/dev/full", "<&- >&-"])
    def test_nobody_reads_along(self, lab: Lab, person: Person, closed: str) -> None:
        """A log that goes nowhere breaks nothing."""
        ran = person.script(f"nomad-token mint {' '.join(ROLE)} --state s --shell-file f {closed}")

        assert ran.returncode == 0
        assert len(lab.nomad.live_tokens()) == 1

    @pytest.mark.parametrize("lost", [">/dev/full", ">&-", "| (exec <&-; sleep 2)"])
    def test_nobody_takes_it(self, lab: Lab, person: Person, lost: str) -> None:
        """A token that standard output doesn't take is undone, exit code 75."""
        ran = person.script(
            f"set +o pipefail; nomad-token mint {' '.join(ROLE)} --field token {lost}; exit ${{PIPESTATUS[0]}}"
        )

        assert ran.returncode == 75, ran.stderr
        assert nothing_lives(lab)

    @pytest.mark.parametrize("limit", [1, 300, 900, 1200, 1700, 2200])
    def test_disk_that_fills_up(self, lab: Lab, person: Person, limit: int) -> None:
        """Wherever the state can't be written any more, what was made is undone, or a later revoke does it."""
        person.largest = limit
        ran = person.mint("--state", "s", "--field", "accessor-id")
        person.largest = 0
        person("revoke", "--state", "s")

        assert ran.returncode in {0, 75}
        assert limit > 900 or ran.returncode == 75
        assert nothing_lives(lab)

    def test_no_temporary_folder(self, lab: Lab, person: Person) -> None:
        """Where nothing can be written, `run` needs to write nothing: its own failure is told, and undone."""
        well = person.script(f"ulimit -f 0; nomad-token run {' '.join(ROLE)} -- true")
        ill = person.script(f"ulimit -f 0; nomad-token run {' '.join(ROLE)} --min-ttl 1000h -- true")

        assert (well.returncode, ill.returncode) == (0, 4), well.stderr + ill.stderr
        assert nothing_lives(lab)

    @pytest.mark.parametrize(
        ("call", "code"),
        [
            ("run {role} -- true", 0),
            ("run {role} --min-ttl 1000h -- true", 4),
            ("mint {role} --min-ttl 1000h --state {folder}/s --field accessor-id", 4),
            ("revoke --state {folder}/two", 0),
        ],
    )
    def test_folder_that_is_gone(self, lab: Lab, person: Person, call: str, code: int) -> None:
        """A working directory that was removed, as after a CI's clean-up, stands in the way of no undo."""
        for _ in range(2):
            person.mint("--state", "two", "--field", "accessor-id")
        words = call.format(role=" ".join(ROLE), folder=person.folder)
        ran = person.script(f"mkdir gone; cd gone; rmdir ../gone; nomad-token {words}")
        person("revoke", "--state", "two")

        assert ran.returncode == code, ran.stderr
        assert nothing_lives(lab)

    @pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
    def test_cancelled(self, lab: Lab, person: Person, signum: int, code: int) -> None:
        """A cancel has the shell's exit code; token, file and state are gone."""
        lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", Silence(30)))
        words = [PROGRAM, "mint", *ROLE, "--shell-file", "f", "--state", "s"]
        with subprocess.Popen(words, env=person.environ, cwd=person.folder) as process:  # noqa: S603 - our own program
            assert within(20, lambda: any("token/self" in record.path for record in lab.requests))
            process.send_signal(signum)

        assert process.returncode == code
        assert nothing_lives(lab)
        assert person.files == []


class TestRenew:
    """`renew`."""

    def test_lives_on(self, lab: Lab, person: Person) -> None:
        """Lease and login live longer after it, and the token is accepted past its first end."""
        operator(lab, "nomad/config/lease", ttl="20m", max_ttl="2h")
        token = person.mint("--field", "token", "--state", "s").stdout.strip()
        lab.advance(15 * 60)
        renewed = person("renew", "--state", "s")
        lab.advance(10 * 60)
        alive = accepted(lab, token)
        revoked = person("revoke", "--state", "s")

        assert (renewed.returncode, revoked.returncode) == (0, 0)
        assert "Renewed " in renewed.stderr
        assert alive
        assert nothing_lives(lab)

    def test_capped(self, lab: Lab, person: Person) -> None:
        """At its max_ttl a lease can't be renewed any further: that is told, with what sets it, and is no failure."""
        operator(lab, "nomad/config/lease", ttl="20m", max_ttl="30m")
        person.mint("--field", "token", "--state", "s")
        lab.advance(15 * 60)
        ran = person("renew", "--state", "s")

        assert ran.returncode == 0
        assert "The last renewal: The lease has reached the max_ttl of the engine's config/lease." in ran.stderr

    def test_lent(self, lab: Lab, person: Person) -> None:
        """With a token that is lent the lease is renewed by it, read again; without it, that is told."""
        person.environ["VAULT_TOKEN"] = lend(lab, ttl="2h")
        person("mint", "--role", "deployer", "--vault-auth-method", "token", "--field", "token", "--state", "s")
        ran = person("renew", "--state", "s")
        without = person("renew", "--state", "s", VAULT_TOKEN="")

        assert ran.returncode == 0, ran.stderr
        assert "Renewed " in ran.stderr
        assert without.returncode != 0
        assert "VAULT_TOKEN" in without.stderr

    def test_nomads_own(self, person: Person, made: Made) -> None:
        """A token of Nomad's own can't be renewed: exit code 2, with our own text, and another one's lease still is."""
        person("mint", "--policies", "deployer", "--field", "token", "--state", "s",
               NOMAD_MANAGEMENT_TOKEN=made.management_token.get_secret_value())  # fmt: skip
        person.mint("--field", "token", "--state", "s")
        ran = person("renew", "--state", "s")

        assert ran.returncode == 2
        assert "There is no lease to renew." in ran.stderr
        assert "Mint anew, with a longer `--ttl`." in ran.stderr
        assert "Renewed " in ran.stderr

    def test_revoked_meanwhile(self, lab: Lab, person: Person) -> None:
        """A lease that somebody revoked is refused, exit code 4, with what to do."""
        person.mint("--field", "token", "--state", "s")
        (lease,) = lab.vault.live_leases()
        operator(lab, "sys/leases/revoke", lease_id=lease.id, sync=True)
        ran = person("renew", "--state", "s")

        assert ran.returncode == 4
        assert "Mint anew." in ran.stderr

    def test_unreachable(self, lab: Lab, person: Person) -> None:
        """A Vault in trouble is exit code 75; the token is as it was."""
        person.mint("--field", "token", "--state", "s")
        lab.faults.append(Fault("vault", "PUT", "/renew", Answer(503, {"errors": ["sealed"]}), times=None))
        lab.faults.append(Fault("vault", "POST", "/renew", Answer(503, {"errors": ["sealed"]}), times=None))
        ran = person("renew", "--state", "s")

        assert ran.returncode == 75
        assert "Try again before the token ends." in ran.stderr
        assert len(lab.nomad.live_tokens()) == 1


class TestIssuersAndMethods:
    """Every way in, by the standard variables."""

    def test_approle(self, lab: Lab, person: Person) -> None:
        """An AppRole's ids come from variables of our own; they are neither kept nor told."""
        with lab.vault_client() as vault:
            given = logins.approle(vault)
        lab.mark()
        secret = {f"NOMAD_MINT_{name.upper().replace('-', '_')}": value for name, value in given.items()}
        ran = person("mint", "--role", "deployer", "--json", "j", "--state", "s", VAULT_ID_TOKEN="", **secret)
        state = (person.folder / "s").read_text()
        revoked = person("revoke", "--state", "s")

        assert (ran.returncode, revoked.returncode) == (0, 0), ran.stderr
        assert given["vault-secret-id"] not in state + ran.stderr
        assert "vault-secret-id from NOMAD_MINT_VAULT_SECRET_ID" in ran.stderr
        assert nothing_lives(lab)

    def test_management(self, lab: Lab, person: Person, made: Made) -> None:
        """`nomad-management` by its standard variable: not kept, read again by the revoke, which fails without it."""
        lent = {"NOMAD_MANAGEMENT_TOKEN": made.management_token.get_secret_value()}
        ran = person("mint", "--policies", "deployer", "--shell-file", "f", "--state", "s", **lent)
        kept = (person.folder / "s").read_text() + (person.folder / "f").read_text()
        without = person("revoke", "--state", "s")
        there = person.files
        revoked = person("revoke", "--state", "s", **lent)

        assert (ran.returncode, without.returncode, revoked.returncode) == (0, 6, 0)
        assert lent["NOMAD_MANAGEMENT_TOKEN"] not in kept + ran.stderr
        assert "NOMAD_MANAGEMENT_TOKEN" in without.stderr
        assert there == ["f", "s"]
        assert person.files == []
        assert not lab.nomad.live_tokens()

    def test_login_at_nomad(self, lab: Lab, person: Person, made: Made) -> None:
        """`nomad-login` reads NOMAD_ID_TOKEN, and leaves alone what lies around for Vault."""
        person.environ["NOMAD_ID_TOKEN"] = lab.github.id_token(lab.nomad.addr).get_secret_value()
        ran = person("mint", "--nomad-auth-method", made.auth_method, "--field", "token", "--state", "s",
                     VAULT_TOKEN="hvs.lies-around")  # fmt: skip
        revoked = person("revoke", "--state", "s")

        assert ran.returncode == 0, ran.stderr
        assert accepted(lab, ran.stdout.strip())
        assert "id-token from NOMAD_ID_TOKEN" in ran.stderr
        assert "VAULT" not in ran.stderr
        assert "Left to its end" in revoked.stderr

    def test_each_audience_its_own_id_token(self, lab: Lab, person: Person, made: Made) -> None:
        """In one job both id tokens stand side by side: each issuer takes the one for its audience."""
        person.environ["NOMAD_ID_TOKEN"] = lab.github.id_token(lab.nomad.addr).get_secret_value()
        vault = person.mint("--field", "token", "--state", "s")
        nomad = person("mint", "--nomad-auth-method", made.auth_method, "--field", "token", "--state", "s")

        assert (vault.returncode, nomad.returncode) == (0, 0), vault.stderr + nomad.stderr
        assert person("revoke", "--state", "s").returncode == 0

    def test_missing_id_token_is_named(self, lab: Lab, person: Person, made: Made) -> None:
        """Without an id token, exit code 3 names the variable that this issuer reads."""
        vault = person.mint("--field", "token", VAULT_ID_TOKEN="")
        nomad = person("mint", "--nomad-auth-method", made.auth_method, "--field", "token")

        assert (vault.returncode, nomad.returncode) == (3, 3)
        assert "Give one as `VAULT_ID_TOKEN`" in vault.stderr
        assert "Give one as `NOMAD_ID_TOKEN`" in nomad.stderr
        assert lab.requests == []

    @pytest.mark.parametrize("name", ["VAULT_TOKEN", "NOMAD_MANAGEMENT_TOKEN", "NOMAD_TOKEN"])
    def test_credential_that_lies_around(self, lab: Lab, person: Person, name: str) -> None:
        """A credential in the environment selects neither an issuer nor a method: it changes nothing."""
        ran = person.mint("--field", "token", "--state", "s", **{name: "hvs.lies-around"})
        told = person("mint", "--field", "token", **{name: "hvs.lies-around"})

        assert ran.returncode == 0, ran.stderr
        assert "lies-around" not in str(lab.requests) + ran.stderr
        assert told.returncode == 2
        assert "Nothing says who is to grant the token" in told.stderr


class TestInARunStep:
    """`nomad-token` in the `run:` steps of a GitHub workflow."""

    def test_plain_road(self, lab: Lab, workflow: Workflow) -> None:
        """The token is masked and exported to the next steps, and a later step revokes it and scrubs the files."""
        minted = workflow.step(f"nomad-token mint {' '.join(ROLE)}")
        outputs = workflow.outputs
        used = workflow.step('printf "%s" "$NOMAD_TOKEN" > token')
        token = (workflow.folder / "token").read_text()
        alive = accepted(lab, token)
        (workflow.folder / "token").unlink()
        revoked = workflow.step("nomad-token revoke")

        assert (minted.returncode, used.returncode, revoked.returncode) == (0, 0, 0), minted.stderr + revoked.stderr
        assert outputs["token"] == token
        assert alive
        assert minted.stdout == ""
        assert token in masks(minted.stderr)
        assert token not in unmasked(minted.stderr) + unmasked(revoked.stderr)
        assert "hvs." not in unmasked(minted.stderr)
        assert "It is revoked by: nomad-token revoke." in minted.stderr
        assert nothing_lives(lab)
        assert not (workflow.runner / "nomad-token.state").exists()

    def test_printed_field_is_masked(self, lab: Lab, workflow: Workflow) -> None:
        """`$(…)` takes the token alone: the masks go to the log, and come before it."""
        ran = workflow.step(f'token=$(nomad-token mint {" ".join(ROLE)} --field token); echo "$token"')
        token = ran.stdout.strip()

        assert accepted(lab, token)
        assert token in masks(ran.stderr)
        assert "NOMAD_TOKEN" not in workflow.environ

    def test_two_mints(self, lab: Lab, workflow: Workflow) -> None:
        """Two steps mint into one state, and one revoke ends both, the newest first; the job's first token goes too."""
        workflow.step(f"nomad-token mint {' '.join(ROLE)}")
        first = workflow.outputs["accessor-id"]
        workflow.step(f"nomad-token mint {' '.join(ROLE)} --env-name READ_TOKEN")
        second = workflow.outputs["accessor-id"]
        ran = workflow.step("nomad-token revoke")

        assert ran.returncode == 0
        assert ran.stderr.index(second) < ran.stderr.index(first)
        assert nothing_lives(lab)

    def test_two_mints_and_a_log_that_is_full(self, lab: Lab, workflow: Workflow) -> None:
        """A revoke that can't say what it did does it all the same, for each mint."""
        workflow.step(f"nomad-token mint {' '.join(ROLE)}")
        workflow.step(f"nomad-token mint {' '.join(ROLE)} --env-name READ_TOKEN")
        workflow.step("nomad-token revoke 2>/dev/full")

        assert nothing_lives(lab)

    def test_errors_are_annotations(self, lab: Lab, workflow: Workflow) -> None:
        """A failure is an error of the job's page, in the words of the command line, and leaves no state."""
        lab.faults.append(
            Fault("vault", "GET", "/creds/", Answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]}))
        )
        ran = workflow.step(f"nomad-token mint {' '.join(ROLE)}")

        assert ran.returncode == 4
        assert "::error title=Refused::" in ran.stderr
        assert "`with:`" not in ran.stderr
        assert not (workflow.runner / "nomad-token.state").exists()
        assert nothing_lives(lab)

    def test_without_the_permission(self, lab: Lab, workflow: Workflow) -> None:
        """A job without id tokens is told the permission, exit code 3."""
        ran = workflow.step(f"nomad-token mint {' '.join(ROLE)}", ACTIONS_ID_TOKEN_REQUEST_URL="")

        assert ran.returncode == 3
        assert "id-token: write" in ran.stderr
        assert lab.requests == []

    def test_under_act(self, lab: Lab, workflow: Workflow) -> None:
        """There are no id tokens in act: the text names the variable that takes one, which then works."""
        act = {"GITHUB_STATE": "/var/run/act/workflow/statecmd.txt", "ACTIONS_ID_TOKEN_REQUEST_URL": ""}
        told = workflow.script(f"nomad-token mint {' '.join(ROLE)} --field token", **act)
        token = lab.github.id_token(lab.vault.addr).get_secret_value()
        ran = workflow.script(f"nomad-token mint {' '.join(ROLE)} --field token", **act, VAULT_ID_TOKEN=token)
        revoked = workflow.script("nomad-token revoke", **act)

        assert (told.returncode, ran.returncode, revoked.returncode) == (3, 0, 0)
        assert "`VAULT_ID_TOKEN: ${{ secrets.ID_TOKEN }}`" in told.stderr
        assert "--id-token" not in told.stderr
        assert nothing_lives(lab)

    def test_file_and_exports(self, lab: Lab, workflow: Workflow) -> None:
        """A target that is named is used instead of the runner's files; the token is masked all the same."""
        ran = workflow.step(f'nomad-token mint {" ".join(ROLE)} --shell-file f; . ./f; echo "$NOMAD_TOKEN"')

        assert accepted(lab, ran.stdout.strip())
        assert ran.stdout.strip() in masks(ran.stderr)
        assert "NOMAD_TOKEN" not in workflow.environ
        assert workflow.step("nomad-token revoke").returncode == 0
        assert "f" not in workflow.files


class TestExitCodes:
    """Those of the README's table."""

    def refused(self, lab: Lab) -> None:
        """Deny the role's credentials."""
        operator(lab, "sys/policies/acl/nomad-deployer", policy='path "x" { capabilities = ["read"] }')

    def unknown(self, lab: Lab) -> None:
        """Take the engine's role away."""
        with lab.vault_client() as vault:
            vault.delete("/v1/nomad/role/deployer").raise_for_status()

    def sealed(self, lab: Lab) -> None:
        """Seal Vault."""
        answer = Answer(503, {"errors": ["Vault is sealed"]})
        lab.faults += [Fault("vault", method, "", answer, times=None) for method in ("GET", "PUT", "POST")]

    @pytest.mark.parametrize(
        ("prepare", "code", "title"),
        [(refused, 4, "Refused"), (unknown, 5, "Not found"), (sealed, 75, "Try again later")],
        ids=["refused", "unknown", "sealed"],
    )
    def test_mint(
        self, lab: Lab, person: Person, prepare: "Callable[[TestExitCodes, Lab], None]", code: int, title: str
    ) -> None:
        """A failed mint has its kind's exit code and title, leaves nothing, and lets go of its state."""
        prepare(self, lab)
        ran = person.mint("--shell-file", "f", "--state", "s", "--timeout", "1s")
        lab.faults.clear()

        assert ran.returncode == code, ran.stderr
        assert f"error: {title}: " in ran.stderr
        assert ran.stdout == ""
        assert nothing_lives(lab)
        assert person.files == []

    def test_left_alive(self, lab: Lab, person: Person) -> None:
        """A token that could not be revoked is exit code 6, whatever the mint was told to do then; again, it goes."""
        person.mint("--shell-file", "f", "--state", "s", "--on-revoke-failure", "warn")
        answer = Answer(400, {"errors": ["no"]})
        lab.faults += [Fault("vault", m, "revoke", answer, times=None) for m in ("PUT", "POST")]
        failed = person("revoke", "--state", "s")
        lab.faults.clear()
        again = person("revoke", "--state", "s")

        assert (failed.returncode, again.returncode) == (6, 0)
        assert failed.stderr.count("A token was left alive") == 1
        assert nothing_lives(lab)
        assert person.files == []

    def test_left_alive_at_nomad(self, lab: Lab, person: Person) -> None:
        """What Vault could not delete stays left, though Vault says of the login then that it is gone."""
        person.environ["NOMAD_ADDR"] = ""
        assert person.mint("--shell-file", "f", "--state", "s").returncode == 0
        lab.faults += [Fault("nomad", "DELETE", "acl/token", Answer(500, {"errors": ["no"]}), times=None)]
        first, again = person("revoke", "--state", "s"), person("revoke", "--state", "s")
        assert len(lab.nomad.live_tokens()) == 1
        lab.faults.clear()
        lab.advance(60)
        assert lab.nomad.live_tokens() == []

        assert (first.returncode, again.returncode) == (6, 6), first.stderr + again.stderr
        assert "could not delete the token at Nomad" in first.stderr
        assert "an earlier revoke left it" in again.stderr
        assert person.files == ["f", "s"]


@pytest.mark.parametrize(("method", "path"), [("POST", "/login$"), ("PUT", "/login$"), ("GET", "/creds/")])
@pytest.mark.parametrize("status", [400, 403, 500])
def test_hostile_texts(lab: Lab, person: Person, method: str, path: str, status: int) -> None:
    """What a server says can't colour, move or turn a terminal's text around, nor begin a line of its own."""
    lab.faults.append(Fault("vault", method, path, Answer(status, {"errors": [EVIL]}), times=None))
    ran = person.mint("--json", "j", "--state", "s", "--timeout", "1s")

    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", ran.stderr)
    assert not [line for line in ran.stderr.splitlines() if line.startswith(("::", "pwned"))]
