"""The commands of docs/engine.md, as they stand there, on real servers: over `bao` (and so `vault`), and over curl."""

import json
import os
import re
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from contract.pages import ROOT, blocks
from nomad_token_lab.trust import written
from real_lab import KINDS, RealLab, real_lab

PAGE: Final = (ROOT / "docs" / "engine.md").read_text("utf-8")
SHELL: Final = [block.text for block in blocks([ROOT / "docs" / "engine.md"], "sh")]
VAULT: Final = next(text for text in SHELL if "vault secrets enable" in text)
CURL: Final = next(text for text in SHELL if "curl" in text)


@pytest.fixture(params=KINDS)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RealLab]:
    """Serve Nomad beside a real and empty Vault, then OpenBao, with a token for it in the file `access`."""
    with real_lab(request.param, tmp_path, trusting=False) as lab:
        with lab.nomad_client() as nomad:
            token = {"Name": "vault", "Type": "management"}
            (tmp_path / "access").write_text(written(nomad, "acl/token", token).json()["SecretID"])
        lab.mark()
        yield lab


def ran(lab: RealLab, folder: Path, text: str, token: str = "") -> subprocess.CompletedProcess[str]:
    """Run the page's lines in *folder*, with the lab's Nomad for the example's; with the root's token, or *token*."""
    environ = {
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
        "HOME": str(folder),
        "VAULT_ADDR": lab.real.addr,
        "VAULT_TOKEN": token or lab.real.root_token.get_secret_value(),
    }
    here = text.replace("https://nomad.example.com:4646", lab.nomad.addr)
    return subprocess.run(  # noqa: S603 - the page's own lines
        ["bash", "-euo", "pipefail", "-c", here],  # noqa: S607 - the machine's shell
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def kept(lab: RealLab, path: str) -> Mapping[str, Any]:
    """Return what the server keeps at *path*."""
    with lab.vault_client() as vault:
        data: Mapping[str, Any] = vault.get(f"/v1/nomad/{path}").raise_for_status().json()["data"]
    return data


@pytest.mark.parametrize("text", [re.sub(r"^vault", "bao", VAULT, flags=re.MULTILINE), CURL], ids=["bao", "curl"])
def test_the_lines_of_the_page(lab: RealLab, tmp_path: Path, text: str) -> None:
    """They set the engine up as the page's tables say, mint a token, and end it."""
    done = ran(lab, tmp_path, text)

    assert done.returncode == 0, done.stderr
    assert kept(lab, "config/access")["address"] == lab.nomad.addr
    assert (kept(lab, "config/lease")["ttl"], kept(lab, "config/lease")["max_ttl"]) == (1800, 3600)
    assert kept(lab, "role/deployer") == {"policies": ["deployer"], "type": "client", "global": False}
    assert kept(lab, "role/everywhere") == {"policies": ["deployer", "reader"], "type": "client", "global": True}
    assert kept(lab, "role/operator")["type"] == "management"
    assert "secret_id" in done.stdout
    assert not lab.nomad.live_tokens()
    assert not (tmp_path / "header").exists()


RIGHTS: Final = {
    path: re.findall(r"`(\w+)`", allowed)
    for path, allowed in re.findall(r"^\| `(nomad/[\w/]+)` \| [^|]+ \| ([^|]+) \|$", PAGE, re.MULTILINE)
}


def test_the_rights_of_the_page(lab: RealLab, tmp_path: Path) -> None:
    """What the first table names is enough for all that is below the mount; a lease can't be written with `create`."""
    enable, *lines, revoke = re.sub(r"^vault", "bao", VAULT, flags=re.MULTILINE).splitlines()
    ran(lab, tmp_path, enable)
    done = ran(lab, tmp_path, "\n".join(lines), _operator(lab, RIGHTS))
    created = ran(lab, tmp_path, lines[1], _operator(lab, RIGHTS | {"nomad/config/lease": ["create"]}))
    ran(lab, tmp_path, revoke)

    assert len(RIGHTS) == 5
    assert done.returncode == 0, done.stderr
    assert "config/lease" in lines[1]
    assert "permission denied" in created.stderr


def _operator(lab: RealLab, rights: Mapping[str, list[str]]) -> str:
    rules = [
        f'path "{path.replace("NAME", "*")}" {{ capabilities = {json.dumps(allowed)} }}'
        for path, allowed in rights.items()
    ]
    with lab.vault_client() as vault:
        written(vault, "sys/policies/acl/operator", {"policy": "\n".join(rules)})
        return str(written(vault, "auth/token/create", {"policies": ["operator"]}).json()["auth"]["client_token"])


FIELDS: Final = re.findall(
    r"^\| ((?:`\w+`(?:, )?)+) \|", (ROOT / "docs" / "engine.md").read_text("utf-8"), re.MULTILINE
)


def test_the_fields_of_the_page(lab: RealLab, tmp_path: Path) -> None:
    """The page names each field that the server shows, and those that it keeps to itself."""
    ran(lab, tmp_path, VAULT.replace("vault ", "bao "))
    named = set(re.findall(r"`(\w+)`", " ".join(FIELDS)))
    shown = {name for path in ("config/access", "config/lease", "role/deployer") for name in kept(lab, path)}

    assert named - shown == {"token", "client_key"}
    assert shown <= named


def test_what_a_write_does(lab: RealLab, tmp_path: Path) -> None:
    """What is left out of a write: a role's type and a lease's max_ttl fall back, and an address stays."""
    ran(lab, tmp_path, VAULT.replace("vault ", "bao "))
    with lab.vault_client() as vault:
        refused = vault.post("/v1/nomad/role/operator", json={"global": True})
        written(vault, "nomad/config/lease", {"ttl": "10m"})
        written(vault, "nomad/config/access", {"max_token_name_length": 100})
        written(vault, "nomad/config/access", {"token": (tmp_path / "access").read_text()})

    assert "policies cannot be empty when using client tokens" in refused.text
    assert (kept(lab, "config/lease")["ttl"], kept(lab, "config/lease")["max_ttl"]) == (600, 0)
    assert kept(lab, "config/access")["address"] == lab.nomad.addr
    assert kept(lab, "config/access")["max_token_name_length"] == 0


def test_roles_in_the_plural(lab: RealLab, tmp_path: Path) -> None:
    """The two texts that a slip meets are the page's."""
    ran(lab, tmp_path, VAULT.replace("vault ", "bao "))
    with lab.vault_client() as vault:
        written_there = vault.post("/v1/nomad/roles/reader", json={"policies": "reader"})
        read_then = vault.get("/v1/nomad/creds/reader")

    assert "unsupported path" in written_there.text
    assert read_then.json()["errors"] == ['role "reader" not found']
