"""What the real Vault's Nomad engine answers on the road of a mint and a revoke, and the lab's Vault after it."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr

from answers import done, error, given, looked_up, token_of, within
from nomad_token_lab import CLOSE, Fault, Lab, Trust, trust
from nomad_token_lab.nomad.tokens import Token

AUDIENCE: Final = "https://vault.test"
CREDS: Final = "nomad/creds/deployer"
REVOKE: Final = "sys/leases/revoke"
DENIED: Final = (403, ["1 error occurred:\n\t* permission denied\n\n"])


@dataclass(frozen=True)
class Served:
    """A Vault under test: the real one, or the lab's; `bad_token` is its text for a token that it does not know."""

    addr: str
    root_token: SecretStr
    bad_token: str


def rooted(base_url: str, token: SecretStr) -> httpx.Client:
    """Return a client with the root token."""
    return httpx.Client(base_url=base_url, headers={"X-Vault-Token": token.get_secret_value()}, trust_env=False)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab of its own: the Nomad behind the Vault under test, and the issuer in front of it."""
    with Lab() as running:
        yield running


@pytest.fixture(params=["vault", "lab"])
def served(request: pytest.FixtureRequest, lab: Lab) -> Iterator[Served]:
    """The real Vault, then the lab's, which must say the same."""
    if request.param == "lab":
        # The lab speaks the words that Vault has had since 1.17 (api-contract 3.1).
        unknown = "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"
        yield Served(lab.vault.addr, lab.root_token, unknown)
        return
    real = request.getfixturevalue("real_vault")
    yield Served(real.addr, real.root_token, "permission denied")
    with rooted(real.addr, real.root_token) as vault:
        # Forced, because a deletion that Nomad refused in the test would keep the mount.
        for method, path in ("PUT", "leases/revoke-force/nomad"), ("DELETE", "mounts/nomad"), ("DELETE", "auth/jwt"):
            done(vault.request(method, f"/v1/sys/{path}"))


@pytest.fixture
def anonymous(served: Served) -> Iterator[httpx.Client]:
    """A client that sends no token."""
    with httpx.Client(base_url=f"{served.addr}/v1/", trust_env=False) as client:
        yield client


@pytest.fixture
def root(served: Served) -> Iterator[httpx.Client]:
    """A client with the root token."""
    with rooted(f"{served.addr}/v1/", served.root_token) as client:
        yield client


@pytest.fixture(autouse=True)
def _trust(served: Served, lab: Lab, root: httpx.Client) -> None:
    """The trust that the lab sets up, on the Vault under test."""
    settings = Trust(oidc_discovery_url=lab.github.addr, audience=AUDIENCE, nomad_address=lab.nomad.addr)
    with rooted(served.addr, served.root_token) as vault, lab.nomad_client() as nomad:
        trust(settings, vault=vault, nomad=nomad)
    done(root.put("sys/policies/acl/creds-only", json={"policy": f'path "{CREDS}" {{ capabilities = ["read"] }}'}))
    lab.mark()


