"""The lab over TLS: its own servers reach each other, clients verify it, and certificates of clients are seen."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from certificates import Authority, Pair
from lab.ways import refusal
from nomad_token_lab import Dialect, Lab, Tls, logins
from proxy import Passed, running


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the certificates are."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(directory: Path) -> Authority:
    """Who signs the lab's certificate."""
    return Authority(directory)


@pytest.fixture(scope="module")
def clients(directory: Path, authority: Authority) -> Path:
    """The authorities that the listener takes certificates from: the lab's own, and a second one."""
    both = directory / "clients.crt"
    second = Authority(directory, "second authority")
    both.write_text(authority.certificate.read_text() + second.certificate.read_text())
    return both


@pytest.fixture(scope="module")
def lab(authority: Authority, clients: Path) -> Iterator[Lab]:
    """A trusted lab that speaks TLS and looks at certificates."""
    pair = authority.server()
    with Lab(trust=True, tls=Tls(pair.certificate, pair.key, client_ca=clients)) as running_lab:
        yield running_lab


def _client(addr: str, authority: Authority, shown: Pair | None = None) -> httpx.Client:
    context = ssl.create_default_context(cafile=authority.certificate)
    if shown:
        context.load_cert_chain(shown.certificate, shown.key)
    return httpx.Client(base_url=f"{addr}/v1/", verify=context, trust_env=False)


def _login(lab: Lab, client: httpx.Client) -> dict[str, str]:
    body = {"role": "deploy-app", "jwt": lab.github.id_token(lab.audience).get_secret_value()}
    auth: dict[str, str] = client.post("auth/jwt/login", json=body).raise_for_status().json()["auth"]
    return auth


def test_the_whole_road_is_https(lab: Lab, authority: Authority) -> None:
    """Login (Vault asks GitHub), creds (Vault asks Nomad) and the use of the token, all verified by the client."""
    with _client(lab.vault.addr, authority) as vault, _client(lab.nomad.addr, authority) as nomad:
        header = {"X-Vault-Token": _login(lab, vault)["client_token"]}
        secret = vault.get("nomad/creds/deployer", headers=header).json()["data"]["secret_id"]
        known = nomad.get("acl/token/self", headers={"X-Nomad-Token": secret})

    assert all(server.addr.startswith("https://127.0.0.1:") for server in (lab.github, lab.vault, lab.nomad))
    assert known.json()["Policies"] == ["deployer"]


def test_a_client_that_does_not_trust_the_authority_is_not_served(lab: Lab, directory: Path) -> None:
    """Another authority's certificate is no proof."""
    stranger = Authority(directory, "stranger")

    with _client(lab.vault.addr, stranger) as client, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY"):
        client.get("sys/health")


@pytest.mark.parametrize(
    ("names", "days", "reason"),
    [(["vault.example"], 1, "IP address mismatch"), (["127.0.0.1"], -0.5, "certificate has expired")],
)
def test_a_wrong_name_and_an_old_certificate_can_be_had(
    authority: Authority, names: list[str], days: float, reason: str
) -> None:
    """Both are refused by a client that verifies, and served to the lab's own."""
    pair = authority.server(names, ends=datetime.now(UTC) + timedelta(days=days))
    with Lab(tls={"vault": Tls(pair.certificate, pair.key)}) as lab, lab.vault_client() as own:
        served = own.get("/v1/sys/health").status_code
        plain = lab.nomad.addr
        with _client(lab.vault.addr, authority) as client, pytest.raises(httpx.ConnectError, match=reason):
            client.get("sys/health")

    assert served == 200
    assert plain.startswith("http://")


def test_a_client_certificate_can_be_demanded(authority: Authority) -> None:
    """Without one the connection ends in the handshake; the lab's own servers show theirs to each other."""
    pair = authority.server()
    tls = Tls(pair.certificate, pair.key, client_ca=authority.certificate, requires_client=True)
    with Lab(trust=True, tls=tls) as lab:
        with _client(lab.vault.addr, authority) as bare, pytest.raises(httpx.TransportError):
            bare.get("sys/health")
        with _client(lab.vault.addr, authority, authority.client("ci")) as shown:
            header = {"X-Vault-Token": _login(lab, shown)["client_token"]}
            creds = shown.get("nomad/creds/deployer", headers=header)

    assert creds.status_code == 200


