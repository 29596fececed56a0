"""The job's next steps reach a Nomad with an authority of its own, by what the action exported and nothing else."""

import base64
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Authority, Pair
from container.act import WORKFLOWS, act
from container.leaks import secrets_in
from container.runner import Job, Use
from jobs import NOMADS_NAME, members_only, quick_start
from nomad_token_lab import Lab

DEPLOY = str(WORKFLOWS / "deploy.py")
OF_TLS = {"NOMAD_CACERT", "NOMAD_CLIENT_CERT", "NOMAD_CLIENT_KEY", "NOMAD_TLS_SERVER_NAME"}
# The user of a hosted runner. Whoever is not root can't run steps as somebody else.
RUNNER = 1001 if os.getuid() == 0 else None


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Make an authority that no system trusts."""
    return Authority(tmp_path)


@pytest.fixture
def own(authority: Authority) -> Pair:
    """Make a certificate for the job."""
    return authority.client("ci")


@pytest.fixture
def lab(authority: Authority) -> Iterator[Lab]:
    """Serve a Nomad that lets only those in who show a certificate, and whose own is for its usual name."""
    with members_only(authority) as running:
        yield running


@pytest.fixture
def job(image: str, lab: Lab) -> Iterator[Job]:
    """Make a job on a runner that is not root."""
    with tempfile.TemporaryDirectory() as folder:
        yield Job(Path(folder), image, lab.github.environ(), user=RUNNER)


def texts(authority: Authority, own: Pair) -> dict[str, str]:
    """Give the PEMs themselves."""
    given = {"ca-cert": authority.certificate, "client-cert": own.certificate, "client-key": own.key}
    return {f"nomad-{name}": path.read_text("ascii") for name, path in given.items()}


def files(job: Job, authority: Authority, own: Pair) -> dict[str, str]:
    """Put the PEMs into the workspace, and give their paths, in each of the forms there are."""
    folder = job.workspace / "tls"
    folder.mkdir()
    given = {"ca.pem": authority.certificate, "client.pem": own.certificate, "client.key": own.key}
    for name, path in given.items():
        shutil.copy(path, folder / name)
        job.own(folder / name)
    return {
        "nomad-ca-cert": "tls/ca.pem",
        "nomad-client-cert": "@./tls/client.pem",
        "nomad-client-key": str(folder / "client.key"),
    }


def placed(job: Job) -> list[Path]:
    """List what the action put beside the runner's files."""
    return sorted(job.temp.rglob("nomad-token-*"))


@pytest.mark.parametrize("in_container", [False, True], ids=["on the runner", "in the job's container"])
class TestRunner:
    """As GitHub's runner does it."""

    def test_text(self, job: Job, lab: Lab, authority: Authority, own: Pair, *, in_container: bool) -> None:
        """PEM texts become files that the runner's user reads, and that are gone after the post-step."""
        use = Use(job)
        given = quick_start(lab, nomad_tls_server_name=NOMADS_NAME) | texts(authority, own)
        main = use.main(given)
        deployed = job.script(DEPLOY, "hello", in_container=in_container)
        (folder,) = placed(job)
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}
        owners = {path.stat().st_uid for path in [folder, *folder.iterdir()]}
        post = use.post(given)

        assert (main.code, post.code) == (0, 0), job.log
        assert set(main.variables) > OF_TLS
        assert (deployed.returncode, deployed.stdout) == (0, "deployed hello: 200\n")
        assert modes == {"ca.pem": "0o644", "client.pem": "0o644", "client-key.pem": "0o600"}
        assert owners == {RUNNER or os.getuid()}
        assert "Nomad refuses it" in post.log
        assert placed(job) == []
        assert secrets_in(job.log, lab) == []
        assert "PRIVATE KEY" not in str(main.state)

    def test_files(self, job: Job, lab: Lab, authority: Authority, own: Pair, *, in_container: bool) -> None:
        """Files of the workspace are named where they are, on the runner, and none is written."""
        use = Use(job)
        given = quick_start(lab, nomad_tls_server_name=NOMADS_NAME) | files(job, authority, own)
        main = use.main(given)
        deployed = job.script(DEPLOY, "hello", in_container=in_container)
        written = placed(job)
        post = use.post(given)

        assert (main.code, post.code) == (0, 0), job.log
        assert main.variables["NOMAD_CACERT"] == str(job.workspace / "tls" / "ca.pem")
        assert main.variables["NOMAD_CLIENT_KEY"] == str(job.workspace / "tls" / "client.key")
        assert (deployed.returncode, deployed.stdout) == (0, "deployed hello: 200\n")
        assert written == []
        assert (job.workspace / "tls" / "client.key").exists()


