"""The real servers as such: started, kept from giving secrets away, and missed in words that help."""

from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

import processes
import servers
from answers import done, error


def test_the_root_token_is_not_in_the_log(real_openbao: servers.OpenBao) -> None:
    """A log that is kept when a test fails gives nothing away."""
    log = real_openbao.log.read_text()

    assert "core: vault is unsealed" in log
    assert real_openbao.root_token.get_secret_value() not in log


def test_vaults_root_token_is_not_in_its_log(real_vault: servers.Vault) -> None:
    """A log that is kept when a test fails gives nothing away here either."""
    log = real_vault.log.read_text()

    assert "core: vault is unsealed" in log
    assert real_vault.root_token.get_secret_value() not in log


@pytest.mark.parametrize("method", ["approle", "cert", "github", "jwt", "kubernetes", "ldap", "oidc", "userpass"])
def test_vault_has_the_auth_methods_that_ci_uses(real_vault: servers.Vault, method: str) -> None:
    """Each can be mounted at a path of its own."""
    headers = {"X-Vault-Token": real_vault.root_token.get_secret_value()}
    with httpx.Client(base_url=f"{real_vault.addr}/v1/", headers=headers, trust_env=False) as client:
        mounted = client.post(f"sys/auth/mounted-{method}", json={"type": method})
        done(client.delete(f"sys/auth/mounted-{method}"))

    assert mounted.status_code == HTTPStatus.NO_CONTENT


def test_vault_is_missing_where_there_is_no_go(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that can't build Vault is told what it lacks."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(processes.Missing, match="there is no `go` on the PATH"):
        servers.build_vault()


def test_a_build_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Go's own last lines are told, and no half binary is kept."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GOFLAGS", "-mod=vendor")

    with pytest.raises(RuntimeError, match=r"(?s)vault can't be built \(1\); the last lines:.*vendor"):
        servers.build_vault()
    assert [path.name for path in (tmp_path / ".cache" / "nomad-token").iterdir()] == ["vault.lock"]


def test_a_server_that_ends_says_why(tmp_path: Path) -> None:
    """A server that can't start is told with its own last lines, not with a time-out."""
    (tmp_path / "openbao.hcl").symlink_to("/dev/null")

    with pytest.raises(RuntimeError, match=r"(?s)ended with 1; its last lines:.*storage"), servers.openbao(tmp_path):
        pass


def test_no_nomad_engine_is_built_in(real_openbao: servers.OpenBao) -> None:
    """OpenBao has the Nomad engine as a plugin only: without it, enabling one is 400 (api-contract 6)."""
    with servers.client(real_openbao.addr, token=real_openbao.root_token) as root:
        answer = root.post("/v1/sys/mounts/nomad", json={"type": "nomad"})

    assert error(answer) == (400, ["plugin not found in the catalog: nomad"])
