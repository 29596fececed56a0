"""From the command line, Nomad's own tools reach a Nomad with an authority of its own without another line."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from certificates import Authority, Pair
from jobs import NOMADS_NAME, members_only, nothing_lives
from nomad_token_lab import Lab

DEPLOY = str(Path(__file__).parents[1] / "container" / "workflows" / "deploy.py")
PROGRAM = str(Path(sysconfig.get_path("scripts"), "nomad-token"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Make an authority that no system trusts."""
    return Authority(tmp_path)


@pytest.fixture
def own(authority: Authority) -> Pair:
    """Make a certificate of our own."""
    return authority.client("ci")


@pytest.fixture
def lab(authority: Authority) -> Iterator[Lab]:
    """Serve a Nomad that lets only those in who show a certificate."""
    with members_only(authority) as running:
        yield running


@pytest.fixture
def environ(lab: Lab, tmp_path: Path) -> dict[str, str]:
    """Make the environment of a shell: only what is no input of ours."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    id_token = lab.github.id_token(lab.audience).get_secret_value()
    own = {"VAULT_ID_TOKEN": id_token, "HOME": str(tmp_path), "TMPDIR": str(folder), "PATH": os.environ["PATH"]}
    return coverage | own


def flags(lab: Lab, **pems: str) -> list[str]:
    """Return the flags of a mint, but those of the key, which is a secret."""
    given = {
        "role": "deployer",
        "vault-addr": lab.vault.addr,
        "vault-auth-role": "deploy-app",
        "nomad-addr": lab.nomad.addr,
        "nomad-tls-server-name": NOMADS_NAME,
    } | {name.replace("_", "-"): value for name, value in pems.items()}
    return [word for name, value in given.items() for word in (f"--{name}", value)]


def call(environ: dict[str, str], folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in *folder*."""
    return subprocess.run(  # noqa: S603 - our own executable, and a shell
        words,
        env=environ,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_run(lab: Lab, authority: Authority, own: Pair, environ: dict[str, str], tmp_path: Path) -> None:
    """The command of `run` has texts as files, which are gone when it has ended."""
    texts = {
        "nomad_ca_cert": authority.certificate.read_text("ascii"),
        "nomad_client_cert": own.certificate.read_text("ascii"),
    }
    environ["NOMAD_MINT_NOMAD_CLIENT_KEY"] = own.key.read_text("ascii")
    command = ["--", sys.executable, DEPLOY, "hello"]
    ran = call(environ, tmp_path, PROGRAM, "run", *flags(lab, **texts), *command)

    assert (ran.returncode, ran.stdout) == (0, "deployed hello: 200\n"), ran.stderr
    assert "PRIVATE KEY" not in ran.stderr
    assert list((tmp_path / "temporary").iterdir()) == []
    assert nothing_lives(lab)


def test_mint(lab: Lab, authority: Authority, own: Pair, environ: dict[str, str], tmp_path: Path) -> None:
    """A shell file names whole paths: of files that are there, and of one that is written, which the revoke removes."""
    pems = {"nomad_ca_cert": authority.certificate.name, "nomad_client_cert": f"@{own.certificate.name}"}
    key = {"NOMAD_MINT_NOMAD_CLIENT_KEY": own.key.read_text("ascii")}
    state = ["--state", "kept/state"]
    (tmp_path / "kept").mkdir()
    main = call(environ | key, tmp_path, PROGRAM, "mint", *state, "--shell-file", "token.sh", *flags(lab, **pems))
    (folder,) = (tmp_path / "kept").glob("nomad-token-*")
    elsewhere = tmp_path / "temporary"
    source = f'. {tmp_path / "token.sh"} && echo "$NOMAD_CLIENT_KEY $NOMAD_CACERT" && exec "$0" "$@"'
    deployed = call(environ, elsewhere, "sh", "-c", source, sys.executable, DEPLOY, "hello")
    post = call(environ | key, tmp_path, PROGRAM, "revoke", *state)

    assert (main.returncode, post.returncode) == (0, 0), main.stderr + post.stderr
    assert deployed.stdout == f"{folder / 'client-key.pem'} {authority.certificate}\ndeployed hello: 200\n"
    assert list((tmp_path / "kept").iterdir()) == []
    assert authority.certificate.exists()
    assert nothing_lives(lab)
