"""What is exported makes on the servers what the file wants, whoever carries it out."""

import json
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pygohcl
import pytest

import exported
from nomad_token.setup.export import FORMATS
from nomad_token.setup.file import load
from nomad_token.setup.objects import Kind, Object, wanted
from nomad_token_lab import Lab
from nomad_token_lab.vault.state import Dialect
from setup.exporting import FILE, NASTY, Desk


@pytest.fixture(params=list(Dialect), ids=lambda dialect: dialect.name.lower())
def desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Serve an empty lab in each dialect, and write the file."""
    with Lab(dialect=request.param) as lab:
        desk = Desk(lab, tmp_path, lab.vault.addr)
        desk.write()
        yield desk


def verdicts(desk: Desk) -> set[str]:
    """Return what the plan says is to be done, of all objects."""
    return {change["verdict"] for change in desk.plan()["changes"]}


def test_scripts_make_what_the_file_wants(desk: Desk) -> None:
    """Nomad's script and then Vault's, run by a plain shell, leave nothing for `setup plan` to do."""
    programs = exported.stand_ins(desk.folder / "bin")
    before = verdicts(desk)
    exported.run(desk.export("nomad"), desk.folder, desk.environ, programs)
    exported.run(desk.export("vault"), desk.folder, desk.environ, programs)

    assert before == {"create"}
    assert verdicts(desk) == {"same"}
    assert not (desk.folder / "pwned").exists()


def access_tokens(desk: Desk) -> set[tuple[str, bool]]:
    """Return the names of the tokens that live, and whether each is known in every region, as `setup apply` has it."""
    return {(token.name, token.is_global) for token in desk.lab.nomad.live_tokens()}


def test_requests_make_what_the_file_wants(desk: Desk) -> None:
    """The requests of the JSON, sent one after the other, leave nothing for `setup plan` to do."""
    with desk.lab.vault_client() as vault, desk.lab.nomad_client() as nomad:
        exported.send(desk.export("json"), {"vault": vault, "nomad": nomad}, desk.folder)

    assert verdicts(desk) == {"same"}
    assert ("nomad-token setup: vault teams/nomad", True) in access_tokens(desk)


def test_what_was_made_mints(desk: Desk) -> None:
    """Vault has a management token of its own after the scripts, with which its roles mint; no file of it is left."""
    programs = exported.stand_ins(desk.folder / "bin")
    exported.run(desk.export("nomad"), desk.folder, desk.environ, programs)
    kept = (desk.folder / "access-teams+nomad.token").stat().st_mode & 0o777
    exported.run(desk.export("vault"), desk.folder, desk.environ, programs)
    with desk.lab.vault_client() as vault:
        minted = vault.get("/v1/teams/nomad/creds/deployer")

    assert minted.status_code == 200
    assert kept == 0o600
    assert not list(desk.folder.glob("access-*"))
    assert ("nomad-token setup: vault teams/nomad", True) in access_tokens(desk)


@pytest.mark.parametrize("form", ["vault", "nomad"])
def test_a_script_ends_with_its_first_failure(desk: Desk, form: str) -> None:
    """A script that is refused something stops there, and does not write what comes after it."""
    programs = exported.stand_ins(desk.folder / "bin")
    denied = desk.environ | {"VAULT_TOKEN": "no-token", "NOMAD_TOKEN": "no-token"}

    with pytest.raises(AssertionError, match=r"40[03]|500"):
        exported.run(desk.export(form), desk.folder, denied, programs)
    assert verdicts(desk) == {"create"}


@pytest.mark.parametrize("linked", [True, False])
def test_a_file_that_somebody_put_there(desk: Desk, linked: bool) -> None:  # noqa: FBT001
    """No token is made that would be written to it."""
    programs = exported.stand_ins(desk.folder / "bin")
    file, other = desk.folder / "access-teams+nomad.token", desk.folder / "elsewhere"
    if linked:
        file.symlink_to(other)
    else:
        file.touch(0o666)
    with pytest.raises(AssertionError):
        exported.run(desk.export("nomad"), desk.folder, desk.environ, programs)

    assert not other.exists()
    assert not [each for each in desk.lab.nomad.live_tokens() if each.name.startswith("nomad-token setup:")]
    assert linked or file.read_text() == ""


def test_a_mount_that_is_there_ends_the_script(desk: Desk) -> None:
    """Vault's script does not write to a jwt auth that was there before: its configuration is one for all its roles."""
    programs = exported.stand_ins(desk.folder / "bin")
    config = {"oidc_discovery_url": desk.lab.github.addr, "bound_issuer": "somebody's"}
    with desk.lab.vault_client() as vault:
        vault.post("/v1/sys/auth/jwt-github", json={"type": "jwt"}).raise_for_status()
        vault.post("/v1/auth/jwt-github/config", json=config).raise_for_status()
        exported.run(desk.export("nomad"), desk.folder, desk.environ, programs)
        with pytest.raises(AssertionError, match="path is already in use"):
            exported.run(desk.export("vault"), desk.folder, desk.environ, programs)
        there = vault.get("/v1/auth/jwt-github/config").json()["data"]

    assert there["bound_issuer"] == "somebody's"


