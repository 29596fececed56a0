"""A doctor who is sent away takes along what was made."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from doctor.conftest import Ward
from doctor.symptoms import QUICK
from nomad_token_lab import Fault
from nomad_token_lab.faults import Delay


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("server", "method", "path"),
    [
        ("vault", "POST", "/v1/auth/jwt/login"),
        ("vault", "POST", "/v1/sys/capabilities-self"),
        ("vault", "GET", "/v1/nomad/creds/deployer"),
        ("nomad", "GET", "/v1/acl/token/self"),
    ],
)
def test_a_signal(ward: Ward, tmp_path: Path, signum: int, server: str, method: str, path: str) -> None:
    """Whichever request is under way, login and probe are revoked, and the exit code is the signal's."""
    ward.lab.faults.append(Fault(server, method, path, Delay(5)))  # type: ignore[arg-type]
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "VAULT_ADDR": ward.lab.vault.addr}
    environ |= {"NOMAD_ADDR": ward.lab.nomad.addr, **ward.job()}
    words = [sys.executable, "-m", "nomad_token", "doctor", *QUICK, "--mint"]
    with subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        for _ in range(200):
            if any(one.path == path and not one.internal for one in ward.lab.requests):
                break
            time.sleep(0.05)
        process.send_signal(signum)
        log, _ = process.communicate(timeout=60)
    ward.lab.settle()

    assert process.returncode == 128 + signum, log
    assert not ward.lab.nomad.live_tokens()
    assert not ward.lab.vault.live_tokens()
    assert not ward.lab.vault.live_leases()