@dataclass(frozen=True)
class Job:
    """A job that has an id token and nothing else."""

    anonymous: httpx.Client
    root: httpx.Client
    lab: Lab

    def login(self, role: str | None = "deploy-app", **claims: object) -> httpx.Response:
        """Log in with an id token that has these *claims* besides, None taking one away."""
        self.lab.github.claims = claims
        body = {"jwt": self.lab.github.id_token(AUDIENCE).get_secret_value()}
        return self.anonymous.post("auth/jwt/login", json=body if role is None else {**body, "role": role})

    def login_on(self, **terms: object) -> dict[str, str]:
        """Log in at a role that may read creds and differs from the usual one in *terms*; return the token's header."""
        role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": [AUDIENCE]}
        policies = {"token_policies": ["creds-only"]}
        done(self.root.post("auth/jwt/role/other", json={**role, **policies, **terms}))
        return token_of(self.login("other"))

    def mint(self, token: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer of creds."""
        minted: dict[str, Any] = self.anonymous.get(CREDS, headers=token).raise_for_status().json()
        return minted

    def revoke(self, token: Mapping[str, str], lease: Mapping[str, Any], **how: object) -> httpx.Response:
        """Revoke *lease*."""
        return self.anonymous.post(REVOKE, json={"lease_id": lease["lease_id"], **how}, headers=token)


@pytest.fixture
def job(anonymous: httpx.Client, root: httpx.Client, lab: Lab) -> Job:
    """A job of the repository that is trusted."""
    return Job(anonymous, root, lab)


def nomad_token(lab: Lab, minted: Mapping[str, Any]) -> Token | None:
    """Return what Nomad knows of the token that was minted."""
    return lab.nomad.by_secret(minted["data"]["secret_id"])


def nomad_says(text: str) -> tuple[int, list[str]]:
    """Return how Vault's creds words an error of Nomad's."""
    return 500, [f"1 error occurred:\n\t* Unexpected response code: {text}\n\n"]


# creds


def test_creds_are_a_nomad_token_and_a_lease(job: Job, lab: Lab) -> None:
    """Creds hold accessor and secret alone, under a lease with the configured life (api-contract 1.5)."""
    minted = job.mint(token_of(job.login()))
    kept = nomad_token(lab, minted)

    assert set(minted["data"]) == {"accessor_id", "secret_id"}
    assert re.fullmatch(r"nomad/creds/deployer/[A-Za-z0-9]{24}", minted["lease_id"])
    assert (minted["lease_duration"], minted["renewable"], minted["warnings"]) == (1800, True, None)
    assert (minted["wrap_info"], minted["auth"]) == (None, None)
    assert kept is not None
    assert kept.accessor == minted["data"]["accessor_id"]


def test_nomad_is_told_for_whom_and_no_end(job: Job, lab: Lab) -> None:
    """The name tells role, login and nanosecond; Nomad knows no expiry: only the lease ends the token (1.5)."""
    kept = nomad_token(lab, job.mint(token_of(job.login())))

    assert kept is not None
    assert re.fullmatch(r"vault-deployer-jwt-octo-org/octo-app-\d{19}", kept.name)
    assert (kept.type, kept.policies, kept.is_global, kept.expires) == ("client", ("deployer",), False, None)


def test_an_unset_lease_means_768_hours(job: Job, root: httpx.Client) -> None:
    """Without config/lease the life is the system's, 32 days (api-contract 1.5)."""
    done(root.delete("nomad/config/lease"))

    assert job.mint(token_of(job.login()))["lease_duration"] == 768 * 3600


def test_a_capped_life_is_a_warning(job: Job, root: httpx.Client) -> None:
    """A `ttl` above `max_ttl` is accepted, and capped with a warning in a 200 (api-contract 1.5)."""
    done(root.put("nomad/config/lease", json={"ttl": "1h", "max_ttl": "45s"}))
    minted = job.mint(token_of(job.login()))

    assert minted["lease_duration"] == 45
    assert minted["warnings"] == [
        'TTL of "1h" exceeded the effective max_ttl of "45s"; TTL value is capped accordingly'
    ]


@pytest.mark.parametrize(("kind", "longest"), [("service", 1800), ("batch", 5)])
def test_a_lease_may_be_said_to_outlive_its_token(job: Job, kind: str, longest: int) -> None:
    """A lease of a batch token is capped by the token's life, that of a service token is not (api-contract 1.5)."""
    minted = job.mint(job.login_on(token_type=kind, token_ttl="5s"))

    assert longest - 1 <= minted["lease_duration"] <= longest


def test_an_unknown_policy_of_nomads_is_not_noticed(job: Job, root: httpx.Client) -> None:
    """Neither Vault nor Nomad minds a policy that does not exist (api-contract 1.5, 2.4)."""
    done(root.put("nomad/role/deployer", json={"policies": "nothing-there"}))

    assert job.mint(token_of(job.login()))["data"]["secret_id"]


def test_a_namespace_header_is_ignored(job: Job, anonymous: httpx.Client) -> None:
    """Vault's community edition has no namespaces, and does not look at the header (api-contract 3.1)."""
    headers = {**token_of(job.login()), "X-Vault-Namespace": "nowhere"}

    assert anonymous.get(CREDS, headers=headers).status_code == 200


# creds, refused


def test_no_such_role_in_the_engine(job: Job, root: httpx.Client) -> None:
    """A role that the engine does not know is 400 (api-contract 1.5)."""
    done(root.delete("nomad/role/deployer"))
    answer = job.anonymous.get(CREDS, headers=token_of(job.login()))

    assert error(answer) == (400, ['role "deployer" not found'])


def test_the_plural_is_no_path(job: Job, root: httpx.Client) -> None:
    """`nomad/roles/…` is 404 to root; what it was to write is then missing (api-contract 1.1)."""
    done(root.delete("nomad/role/deployer"))
    written = root.post("nomad/roles/deployer", json={"policies": "deployer"})

    assert error(written) == (404, ["1 error occurred:\n\t* unsupported path\n\n"])
    assert error(job.anonymous.get(CREDS, headers=token_of(job.login()))) == (400, ['role "deployer" not found'])


def test_nomad_refuses_vault(job: Job, root: httpx.Client, lab: Lab) -> None:
    """A management token that Nomad does not know is 500, with Nomad's capital P inside (api-contract 1.5)."""
    unknown = "00000000-0000-4000-8000-000000000000"
    done(root.put("nomad/config/access", json={"address": lab.nomad.addr, "token": unknown}))

    assert error(job.anonymous.get(CREDS, headers=token_of(job.login()))) == nomad_says("403 (Permission denied)")


def test_nomad_is_not_there(job: Job, root: httpx.Client) -> None:
    """Go's text of a refused connection comes with 500 (api-contract 1.5)."""
    done(root.put("nomad/config/access", json={"address": "http://127.0.0.1:9"}))
    answer = job.anonymous.get(CREDS, headers=token_of(job.login()))

    reason = "dial tcp 127.0.0.1:9: connect: connection refused"
    assert error(answer) == (500, [f'1 error occurred:\n\t* Put "http://127.0.0.1:9/v1/acl/token": {reason}\n\n'])


def test_nomad_without_acls(job: Job, lab: Lab) -> None:
    """Nomad's 400 is wrapped in a 500 (api-contract 1.5)."""
    lab.nomad.acl_enabled = False

    assert error(job.anonymous.get(CREDS, headers=token_of(job.login()))) == nomad_says("400 (ACL support disabled)")


def test_nomad_without_a_leader(job: Job, lab: Lab) -> None:
    """Nomad's 500 is wrapped in a 500 (api-contract 1.5)."""
    lab.nomad.leader = False

    assert error(job.anonymous.get(CREDS, headers=token_of(job.login()))) == nomad_says("500 (No cluster leader)")


def test_a_name_too_long_for_nomad(root: httpx.Client, lab: Lab) -> None:
    """With `max_token_name_length` above Nomad's 256, Nomad refuses what the engine no longer cuts (1.5)."""
    name = "r" * 250
    done(root.put(f"nomad/role/{name}", json={"policies": "deployer"}))
    cut = root.get(f"nomad/creds/{name}").raise_for_status().json()
    done(root.put("nomad/config/access", json={"max_token_name_length": 300}))
    kept = nomad_token(lab, cut)

    assert kept is not None
    assert len(kept.name) == 256
    assert error(root.get(f"nomad/creds/{name}")) == nomad_says(
        "400 (token 0 invalid: 1 error occurred:\n\t* token name too long)"
    )


def test_creds_lost_between_nomad_and_vault(job: Job, lab: Lab) -> None:
    """A token whose answer is lost on its way to Vault has no lease: nothing that Vault does later ends it."""
    token = token_of(job.login())
    lab.faults.append(Fault("nomad", "PUT", "^/v1/acl/token$", CLOSE, when="after"))
    answer = job.anonymous.get(CREDS, headers=token)
    left = lab.nomad.live_tokens()
    done(job.anonymous.post("auth/token/revoke-self", headers=token))
    time.sleep(0.3)

    assert error(answer) == (500, [f'1 error occurred:\n\t* Put "{lab.nomad.addr}/v1/acl/token": EOF\n\n'])
    assert len(left) == 1
    assert lab.nomad.live_tokens() == left


def test_a_limited_token_cannot_tell_a_wrong_mount(job: Job, root: httpx.Client) -> None:
    """A mount that isn't there is 404 to root and 403 to all others (api-contract 1.5)."""
    missing = 'no handler for route "elsewhere/creds/deployer". route entry not found.'

    assert error(root.get("elsewhere/creds/deployer")) == (404, [missing])
    assert error(job.anonymous.get("elsewhere/creds/deployer", headers=token_of(job.login()))) == DENIED


def test_creds_are_read_never_written(job: Job, root: httpx.Client) -> None:
    """POST is 405 to root, 403 to a token that may only read (api-contract 1.1)."""
    assert error(root.post(CREDS)) == (405, ["1 error occurred:\n\t* unsupported operation\n\n"])
    assert error(job.anonymous.post(CREDS, headers=token_of(job.login()))) == DENIED


def test_a_policy_refuses_in_other_words_than_a_bad_token(job: Job, root: httpx.Client, served: Served) -> None:
    """A token without the policy is told so with a count; one that Vault does not know is not (api-contract 3.1)."""
    done(root.put("sys/policies/acl/nomad-deployer", json={"policy": 'path "x" { capabilities = ["read"] }'}))
    unknown = {"X-Vault-Token": "hvs.unknown"}

    assert error(job.anonymous.get(CREDS, headers=token_of(job.login()))) == DENIED
    assert error(job.anonymous.get(CREDS, headers=unknown)) == (403, [served.bad_token])
    assert error(job.anonymous.get(CREDS)) == (403, ["permission denied"])


def test_the_last_use_of_a_token_returns_nothing(job: Job, lab: Lab) -> None:
    """With one use left the token is minted and revoked at once (api-contract 1.5)."""
    answer = job.anonymous.get(CREDS, headers=job.login_on(token_num_uses=1))

    assert error(answer) == (
        400,
        ["Secret cannot be returned; token had one use left, so leased credentials were immediately revoked."],
    )
    assert within(5, lambda: not lab.nomad.live_tokens())


def test_two_uses_mint_and_revoke(job: Job, lab: Lab) -> None:
    """A token with two uses can mint and then revoke itself; asking what it may do would take one (3.2)."""
    token = job.login_on(token_num_uses=2)
    job.mint(token)
    answer = job.anonymous.post("auth/token/revoke-self", headers=token)

    assert answer.status_code == 204
    assert within(5, lambda: not lab.nomad.live_tokens())


# the engine's configuration


def test_config_access_keeps_its_secrets(root: httpx.Client, lab: Lab) -> None:
    """A read has neither token nor key; a partial write keeps all but `max_token_name_length` (api-contract 1.2)."""
    done(root.put("nomad/config/access", json={"max_token_name_length": 100}))
    first = root.get("nomad/config/access").json()["data"]
    done(root.put("nomad/config/access", json={"client_cert": ""}))
    second = root.get("nomad/config/access").json()["data"]

    assert first == {"address": lab.nomad.addr, "max_token_name_length": 100, "ca_cert": "", "client_cert": ""}
    assert second == {**first, "max_token_name_length": 0}


def test_config_access_without_a_token_bootstraps_nomad(root: httpx.Client, lab: Lab) -> None:
    """With no token, Vault tries to become Nomad's first manager; here there is one already (api-contract 1.2)."""
    done(root.delete("nomad/config/access"))
    answer = root.put("nomad/config/access", json={"address": lab.nomad.addr})

    assert error(answer) == (400, ["Token not provided and failed to bootstrap ACLs"])
    assert any(one.path == "/v1/acl/bootstrap" for one in lab.requests)


def test_config_lease_is_read_in_seconds(root: httpx.Client) -> None:
    """Durations are written as text or seconds and read as seconds; a field left out becomes 0 (api-contract 1.3)."""
    first = root.get("nomad/config/lease").json()["data"]
    done(root.put("nomad/config/lease", json={"ttl": "90"}))

    assert first == {"ttl": 1800, "max_ttl": 3600}
    assert root.get("nomad/config/lease").json()["data"] == {"ttl": 90, "max_ttl": 0}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "policies cannot be empty when using client tokens"),
        ({"type": "management", "policies": "x"}, "policies should be empty when using management tokens"),
        ({"type": "boss"}, 'type must be "client" or "management"'),
    ],
)
def test_a_role_that_may_not_be(root: httpx.Client, body: dict[str, str], text: str) -> None:
    """Type and policies of a role must fit (api-contract 1.4)."""
    assert error(root.put("nomad/role/other", json=body)) == (400, [text])


