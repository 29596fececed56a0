"""Which rule of Vault's policies holds for a path."""

import pytest

from nomad_token_lab.vault.policies import Acl, parse


def _acl(*policies: str) -> Acl:
    return Acl([parse(policy) for policy in policies])


@pytest.mark.parametrize(
    ("path", "capabilities"),
    [
        ("nomad/creds/deployer", ["read"]),
        ("nomad/creds/other", ["list"]),
        ("nomad/config/access", ["deny"]),
        ("east/creds/x", ["update"]),
        ("east/creds/x/y", ["deny"]),
        ("elsewhere", ["deny"]),
    ],
)
def test_the_closest_rule_holds(path: str, capabilities: list[str]) -> None:
    """An exact path wins over a glob, a glob over `+`, and `+` stands for one part."""
    acl = _acl(
        """
        # comments are skipped
        path "nomad/creds/deployer" { capabilities = ["read"] }
        path "nomad/creds/*"        { capabilities = ["list"] }
        path "nomad/*"              { capabilities = ["deny"] }
        path "+/creds/x"            { capabilities = ["update"] }
        """
    )

    assert acl.capabilities(path) == capabilities


def test_several_policies_add_up_and_deny_wins() -> None:
    """The same path in two policies gives both; `deny` takes all."""
    read, update = 'path "x" { capabilities = ["read"] }', 'path "x" { capabilities = ["update"] }'

    assert _acl(read, update).capabilities("x") == ["read", "update"]
    assert _acl(read, update, 'path "x" { capabilities = ["deny"] }').capabilities("x") == ["deny"]


def test_allowed_parameters_bound_names_and_values() -> None:
    """An empty list allows any value; a name that is not listed is refused, unless `*` is."""
    narrow = _acl('path "x" { capabilities = ["update"], allowed_parameters = { "a" = ["n/*", 1], "b" = [] } }')
    wide = _acl('path "x" { capabilities = ["update"], allowed_parameters = { "*" = [] } }')

    assert narrow.allows("update", "x", {"a": "n/1", "b": True})
    assert narrow.allows("update", "x", {"a": 1})
    assert not narrow.allows("update", "x", {"a": "m/1"})
    assert not narrow.allows("update", "x", {"c": 1})
    assert wide.allows("update", "x", {"c": 1})


def test_a_sudo_path_asks_for_sudo_too() -> None:
    """`update` alone does not open it."""
    acl = _acl('path "x" { capabilities = ["update"] } path "y" { capabilities = ["update", "sudo"] }')

    assert not acl.allows("update", "x", {}, sudo=True)
    assert acl.allows("update", "y", {}, sudo=True)


def test_json_is_read_as_well() -> None:
    """A policy may be the same in JSON."""
    assert _acl('{"path": {"x": {"capabilities": ["read"]}}}').capabilities("x") == ["read"]