def test_no_token_bootstraps_nothing(desk: Desk) -> None:
    """Without the token's file, or with an empty one, Vault's script writes no access: that would bootstrap Nomad."""
    programs = exported.stand_ins(desk.folder / "bin")
    with pytest.raises(AssertionError):
        exported.run(desk.export("vault"), desk.folder, desk.environ, programs)
    (desk.folder / "access-teams+nomad.token").touch()
    rest = desk.export("vault").partition("test -s")
    with pytest.raises(AssertionError):
        exported.run(f"set -eu\n{rest[1]}{rest[2]}", desk.folder, desk.environ, programs)

    assert not [record for record in desk.lab.requests if record.path.endswith(("config/access", "acl/bootstrap"))]


def test_placeholders_are_no_empty_tokens(desk: Desk) -> None:
    """Whoever sends the JSON as it is gives Vault a token that Nomad refuses, not an empty one."""
    requests = json.loads(desk.export("json"))["requests"]
    (access,) = (request for request in requests if request["path"].endswith("config/access"))

    assert set(access["secrets"]) == {"token"}
    assert access["body"]["token"]


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_is_asked_and_nothing_is_secret(desk: Desk, form: str) -> None:
    """An export asks no server, needs no token, is the same each time, and shows no secret."""
    path = desk.write(FILE.replace("[engine.access]", '[engine.access]\nclient-cert = "c.pem"\nclient-key = "k.pem"'))
    (path.parent / "c.pem").write_text("-----BEGIN CERTIFICATE-----\nc\n-----END CERTIFICATE-----\n")
    (path.parent / "k.pem").write_text("-----BEGIN PRIVATE KEY-----\nhidden-key\n-----END PRIVATE KEY-----\n")
    asked = len(desk.lab.requests)
    first, second = desk.export(form), desk.export(form)

    assert first == second
    assert len(desk.lab.requests) == asked
    assert first.endswith("\n")
    assert "hidden-key" not in first
    assert not [secret for secret in (desk.environ["VAULT_TOKEN"], desk.environ["NOMAD_TOKEN"]) if secret in first]


def test_the_key_is_read_where_the_commands_run(desk: Desk) -> None:
    """A client's private key goes from its file to Vault, and never through an argument."""
    path = desk.write(FILE.replace("[engine.access]", '[engine.access]\nclient-cert = "c.pem"\nclient-key = "k.pem"'))
    (path.parent / "c.pem").write_text("-----BEGIN CERTIFICATE-----\n")

    assert "client_key=@k.pem" in desk.export("vault")
    assert 'client_key_wo         = file("${path.module}/k.pem")' in desk.export("terraform")
    (access,) = (each for each in json.loads(desk.export("json"))["requests"] if "config/access" in each["path"])
    assert access["secrets"]["client_key"] == {"file": "k.pem"}


def test_bao_is_vault_by_another_name(desk: Desk) -> None:
    """OpenBao's lines are Vault's, with the line that registers the engine's plugin as a remark."""
    of_vault, of_bao = desk.export("vault"), desk.export("bao")
    lines = [line for line in of_bao.splitlines() if not line.startswith("#")]

    assert lines == [re.sub("^vault", "bao", line) for line in of_vault.splitlines() if not line.startswith("#")]
    assert "# bao plugin register -sha256=SHA256 -command=PROGRAM secret nomad" in of_bao


