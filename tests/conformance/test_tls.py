"""What a server that speaks TLS says of a client's certificate, and of a client that speaks none (api-contract 3.3)."""

from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

import servers
from answers import error
from certificates import DAY, Authority, Pair
from conformance.targets import Heard, Target, not_applicable
from nomad_token.said import FromGo, FromVault
from nomad_token_lab import Dialect, Lab, Tls, logins

says = pytest.mark.says


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signs all but strangers."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def addr(vault_target: Target, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server that speaks TLS, and lets in at `auth/cert` whom the authority signed."""
    ca = authority.certificate.read_text("ascii")
    folder = tmp_path_factory.mktemp("tls")
    match vault_target.place, vault_target.product:
        case "named", _:
            not_applicable("the servers that were named speak no TLS")
        case "lab", product:
            pair = authority.server()
            tls = Tls(pair.certificate, pair.key, authority.certificate)
            with Lab(dialect=Dialect(product), tls=tls) as lab:
                with lab.vault_client() as vault:
                    logins.cert(vault, authority=ca)
                yield lab.vault.addr
        case _, product:
            running: servers.Running = (
                servers.vault(folder, authority) if product == "vault" else servers.openbao(folder, authority)
            )
            with running as real:
                with servers.client(real.addr, authority, real.root_token) as vault:
                    logins.cert(vault, authority=ca)
                yield real.addr


def _login(addr: str, authority: Authority, texts: list[str], pair: Pair | None, role: str = "") -> httpx.Response:
    trusting = servers.context(authority)
    if pair:
        trusting.load_cert_chain(pair.certificate, pair.key)
    with httpx.Client(base_url=addr, transport=Heard(texts, verify=trusting)) as client:
        return client.post("/v1/auth/cert/login", json={"name": role} if role else {})


def test_a_certificate_lets_in(addr: str, authority: Authority, texts: list[str]) -> None:
    """Who shows one of the authority's is let in, with a role or without (api-contract 3.3)."""
    pair = authority.client("ci")
    answers = [_login(addr, authority, texts, pair, role) for role in ("", logins.ROLE)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json()["auth"]["policies"] == ["default", "nomad-deployer"]


@says(FromVault.CERTIFICATE)
@says(FromVault.NO_CERTIFICATE, on=("lab-openbao", "openbao"))
@says(FromVault.NO_CERTIFICATE_WITH_TLS, on=("lab-vault", "vault"))
def test_no_certificate(addr: str, authority: Authority, texts: list[str], vault_target: Target) -> None:
    """Who shows none is told so with 400, in each product's words (api-contract 3.3)."""
    answer = _login(addr, authority, texts, None)

    is_openbao = vault_target.product == "openbao"
    told = "no client certificate found" if is_openbao else "client certificate must be supplied"
    assert error(answer) == (400, [told])


@says(FromVault.CERTIFICATE)
def test_a_role_that_does_not_fit(addr: str, authority: Authority, texts: list[str]) -> None:
    """A role that is not there is 400, in words about the certificate (api-contract 3.3)."""
    status, (text,) = error(_login(addr, authority, texts, authority.client("ci"), "nobody"))

    assert status == 400
    assert "certificate" in text


@says(FromVault.CERTIFICATE_REFUSED, on=("vault", "openbao"))
def test_a_certificate_that_has_expired(
    addr: str, authority: Authority, texts: list[str], vault_target: Target
) -> None:
    """The right authority's, and no good: a 500 that is no trouble of the server's (api-contract 3.3)."""
    if vault_target.place == "lab":
        not_applicable("the lab's TLS refuses an expired certificate in the handshake")
    now = datetime.now(UTC)
    answer = _login(addr, authority, texts, authority.client("ci", begins=now - DAY / 2, ends=now - DAY / 4))

    assert answer.status_code == 500


@says(FromGo.WANTS_TLS, on=("vault", "openbao"))
def test_plain_http(addr: str, texts: list[str], vault_target: Target) -> None:
    """Who speaks plain HTTP to a port of TLS is told so with 400, by Go itself."""
    if vault_target.place == "lab":
        not_applicable("the lab's TLS hangs up on plain HTTP")
    with httpx.Client(base_url=addr.replace("https:", "http:"), transport=Heard(texts)) as client:
        answer = client.get("/v1/sys/health")

    assert (answer.status_code, answer.text) == (400, "Client sent an HTTP request to an HTTPS server.\n")
