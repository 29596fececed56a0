"""The Nomad secrets engine: paths, fields and the refusals of creds (api-contract 1.1 to 1.5)."""

from collections.abc import Callable
from typing import Any

import pytest

from lab.ways import Ways, refusal
from nomad_token_lab import Answer, Dialect, Fault, Lab, Profile

_UNSUPPORTED = ["1 error occurred:\n\t* unsupported path\n\n"]


def test_the_slip_roles_for_role_has_two_texts(ways: Ways) -> None:
    """`nomad/roles/x` is no path; creds then don't find the role (api-contract 1.1)."""
    written = ways.vault("POST", "nomad/roles/slip", {"policies": "deployer"})
    listed = ways.vault("LIST", "nomad/roles")

    assert refusal(written) == (404, _UNSUPPORTED)
    assert refusal(listed) == (404, _UNSUPPORTED)
    assert refusal(ways.vault("GET", "nomad/creds/slip")) == (400, ['role "slip" not found'])


@pytest.mark.parametrize("path", ["creds/a b", "creds/deployer/", "creds/", "creds/-x", "nope"])
def test_a_name_that_fits_no_pattern_is_no_path(calm: Ways, path: str) -> None:
    """Names begin and end with a word character (api-contract 1.1)."""
    assert refusal(calm.vault("GET", f"nomad/{path}")) == (404, _UNSUPPORTED)


@pytest.mark.parametrize("path", ["config/access", "config/lease", "role/none"])
def test_what_was_never_written_is_an_empty_404(ways: Ways, path: str) -> None:
    """Reading something unset gives no message (api-contract 1.1)."""
    ways.vault("POST", "sys/mounts/fresh", {"type": "nomad"})

    assert refusal(ways.vault("GET", f"fresh/{path}")) == (404, [])
    assert refusal(ways.vault("LIST", "fresh/role")) == (404, [])


def test_creds_can_only_be_read(calm: Ways) -> None:
    """A POST is 405 for root, and 403 for a token that may only read (api-contract 1.1)."""
    limited = calm.vault("POST", "nomad/creds/deployer", {}, token=calm.vault_token())

    assert refusal(calm.vault("POST", "nomad/creds/deployer", {})) == (
        405,
        ["1 error occurred:\n\t* unsupported operation\n\n"],
    )
    assert refusal(limited) == (403, ["1 error occurred:\n\t* permission denied\n\n"])


def test_access_reads_without_its_secrets(calm: Ways) -> None:
    """Neither token nor client key comes back (api-contract 1.2)."""
    access = calm.vault("GET", "nomad/config/access").json()["data"]

    assert access == {
        "address": calm.lab.nomad.addr,
        "ca_cert": "",
        "client_cert": "",
        "max_token_name_length": 0,
    }


def test_a_partial_write_of_access_keeps_all_but_the_name_length(ways: Ways) -> None:
    """The merge leaves out `max_token_name_length`, which is reset (api-contract 1.2)."""
    ways.vault("POST", "nomad/config/access", {"max_token_name_length": 40})
    first = ways.vault("GET", "nomad/config/access").json()["data"]
    ways.vault("POST", "nomad/config/access", {"ca_cert": "PEM"})
    second = ways.vault("GET", "nomad/config/access").json()["data"]

    assert (first["max_token_name_length"], second["max_token_name_length"]) == (40, 0)
    assert second["address"] == ways.lab.nomad.addr
    assert ways.creds(ways.vault_token()).status_code == 200


def test_access_without_a_token_bootstraps_nomad(ways: Ways) -> None:
    """An empty token is an attempt to bootstrap, which fails on a bootstrapped Nomad (api-contract 1.2)."""
    ways.vault("POST", "sys/mounts/second", {"type": "nomad"})
    address = {"address": ways.lab.nomad.addr}

    assert refusal(ways.vault("POST", "second/config/access", address)) == (
        400,
        ["Token not provided and failed to bootstrap ACLs"],
    )
    ways.lab.nomad.bootstrapped_at = 0
    assert ways.vault("POST", "second/config/access", address).status_code == 204
    ways.vault("POST", "second/role/r", {"policies": "deployer"})
    assert ways.vault("GET", "second/creds/r").status_code == 200


@pytest.mark.parametrize(
    ("role", "error"),
    [
        ({"type": "client"}, "policies cannot be empty when using client tokens"),
        ({"type": "management", "policies": "x"}, "policies should be empty when using management tokens"),
        ({"type": "other", "policies": "x"}, 'type must be "client" or "management"'),
    ],
)
def test_a_role_that_makes_no_sense_is_refused(calm: Ways, role: dict[str, str], error: str) -> None:
    """Type and policies have to agree (api-contract 1.4)."""
    assert refusal(calm.vault("POST", "nomad/role/bad", role)) == (400, [error])