def test_cert_auth_sees_who_a_client_is(lab: Lab, authority: Authority) -> None:
    """The subject's name comes back as metadata, and the entry's name in the display name (api-contract 3.3)."""
    with lab.vault_client() as root:
        logins.cert(root, authority=authority.certificate.read_text(), allowed_common_names="ci-*")
    with _client(lab.vault.addr, authority, authority.client("ci-job")) as vault:
        auth = vault.post("auth/cert/login", json={"name": logins.ROLE}).json()["auth"]
        own = vault.get("auth/token/lookup-self", headers={"X-Vault-Token": auth["client_token"]}).json()["data"]

    assert auth["policies"] == ["default", "nomad-deployer"]
    assert (auth["metadata"]["cert_name"], auth["metadata"]["common_name"]) == (logins.ROLE, "ci-job")
    assert own["display_name"] == "cert-deploy-app"


def test_cert_auth_refuses_in_its_own_words(lab: Lab, authority: Authority) -> None:
    """No certificate, one of another authority, one whose name is not allowed: three texts (api-contract 3.3)."""
    with lab.vault_client() as root:
        logins.cert(root, mount="narrow", authority=authority.certificate.read_text(), allowed_common_names="ci-*")
        own = authority.client("someone")
        logins.cert(root, mount="pinned", authority=own.certificate.read_text())
    with _client(lab.vault.addr, authority) as bare:
        vaults = refusal(bare.post("auth/narrow/login", json={}))
        lab.vault.dialect = Dialect.OPENBAO
        openbaos = refusal(bare.post("auth/narrow/login", json={}))
        lab.vault.dialect = Dialect.VAULT
    with _client(lab.vault.addr, authority, own) as shown:
        misnamed = refusal(shown.post("auth/narrow/login", json={}))
        unnamed = refusal(shown.post("auth/narrow/login", json={"name": "none"}))
        pinned = shown.post("auth/pinned/login", json={}).status_code
    with _client(lab.vault.addr, authority, authority.client("ci")) as other:
        foreign = refusal(other.post("auth/pinned/login", json={}))

    assert vaults == (400, ["client certificate must be supplied"])
    assert openbaos == (400, ["no client certificate found"])
    assert misnamed == (400, ["no chain matching all constraints could be found for this login certificate"])
    assert unnamed == foreign == (400, ["invalid certificate or no client certificate supplied"])
    assert pinned == 200


def test_a_tunnel_and_a_plain_request_go_through_the_proxy(lab: Lab, authority: Authority) -> None:
    """TLS is tunnelled, so the proxy sees host and port alone; of plain HTTP it sees the whole address."""
    context = ssl.create_default_context(cafile=authority.certificate)
    with Lab() as plain, running() as proxy:
        with httpx.Client(proxy=proxy.addr, verify=context, trust_env=False) as client:
            tunnelled = client.get(f"{lab.vault.addr}/v1/sys/health")
            forwarded = client.post(f"{plain.vault.addr}/v1/auth/jwt/login?x=1", json={"role": "a"})
            proxy.refuses = 407
            refused = client.get(f"{plain.vault.addr}/v1/sys/health")
        another = httpx.Client(proxy=proxy.addr, verify=context, trust_env=False)
        with another as client, pytest.raises(httpx.ProxyError, match="407"):
            client.get(f"{lab.vault.addr}/v1/sys/health")
        seen = proxy.passed

    host = lab.vault.addr.removeprefix("https://")
    assert tunnelled.status_code == 200
    assert refusal(forwarded)[0] == 403
    assert refused.status_code == 407
    assert seen == [
        Passed("CONNECT", host),
        Passed("POST", f"{plain.vault.addr}/v1/auth/jwt/login?x=1"),
        Passed("GET", f"{plain.vault.addr}/v1/sys/health"),
        Passed("CONNECT", host),
    ]


def test_a_proxy_that_reaches_nobody_says_so() -> None:
    """Nothing listens there: 502, in a tunnel and out of one."""
    with running() as proxy, httpx.Client(proxy=proxy.addr, trust_env=False, verify=False) as client:  # noqa: S501
        plain = client.get("http://127.0.0.1:1/")
        with pytest.raises(httpx.ProxyError, match="502"):
            client.get("https://127.0.0.1:1/")

    assert plain.status_code == 502
