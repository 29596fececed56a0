"""Leases and the tokens that they hang on: renewed, revoked, and ended together (api-contract 1.6, 3.2)."""

import time
from typing import Final

import httpx
import pytest

from answers import done, error, looked_up, token_of, within
from conformance.road import CREDS, Job, Kept
from conformance.targets import Served
from nomad_token.said import FromNomad, FromVault
from nomad_token_lab import Lab

REVOKE: Final = "sys/leases/revoke"
DENIED: Final = (403, ["1 error occurred:\n\t* permission denied\n\n"])
says = pytest.mark.says


# leases


def test_a_sync_revoke_ends_the_token_before_it_answers(job: Job, root: httpx.Client, lab: Lab) -> None:
    """204 of a revoke with `sync` means that Nomad has deleted the token; a second time is 204 too (1.6)."""
    token = token_of(job.login())
    minted = job.mint(token)
    answer = job.revoke(token, minted, sync=True)

    assert answer.status_code == 204
    assert lab.nomad.live_tokens() == []
    assert looked_up(root, minted) == 400
    assert job.revoke(token, minted, sync=True).status_code == 204


def test_sync_is_the_default(job: Job, lab: Lab) -> None:
    """Without `sync` the answer comes after the deletion too, against what the docs say (api-contract 1.6)."""
    token = token_of(job.login())
    answer = job.revoke(token, job.mint(token))

    assert answer.status_code == 204
    assert lab.nomad.live_tokens() == []


def test_a_revoke_that_is_queued_is_202(job: Job, lab: Lab) -> None:
    """With `sync` off the answer is 202 for a lease that is there (api-contract 1.6)."""
    token = token_of(job.login())
    minted = job.mint(token)

    assert job.revoke(token, minted, sync=False).status_code == 202
    assert within(30, lambda: not lab.nomad.live_tokens())


def test_a_revoke_that_is_queued_for_nothing(root: httpx.Client) -> None:
    """A queued revoke of no lease is 202 too: it does not tell that there was one."""
    nothing = {"lease_id": f"{CREDS}/{'x' * 24}"}

    assert root.post(REVOKE, json={**nothing, "sync": False}).status_code == 202
    assert root.post(REVOKE, json={**nothing, "sync": True}).status_code == 204


@says(FromVault.NOT_REVOKED)
def test_a_sync_revoke_that_nomad_refuses(job: Job, root: httpx.Client, lab: Lab) -> None:
    """Nomad's refusal comes as 400, and the lease stays (api-contract 1.6)."""
    token = token_of(job.login())
    minted = job.mint(token)
    lab.nomad.leader = False
    answer = job.revoke(token, minted, sync=True)
    kept = looked_up(root, minted)
    lab.nomad.leader = True

    text = "resp: (*logical.Response)(nil) err: Unexpected response code: 500 (No cluster leader)"
    assert error(answer) == (400, [f"failed to revoke entry: {text}"])
    assert kept == 200
    assert job.revoke(token, minted, sync=True).status_code == 204
    assert lab.nomad.live_tokens() == []


@says(FromNomad.ALREADY_GONE, on=("vault", "lab-vault"))
def test_a_token_deleted_by_hand_keeps_its_lease(job: Job, served: Served, root: httpx.Client, lab: Lab) -> None:
    """Vault can't revoke the lease of a token that is gone: 400 each time; OpenBao's own plugin can (1.6, trap 7)."""
    token = token_of(job.login())
    minted = job.mint(token)
    accessor = minted["data"]["accessor_id"]
    lab.nomad.delete_token(accessor)
    answer = job.revoke(token, minted, sync=True)

    if served.has_openbaos_engine:
        assert answer.status_code == 204
        assert looked_up(root, minted) == 400
    else:
        gone = f"Unexpected response code: 400 (Cannot delete nonexistent tokens: {accessor})"
        text = f"failed to revoke entry: resp: (*logical.Response)(nil) err: {gone}"
        assert error(answer) == (400, [text])
        assert looked_up(root, minted) == 200


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "lease_id must be specified"),
        ({"lease_id": "../../etc"}, "failed to read lease entry ../../etc: relative paths not supported"),
    ],
)
def test_a_lease_id_that_is_none(root: httpx.Client, body: dict[str, str], text: str) -> None:
    """A missing and a crooked lease id are 400 (api-contract 1.6)."""
    assert error(root.post(REVOKE, json=body)) == (400, [text])


def test_the_id_may_stand_in_the_path(job: Job, served: Served, root: httpx.Client, lab: Lab) -> None:
    """`sys/leases/revoke/<id>` does the same, and in Vault the old `sys/revoke` too (api-contract 1.6)."""
    token = token_of(job.login())
    first, second = job.mint(token), job.mint(token)

    assert root.put(f"{REVOKE}/{first['lease_id']}").status_code == 204
    old = root.put("sys/revoke", json={"lease_id": second["lease_id"]})
    if served.is_openbao:
        assert error(old) == (404, ["1 error occurred:\n\t* unsupported path\n\n"])
        assert len(lab.nomad.live_tokens()) == 1
    else:
        assert old.status_code == 204
        assert lab.nomad.live_tokens() == []