def test_an_update_without_type_makes_a_client_role(ways: Ways) -> None:
    """A management role that is updated with `global` alone fails for want of policies (api-contract 1.4)."""
    ways.vault("POST", "nomad/role/boss", {"type": "management"})
    read = ways.vault("GET", "nomad/role/boss").json()["data"]
    update = ways.vault("POST", "nomad/role/boss", {"global": True})

    assert read == {"type": "management", "global": False, "policies": None}
    assert refusal(update) == (400, ["policies cannot be empty when using client tokens"])
    assert ways.vault("DELETE", "nomad/role/boss").status_code == 204
    assert ways.vault("DELETE", "nomad/role/boss").status_code == 204


@pytest.mark.parametrize(
    ("lease", "error"),
    [
        ({"ttl": "abc"}, 'error converting input for field "ttl": time: invalid duration "abc"'),
        ({"ttl": [1]}, 'error converting input for field "ttl": time: invalid duration "[1]"'),
        ({"ttl": -5}, "error converting input for field \"ttl\": cannot provide negative value '-5'"),
    ],
)
def test_a_lease_that_is_no_duration_is_refused(calm: Ways, lease: dict[str, Any], error: str) -> None:
    """Both lives are durations (api-contract 1.3)."""
    assert refusal(calm.vault("POST", "nomad/config/lease", lease)) == (400, [error])


def test_each_write_of_lease_replaces_both_lives(ways: Ways) -> None:
    """An omitted field becomes 0, and then the system's 768 h hold (api-contract 1.3, 1.5)."""
    ways.vault("POST", "nomad/config/lease", {"ttl": "45"})
    read = ways.vault("GET", "nomad/config/lease").json()["data"]
    ways.vault("DELETE", "nomad/config/lease")
    creds = ways.creds(ways.vault_token()).json()

    assert read == {"ttl": 45, "max_ttl": 0}
    assert creds["lease_duration"] == 2764800


def test_a_ttl_over_the_maximum_is_capped_with_a_warning(ways: Ways) -> None:
    """The answer is 200 with the text of the cap (api-contract 1.5)."""
    ways.vault("POST", "nomad/config/lease", {"ttl": "1h", "max_ttl": "45s"})
    creds = ways.creds(ways.vault_token()).json()

    assert creds["lease_duration"] == 45
    assert creds["warnings"] == ['TTL of "1h" exceeded the effective max_ttl of "45s"; TTL value is capped accordingly']


def test_the_name_is_cut_to_the_configured_length(ways: Ways) -> None:
    """Role, display name and time stamp, cut by bytes (api-contract 1.5)."""
    ways.vault("POST", "nomad/config/access", {"max_token_name_length": 21})
    ways.mint()

    assert ways.lab.nomad.live_tokens()[0].name == "vault-deployer-jwt-oc"


def test_a_policy_that_nomad_does_not_know_is_no_error(ways: Ways) -> None:
    """The token is minted and useless (api-contract 1.5, 2.4)."""
    ways.vault("POST", "nomad/role/deployer", {"policies": "deployre"})
    minted = ways.mint()
    used = ways.nomad("PUT", "jobs", {"Job": {"ID": "app"}}, token=minted.secret)

    assert ways.nomad("GET", "acl/token/self", token=minted.secret).json()["Policies"] == ["deployre"]
    assert ways.nomad("GET", "acl/policies", token=minted.secret).json() == []
    assert (used.status_code, used.text) == (403, "Permission denied")