def test_namespaces_are_named(desk: Desk) -> None:
    """Each object is written into its own namespace of Vault, in each format; and the policy reaches the engine's."""
    namespaces = ("--vault-namespace", "team/it's", "--vault-auth-namespace", "team")
    script, code = desk.export("vault", *namespaces), desk.export("terraform", *namespaces)
    requests = [each for each in json.loads(desk.export("json", *namespaces))["requests"] if each["server"] == "vault"]

    assert script.count("-namespace='team/it'\"'\"'s' ") == 5
    assert script.count("-namespace=team ") == 4
    assert [each["namespace"] for each in requests] == ["team/it's"] * 5 + ["team"] * 4
    assert code.count('"team/it\'s"') == 3
    assert code.count('= "team"') == 3
    assert 'path "it\'s/teams/nomad/creds/deployer"' in script


def test_a_mount_of_another_plugin_is_not_terraforms(desk: Desk) -> None:
    """Terraform's resource mounts an engine named `nomad` alone: another is refused, with what registers it so."""
    path = str(desk.write(plugin="openbao-plugin-secrets-nomad"))
    code = desk("export", "--format", "terraform", "--file", path)

    assert (code, desk.out) == (2, "")
    assert "bao plugin register -sha256=SHA256 -command=openbao-plugin-secrets-nomad secret nomad" in desk.err
    assert "secret openbao-plugin-secrets-nomad" in desk.export("bao")


@pytest.mark.parametrize("value", ["a,b", " a"])
def test_a_claim_that_terraform_would_split(desk: Desk, value: str) -> None:
    """Terraform's provider splits a claim's text at commas, and trims it: such a value is refused, not changed."""
    path = str(desk.write(FILE.replace('"push", "workflow_dispatch"', f'"push", "{value}"')))
    code = desk("export", "--format", "terraform", "--file", path)

    assert (code, desk.out) == (2, "")
    assert "`event_name` of role `deploy-app`" in desk.err


def objects(desk: Desk) -> dict[tuple[Kind, str], Object]:
    """Return what the file wants."""
    setup, read = load(desk.folder / "nomad-token.toml")
    return {(one.kind, one.name): one for one in wanted(setup, read)}


# Of each resource, its arguments as its page in the providers' documentation lists them (website/docs/r, of
# hashicorp/nomad 2.6.1 and hashicorp/vault 5.11.0).
ARGUMENTS = {
    "nomad_acl_policy": "name rules_hcl description job_acl",
    "nomad_acl_role": "name description policy",
    "nomad_acl_auth_method": "name type token_locality max_token_ttl token_name_format default config",
    "nomad_acl_binding_rule": "description auth_method selector bind_type bind_name",
    "vault_nomad_secret_backend": "namespace backend disable_remount address ca_cert client_cert client_key_wo "
    "client_key_wo_version max_token_name_length max_ttl token_wo token_wo_version ttl description",
    "vault_nomad_secret_role": "namespace backend role global policies type",
    "vault_policy": "namespace name policy",
    "vault_jwt_auth_backend": "namespace path type description oidc_discovery_url oidc_discovery_ca_pem bound_issuer",
    "vault_jwt_auth_backend_role": "namespace role_name role_type bound_audiences user_claim bound_claims "
    "bound_claims_type claim_mappings backend token_ttl token_max_ttl token_period token_policies "
    "token_no_default_policy token_num_uses token_type",
}


def test_terraform_has_each_object(desk: Desk) -> None:
    """The resources are those that the providers have, with arguments that are theirs, and the objects' own values."""
    code = pygohcl.loads(desk.export("terraform"))
    made: dict[str, dict[str, dict[str, Any]]] = code["resource"]
    of = objects(desk)
    login = made["vault_jwt_auth_backend_role"]["jwt_github_deploy_app"]
    claims: Any = of[Kind.LOGIN_ROLE, "jwt-github/deploy-app"].body["bound_claims"]
    engine = made["vault_nomad_secret_backend"]["teams_nomad"]
    rules = [made["nomad_acl_binding_rule"][f"github_{number}"] for number in (1, 2, 3)]

    assert set(made) == set(ARGUMENTS)
    for kind, by_label in made.items():
        for resource in by_label.values():
            assert set(resource) <= set(ARGUMENTS[kind].split()), kind
    assert made["nomad_acl_policy"]["look"]["rules_hcl"] == NASTY
    assert made["nomad_acl_policy"]["look"]["description"].endswith('it\'s "fine" $HOME ${x} %{y}')
    assert {name: values.split(",") for name, values in login["bound_claims"].items()} == {
        name: list(values) for name, values in claims.items()
    }
    assert (engine["ttl"], engine["max_ttl"], engine["address"]) == (1800, 3600, desk.lab.nomad.addr)
    assert engine["token_wo"] == 'var.access_tokens["teams/nomad"]'
    assert [rule["selector"] for rule in rules] == [
        of[Kind.BINDING_RULE, f"github {n}"].body["Selector"] for n in (1, 2, 3)
    ]
    assert [rule.get("bind_name") for rule in rules] == [
        "nomad_acl_role.deployer.name",
        "nomad_acl_policy.look.name",
        None,
    ]
    config: Any = of[Kind.AUTH_METHOD, "github"].body["Config"]
    assert made["nomad_acl_auth_method"]["github"]["config"]["claim_mappings"] == config["ClaimMappings"]
    assert code["variable"]["access_tokens"] == {"type": "map(string)", "ephemeral": True, "sensitive": True}


