"""The road: trust, id token, login, creds, use, revoke, proof."""

import httpx
import pytest

from lab.ways import Ways, text
from nomad_token_lab import Dialect, Lab, Profile


def test_a_job_deploys_with_its_id_token_alone(ways: Ways) -> None:
    """Login and creds give a token of the role's policies, under a lease of its own (api-contract 1.5, 3.2)."""
    login = ways.login().json()
    creds = ways.creds(login["auth"]["client_token"]).json()
    own = ways.nomad("GET", "acl/token/self", token=creds["data"]["secret_id"]).json()
    deployed = ways.nomad("PUT", "jobs", {"Job": {"ID": "app"}}, token=creds["data"]["secret_id"])

    assert login["data"] is None
    assert login["lease_id"] == ""
    assert login["auth"]["token_policies"] == ["default", "nomad-deployer"]
    assert login["auth"]["lease_duration"] == 1800
    assert login["auth"]["metadata"] == {"role": "deploy-app"}
    assert login["auth"]["orphan"] is True
    assert creds["lease_id"].startswith("nomad/creds/deployer/")
    assert creds["lease_duration"] == 1800
    assert creds["renewable"] is True
    assert creds["mount_type"] == "nomad"
    assert own["AccessorID"] == creds["data"]["accessor_id"]
    assert own["Name"].startswith("vault-deployer-jwt-octo-org/octo-app-")
    assert (own["Type"], own["Policies"], own["ExpirationTime"]) == ("client", ["deployer"], None)
    assert deployed.status_code == 200
    assert ("default", "app") in ways.lab.nomad.jobs


@pytest.mark.parametrize(
    ("profile", "answer"),
    [
        (Profile.UP_TO_1_4, (404, "ACL token not found")),
        (Profile.FROM_1_5, (404, "ACL token not found")),
        (Profile.FROM_1_10_1, (403, "Permission denied")),
    ],
)
def test_revoke_self_takes_the_lease_along(ways: Ways, profile: Profile, answer: tuple[int, str]) -> None:
    """After revoke-self the Nomad token is gone, and refused in the words of the version (api-contract 2.5, 3.2)."""
    ways.lab.nomad.profile = profile
    minted = ways.mint()
    alive = [token.accessor for token in ways.lab.nomad.live_tokens()]
    revoked = ways.vault("POST", "auth/token/revoke-self", token=minted.vault_token)

    assert alive == [minted.accessor]
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert ways.lab.nomad.live_tokens() == []
    assert ways.lab.vault.live_leases() == []
    assert ways.lab.vault.live_tokens() == []
    assert text(ways.nomad("GET", "acl/token/self", token=minted.secret)) == answer


def test_nothing_is_alive_or_recorded_when_a_trusted_lab_starts(calm: Ways) -> None:
    """Setting up leaves no request in the record, and its tokens out of what is alive."""
    with Lab(trust=True) as lab:
        assert lab.requests == []
        assert lab.nomad.live_tokens() == []
        assert lab.vault.live_tokens() == []
    assert calm.lab.nomad.tokens


def test_requests_are_recorded_in_order_and_the_labs_own_are_marked(ways: Ways) -> None:
    """A test sees what the client asked, apart from what Vault asked on its behalf."""
    ways.mint()
    asked = [(seen.server, seen.method, seen.path, seen.status) for seen in ways.lab.requests if not seen.internal]
    behind = [(seen.server, seen.path) for seen in ways.lab.requests if seen.internal]

    assert asked == [
        ("vault", "POST", "/v1/auth/jwt/login", 200),
        ("vault", "GET", "/v1/nomad/creds/deployer", 200),
    ]
    assert behind == [
        ("github", "/.well-known/openid-configuration"),
        ("github", "/.well-known/jwks"),
        ("nomad", "/v1/acl/token"),
    ]


def test_secrets_have_the_form_of_the_product(http: httpx.Client) -> None:
    """Vault's tokens begin `hvs.`, OpenBao's `s.`, and only Vault tells the mount's type (api-contract 1.5, 3.2)."""
    with Lab(trust=True, dialect=Dialect.OPENBAO) as lab:
        bao = Ways(lab, http).login().json()
    with Lab(trust=True) as lab:
        vault = Ways(lab, http).login().json()

    assert bao["auth"]["client_token"].startswith("s.")
    assert "mount_type" not in bao
    assert vault["auth"]["client_token"].startswith("hvs.")
    assert "mount_type" in vault


def test_no_secret_is_in_a_repr(ways: Ways) -> None:
    """What a failing test prints of the lab's state holds no secret."""
    minted = ways.mint()
    shown = repr([*ways.lab.nomad.live_tokens(), *ways.lab.vault.live_tokens(), *ways.lab.vault.live_leases()])

    assert minted.accessor in shown
    assert minted.secret not in shown
    assert minted.vault_token not in shown
