"""Servers that can't be reached: by what stopped the request, and from where."""

from pathlib import Path

import pytest

from jobs import on
from nomad_token_lab import Answer, Fault, Lab
from nomad_token_lab.runner import Step

ROAD = {"role": "deployer", "vault-auth-role": "deploy-app", "timeout": "3s"}


def test_nothing_listens(step: Step) -> None:
    """A closed port is told as such, with the input to check."""
    main = step.main(ROAD | {"vault-addr": "http://127.0.0.1:1"})

    assert main.code == 75
    assert "Nothing listens at that port" in main.log
    assert "`vault-addr`" in main.log


def test_unknown_name(step: Step) -> None:
    """A name that can't be resolved is told as such."""
    main = step.main(ROAD | {"vault-addr": "http://vault.invalid:8200"})

    assert main.code == 75
    assert "The name of the host is unknown here" in main.log
    assert "in a container" not in main.log


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("http://localhost:1", "localhost is the container itself"),
        ("http://127.0.0.1:1", "127.0.0.1 is the container itself"),
        ("http://vault.invalid:8200", "names of a VPN or of a split DNS"),
    ],
)
def test_inside_the_container(lab: Lab, tmp_path: Path, address: str, says: str) -> None:
    """In the runner's container, localhost and private names get the explanation that they need."""
    step = on(lab, tmp_path, GITHUB_WORKSPACE="/github/workspace")
    main = step.main(ROAD | {"vault-addr": address})

    assert main.code == 75
    assert says in main.log


def test_no_tls_at_that_port(lab: Lab, step: Step) -> None:
    """Https to a server that speaks http is explained."""
    main = step.main(ROAD | {"vault-addr": lab.vault.addr.replace("http://", "https://"), "audience": lab.audience})

    assert main.code == 75
    assert "There is no TLS at that port" in main.log


def test_sealed_for_a_moment(lab: Lab, step: Step) -> None:
    """A Vault that is sealed for a moment is asked again, since nothing was made."""
    lab.faults.append(Fault("vault", "POST", "/login$", Answer(503, {"errors": ["Vault is sealed"]})))
    lab.faults.append(Fault("vault", "GET", "/creds/", Answer(429, {"errors": ["slow down"]}, {"Retry-After": "1"})))
    main = step.main(ROAD | {"vault-addr": lab.vault.addr, "timeout": "30s"})
    step.post()

    assert main.code == 0
    assert [record.status for record in lab.requests if record.server == "vault"][:4] == [503, 200, 429, 200]
    assert not lab.nomad.live_tokens()


def test_same_host_redirect_is_followed(lab: Lab, step: Step) -> None:
    """A redirect to the same host and port is followed with the same request."""
    lab.faults.append(
        Fault("vault", "GET", "/creds/", Answer(307, "", headers={"location": "/v1/nomad/creds/deployer?again"}))
    )
    main = step.main(ROAD | {"vault-addr": lab.vault.addr})
    step.post()

    assert main.code == 0
    assert not lab.nomad.live_tokens()


def test_a_refusal_is_asked_for_once(lab: Lab, step: Step) -> None:
    """A refused role is asked for once, however long the timeout: retries are for what proves that nothing was made."""
    main = step.main(ROAD | {"vault-addr": lab.vault.addr, "role": "nobody", "timeout": "30s"})

    assert main.code == 4
    assert len([record for record in lab.requests if "/creds/" in record.path]) == 1