def test_an_update_makes_a_role_client_again(root: httpx.Client) -> None:
    """The type is read anew with every write, so a management role can't be updated without it (api-contract 1.4)."""
    done(root.put("nomad/role/boss", json={"type": "management"}))
    answer = root.put("nomad/role/boss", json={"global": True})

    assert error(answer) == (400, ["policies cannot be empty when using client tokens"])
    assert root.get("nomad/role/boss").json()["data"] == {"type": "management", "global": False, "policies": None}


def test_nothing_there_is_404_without_a_word(root: httpx.Client) -> None:
    """What was never written is 404 with no text, an empty list too (api-contract 1.1)."""
    done(root.delete("nomad/role/deployer"))
    done(root.delete("nomad/config/lease"))

    assert error(root.get("nomad/role/deployer")) == (404, [])
    assert error(root.get("nomad/config/lease")) == (404, [])
    assert error(root.get("nomad/role", params={"list": "true"})) == (404, [])


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
    assert within(5, lambda: not lab.nomad.live_tokens())


@pytest.mark.parametrize("served", ["vault"], indirect=True)
def test_a_revoke_that_is_queued_for_nothing(root: httpx.Client) -> None:
    """Vault 1.14 says 202 to a queued revoke of no lease too, OpenBao 204: 202 does not tell that there was one."""
    nothing = {"lease_id": f"{CREDS}/{'x' * 24}"}

    assert root.post(REVOKE, json={**nothing, "sync": False}).status_code == 202
    assert root.post(REVOKE, json={**nothing, "sync": True}).status_code == 204


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


