"""The objects that a file wants: their order, their fields, and what is one on a server."""

import re

import pytest

from nomad_token.errors import InputError
from nomad_token.setup.file import ReadFile, parse
from nomad_token.setup.objects import MADE_BY, Kind, Object, wanted

FILE = """
[[policy]]
name = "deployer"
rules = "deployer.hcl"
[[nomad-role]]
name = "ci"
policies = ["deployer"]
[[nomad-trust]]
name = "gitlab"
platform = "gitlab"
audience = ["nomad"]
ca-cert = "ca.pem"
[[nomad-trust.rule]]
claims = { project_id = "7", ref_protected = "true", ref = ["main", "v1.*"] }
role = "ci"
[[nomad-trust.rule]]
claims = { project_id = "8", ref_protected = "true" }
management = true
[[engine]]
mount = "teams/nomad"
[engine.access]
address = "https://nomad.example.com"
ca-cert = "ca.pem"
client-cert = "cert.pem"
client-key = "key.pem"
[[engine.role]]
name = "deployer"
policies = ["deployer"]
global = true
[[vault-trust]]
mount = "jwt/github"
platform = "github"
[[vault-trust.role]]
name = "Deploy"
audience = ["vault"]
claims = { repository_id = "7", event_name = "push" }
roles = ["teams/nomad/deployer"]
"""


def read(name: str) -> str:
    """Return what is in a file: its name, but for a key, which is not read."""
    assert name != "key.pem"
    return f"text of {name}"


def objects(text: str = FILE, read: ReadFile = read, below: str = "") -> dict[Kind, list[Object]]:
    """Return what *text* wants, by its kind."""
    found: dict[Kind, list[Object]] = {}
    for each in wanted(parse(text), read, below):
        found.setdefault(each.kind, []).append(each)
    return found


def test_the_order() -> None:
    """What another needs comes first: policies before roles, a mount before what is in it."""
    assert list(objects()) == list(Kind)


def test_what_is_marked() -> None:
    """What has a place for it says that we made it; the policies of Vault in their first line."""
    of = objects()

    for kind in (Kind.POLICY, Kind.NOMAD_ROLE, Kind.BINDING_RULE):
        assert all(str(each.body["Description"]).startswith(MADE_BY) for each in of[kind])
    for kind in (Kind.ENGINE, Kind.AUTH_MOUNT):
        assert all(str(each.body["description"]).startswith(MADE_BY) for each in of[kind])
    assert str(of[Kind.VAULT_POLICY][0].body["policy"]).splitlines()[0] == f"# {MADE_BY}: jwt/github/Deploy"


def test_an_access() -> None:
    """It holds no token and no key, which are read when it is written, and no length that the file is silent on."""
    (access,) = objects()[Kind.ACCESS]

    assert access.body == {
        "address": "https://nomad.example.com",
        "ca_cert": "text of ca.pem",
        "client_cert": "text of cert.pem",
    }
    assert access.key_file == "key.pem"
    assert (access.path, access.mount) == ("teams/nomad/config/access", "teams/nomad")


def test_a_lease_has_both() -> None:
    """A write replaces both lives, so both are there."""
    assert objects()[Kind.LEASE][0].body == {"ttl": 1800, "max_ttl": 3600}


def test_a_role_has_its_type() -> None:
    """A write without it would make a client's role of it."""
    assert objects()[Kind.ENGINE_ROLE][0].body == {"type": "client", "policies": ["deployer"], "global": True}


def test_the_rules() -> None:
    """A selector fits what Vault's claims do, and each claim of it is mapped."""
    (method,), rules = objects()[Kind.AUTH_METHOD], objects()[Kind.BINDING_RULE]
    config = method.body["Config"]
    assert isinstance(config, dict)
    selector = str(rules[0].body["Selector"])

    assert selector == (
        'value.project_id == "7" and value.ref_protected == "true" and '
        '(value.ref == "main" or value.ref matches "^v1[.].*$")'
    )
    assert set(re.findall(r"value\.(\w+)", selector)) <= set(config["ClaimMappings"])
    assert config["DiscoveryCaPem"] == ["text of ca.pem"]
    assert (rules[1].body["BindType"], rules[1].body["BindName"]) == ("management", "")


def test_a_login() -> None:
    """It is a service token of the engine's life, whose policy is that of its roles alone, in lower case."""
    (role,), (policy,) = objects()[Kind.LOGIN_ROLE], objects()[Kind.VAULT_POLICY]

    assert role.body["token_type"] == "service"
    assert (role.body["token_ttl"], role.body["token_max_ttl"], role.body["token_num_uses"]) == (1800, 3600, 0)
    assert role.body["token_policies"] == ["nomad-token-jwt-github-deploy"] == [policy.name]
    assert 'path "teams/nomad/creds/deployer"' in str(policy.body["policy"])
    assert '"lease_id" = ["teams/nomad/creds/deployer/*"]' in str(policy.body["policy"])


def test_an_engine_in_a_namespace_below() -> None:
    """The policy of a login above writes the way to it."""
    (policy,) = objects(below="app/")[Kind.VAULT_POLICY]

    assert 'path "app/teams/nomad/creds/deployer"' in str(policy.body["policy"])
    assert 'path "app/sys/leases/revoke"' in str(policy.body["policy"])


def test_a_glob() -> None:
    """One `*` has all of a role's claims compared as patterns."""
    (role,) = objects(FILE.replace('event_name = "push"', 'event_name = "push", ref = "refs/heads/*"'))[Kind.LOGIN_ROLE]

    assert role.body["bound_claims_type"] == "glob"
    assert objects()[Kind.LOGIN_ROLE][0].body["bound_claims_type"] == "string"


SECOND = """
[[vault-trust.role]]
name = "deploy"
audience = ["x"]
roles = ["teams/nomad/deployer"]
claims = { repository_id = "7", event_name = "push" }
"""


@pytest.mark.parametrize(
    "more",
    [SECOND, f'[[vault-trust]]\nmount = "jwt-github"\nplatform = "github"\n{SECOND}'],
    ids=["case", "slash"],
)
def test_two_that_are_one(more: str) -> None:
    """Vault writes names in lower case, and ours have a `-` for a `/`: two that meet there are refused."""
    with pytest.raises(InputError, match="The file names two that are one to Vault"):
        objects(FILE + more)


def test_a_login_that_ends_too_early() -> None:
    """A lease ends with its login: one that is shorter is refused."""
    with pytest.raises(InputError, match="would end before the leases of `teams/nomad`"):
        objects(FILE + 'ttl = "5m"\n')


@pytest.mark.parametrize("name", ["ca.pem", "cert.pem"])
def test_a_key_among_certificates(name: str) -> None:
    """What is in such a file is shown in a plan and an export: one that holds a key too is refused, unshown."""
    key = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n"
    with pytest.raises(InputError, match=f"{name} holds a private key") as error:
        objects(read=lambda each: key if each == name else each)

    assert "canary" not in error.value.text
