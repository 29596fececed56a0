"""Leases: lookup, renewal, revocation, and how they end by themselves (api-contract 1.5, 1.6)."""

from typing import Any

import pytest

from lab.ways import Minted, Ways, refusal, text
from nomad_token_lab import Answer, Fault, Silence

_NOMAD_FAILS = Answer(500, "rpc error: No cluster leader", content_type="text/plain; charset=utf-8")
_FAILED = (
    "failed to revoke entry: resp: (*logical.Response)(nil) err: "
    "Unexpected response code: 500 (rpc error: No cluster leader)"
)


def _revoke(ways: Ways, minted: Minted, **fields: Any) -> Any:  # noqa: ANN401 - an answer
    body = {"lease_id": minted.lease_id, **fields}
    return ways.vault("POST", "sys/leases/revoke", body, token=minted.vault_token)


def test_the_trusted_job_may_revoke_its_own_lease(ways: Ways) -> None:
    """Sync is the default, and Nomad's token is gone when the 204 comes; a second time is fine too."""
    minted = ways.mint()

    assert _revoke(ways, minted).status_code == 204
    assert ways.lab.nomad.live_tokens() == []
    assert _revoke(ways, minted).status_code == 204


def test_a_sync_revocation_reports_what_nomad_says(ways: Ways) -> None:
    """The lease stays when Nomad refuses, and can be revoked later."""
    minted = ways.mint()
    ways.lab.faults.append(Fault("nomad", "DELETE", "acl/token", _NOMAD_FAILS))

    assert refusal(_revoke(ways, minted)) == (400, [_FAILED])
    assert len(ways.lab.vault.live_leases()) == 1
    assert _revoke(ways, minted).status_code == 204
    assert ways.lab.vault.live_leases() == []


def test_an_async_revocation_is_queued(ways: Ways) -> None:
    """202, whether the lease exists or not."""
    minted = ways.mint()
    first = _revoke(ways, minted, sync=False)
    ways.lab.settle()

    assert first.status_code == 202
    assert ways.lab.nomad.live_tokens() == []
    assert _revoke(ways, minted, sync=False).status_code == 202


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("lookup", {"lease_id": "nomad/creds/deployer/none"}, "invalid lease"),
        ("renew", {"lease_id": "nomad/creds/deployer/none"}, "lease not found"),
        ("revoke", {}, "lease_id must be specified"),
        ("lookup", {}, "lease_id must be specified"),
        ("revoke", {"lease_id": "../../etc"}, "failed to read lease entry ../../etc: relative paths not supported"),
    ],
)
def test_a_lease_that_is_not_there_has_a_text(calm: Ways, path: str, body: dict[str, str], error: str) -> None:
    """Each of the three endpoints has its own."""
    assert refusal(calm.vault("POST", f"sys/leases/{path}", body)) == (400, [error])


def test_the_narrow_rule_lets_a_job_revoke_no_other_lease(calm: Ways) -> None:
    """`allowed_parameters` holds the job to leases of its own role."""
    token = calm.vault_token()
    foreign = calm.vault("POST", "sys/leases/revoke", {"lease_id": "database/creds/x/y"}, token=token)
    odd = calm.vault("POST", "sys/leases/revoke", {"lease_id": "nomad/creds/deployer/y", "x": 1}, token=token)

    assert refusal(foreign) == (403, ["1 error occurred:\n\t* permission denied\n\n"])
    assert odd.status_code == 403


def test_the_default_policy_does_not_allow_lease_revocation(ways: Ways) -> None:
    """With `default` and creds alone, revoke-self works and lease revocation is refused."""
    ways.vault("PUT", "sys/policies/acl/nomad-deployer", {"policy": 'path "nomad/creds/*" {capabilities=["read"]}'})
    minted = ways.mint()
    paths = {"paths": ["sys/leases/revoke", "nomad/creds/deployer"]}
    capabilities = ways.vault("POST", "sys/capabilities-self", paths, token=minted.vault_token).json()

    assert capabilities["data"] == {"sys/leases/revoke": ["deny"], "nomad/creds/deployer": ["read"]}
    assert _revoke(ways, minted).status_code == 403
    assert ways.vault("POST", "auth/token/revoke-self", token=minted.vault_token).status_code == 204
    assert ways.lab.nomad.live_tokens() == []


def test_a_token_without_the_default_policy_can_not_be_cleaned_up_early(ways: Ways) -> None:
    """Neither revoke-self nor lease revocation is allowed to it."""
    ways.vault("PUT", "sys/policies/acl/nomad-deployer", {"policy": 'path "nomad/creds/*" {capabilities=["read"]}'})
    minted = ways.mint(ways.vault_token(no_default_policy=True))

    assert _revoke(ways, minted).status_code == 403
    assert ways.vault("POST", "auth/token/revoke-self", token=minted.vault_token).status_code == 403