def test_a_token_deleted_by_hand_keeps_its_lease(job: Job, root: httpx.Client, lab: Lab) -> None:
    """Vault can't revoke the lease of a token that is gone: 400 each time (api-contract 1.6, trap 7)."""
    token = token_of(job.login())
    minted = job.mint(token)
    accessor = minted["data"]["accessor_id"]
    lab.nomad.delete_token(accessor)
    gone = f"Unexpected response code: 400 (Cannot delete nonexistent tokens: {accessor})"

    assert error(job.revoke(token, minted, sync=True)) == (
        400,
        [f"failed to revoke entry: resp: (*logical.Response)(nil) err: {gone}"],
    )
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


@pytest.mark.parametrize("served", ["vault"], indirect=True)
def test_the_id_may_stand_in_the_path(job: Job, root: httpx.Client, lab: Lab) -> None:
    """`sys/leases/revoke/<id>` and the old `sys/revoke` do the same (api-contract 1.6)."""
    token = token_of(job.login())
    first, second = job.mint(token), job.mint(token)

    assert root.put(f"{REVOKE}/{first['lease_id']}").status_code == 204
    assert root.put("sys/revoke", json={"lease_id": second["lease_id"]}).status_code == 204
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


def test_the_narrow_rule_covers_our_own_leases_alone(job: Job, root: httpx.Client, lab: Lab) -> None:
    """`allowed_parameters` let a job revoke the leases of its role, and no others."""
    token = token_of(job.login())
    done(root.put("nomad/role/elsewhere", json={"policies": "deployer"}))
    foreign = root.get("nomad/creds/elsewhere").raise_for_status().json()

    assert error(job.revoke(token, foreign, sync=True)) == DENIED
    assert error(job.revoke(token, job.mint(token), sync=True, other=1)) == DENIED
    assert job.revoke(token, job.mint(token), sync=True).status_code == 204
    assert nomad_token(lab, foreign) is not None


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
    assert within(5, lambda: not lab.nomad.live_tokens())
    assert within(5, lambda: looked_up(root, minted) == 400)
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
    assert within(10, lambda: not lab.nomad.live_tokens())


