"""Steps of jobs that run against the lab."""

import os
from pathlib import Path
from typing import cast

import httpx

from certificates import Authority
from nomad_token_lab import Lab, Tls, logins
from nomad_token_lab.runner import Step

NOMADS_NAME = "server.global.nomad"
"""What the certificate of a server is for, in Nomad's own documentation."""


def on(lab: Lab, folder: Path, **environ: str) -> Step:
    """Make a step of a job that may ask the lab's GitHub for an id token."""
    return without_identity(folder, **lab.github.environ(), **environ)


def without_identity(folder: Path, **environ: str) -> Step:
    """Make a step of a job without one; only what measures coverage is taken from the environment here."""
    coverage = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return Step(folder, coverage | environ)


def quick_start(lab: Lab, **more: str) -> dict[str, str]:
    """Return the inputs of the README's quick start, and *more* (with `_` for `-`)."""
    plain = {
        "vault-addr": lab.vault.addr,
        "nomad-addr": lab.nomad.addr,
        "role": "deployer",
        "vault-auth-role": "deploy-app",
    }
    return plain | {name.replace("_", "-"): value for name, value in more.items()}


def in_a_pod(lab: Lab, folder: Path) -> dict[str, str]:
    """Let a service account in, and mount its token into the pod."""
    with lab.vault_client() as vault:
        given = logins.kubernetes(
            vault,
            host=lab.cluster.host,
            public_key=lab.cluster.public_key,
            ca_certificate=Authority(folder).certificate.read_text("ascii"),
        )
    file = folder / "token"
    file.write_text(lab.cluster.service_account_token("ci", "deployer").get_secret_value(), "ascii")
    return given | {"vault-kubernetes-token-path": str(file)}


def nothing_lives(lab: Lab) -> bool:
    """Tell whether all that was made since the lab's mark is gone."""
    lab.settle()
    return not (lab.nomad.live_tokens() or lab.vault.live_tokens() or lab.vault.live_leases())


def accepted(lab: Lab, token: str) -> bool:
    """Ask Nomad as the next step's `nomad acl token self` does."""
    return (
        httpx.get(f"{lab.nomad.addr}/v1/acl/token/self", headers={"X-Nomad-Token": token}, timeout=30).status_code
        == 200
    )


def operator(lab: Lab, path: str, **body: object) -> None:
    """Write to Vault as its operator."""
    with lab.vault_client() as vault:
        vault.post(f"/v1/{path}", json=body).raise_for_status()


def lend(lab: Lab, **terms: object) -> str:
    """Make a token that may read the role's credentials, as an operator does."""
    with lab.vault_client() as vault:
        made = vault.post("/v1/auth/token/create", json={"policies": ["nomad-deployer"], **terms}).raise_for_status()
    lab.mark()
    return cast("str", made.json()["auth"]["client_token"])


def lent_inputs(lab: Lab, token: str, **more: str) -> dict[str, str]:
    """Return the quick start's inputs, with a token in the place of a login."""
    given = quick_start(lab, vault_auth_method="token", vault_token=token, **more)
    del given["vault-auth-role"]
    return given


def members_only(authority: Authority) -> Lab:
    """Make a lab whose Nomad lets only those in who show a certificate, and whose own is for its usual name."""
    pair = authority.server([NOMADS_NAME])
    tls = Tls(pair.certificate, pair.key, client_ca=authority.certificate, requires_client=True)
    return Lab(trust=True, tls={"nomad": tls})
