"""A forward proxy between the job and both servers, whose names it alone knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from certificates import Authority
from jobs import on, quick_start
from nomad_token_lab import Lab, Tls
from nomad_token_lab.runner import Step
from proxy import Proxy, running

VAULT: Final = "vault.example.test:8200"
NOMAD: Final = "nomad.example.test:4646"
PASSWORD: Final = "correct-horse-battery"
LOGIN: Final = f"ci:{PASSWORD}"
CLOSED: Final = "http://127.0.0.1:1"


@dataclass(frozen=True)
class Site:
    """A lab behind a proxy, and the folder of the job."""

    lab: Lab
    proxy: Proxy
    scheme: str
    folder: Path

    @property
    def variable(self) -> str:
        """The variable that names the proxy."""
        return f"{self.scheme.upper()}_PROXY"

    def step(self, **environ: str) -> Step:
        """Make a step of a job with *environ*."""
        return on(self.lab, self.folder / "job", GITHUB_WORKSPACE=str(self.folder), **environ)

    def inputs(self, **more: str) -> dict[str, str]:
        """Return the quick start's inputs, with the names that the proxy knows, and *more*."""
        secure = {"vault_ca_cert": "ca.crt", "nomad_ca_cert": "ca.crt"} if self.scheme == "https" else {}
        places = {"vault_addr": f"{self.scheme}://{VAULT}", "nomad_addr": f"{self.scheme}://{NOMAD}"}
        return quick_start(self.lab, **{"audience": self.lab.audience, **places, **secure, **more})

    def with_login(self, login: str = LOGIN) -> str:
        """Return the proxy's URL with a user and a password in it."""
        return self.proxy.addr.replace("://", f"://{login}@")

    @property
    def alive(self) -> list[object]:
        """What was made and lives."""
        self.lab.settle()
        return [*self.lab.nomad.live_tokens(), *self.lab.vault.live_tokens(), *self.lab.vault.live_leases()]

    @property
    def asked(self) -> list[str]:
        """The step's own requests that reached Vault and Nomad."""
        return [each.path for each in self.lab.requests if each.server != "github" and not each.internal]