# the login


def test_a_login_tells_what_its_token_is(job: Job) -> None:
    """The answer says kind, life, uses and policies, so nothing need be asked (api-contract 3.2)."""
    auth = job.login().raise_for_status().json()["auth"]

    assert auth["client_token"].startswith("hvs.")
    assert (auth["token_type"], auth["lease_duration"], auth["renewable"]) == ("service", 1800, True)
    assert (auth["num_uses"], auth["orphan"], auth["mfa_requirement"]) == (0, True, None)
    assert auth["policies"] == auth["token_policies"] == ["default", "nomad-deployer"]
    assert auth["metadata"] == {"role": "deploy-app"}


NOW: Final = int(time.time())


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        (
            {"aud": "https://elsewhere.test"},
            "error validating token: invalid audience (aud) claim: audience claim does not match any expected audience",
        ),
        ({"iss": "https://elsewhere.test"}, "error validating token: invalid issuer (iss) claim"),
        (
            {"exp": NOW - 600, "nbf": NOW - 900, "iat": NOW - 900},
            "error validating token: invalid expiration time (exp) claim: token is expired",
        ),
        (
            {"nbf": NOW + 3600, "iat": NOW, "exp": NOW + 7200},
            "error validating token: invalid not before (nbf) claim: token not yet valid",
        ),
        (
            {"iat": NOW + 3600, "exp": NOW + 7200},
            "error validating token: invalid issued at (iat) claim: token issued in the future",
        ),
        (
            {"repository_id": "1"},
            'error validating claims: claim "repository_id" does not match any associated bound claim values',
        ),
        (
            {"event_name": "pull_request"},
            'error validating claims: claim "event_name" does not match any associated bound claim values',
        ),
        ({"ref": None}, 'error validating claims: claim "ref" is missing'),
        ({"repository": None}, 'claim "repository" not found in token'),
    ],
)
def test_an_id_token_is_refused_with_its_reason(job: Job, claims: dict[str, Any], text: str) -> None:
    """Each claim is refused in words of its own, with 400 (api-contract 3.3)."""
    assert error(job.login(**claims)) == (400, [text])


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"jwt": "a.b.c"}, "missing role"),
        ({"jwt": "a.b.c", "role": "nobody"}, 'role "nobody" could not be found'),
        ({"role": "deploy-app"}, "missing token"),
    ],
)
def test_a_login_without_its_parts(anonymous: httpx.Client, body: dict[str, str], text: str) -> None:
    """Role and token are asked for before the token is looked at (api-contract 3.3)."""
    assert error(anonymous.post("auth/jwt/login", json=body)) == (400, [text])


