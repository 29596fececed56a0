"""The doctor on real servers: each symptom that can be provoked there is named, and a chain that holds is called so."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

import servers
from jobs import operator
from nomad_token.command_line import command
from nomad_token_lab.nomad_trust import NomadTrust, nomad_trust
from real_lab import RealLab
from verdicts import note

QUICK: Final = ("--role", "deployer", "--vault-auth-role", "deploy-app")
Arrange = Callable[[RealLab], None]


def asked(lab: RealLab, home: Path, *argv: str, desk: bool) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Ask the doctor, as an operator or as a job; return the exit code, the links by name, and all that was printed."""
    out, err = io.StringIO(), io.StringIO()
    tokens = {
        "VAULT_TOKEN": lab.real.root_token.get_secret_value(),
        "NOMAD_TOKEN": lab.management_token.get_secret_value(),
    }
    whose = tokens if desk else {"GITHUB_ACTIONS": "true", **lab.github.environ()}
    places = {"HOME": str(home), "VAULT_ADDR": lab.real.addr, "NOMAD_ADDR": lab.nomad.addr}
    code = command(["doctor", *argv, "--json"], places | whose, out, err)
    said = out.getvalue() + err.getvalue()
    assert not [secret for secret in tokens.values() if secret in said]
    return code, {link["name"]: link for link in json.loads(out.getvalue())["links"]}, said


def deleted(path: str) -> Arrange:
    """Delete something of Vault's."""

    def arrange(lab: RealLab) -> None:
        with lab.vault_client() as vault:
            vault.delete(f"/v1/{path}").raise_for_status()

    return arrange


def written(path: str, **body: object) -> Arrange:
    """Write something of Vault's."""
    return lambda lab: operator(lab, path, **body)


def jwt_role(**changed: object) -> Arrange:
    """Change the login's role."""

    def arrange(lab: RealLab) -> None:
        with lab.vault_client() as vault:
            role = vault.get("/v1/auth/jwt/role/deploy-app").raise_for_status().json()["data"]
            vault.post("/v1/auth/jwt/role/deploy-app", json=role | changed).raise_for_status()

    return arrange


def unregistered(lab: RealLab) -> None:
    """Take the engine away, and OpenBao's plugin with it."""
    deleted("sys/mounts/nomad")(lab)
    if lab.kind == "openbao":
        deleted("sys/plugins/catalog/secret/nomad")(lab)


def nothing(_: RealLab) -> None:
    """Leave all as it is."""


def acls_off(lab: RealLab) -> None:
    """Turn Nomad's ACLs off."""
    lab.nomad.acl_enabled = False


def leaderless(lab: RealLab) -> None:
    """Take Nomad's leader away."""
    lab.nomad.leader = False


def skewed(lab: RealLab) -> None:
    """Put Nomad's clock off, by an hour and half a minute: what is told in hours is told without seconds."""
    lab.nomad.clock.offset += 3630


def issued_early(lab: RealLab) -> None:
    """Have the issuer's clock so far ahead that Vault takes its id tokens to be from the future."""
    lab.github.clock.offset += 3600