def test_a_lease_is_renewed_without_nomad(job: Job, lab: Lab) -> None:
    """Renewing tells Nomad nothing; what exceeds `max_ttl` is capped with a warning (api-contract 1.6)."""
    token = token_of(job.login())
    minted = job.mint(token)
    lab.requests.clear()
    body = {"lease_id": minted["lease_id"], "increment": 7200}
    renewed = job.anonymous.post("sys/leases/renew", json=body, headers=token).raise_for_status().json()

    assert 3595 <= renewed["lease_duration"] <= 3600
    assert len(renewed["warnings"]) == 1
    assert renewed["warnings"][0].startswith('TTL of "2h" exceeded the effective max_ttl of "')
    assert [one for one in lab.requests if one.server == "nomad"] == []


# who may revoke


@pytest.mark.parametrize(("role", "capability"), [("other", "deny"), ("deploy-app", "update")])
def test_capabilities_tell_whether_a_lease_may_be_revoked(job: Job, role: str, capability: str) -> None:
    """The default policy lets a token ask, and not revoke a lease; a rule with `allowed_parameters` counts (1.6)."""
    job.login_on()
    paths = {"paths": [REVOKE]}
    answer = job.anonymous.post("sys/capabilities-self", json=paths, headers=token_of(job.login(role)))

    assert answer.json()["data"][REVOKE] == [capability]


def test_the_narrow_rule_covers_our_own_leases_alone(job: Job, root: httpx.Client, kept: Kept) -> None:
    """`allowed_parameters` let a job revoke the leases of its role, and no others."""
    token = token_of(job.login())
    done(root.put("nomad/role/elsewhere", json={"policies": "deployer"}))
    foreign = root.get("nomad/creds/elsewhere").raise_for_status().json()

    assert error(job.revoke(token, foreign, sync=True)) == DENIED
    assert error(job.revoke(token, job.mint(token), sync=True, other=1)) == DENIED
    assert job.revoke(token, job.mint(token), sync=True).status_code == 204
    assert kept(foreign).name.startswith("vault-elsewhere-")


def test_without_the_rule_a_lease_revoke_is_403(job: Job) -> None:
    """A login with creds alone may not revoke its own lease (api-contract 1.6)."""
    token = job.login_on()

    assert error(job.revoke(token, job.mint(token), sync=True)) == DENIED


def test_revoke_self_takes_the_lease_along(job: Job, root: httpx.Client, lab: Lab, served: Served) -> None:
    """204, and Nomad's token, the lease and the login token are gone (api-contract 3.2)."""
    token = job.login_on()
    minted = job.mint(token)
    answer = job.anonymous.post("auth/token/revoke-self", headers=token)

    assert answer.status_code == 204
    assert within(30, lambda: not lab.nomad.live_tokens())
    assert within(30, lambda: looked_up(root, minted) == 400)
    again = job.anonymous.post("auth/token/revoke-self", headers=token)
    assert error(again) == (403, [served.bad_token])


def test_revoke_self_hides_a_nomad_that_refuses(job: Job, root: httpx.Client, lab: Lab) -> None:
    """204 of revoke-self proves nothing: with a Nomad that refuses, token and lease live on (api-contract 3.2)."""
    token = job.login_on()
    minted = job.mint(token)
    lab.nomad.leader = False
    answer = job.anonymous.post("auth/token/revoke-self", headers=token)
    time.sleep(0.3)

    assert answer.status_code == 204
    assert len(lab.nomad.live_tokens()) == 1
    assert looked_up(root, minted) == 200


def test_a_batch_token_cannot_be_revoked(job: Job, lab: Lab) -> None:
    """A batch token is not revoked and not renewed, and what it leased lives on (api-contract 3.2)."""
    token = job.login_on(token_type="batch", token_ttl="5m")
    job.mint(token)
    revoked = job.anonymous.post("auth/token/revoke-self", headers=token)
    renewed = job.anonymous.post("auth/token/renew-self", headers=token)

    assert error(revoked) == (400, ["batch tokens cannot be revoked"])
    assert error(renewed) == (400, ["batch tokens cannot be renewed"])
    assert len(lab.nomad.live_tokens()) == 1


def test_a_batch_token_may_revoke_its_lease(job: Job, lab: Lab) -> None:
    """Where a policy lets it, a lease of a batch token is revoked like any other (trap 4)."""
    token = job.login_on(token_type="batch", token_ttl="5m", token_policies=["nomad-deployer"])
    answer = job.revoke(token, job.mint(token), sync=True)

    assert answer.status_code == 204
    assert lab.nomad.live_tokens() == []