def test_labels_of_terraform_are_apart(desk: Desk) -> None:
    """Two names that would have one label, or one that begins with a digit, have a label each, and are referred to."""
    desk.write(
        '[[policy]]\nname = "1-a"\nrules = "deploy.policy.hcl"\n'
        + "".join(
            f'[[engine]]\nmount = "{mount}"\n[engine.access]\naddress = "https://n:4646"\n'
            f'[[engine.role]]\nname = "r"\npolicies = ["1-a"]\n'
            for mount in ("a/b", "a-b", "a_b")
        )
    )
    made = pygohcl.loads(desk.export("terraform"))["resource"]
    mounts = {
        f"vault_nomad_secret_backend.{label}.backend": each["backend"]
        for label, each in made["vault_nomad_secret_backend"].items()
    }

    assert sorted(mounts.values()) == ["a-b", "a/b", "a_b"]
    assert {each["backend"] for each in made["vault_nomad_secret_role"].values()} == set(mounts)
    assert set(made["nomad_acl_policy"]) == {"_1_a"}


@pytest.mark.parametrize("form", ["vault", "bao", "nomad"])
def test_a_script_of_nothing_is_refused(desk: Desk, form: str) -> None:
    """Where the file wants nothing of a server, its script is not an empty one, but an error that says so."""
    of_nomad = '[[policy]]\nname = "deploy"\nrules = "deploy.policy.hcl"\n'
    of_vault = '[[vault-trust]]\nplatform = "github"\nmount = "jwt"\n'
    path = desk.write(of_vault if form == "nomad" else of_nomad)

    assert desk("export", "--format", form, "--file", str(path)) == 2
    assert "The file wants nothing of" in desk.err


def test_an_engine_alone_needs_a_token_of_nomads(desk: Desk) -> None:
    """Where all policies are there already, Nomad's script makes the token that the engine needs, and nothing else."""
    desk.write('[[engine]]\n[engine.access]\naddress = "https://nomad.example.com:4646"\n')
    script = desk.export("nomad")

    assert re.findall(r"nomad acl (\w+ \w+)", script) == ["token create"]


def test_what_is_there_already_has_a_name_alone(desk: Desk) -> None:
    """A policy that the file does not hold is named by Terraform's code, and not referred to."""
    desk.write(
        '[[nomad-role]]\nname = "r"\npolicies = ["there"]\n[[nomad-trust]]\nplatform = "github"\nname = "g"\n'
        'audience = ["a"]\n[[nomad-trust.rule]]\nclaims = {{ repository_id = "1", environment = "e" }}\n'
        'policy = "there"\n'
    )
    code = pygohcl.loads(desk.export("terraform"))

    assert code["resource"]["nomad_acl_role"]["r"]["policy"] == {"name": "there"}
    assert code["resource"]["nomad_acl_binding_rule"]["g_1"]["bind_name"] == "there"
    assert "variable" not in code
    assert "hashicorp/vault" not in desk.out


@pytest.mark.parametrize("lost", [">/dev/full", ">&-"])
def test_what_can_not_be_printed_is_an_error(desk: Desk, lost: str) -> None:
    """However short it is: where standard output did not take it, the exit code says so."""
    ours = Path(sysconfig.get_path("scripts"), "nomad-token")
    done = subprocess.run(  # noqa: S603 - our own program
        ["sh", "-c", f'exec "$0" setup export --format json {lost}', ours],  # noqa: S607 - any shell
        cwd=desk.folder,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 75
    assert "could not be written" in done.stderr