JOB, DESK = False, True
SYMPTOMS: Final[list[tuple[str, Arrange, bool, tuple[str, ...], str, str, int, str]]] = [
    ("wrong audience", nothing, JOB, ("--audience", "https://x.test"), "login", "broken", 4, "bound_audiences"),
    ("wrong audience, from a desk", nothing, DESK, ("--audience", "https://x.test"), "claims", "broken", 4, "+="),
    ("unknown login role", nothing, DESK, ("--vault-auth-role", "x"), "claims", "broken", 5, "knows no role `x`"),
    ("an id token from the future", issued_early, JOB, (), "login", "broken", 75, "clocks of Vault"),
    ("jwt is not mounted", deleted("sys/auth/jwt"), JOB, (), "login", "broken", 4, "auth list"),
    (
        "policy without the read",
        written("sys/policies/acl/nomad-deployer", policy='path "x" { capabilities = ["read"] }'),
        JOB,
        (),
        "policy",
        "broken",
        4,
        'path "nomad/creds/deployer"',
    ),
    ("policy missing", deleted("sys/policies/acl/nomad-deployer"), JOB, (), "policy", "broken", 4, "nomad/creds"),
    (
        "policy missing, from a desk",
        deleted("sys/policies/acl/nomad-deployer"),
        DESK,
        (),
        "policy",
        "broken",
        4,
        "policy write nomad-deployer",
    ),
    ("wrong mount", nothing, JOB, ("--vault-mount", "x"), "policy", "broken", 4, "there is no mount `x`"),
    ("wrong mount, from a desk", nothing, DESK, ("--vault-mount", "x"), "engine", "broken", 5, "secrets enable"),
    ("engine absent", deleted("sys/mounts/nomad"), DESK, (), "engine", "broken", 5, "secrets enable -path=nomad nomad"),
    ("plugin not registered", unregistered, DESK, (), "engine", "broken", 5, "secrets enable -path=nomad"),
    ("access never written", deleted("nomad/config/access"), DESK, (), "access", "broken", 5, "config/access address="),
    ("lease unset", deleted("nomad/config/lease"), DESK, (), "lease", "warning", 0, "768 h"),
    ("login ends at once", jwt_role(token_ttl="30s", token_max_ttl="30s"), JOB, (), "lease", "warning", 0, "token_ttl"),
    ("role missing, from a desk", deleted("nomad/role/deployer"), DESK, (), "role", "broken", 5, "nomad/roles/"),
    ("role missing", deleted("nomad/role/deployer"), JOB, ("--mint",), "mint", "broken", 5, "nomad/roles/"),
    (
        "wrong management token",
        written("nomad/config/access", token="11111111-2222-3333-4444-555555555555"),
        JOB,
        ("--mint",),
        "mint",
        "broken",
        4,
        "Nomad refused Vault: Permission denied",
    ),
    (
        "Nomad out of Vault's reach",
        written("nomad/config/access", address="http://127.0.0.1:1"),
        JOB,
        ("--mint", "--timeout", "3s"),
        "mint",
        "broken",
        75,
        "Vault can't reach Nomad",
    ),
    ("ACLs off", acls_off, JOB, (), "acls", "broken", 4, "acl { enabled = true }"),
    ("no leader", leaderless, JOB, (), "leader", "broken", 75, "server members"),
    ("Nomad's clock", skewed, JOB, (), "nomad clock", "warning", 0, "1 h ahead"),
]


@pytest.mark.parametrize(
    ("name", "arrange", "desk", "argv", "link", "verdict", "code", "says"), SYMPTOMS, ids=[row[0] for row in SYMPTOMS]
)
def test_symptom(  # noqa: PLR0913, PLR0917 - a row of the table, and where it is run
    lab: RealLab,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    name: str,
    arrange: Arrange,
    desk: bool,  # noqa: FBT001 - a column
    argv: tuple[str, ...],
    link: str,
    verdict: str,
    code: int,
    says: str,
) -> None:
    """The link is named with its cause, in the server's own dialect; nothing is left."""
    arrange(lab)
    lab.mark()
    before = lab.accessors()
    ended, found, _ = asked(lab, tmp_path, *QUICK, *argv, desk=desk)
    broken = [one for one, each in found.items() if each["verdict"] == "broken"]
    told = "\n".join(found[link][part] for part in ("what", "why", "fix"))

    assert (broken, ended) == ([link] if verdict == "broken" else [], code), found
    assert found[link]["verdict"] == verdict
    assert says in told
    assert f"{'vault' if lab.kind == 'openbao' else 'bao'} secrets" not in told
    assert lab.accessors() == before
    assert not lab.nomad.live_tokens()
    note(record_property, f"{lab.kind}: {name}", f"{link}: {verdict}", found[link]["what"])


def test_sealed(lab: RealLab, tmp_path: Path) -> None:
    """A sealed server is told as that."""
    with servers.sealed(lab.real):
        code, found, _ = asked(lab, tmp_path, *QUICK, desk=False)

    assert code == 75
    assert found["seal"]["verdict"] == "broken"
    assert f"{'bao' if lab.kind == 'openbao' else 'vault'} operator unseal" in found["seal"]["fix"]


@pytest.mark.parametrize("desk", [JOB, DESK], ids=["job", "desk"])
@pytest.mark.parametrize("argv", [(), ("--mint",)], ids=["look", "mint"])
def test_no_false_alarm(lab: RealLab, tmp_path: Path, argv: tuple[str, ...], desk: bool) -> None:  # noqa: FBT001
    """Each link of a chain that holds does, or can't be seen; the login and the probe are gone."""
    with lab.nomad_client() as nomad:
        nomad_trust(NomadTrust(lab.github.addr, lab.audience), nomad)
    lab.mark()
    before = lab.accessors()
    code, found, _ = asked(lab, tmp_path, *QUICK, "--namespace", "default", *argv, desk=desk)

    assert code == 0, found
    assert {link["verdict"] for link in found.values()} <= {"ok", "unknown", "skipped"}, found
    assert desk or found["login"]["verdict"] == "ok"
    assert desk or not argv or found["verify"]["verdict"] == "ok"
    assert lab.accessors() == before
    assert not lab.leases()
    assert not lab.nomad.live_tokens()
