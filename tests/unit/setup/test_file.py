"""`nomad-token.toml`: what it may say, and each refusal by its text."""

from pathlib import Path
from typing import Final

import pytest

from nomad_token.errors import InputError
from nomad_token.setup.file import Setup, load, parse

ENGINE: Final = '[[engine]]\n[engine.access]\naddress = "https://nomad.example.com"\n'
ROLE: Final = '[[engine.role]]\nname = "deployer"\npolicies = ["deployer"]\n'
TRUST: Final = '[[vault-trust]]\nmount = "jwt-github"\nplatform = "github"\n'
LOGIN: Final = (
    '[[vault-trust.role]]\nname = "deploy"\naudience = ["https://vault.example.com"]\nroles = ["nomad/deployer"]\n'
)
NOMAD: Final = '[[nomad-trust]]\nname = "github"\nplatform = "github"\naudience = ["https://nomad.example.com"]\n'
RULE: Final = '[[nomad-trust.rule]]\nclaims = { repository_id = "7", event_name = "push" }\n'
GOOD: Final = 'claims = { repository_id = "7", event_name = "push" }\n'


def refused(text: str) -> str:
    """Return why *text* is refused."""
    with pytest.raises(InputError) as error:
        parse(text)
    return error.value.what


def test_defaults() -> None:
    """What is left out is what is safe: half an hour, an hour at most, a client's role, of one region."""
    setup = parse(ENGINE + ROLE)

    (engine,) = setup.engine
    assert (engine.mount, engine.plugin, engine.ttl, engine.max_ttl) == ("nomad", "nomad", 1800, 3600)
    assert (engine.role[0].type, engine.role[0].is_global) == ("client", False)
    assert (setup.has_vault, setup.has_nomad) == (True, True)


def test_who_is_needed() -> None:
    """A trust of Vault's alone needs no Nomad, and one of Nomad's no Vault."""
    of_vault, of_nomad = parse(TRUST), parse(NOMAD)

    assert (of_vault.has_vault, of_vault.has_nomad) == (True, False)
    assert (of_nomad.has_vault, of_nomad.has_nomad) == (False, True)
    assert (Setup().has_vault, Setup().has_nomad) == (False, False)


def test_the_issuer() -> None:
    """It is the platform's own, unless the file says another, as a server of one's own has."""
    own = parse(TRUST + 'issuer = "https://ghes.example.com/_services/token"\n')

    assert parse(TRUST).vault_trust[0].url == "https://token.actions.githubusercontent.com"
    assert own.vault_trust[0].url == "https://ghes.example.com/_services/token"


@pytest.mark.parametrize(
    "role",
    [
        "nomad/*",
        "nomad/+",
        "+/deployer",
        "nomad/deployer*",
        "nomad/../sys/x",
        "./nomad/x",
        "nomad//x",
        "/nomad/x",
        " nomad/x",
        'nomad/x" { capabilities = ["sudo"] } path "sys/x',
    ],
)
def test_a_login_mints_what_is_named(role: str) -> None:
    """A role that it may mint is one role of one mount: no glob, and nothing that ends the path in Vault's policy."""
    assert "is not MOUNT/ROLE" in refused(TRUST + LOGIN.replace('"nomad/deployer"', f"'{role}'") + GOOD)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x =", "is not TOML"),
        ("x = 1", "`x` is not known here."),
        ("[[engine]]\n", "`engine[1].access` is missing."),
        (ENGINE.replace("https://", ""), "`engine[1].access.address` has no scheme"),
        (ENGINE + 'client-cert = "a.pem"', "needs both"),
        ("[[engine]]\nttl = '2h'\n" + ENGINE.removeprefix("[[engine]]\n"), "has a ttl over its max-ttl"),
        (ENGINE + ENGINE, "has more than one [[engine]] named `nomad`"),
        (ENGINE + ROLE + ROLE, "has more than one [[engine.role]] named `deployer`"),
        (ENGINE + ROLE + 'type = "management"', "has none as a management role"),
        (ENGINE + '[[engine.role]]\nname = "deployer"', "needs policies as a client's role"),
        (ENGINE + ROLE.replace('"deployer"\n', '"a/b"\n'), "`engine[1].role[1].name`"),
        (ENGINE + "max-token-name-length = 257", "`engine[1].access.max-token-name-length`"),
        (TRUST.replace("jwt-github", "auth/jwt"), "is below `auth/` already"),
        (TRUST.replace('"github"\n', '"jenkins"\n'), "`vault-trust[1].platform`"),
        (TRUST + LOGIN, "`vault-trust[1].role[1].claims` is missing."),
        (TRUST + LOGIN.replace("nomad/deployer", "deployer") + GOOD, "is not MOUNT/ROLE, such as nomad/deployer"),
        (TRUST + LOGIN.replace('["https://vault.example.com"]', "[]") + GOOD, "`vault-trust[1].role[1].audience`"),
        (TRUST + LOGIN + "claims = { repository_id = 7 }", "`vault-trust[1].role[1].claims.repository_id`"),
        (TRUST + LOGIN + "claims = { repository_id = '7\"' }", "`vault-trust[1].role[1].claims.repository_id[1]`"),
        (NOMAD + RULE, "needs exactly one of role, policy and management = true"),
        (NOMAD + RULE + 'role = "a"\npolicy = "b"', "needs exactly one of"),
        (NOMAD + RULE + 'role = "a.b"', "`nomad-trust[1].rule[1].role`"),
        ('[[policy]]\nname = "a b"\nrules = "x"', "`policy[1].name`"),
        ('[[nomad-role]]\nname = "a"\npolicies = []', "`nomad-role[1].policies`"),
    ],
)
def test_refusals(text: str, why: str) -> None:
    """Each names the place, counted from 1, and says what is wrong."""
    assert why in refused(text)


def test_each_finding_has_a_line() -> None:
    """Two things that are wrong are told at once."""
    assert len(refused("x = 1\ny = 2").splitlines()) == 2


def test_no_value_is_quoted() -> None:
    """What is refused may be a secret that was put there by mistake."""
    assert "hunter2" not in refused(ENGINE + 'token = "hunter2"')


def test_files_are_beside_it(tmp_path: Path) -> None:
    """What the file names is read from its own folder; what can't be read is told."""
    (tmp_path / "x.toml").write_text('[[policy]]\nname = "a"\nrules = "a.hcl"\n')
    (tmp_path / "a.hcl").write_text("rules")
    setup, read = load(tmp_path / "x.toml")

    assert read(setup.policy[0].rules) == "rules"
    with pytest.raises(InputError, match="can't be read"):
        read("b.hcl")
    (tmp_path / "b.hcl").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="it is not UTF-8"):
        read("b.hcl")