def test_the_token_ends_with_its_login(job: Job, lab: Lab) -> None:
    """When the login token has met its end, the lease is revoked, however long it was said to live (1.6, trap 4)."""
    job.mint(job.login_on(token_ttl="2s"))
    before = len(lab.nomad.live_tokens())

    assert before == 1
    assert within(30, lambda: not lab.nomad.live_tokens())


# renewals


def test_renew_self_grows_to_its_cap_and_no_further(job: Job) -> None:
    """An increment is honoured up to `token_max_ttl` from the login; more is a 200 that warns (3.2)."""
    token = token_of(job.login())
    some = job.anonymous.post("auth/token/renew-self", json={"increment": "45m"}, headers=token).json()
    more = job.anonymous.post("auth/token/renew-self", json={"increment": "2h"}, headers=token).json()
    plain = job.anonymous.post("auth/token/renew-self", json={}, headers=token).json()

    assert some["auth"]["lease_duration"] == 2700
    assert 3595 <= more["auth"]["lease_duration"] <= 3600
    assert "exceeded the effective max_ttl" in more["warnings"][0]
    assert plain["auth"]["lease_duration"] == 1800


def test_a_lease_without_increment_begins_anew(job: Job) -> None:
    """Without `increment` a lease is renewed for the engine's `ttl` from now, and capped by `max_ttl` (1.6)."""
    token = token_of(job.login())
    done(job.root.put("nomad/config/lease", json={"ttl": "20s", "max_ttl": "25s"}))
    minted = job.mint(token)
    body = {"lease_id": minted["lease_id"]}
    renewed = job.anonymous.post("sys/leases/renew", json=body, headers=token).json()

    assert (minted["lease_duration"], renewed["lease_duration"]) == (20, 20)
    assert renewed["lease_id"] == minted["lease_id"]


@says(FromVault.NO_LEASE)
def test_a_lease_that_is_gone_is_not_found(job: Job, root: httpx.Client) -> None:
    """Looking up what was revoked is 400 `invalid lease`; what is there has its times (1.6)."""
    token = token_of(job.login())
    minted = job.mint(token)
    there = root.post("sys/leases/lookup", json={"lease_id": minted["lease_id"]}).json()["data"]
    done(job.revoke(token, minted, sync=True))

    assert there["id"] == minted["lease_id"]
    assert there["issue_time"] < there["expire_time"]
    assert there["renewable"] is True
    assert error(root.post("sys/leases/lookup", json={"lease_id": minted["lease_id"]})) == (400, ["invalid lease"])


def test_leases_are_listed_by_their_role(job: Job, root: httpx.Client) -> None:
    """The keys are what follows the prefix; where there is none it is a 404 without a word (1.6)."""
    token = token_of(job.login())
    minted = job.mint(token)
    prefix, _, key = minted["lease_id"].rpartition("/")
    listed = root.get(f"sys/leases/lookup/{prefix}/?list=true").json()["data"]["keys"]

    assert key in listed
    assert error(root.get(f"sys/leases/lookup/{prefix}x/?list=true")) == (404, [])


@says(FromVault.LEASE_NOT_FOUND)
def test_a_lease_that_is_gone_is_not_renewed(job: Job) -> None:
    """Renewing what was revoked is 400 `lease not found` (1.6)."""
    token = token_of(job.login())
    minted = job.mint(token)
    done(job.revoke(token, minted, sync=True))
    answer = job.anonymous.post("sys/leases/renew", json={"lease_id": minted["lease_id"]}, headers=token)

    assert error(answer) == (400, ["lease not found"])


def test_an_expired_token_is_an_unknown_one(job: Job, served: Served) -> None:
    """A login that has met its end is told in the words of one that never was (3.1)."""
    token = job.login_on(token_ttl="1s", token_max_ttl="1s")
    ended = within(30, lambda: job.anonymous.get("auth/token/lookup-self", headers=token).is_error)
    answer = job.creds(token)

    assert ended
    assert error(answer) == (403, [served.bad_token])


def test_a_child_falls_with_its_parent(job: Job, lab: Lab) -> None:
    """Revoking a token revokes its children, and their leases (3.2)."""
    made = job.root.post("auth/token/create", json={"policies": ["root"]})
    parent = token_of(made)
    child = token_of(job.anonymous.post("auth/token/create", json={"policies": ["creds-only"]}, headers=parent))
    job.mint(child)
    answer = job.anonymous.post("auth/token/revoke-self", headers=parent)

    assert answer.status_code == 204
    assert within(30, lambda: not lab.nomad.live_tokens())
    assert job.anonymous.get("auth/token/lookup-self", headers=child).status_code == 403


# sealed


@says(FromVault.SEALED)
def test_a_sealed_server_is_503(sealed: httpx.Client) -> None:
    """A sealed server answers every call with 503, a login too, and so does its health (3.1)."""
    login = sealed.post("auth/jwt/login", json={"role": "ci", "jwt": "a.b.c"})
    health = sealed.get("sys/health")

    assert error(login) == (503, ["Vault is sealed"])
    assert (health.status_code, health.json()["initialized"], health.json()["sealed"]) == (503, True, True)
