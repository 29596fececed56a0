"""The trust of the roads without Vault, from an id token to a job and from a management token to a token."""

from collections.abc import Mapping

import httpx
import pytest

from lab.ways import Ways, text
from nomad_token_lab import Lab
from nomad_token_lab.nomad_trust import Made, NomadTrust, nomad_trust

_AUDIENCE = "https://nomad.test"


def _trusted(lab: Lab) -> Made:
    with lab.nomad_client() as nomad:
        return nomad_trust(NomadTrust(oidc_discovery_url=lab.github.addr, audience=_AUDIENCE), nomad)


def _login(ways: Ways, made: Made, claims: Mapping[str, str]) -> httpx.Response:
    ways.lab.github.claims = dict(claims)
    id_token = ways.lab.github.id_token(_AUDIENCE).get_secret_value()
    return ways.nomad("POST", "acl/login", {"AuthMethodName": made.auth_method, "LoginToken": id_token}, token="")


def test_a_push_to_main_may_deploy(http: httpx.Client) -> None:
    """The login's token has the role, is named for its run, and submits a job."""
    with Lab() as lab:
        ways = Ways(lab, http)
        made = _trusted(lab)
        token = _login(ways, made, {}).json()
        job = ways.nomad("PUT", "jobs", {"Job": {"ID": "app"}}, token=token["SecretID"])

    assert [role["Name"] for role in token["Roles"]] == [made.role]
    assert token["Name"] == "github-octo-org/octo-app-1234567890"
    assert job.status_code == 200


@pytest.mark.parametrize(
    "claims", [{"event_name": "pull_request"}, {"ref": "refs/heads/dev"}, {"repository_id": "1"}], ids=str
)
def test_nobody_else_may(http: httpx.Client, claims: Mapping[str, str]) -> None:
    """Another repository, branch or event is bound to nothing."""
    with Lab() as lab:
        ways = Ways(lab, http)
        refused = _login(ways, _trusted(lab), claims)

    assert text(refused) == (400, "no role or policy bindings matched")


def test_the_management_token_mints_and_deletes(http: httpx.Client) -> None:
    """It is what `nomad-management` asks with; a second setup on the same server is refused."""
    with Lab() as lab:
        ways = Ways(lab, http)
        made = _trusted(lab)
        manager = made.management_token.get_secret_value()
        wanted = {"Name": "x", "Type": "client", "Roles": [{"Name": made.role}], "ExpirationTTL": 1800 * 10**9}
        token = ways.nomad("POST", "acl/token", wanted, token=manager).json()
        deleted = ways.nomad("DELETE", f"acl/token/{token['AccessorID']}", token=manager)
        with pytest.raises(httpx.HTTPStatusError, match="role with name deployer already exists"):
            _trusted(lab)

    assert token["Policies"] is None
    assert text(deleted) == (200, "")
    assert manager not in repr(made)
