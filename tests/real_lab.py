"""A lab whose Vault is a real server: Vault itself, or OpenBao with Vault's Nomad engine as a plugin."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, cast

import httpx

import nomads
import servers
from certificates import Authority
from jobs import quick_start
from nomad_token_lab import Lab, Trust, trust

Kind = Literal["vault", "openbao"]
KINDS: Final[tuple[Kind, ...]] = ("vault", "openbao")


class RealLab(Lab):
    """What an operator does at the lab's Vault reaches the real one; GitHub and the cluster are the lab's.

    So is Nomad, unless it is to `use` a real one: what is asked at its address goes there then.
    """

    kind: Kind
    real: servers.Vault | servers.OpenBao
    authority: Authority | None

    def use(self, nomad: nomads.Nomad) -> None:
        """Have *nomad* in the place of the lab's."""
        self.nomad.addr, self.management_token = nomad.addr, nomad.management_token

    @property
    def audience(self) -> str:
        """What id tokens are to be issued for: the real server's address."""
        return self.real.addr

    def vault_client(self) -> httpx.Client:
        """Return a client of the real Vault that may do everything."""
        return servers.client(self.real.addr, self.authority, self.real.root_token)

    def trust(self, namespace: str = "") -> None:
        """Have the real server trust a deploy, in *namespace*."""
        settings = Trust(oidc_discovery_url=self.github.addr, audience=self.audience, nomad_address=self.nomad.addr)
        with self.vault_client() as vault, self.nomad_client() as nomad:
            vault.headers["X-Vault-Namespace"] = namespace
            trust(settings, vault=vault, nomad=nomad)
        self.mark()

    def leases(self, namespace: str = "") -> list[str]:
        """Ask the real server which leases of the role there are in *namespace*."""
        return self._listed(f"{namespace}/sys/leases/lookup/nomad/creds/deployer".lstrip("/"))

    def accessors(self) -> set[str]:
        """Ask the real Vault which tokens there are."""
        return set(self._listed("auth/token/accessors"))

    def _listed(self, path: str) -> list[str]:
        with self.vault_client() as vault:
            answer = vault.request("LIST", f"/v1/{path}")
        if answer.status_code == 404:
            return []
        return cast("list[str]", answer.raise_for_status().json()["data"]["keys"])


@contextmanager
def real_lab(
    kind: Kind,
    directory: Path,
    authority: Authority | None = None,
    *,
    trusting: bool = True,
    **nomad: Any,  # noqa: ANN401 - what `Lab` takes
) -> Iterator[RealLab]:
    """Serve Nomad and GitHub, beside a real and empty server; with *authority* it speaks TLS.

    It is *trusting* a deploy of GitHub's, or nobody yet. *nomad* says what the lab's Nomad is like.
    """
    if kind == "vault":
        server: servers.Running = servers.vault(directory, authority)
        plugin = None
    else:
        plugin = servers.build_nomad_engine()
        server = servers.openbao(directory, authority, plugin)
    with server as real, RealLab(**nomad) as lab:
        lab.kind, lab.real, lab.authority = kind, real, authority
        if plugin:
            known = {"sha256": hashlib.sha256(plugin.read_bytes()).hexdigest(), "command": plugin.name}
            with lab.vault_client() as vault:
                vault.put("/v1/sys/plugins/catalog/secret/nomad", json=known).raise_for_status()
        if trusting:
            lab.trust()
        yield lab


def plain_job(lab: RealLab) -> dict[str, str]:
    """Return what the README's quick start says, for the real server."""
    return quick_start(lab, vault_addr=lab.real.addr)