def test_a_lease_ends_with_its_time_and_takes_the_nomad_token_along(ways: Ways) -> None:
    """Nomad's token has no end of its own: Vault deletes it when the lease is over."""
    ways.vault("POST", "nomad/config/lease", {"ttl": "60s"})
    minted = ways.mint()
    ways.lab.advance(59)
    before = ways.nomad("GET", "acl/token/self", token=minted.secret).status_code
    ways.lab.advance(2)

    assert before == 200
    assert text(ways.nomad("GET", "acl/token/self", token=minted.secret)) == (403, "Permission denied")
    assert ways.lab.vault.live_leases() == []
    assert len(ways.lab.vault.live_tokens()) == 1


def test_a_lease_ends_with_the_login_however_long_it_was_said_to_be(ways: Ways) -> None:
    """A service token's lease reports its own life and dies with the token (api-contract 1.5, 1.6)."""
    token = ways.vault_token(ttl="5s")
    creds = ways.creds(token).json()
    lease = {"lease_id": creds["lease_id"], "increment": 300}
    renewed = ways.vault("POST", "sys/leases/renew", lease, token=token).json()
    ways.lab.advance(6)

    assert creds["lease_duration"] == 1800
    assert renewed["lease_duration"] == 300
    assert ways.lab.nomad.live_tokens() == []
    assert refusal(ways.vault("POST", "sys/leases/lookup", lease)) == (400, ["invalid lease"])


def test_a_renewal_is_capped_from_the_issue(ways: Ways) -> None:
    """Beyond max_ttl it is 200 with a warning; nothing is sent to Nomad."""
    minted = ways.mint()
    ways.lab.advance(1000)
    ways.lab.requests.clear()
    body = {"lease_id": minted.lease_id, "increment": "2h"}
    renewed = ways.vault("POST", "sys/leases/renew", body, token=minted.vault_token).json()
    found = ways.vault("POST", "sys/leases/lookup", body, token=minted.vault_token).json()["data"]

    assert 2590 <= renewed["lease_duration"] <= 2600
    assert "exceeded the effective max_ttl" in renewed["warnings"][0]
    assert renewed["lease_id"] == minted.lease_id
    assert found["last_renewal"] is not None
    assert [seen.server for seen in ways.lab.requests] == ["vault", "vault"]


def test_revoke_self_answers_204_even_when_nomad_refuses(ways: Ways) -> None:
    """The lease stays and is tried again in the background: 204 proves nothing (api-contract 3.2)."""
    minted = ways.mint()
    ways.lab.faults.append(Fault("nomad", "DELETE", "acl/token", _NOMAD_FAILS))
    answer = ways.vault("POST", "auth/token/revoke-self", token=minted.vault_token)
    (lease,) = ways.lab.vault.live_leases()
    alive = ways.nomad("GET", "acl/token/self", token=minted.secret).status_code
    ways.lab.advance(11)

    assert answer.status_code == 204
    assert lease.revoke_error == "Unexpected response code: 500 (rpc error: No cluster leader)"
    assert alive == 200
    assert ways.lab.nomad.live_tokens() == []


def test_a_lease_that_can_not_be_revoked_is_given_up(ways: Ways) -> None:
    """After six tries Vault leaves it for an operator (api-contract 1.6)."""
    minted = ways.mint()
    ways.lab.faults.append(Fault("nomad", "DELETE", "acl/token", _NOMAD_FAILS, times=None))
    ways.vault("POST", "auth/token/revoke-self", token=minted.vault_token)
    for _ in range(8):
        ways.lab.advance(3600)
    (lease,) = ways.lab.vault.live_leases()

    assert lease.is_irrevocable
    assert lease.tries == 6
    assert [token.accessor for token in ways.lab.nomad.live_tokens()] == [minted.accessor]


def test_revoke_self_does_not_wait_for_a_slow_nomad(ways: Ways) -> None:
    """The leases are queued; the answer comes before Nomad's."""
    minted = ways.mint()
    ways.lab.faults.append(Fault("nomad", "DELETE", "acl/token", Silence(3)))
    answer = ways.vault("POST", "auth/token/revoke-self", token=minted.vault_token)

    assert answer.status_code == 204
    assert answer.elapsed.total_seconds() < 2.5
    assert len(ways.lab.vault.live_leases()) == 1


def test_leases_can_be_listed_by_prefix(ways: Ways) -> None:
    """LIST shows the next part of the path; nothing below a prefix is an empty 404."""
    minted = ways.mint()

    assert ways.vault("LIST", "sys/leases/lookup/nomad").json()["data"]["keys"] == ["creds/"]
    assert ways.vault("LIST", "sys/leases/lookup/nomad/creds/deployer").json()["data"]["keys"] == [
        minted.lease_id.rpartition("/")[2]
    ]
    assert refusal(ways.vault("LIST", "sys/leases/lookup/other")) == (404, [])
    assert ways.vault("LIST", "sys/leases/lookup/nomad", token=minted.vault_token).status_code == 403


def test_unmounting_the_engine_revokes_its_leases(ways: Ways) -> None:
    """Nothing that a mount has issued outlives it."""
    ways.mint()

    assert ways.vault("DELETE", "sys/mounts/nomad").status_code == 204
    assert ways.lab.nomad.live_tokens() == []
    assert refusal(ways.vault("GET", "sys/mounts/nomad")) == (400, ["No secret engine mount at nomad/"])