def test_without_the_variables(job: Job, lab: Lab, authority: Authority, own: Pair) -> None:
    """Without what is exported the same step is turned away: it is what lets it in."""
    Use(job).main(quick_start(lab, nomad_tls_server_name=NOMADS_NAME) | texts(authority, own))
    for name in OF_TLS:
        del job.environ[name]
    deployed = job.script(DEPLOY, "hello")

    assert deployed.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in deployed.stdout


def test_unchecked(job: Job, lab: Lab, authority: Authority, own: Pair) -> None:
    """`nomad-skip-verify` holds for the next steps as well."""
    given = texts(authority, own) | {"nomad-ca-cert": ""}
    main = Use(job).main(quick_start(lab, nomad_skip_verify="true") | given)
    deployed = job.script(DEPLOY, "hello")

    assert main.variables["NOMAD_SKIP_VERIFY"] == "true"
    assert "NOMAD_CACERT" not in main.variables
    assert (deployed.returncode, deployed.stdout) == (0, "deployed hello: 200\n")


def test_runner_that_tells_no_paths(job: Job, lab: Lab, authority: Authority, own: Pair) -> None:
    """Where the runner's paths are unknown nothing is exported that leads nowhere, and it is said what to write."""
    given = quick_start(lab, nomad_tls_server_name=NOMADS_NAME) | texts(authority, own) | {"host-paths": ""}
    main = Use(job).main(given)

    assert main.code == 0, job.log
    assert set(main.variables) == {"NOMAD_ADDR", "NOMAD_TOKEN", "NOMAD_TLS_SERVER_NAME"}
    assert "NOMAD_CACERT, NOMAD_CLIENT_CERT, NOMAD_CLIENT_KEY: not exported" in main.log
    assert "NOMAD_CACERT: ${{ github.workspace }}/FILE" in main.log.replace("%0A", "\n")
    assert placed(job) == []


def test_act(lab: Lab, authority: Authority, own: Pair, tmp_path: Path) -> None:
    """Under act a file of the workspace is named where it is, and texts are files that are gone at the end."""
    certificate, key = (base64.b64encode(path.read_bytes()).decode() for path in (own.certificate, own.key))
    variables = {
        "VAULT_ADDR": lab.vault.addr,
        "NOMAD_ADDR": lab.nomad.addr,
        "CA": base64.b64encode(authority.certificate.read_bytes()).decode(),
        "CERTIFICATE": certificate,
        "NAME": NOMADS_NAME,
    }
    id_token = lab.github.id_token(lab.audience).get_secret_value()
    ran = act(tmp_path, "private-authority", variables=variables, secrets={"ID_TOKEN": id_token, "KEY": key})
    names = [re.findall(r"^.*/nomad-token-[0-9a-f]+/(.+)$", seen, re.MULTILINE) for seen in ran.seen]

    assert ran.code == 0, ran.log
    assert "deployed hello: 200" in ran.log
    assert "Nomad refuses it" in ran.log
    assert names == [[], ["client-key.pem", "client.pem"], ["client-key.pem", "client.pem"], []]
    assert secrets_in(ran.log, lab) == []