@pytest.fixture(params=["http", "https"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Serve a lab over both schemes, one after the other."""
    authority = Authority(tmp_path)
    authority.certificate.rename(tmp_path / "ca.crt")
    pair = authority.server([VAULT.partition(":")[0], NOMAD.partition(":")[0], "0.0.0.0"])  # noqa: S104 - a name
    tls = Tls(pair.certificate, pair.key)
    with Lab(trust=True, tls={"vault": tls, "nomad": tls} if request.param == "https" else {}) as lab, running() as own:
        own.names |= {
            name.partition(":")[0]: server.addr.partition("://")[2]
            for name, server in ((VAULT, lab.vault), (NOMAD, lab.nomad))
        }
        yield Site(lab, own, request.param, tmp_path)


def test_both_steps_go_through_it(site: Site) -> None:
    """Every request to both servers, with the user and the password, which are nowhere in sight afterwards."""
    site.proxy.login = LOGIN
    step = site.step(**{site.variable: site.with_login()})
    main, post = step.main(site.inputs()), step.post(site.inputs())

    assert (main.code, post.code) == (0, 0)
    assert "Nomad refuses it" in post.log
    assert not site.alive
    assert f"Requests to {site.scheme}://{VAULT} go through the proxy {site.proxy.addr}." in main.log
    assert f"Requests to {site.scheme}://{NOMAD} go through the proxy {site.proxy.addr}." in main.log
    assert PASSWORD not in main.log + main.summary + post.log + post.summary + str(main.state) + str(main.outputs)
    if site.scheme == "http":
        paths = [
            each.target.removeprefix(f"http://{VAULT}").removeprefix(f"http://{NOMAD}") for each in site.proxy.passed
        ]
        assert paths == site.asked
    else:
        assert {(each.method, each.target) for each in site.proxy.passed} == {("CONNECT", VAULT), ("CONNECT", NOMAD)}


@pytest.mark.parametrize("site", ["https"], indirect=True)
def test_another_name_is_expected_behind_it(site: Site) -> None:
    """A server by a name that its certificate does not hold: what is checked is the name that was given for it."""
    site.proxy.names["10.0.0.1"] = site.proxy.names[VAULT.partition(":")[0]]
    named = {"vault_addr": "https://10.0.0.1:8200", "vault_tls_server_name": VAULT.partition(":")[0]}
    step = site.step(**{site.variable: site.proxy.addr})
    main, post = step.main(site.inputs(**named)), step.post(site.inputs(**named))

    assert (main.code, post.code) == (0, 0)
    assert not site.alive


def test_lower_case_counts_first(site: Site) -> None:
    """A proxy in upper case that nobody runs is not looked at where there is one in lower case."""
    step = site.step(**{site.variable: CLOSED, site.variable.lower(): site.proxy.addr})
    main, post = step.main(site.inputs()), step.post()

    assert (main.code, post.code) == (0, 0)
    assert not site.alive


@pytest.mark.parametrize(
    ("proxy", "wants", "says"),
    [
        ("{addr}", LOGIN, "The proxy wants a user and a password"),
        ("{wrong}", LOGIN, "The proxy wants a user and a password"),
        (CLOSED, "", "Nothing listens at the proxy's port"),
        ("http://proxy.invalid:3128", "", "The name of the proxy's host is unknown here"),
        ("socks5://127.0.0.1:1080", "", "no proxy of the kind `socks5`"),
    ],
    ids=["no login", "wrong login", "closed", "unknown", "socks"],
)
def test_a_proxy_in_the_way(site: Site, proxy: str, wants: str, says: str) -> None:
    """It is told apart from the server behind it: what it wants, and the variable that names it, without a password."""
    site.proxy.login = wants
    given = proxy.format(addr=site.proxy.addr, wrong=site.with_login("ci:a-wrong-password"))
    main = site.step(**{site.variable: given}).main(site.inputs(timeout="3s"))

    assert main.code == 75
    assert says in main.log
    assert f"{site.variable} or ALL_PROXY" in main.log
    assert "a-wrong-password" not in main.log
    assert site.asked == []
    assert "Maybe left behind" not in main.log


@pytest.mark.parametrize("status", [502, 503])
def test_a_proxy_that_reaches_nobody(site: Site, status: int) -> None:
    """Its own 5xx names it too: in a tunnel it proves that nothing was sent, in plain HTTP it may be the server's."""
    site.proxy.refuses = status
    main = site.step(**{site.variable: site.proxy.addr}).main(site.inputs(timeout="3s"))

    assert main.code == 75
    assert f"{status}" in main.log
    assert f"{site.variable} or ALL_PROXY" in main.log
    assert site.proxy.addr in main.log
    assert site.asked == []


def test_it_wants_a_password_by_the_time_of_the_post_step(site: Site) -> None:
    """What could not be revoked for the proxy's sake is named, and is a warning."""
    step = site.step(**{site.variable: site.proxy.addr})
    main = step.main(site.inputs())
    site.proxy.login = LOGIN
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert "::warning" in post.log
    assert main.outputs["accessor-id"] in post.log
    assert "407" in post.log


@pytest.mark.parametrize("no_proxy", ["*", "vault.example.test", ".example.test", "example.test", VAULT])
def test_no_proxy_by_name(site: Site, no_proxy: str) -> None:
    """A host that NO_PROXY means is looked for without the proxy, where nobody knows it."""
    step = site.step(**{site.variable: site.proxy.addr, "NO_PROXY": f"other.test, {no_proxy}"})
    main = step.main(site.inputs(timeout="3s"))

    assert main.code == 75
    assert "The name of the host is unknown here" in main.log
    assert f"Requests to {site.scheme}://{VAULT} go through" not in main.log
    assert site.proxy.passed == []


@pytest.mark.parametrize("no_proxy", ["vault.example.test:443", "ault.example.test", "10.0.0.0/8"])
def test_no_proxy_that_means_another(site: Site, no_proxy: str) -> None:
    """Another port, another name or a network is no exception."""
    step = site.step(**{site.variable: site.proxy.addr, "NO_PROXY": no_proxy})
    main = step.main(site.inputs())
    step.post()

    assert main.code == 0
    assert not site.alive


# Linux connects it to this host, and it is no address of loopback.
ANY: Final = "0.0.0.0"  # noqa: S104 - nobody listens there


@pytest.mark.parametrize("no_proxy", [ANY, "0.0.0.0/8", "{port}"])
def test_no_proxy_by_address(site: Site, no_proxy: str) -> None:
    """Vault is reached through the proxy; Nomad's address is excepted, by itself, by its network, or with its port."""
    nomad = site.lab.nomad.addr.replace("127.0.0.1", ANY)
    excepted = no_proxy.format(port=nomad.partition("://")[2])
    step = site.step(**{site.variable: site.proxy.addr, "NO_PROXY": excepted})
    main, post = step.main(site.inputs(nomad_addr=nomad)), step.post()

    assert (main.code, post.code) == (0, 0)
    assert "Nomad refuses it" in post.log
    assert {each.host for each in site.proxy.passed} == {VAULT}
    assert f"Requests to {nomad} go through" not in main.log
    assert not site.alive
