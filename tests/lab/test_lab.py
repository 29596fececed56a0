"""The lab as a whole: its start and stop, its clocks, its command."""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from lab.ways import Ways
from nomad_token_lab import Lab, Trust, trust


def test_clocks_are_apart(ways: Ways) -> None:
    """Each server's `Date` follows its own clock."""
    ways.lab.nomad.clock.offset = 7200
    nomad = ways.nomad("GET", "status/leader").headers["date"]
    vault = ways.vault("GET", "sys/health").headers["date"]

    assert nomad != vault
    assert nomad.endswith(" GMT")


def test_a_port_that_is_taken_leaves_none_open() -> None:
    """A start that fails gives back what it had."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        lab = Lab(nomad_port=taken.getsockname()[1])
        with pytest.raises(OSError, match="Address already in use"):
            lab.start()

    lab.stop()
    assert lab.vault.addr == ""


def test_a_stopped_lab_refuses_connections(http: httpx.Client) -> None:
    """After the block nothing listens, and what happened can still be looked at."""
    with Lab() as lab:
        assert http.get(f"{lab.vault.addr}/v1/sys/health").status_code == 200

    with pytest.raises(httpx.ConnectError):
        http.get(f"{lab.vault.addr}/v1/sys/health")
    assert [seen.path for seen in lab.requests] == ["/v1/sys/health"]


def test_trust_that_fails_names_the_request_and_the_refusal(ways: Ways) -> None:
    """Setting up twice is refused in the server's own words."""
    settings = Trust(ways.lab.github.addr, ways.lab.audience, ways.lab.nomad.addr)
    with (
        ways.lab.vault_client() as vault,
        ways.lab.nomad_client() as nomad,
        pytest.raises(httpx.HTTPStatusError) as raised,
    ):
        trust(settings, vault=vault, nomad=nomad)

    assert "/v1/sys/mounts/nomad: 400" in str(raised.value)
    assert "path is already in use at nomad/" in str(raised.value)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_until_it_is_told_to_stop(http: httpx.Client, number: signal.Signals) -> None:
    """Its lines can be pasted: the inputs, the job's identity, an operator's tokens. It ends with 0."""
    command = [sys.executable, "-m", "nomad_token", "lab"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("Serving"):
                break
        inputs = dict(line.split(": ", 1) for line in lines if ": " in line)
        exports = dict(line[7:].split("=", 1) for line in lines if line.startswith("export "))
        job = {"Authorization": "Bearer " + exports["ACTIONS_ID_TOKEN_REQUEST_TOKEN"].strip("'")}
        url = exports["ACTIONS_ID_TOKEN_REQUEST_URL"].strip("'") + "&audience=" + inputs["vault-addr"]
        id_token = http.get(url, headers=job).json()["value"]
        login = {"role": inputs["vault-auth-role"], "jwt": id_token}
        answer = http.post(f"{inputs['vault-addr']}/v1/auth/jwt/login", json=login)
        process.send_signal(number)
        _, err = process.communicate(timeout=20)

    assert answer.status_code == 200
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "jq"))), reason="needs bash, curl and jq")
def test_an_empty_one_is_set_up_with_the_lines_that_it_prints(tmp_path: Path) -> None:
    """What `lab --empty` prints is pasted into a shell: Nomad is bootstrapped, a deploy trusted, and a token minted."""
    program = f"{sys.executable} -m nomad_token"
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [*program.split(), "lab", "--empty"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout
        lines = [
            line.strip() for line in itertools.takewhile(lambda line: not line.startswith("Serving"), process.stdout)
        ]
        exports = [line for line in lines if line.startswith("export ") and "NOMAD_TOKEN" not in line]
        setting_up = lines[next(at for at, line in enumerate(lines) if line.startswith("nomad-token bootstrap")) :]
        script = [
            f'nomad-token() {{ {program} "$@"; }}',
            *(line for line in exports if "curl" not in line),
            *(f"{line} --yes" if line.endswith("apply") else line for line in setting_up),
            *(line for line in exports if "curl" in line),
            "nomad-token run --role deployer --vault-auth-role deploy-app -- true",
        ]
        shell = ["bash", "-ec", "\n".join(script)]
        ran = subprocess.run(shell, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ)  # noqa: S603
        process.terminate()
        process.communicate(timeout=20)

    assert ran.returncode == 0, ran.stderr
    assert "Proven: Vault minted a token of nomad/creds/deployer" in ran.stderr
    assert "Vault revoked the lease, and Nomad refuses it" in ran.stderr


def test_the_command_says_that_a_port_is_taken() -> None:
    """Exit code 2, and nothing on standard output."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "nomad_token", "lab", "--vault-port", port]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)  # noqa: S603

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Address already in use" in ended.stderr