def _wrong_token(ways: Ways) -> None:
    ways.vault("POST", "nomad/config/access", {"token": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"})


def _wrong_token_on_1_4(ways: Ways) -> None:
    ways.lab.nomad.profile = Profile.UP_TO_1_4
    _wrong_token(ways)


def _client_token(ways: Ways) -> None:
    wanted = {"Type": "client", "Policies": ["deployer"]}
    ways.vault("POST", "nomad/config/access", {"token": ways.nomad("POST", "acl/token", wanted).json()["SecretID"]})


def _acls_off(ways: Ways) -> None:
    ways.lab.nomad.acl_enabled = False


def _no_leader(ways: Ways) -> None:
    ways.lab.nomad.leader = False


def _unreachable(ways: Ways) -> None:
    ways.vault("POST", "nomad/config/access", {"address": "http://127.0.0.1:1"})


def _unresolvable(ways: Ways) -> None:
    ways.vault("POST", "nomad/config/access", {"address": "http://nomad.invalid:4646"})


def _long_names(ways: Ways) -> None:
    ways.vault("POST", "nomad/config/access", {"max_token_name_length": 400})
    ways.lab.github.claims = {"repository": "o/" + "r" * 300}


def _garbled(ways: Ways) -> None:
    ways.lab.faults.append(Fault("nomad", "PUT", "acl/token", Answer(200, "<html>", content_type="text/html")))


def _other_scheme(ways: Ways) -> None:
    ways.vault("POST", "nomad/config/access", {"address": "ftp://nomad"})


def _crowded(ways: Ways) -> None:
    body = "Your IP is issuing too many concurrent connections, please rate limit your calls\n"
    ways.lab.faults.append(Fault("nomad", "PUT", "acl/token", Answer(429, body, content_type="text/plain")))


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (_wrong_token, "Unexpected response code: 403 (Permission denied)"),
        (_wrong_token_on_1_4, "Unexpected response code: 403 (ACL token not found)"),
        (_client_token, "Unexpected response code: 403 (Permission denied)"),
        (_acls_off, "Unexpected response code: 400 (ACL support disabled)"),
        (_no_leader, "Unexpected response code: 500 (No cluster leader)"),
        (
            _unreachable,
            'Put "http://127.0.0.1:1/v1/acl/token": dial tcp 127.0.0.1:1: connect: connection refused',
        ),
        (
            _unresolvable,
            'Put "http://nomad.invalid:4646/v1/acl/token": dial tcp: lookup nomad.invalid: no such host',
        ),
        (_garbled, "Expecting value: line 1 column 1 (char 0)"),
        (_other_scheme, 'Put "ftp://nomad/v1/acl/token": unsupported protocol scheme "ftp"'),
        (
            _long_names,
            "Unexpected response code: 400 (token 0 invalid: 1 error occurred:\n\t* token name too long)",
        ),
        (
            _crowded,
            (
                "Unexpected response code: 429 (Your IP is issuing too many concurrent connections, "
                "please rate limit your calls)"
            ),
        ),
    ],
)
def test_what_nomad_says_to_vault_comes_back_as_a_500(ways: Ways, trouble: Callable[[Ways], None], error: str) -> None:
    """Vault wraps the text of Go's Nomad client; a capital P is Nomad's refusal of Vault (api-contract 1.5)."""
    trouble(ways)
    login = ways.login().json()["auth"]["client_token"]

    assert refusal(ways.creds(login)) == (500, [f"1 error occurred:\n\t* {error}\n\n"])
    assert ways.lab.vault.live_leases() == []


def test_a_missing_mount_is_a_404_for_root_and_a_403_for_others(calm: Ways) -> None:
    """A limited token can't tell a wrong mount from a refusal (api-contract 1.5)."""
    assert refusal(calm.vault("GET", "nomda/creds/deployer")) == (
        404,
        ['no handler for route "nomda/creds/deployer". route entry not found.'],
    )
    assert refusal(calm.vault("GET", "nomda/creds/deployer", token=calm.vault_token())) == (
        403,
        ["1 error occurred:\n\t* permission denied\n\n"],
    )


def test_the_last_use_of_a_token_gets_no_secret(ways: Ways) -> None:
    """The lease is revoked at once, and with it the Nomad token (api-contract 1.5)."""
    answer = ways.creds(ways.vault_token(num_uses=1))

    assert refusal(answer) == (
        400,
        ["Secret cannot be returned; token had one use left, so leased credentials were immediately revoked."],
    )
    assert ways.lab.nomad.live_tokens() == []
    assert ways.lab.vault.live_leases() == []


def test_access_that_was_deleted_is_gone(ways: Ways) -> None:
    """What is left are the defaults of Nomad's client, without a token (api-contract 1.2)."""
    deleted = ways.vault("DELETE", "nomad/config/access")

    assert deleted.status_code == 204
    assert refusal(ways.vault("GET", "nomad/config/access")) == (404, [])


def test_the_engine_goes_by_two_names(ways: Ways) -> None:
    """Both names of the engine can be mounted; an unknown one is not in the catalog (api-contract 3.3, 6)."""
    plugin = {"type": "openbao-plugin-secrets-nomad"}

    assert ways.vault("POST", "sys/mounts/bao", plugin).status_code == 204
    assert refusal(ways.vault("POST", "sys/mounts/x", {"type": "ldap"})) == (
        400,
        ["plugin not found in the catalog: ldap"],
    )


@pytest.mark.parametrize(("dialect", "status"), [(Dialect.VAULT, 400), (Dialect.OPENBAO, 204)])
def test_openbao_forgives_a_token_that_is_gone_already(ways: Ways, dialect: Dialect, status: int) -> None:
    """Vault's revocation fails when somebody deleted the token in Nomad; the plugin's does not (api-contract 1.6)."""
    with Lab(trust=True, dialect=dialect) as lab:
        other = Ways(lab, ways.http)
        minted = other.mint()
        other.nomad("DELETE", f"acl/token/{minted.accessor}")
        answer = other.vault("POST", "sys/leases/revoke", {"lease_id": minted.lease_id}, token=minted.vault_token)

    assert answer.status_code == status
    if status == 400:
        assert refusal(answer)[1] == [
            (
                "failed to revoke entry: resp: (*logical.Response)(nil) err: Unexpected response code: 400 "
                f"(Cannot delete nonexistent tokens: {minted.accessor})"
            )
        ]
