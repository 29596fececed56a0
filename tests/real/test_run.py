"""`run` on real servers: what they say to renewals is what we take it for."""

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from jobs import accepted, operator, quick_start
from real_lab import RealLab


class Run:
    """A command that runs with a token until it is told to end."""

    def __init__(self, lab: RealLab, folder: Path) -> None:
        """Start it."""
        self._said, self._go, self._log = folder / "said", folder / "go", folder / "log"
        script = (
            f"import os, time\nopen({str(self._said)!r}, 'w').write(os.environ['NOMAD_TOKEN'])\n"
            f"while not os.path.exists({str(self._go)!r}): time.sleep(0.05)"
        )
        inputs = quick_start(lab, vault_addr=lab.real.addr)
        ours = Path(sysconfig.get_path("scripts"), "nomad-token")
        flags = [f"--{name}={value}" for name, value in inputs.items()]
        coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
        token = lab.github.id_token(lab.real.addr).get_secret_value()
        with self._log.open("w") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own executable
                [ours, "run", *flags, "--", sys.executable, "-I", "-S", "-c", script],
                env={"PATH": "/usr/bin:/bin", "VAULT_ID_TOKEN": token, **coverage},
                stderr=log,
                start_new_session=True,
            )

    @property
    def token(self) -> str:
        """The command's token."""
        with suppress(FileNotFoundError):
            return self._said.read_text()
        return ""

    @property
    def log(self) -> str:
        """What we said."""
        return self._log.read_text()

    def end(self) -> int:
        """Let the command end, and return the exit code."""
        self._go.touch()
        return self._process.wait(30)


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    """Return once *condition* holds; fail after *seconds*."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail("it did not come to that")
        time.sleep(0.05)


def login(lab: RealLab, **terms: str) -> None:
    """Have logins live otherwise."""
    role = {
        "role_type": "jwt",
        "user_claim": "repository",
        "bound_audiences": [lab.real.addr],
        "bound_claims": {"repository_id": "74123456"},
        "token_policies": ["nomad-deployer"],
    }
    operator(lab, "auth/jwt/role/deploy-app", **(role | terms))


def test_past_its_first_end(lab: RealLab, tmp_path: Path) -> None:
    """Login and lease are renewed, and the token outlives the end that both had at first."""
    operator(lab, "nomad/config/lease", ttl="10s", max_ttl="1h")
    login(lab, token_ttl="10s", token_max_ttl="1h")
    run = Run(lab, tmp_path)
    wait_for(lambda: run.token)
    time.sleep(13)
    works = accepted(lab, run.token)

    assert run.end() == 0
    assert works
    assert "Ends soon" not in run.log
    assert not lab.nomad.live_tokens()


@pytest.mark.parametrize("which", ["lease", "login"])
def test_cap(lab: RealLab, tmp_path: Path, which: str) -> None:
    """What grows no further is told once, with its end, while the token lives; then it dies."""
    # Long enough that a renewal which the machine holds up for a second or two is tried again in time.
    short, long = {"ttl": "16s", "max_ttl": "20s"}, {"ttl": "16s", "max_ttl": "1h"}
    operator(lab, "nomad/config/lease", **(short if which == "lease" else long))
    login(lab, **{f"token_{name}": value for name, value in (short if which == "login" else long).items()})
    run = Run(lab, tmp_path)
    wait_for(lambda: "Ends soon" in run.log)
    works = accepted(lab, run.token)
    wait_for(lambda: not accepted(lab, run.token))

    assert run.end() == 0
    assert works
    assert run.log.count("Ends soon") == 1
    assert ("config/lease" if which == "lease" else "token_max_ttl") in run.log
    assert not lab.nomad.live_tokens()
