"""TLS as a real server speaks it, which says why it refuses a certificate: the lab's only hangs up."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import servers
from certificates import DAY, Authority, Pair
from jobs import on
from nomad_token_lab import Lab


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificates are, and the job's workspace."""
    return tmp_path_factory.mktemp("workspace")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    """Who signs all but strangers."""
    return Authority(folder)


@pytest.fixture(scope="module")
def addr(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a sealed OpenBao that demands a client's certificate."""
    directory = tmp_path_factory.mktemp("openbao-tls")
    with servers.demanding_openbao(directory, authority.server(), authority.certificate) as running:
        yield running


def _nobody(_authority: Authority, _folder: Path) -> Pair | None:
    return None


def _known(authority: Authority, _folder: Path) -> Pair:
    return authority.client("ci")


def _stranger(_authority: Authority, folder: Path) -> Pair:
    return Authority(folder, "stranger").client("ci")


def _expired(authority: Authority, _folder: Path) -> Pair:
    return authority.client("ci", ends=datetime.now(UTC) - DAY / 2)


@pytest.mark.parametrize(
    ("who", "scheme", "says"),
    [
        (_nobody, "https", "wants a certificate of the client's, or another one.%0AGive one with `vault-client-cert`"),
        (
            _stranger,
            "https",
            "it trusts another authority.%0AGive one that its authority signed with `vault-client-cert`",
        ),
        (_expired, "https", "it has expired.%0AGive a new one with `vault-client-cert` and `vault-client-key`"),
        (_nobody, "http", "Write https:// in `vault-addr`"),
        (_known, "https", "is sealed"),
    ],
)
def test_handshake(  # noqa: PLR0913, PLR0917 - one row of the table, and where it is run
    who: Callable[[Authority, Path], Pair | None],
    scheme: str,
    says: str,
    addr: str,
    authority: Authority,
    folder: Path,
    tmp_path: Path,
) -> None:
    """What OpenBao says of our certificate is told with the input to change, and one that it knows opens the door."""
    pair = who(authority, folder)
    shown = {"vault-client-cert": pair.certificate.name, "vault-client-key": pair.key.name} if pair else {}
    trusted = {"vault-ca-cert": authority.certificate.name} if scheme == "https" else {}
    with Lab() as lab:
        step = on(lab, tmp_path, GITHUB_WORKSPACE=str(folder))
        main = step.main(
            {
                "vault-addr": addr.replace("https", scheme),
                "role": "deployer",
                "vault-auth-role": "deploy-app",
                "timeout": "3s",
                **shown,
                **trusted,
            }
        )

    # What Go says before it closes a connection may be lost, where it has not read all that we sent.
    reset = f"ended the connection without an HTTP answer.*`vault-{'addr' if scheme == 'http' else 'client-cert'}`"
    assert main.code in {4, 75}
    assert says in main.log or (who is not _known and re.search(reset, main.log))