def test_what_is_no_jwt(anonymous: httpx.Client) -> None:
    """What can't be read as a JWT is 400, with the library's reason behind it (api-contract 3.3)."""
    status, (text,) = error(anonymous.post("auth/jwt/login", json={"role": "deploy-app", "jwt": "a.b.c"}))

    assert status == 400
    assert text.startswith("error validating token: ")


@pytest.mark.parametrize("served", ["vault"], indirect=True)
def test_a_role_without_audiences_takes_any_audience(job: Job, root: httpx.Client) -> None:
    """Vault 1.14 does not look at `aud` where the role has no `bound_audiences`; later ones refuse (3.3)."""
    role = {"role_type": "jwt", "user_claim": "sub", "bound_claims": {"ref": "refs/heads/main"}}
    done(root.post("auth/jwt/role/open", json=role))

    assert job.login("open").status_code == 200


def test_a_login_where_nothing_is_mounted(anonymous: httpx.Client) -> None:
    """An auth method that isn't there looks like a refusal (api-contract 3.1)."""
    answer = anonymous.post("auth/elsewhere/login", json={"role": "deploy-app", "jwt": "a.b.c"})

    assert error(answer) == (403, ["permission denied"])


def test_a_role_that_was_read_may_be_written_back(job: Job, root: httpx.Client) -> None:
    """The line that our text for a refused audience gives: read the role, add one, write all of it back."""
    path, wanted = "auth/jwt/role/deploy-app", "https://other.test"
    role = root.get(path).json()["data"]
    refused = job.login(aud=wanted).status_code
    answer = root.post(path, json={**role, "bound_audiences": [*role["bound_audiences"], wanted]})

    assert refused == 400
    assert not answer.is_error
    assert given(root.get(path).json()["data"]) == given({**role, "bound_audiences": [AUDIENCE, wanted]})
    assert job.login(aud=wanted).status_code == job.login().status_code == 200


# a client that leaves


Slow = Callable[[float], str]


@pytest.fixture
def slow(lab: Lab) -> Iterator[Slow]:
    """An address of the lab's Nomad that answers a mint late, by seconds."""
    delay = 0.0

    class Late(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {"X-Nomad-Token": self.headers["X-Nomad-Token"]}
            answer = httpx.request(self.command, lab.nomad.addr + self.path, content=body, headers=headers)
            if self.command == "PUT":
                time.sleep(delay)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_PUT = do_DELETE = pass_on  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Say nothing."""

    def by(seconds: float) -> str:
        nonlocal delay
        delay = seconds
        return f"http://127.0.0.1:{server.server_address[1]}"

    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield by
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("served", ["vault"], indirect=True)
def test_a_client_that_leaves_while_nomad_is_slow(job: Job, root: httpx.Client, lab: Lab, slow: Slow) -> None:
    """The built-in engine waits for Nomad all the same, and then deletes what nobody will get (trap 2)."""
    done(root.put("nomad/config/access", json={"address": slow(1.0)}))
    token = job.login_on()
    with pytest.raises(httpx.ReadTimeout):
        job.anonymous.get(CREDS, headers=token, timeout=0.3)
    made = len(lab.nomad.live_tokens())

    assert made == 1
    assert within(5, lambda: not lab.nomad.live_tokens())
    assert job.anonymous.get("auth/token/lookup-self", headers=token).status_code == 200
