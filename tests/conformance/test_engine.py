"""What the Nomad engine answers on the road of a mint, and how it is set up (api-contract 1.1 to 1.5)."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx
import pytest

from answers import done, error, token_of, within
from certificates import Authority
from conformance.road import CREDS, Job, Kept
from conformance.targets import Served, not_applicable
from nomad_token.said import FromNomad, FromVault
from nomad_token_lab import CLOSE, Fault, Lab, Profile, Tls

DENIED: Final = (403, ["1 error occurred:\n\t* permission denied\n\n"])
says = pytest.mark.says


def nomad_says(text: str) -> tuple[int, list[str]]:
    """Return how Vault's creds words an error of Nomad's."""
    return 500, [f"1 error occurred:\n\t* Unexpected response code: {text}\n\n"]


# creds


def test_creds_are_a_nomad_token_and_a_lease(job: Job, kept: Kept) -> None:
    """Creds hold accessor and secret alone, under a lease with the configured life (api-contract 1.5)."""
    minted = job.mint()

    assert set(minted["data"]) == {"accessor_id", "secret_id"}
    assert re.fullmatch(r"nomad/creds/deployer/[A-Za-z0-9]{24}", minted["lease_id"])
    assert (minted["lease_duration"], minted["renewable"], minted["warnings"]) == (1800, True, None)
    assert (minted["wrap_info"], minted["auth"]) == (None, None)
    assert kept(minted).accessor == minted["data"]["accessor_id"]


def test_nomad_is_told_for_whom_and_no_end(job: Job, kept: Kept) -> None:
    """The name tells role, login and nanosecond; Nomad knows no expiry: only the lease ends the token (1.5)."""
    token = kept(job.mint())

    assert re.fullmatch(r"vault-deployer-jwt-octo-org/octo-app-\d{19}", token.name)
    assert (token.type, token.policies, token.is_global, token.expires) == ("client", ("deployer",), False, None)


def test_an_unset_lease_means_768_hours(job: Job, root: httpx.Client) -> None:
    """Without config/lease the life is the system's, 32 days (api-contract 1.5)."""
    done(root.delete("nomad/config/lease"))

    assert job.mint()["lease_duration"] == 768 * 3600


def test_a_capped_life_is_a_warning(job: Job, root: httpx.Client) -> None:
    """A `ttl` above `max_ttl` is accepted, and capped with a warning in a 200 (api-contract 1.5)."""
    done(root.put("nomad/config/lease", json={"ttl": "1h", "max_ttl": "45s"}))
    minted = job.mint()

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

    assert job.mint()["data"]["secret_id"]


@says(FromVault.NO_NAMESPACE, on=("openbao", "lab-openbao"))
def test_a_namespace_that_is_not_there(job: Job, served: Served) -> None:
    """OpenBao answers 404; Vault's community edition has no namespaces, and does not look at the header (3.1)."""
    answer = job.creds({**token_of(job.login()), "X-Vault-Namespace": "nowhere"})

    if served.is_openbao:
        assert error(answer) == (404, ["namespace not found"])
    else:
        assert answer.status_code == 200


# creds, refused


@says(FromVault.NO_ROLE)
def test_no_such_role_in_the_engine(job: Job, root: httpx.Client) -> None:
    """A role that the engine does not know is 400 (api-contract 1.5)."""
    done(root.delete("nomad/role/deployer"))
    answer = job.creds()

    assert error(answer) == (400, ['role "deployer" not found'])


def test_the_plural_is_no_path(job: Job, root: httpx.Client) -> None:
    """`nomad/roles/…` is 404 to root; what it was to write is then missing (api-contract 1.1)."""
    done(root.delete("nomad/role/deployer"))
    written = root.post("nomad/roles/deployer", json={"policies": "deployer"})

    assert error(written) == (404, ["1 error occurred:\n\t* unsupported path\n\n"])
    assert error(job.creds()) == (400, ['role "deployer" not found'])


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        pytest.param(
            Profile.UP_TO_1_4, "ACL token not found", marks=says(FromNomad.ABOUT_A_TOKEN, FromNomad.ABOUT_ACLS)
        ),
        pytest.param(Profile.FROM_1_10_1, "Permission denied", marks=says(FromNomad.DENIED)),
    ],
)
@says(FromVault.NOMAD_ANSWERED)
def test_nomad_refuses_vault(job: Job, root: httpx.Client, lab: Lab, profile: Profile, text: str) -> None:
    """A management token that Nomad does not know is 500, with Nomad's 403 in its version's words (1.5)."""
    lab.nomad.profile = profile
    unknown = "00000000-0000-4000-8000-000000000000"
    done(root.put("nomad/config/access", json={"address": lab.nomad.addr, "token": unknown}))

    assert error(job.creds()) == nomad_says(f"403 ({text})")


@says(FromVault.NOT_DIALLED)
def test_nomad_is_not_there(job: Job, root: httpx.Client) -> None:
    """Go's text of a refused connection comes with 500 (api-contract 1.5)."""
    done(root.put("nomad/config/access", json={"address": "http://127.0.0.1:9"}))
    answer = job.creds()

    reason = "dial tcp 127.0.0.1:9: connect: connection refused"
    assert error(answer) == (500, [f'1 error occurred:\n\t* Put "http://127.0.0.1:9/v1/acl/token": {reason}\n\n'])


@says(FromVault.NOT_DIALLED)
def test_nomads_name_is_unknown(job: Job, root: httpx.Client) -> None:
    """A name that can't be looked up is told as a dial too (api-contract 1.5)."""
    done(root.put("nomad/config/access", json={"address": "http://nowhere.invalid:4646"}))
    status, (text,) = error(job.creds())

    assert status == 500
    assert 'Put "http://nowhere.invalid:4646/v1/acl/token": dial tcp: lookup nowhere.invalid' in text


@says(FromNomad.NO_ACLS)
def test_nomad_without_acls(job: Job, lab: Lab) -> None:
    """Nomad's 400 is wrapped in a 500 (api-contract 1.5)."""
    lab.nomad.acl_enabled = False

    assert error(job.creds()) == nomad_says("400 (ACL support disabled)")


def test_nomad_without_a_leader(job: Job, lab: Lab) -> None:
    """Nomad's 500 is wrapped in a 500 (api-contract 1.5)."""
    lab.nomad.leader = False

    assert error(job.creds()) == nomad_says("500 (No cluster leader)")


@says(FromNomad.NAME_TOO_LONG)
def test_a_name_too_long_for_nomad(job: Job, kept: Kept) -> None:
    """With `max_token_name_length` above Nomad's 256, Nomad refuses what the engine no longer cuts (1.5)."""
    root, name = job.root, "r" * 250
    done(root.put(f"nomad/role/{name}", json={"policies": "deployer"}))
    cut = root.get(f"nomad/creds/{name}").raise_for_status().json()
    done(root.put("nomad/config/access", json={"max_token_name_length": 300}))

    assert len(kept(cut).name) == 256
    assert error(root.get(f"nomad/creds/{name}")) == nomad_says(
        "400 (token 0 invalid: 1 error occurred:\n\t* token name too long)"
    )


@says(FromVault.TO_NOMAD, FromVault.X509, on=("vault-", "openbao-"))
def test_a_nomad_that_vault_does_not_trust(job: Job, served: Served, tmp_path: Path) -> None:
    """A certificate of an authority that Vault was not given is a 500, in Go's words."""
    if served.is_lab:
        not_applicable("the lab's Vault trusts any Nomad")
    pair = Authority(tmp_path).server()
    with Lab(tls={"nomad": Tls(pair.certificate, pair.key)}) as other:
        token = other.management_token.get_secret_value()
        done(job.root.put("nomad/config/access", json={"address": other.nomad.addr, "token": token}))
        status, (said,) = error(job.creds(token_of(job.login())))

    assert status == 500
    assert f'Put "{other.nomad.addr}/v1/acl/token": ' in said
    assert "x509: certificate signed by unknown authority" in said


@says(FromVault.TO_NOMAD)
def test_creds_lost_between_nomad_and_vault(job: Job, lab: Lab) -> None:
    """A token whose answer is lost on its way to Vault has no lease: nothing that Vault does later ends it."""
    token = token_of(job.login())
    lab.faults.append(Fault("nomad", "PUT", "^/v1/acl/token$", CLOSE, when="after"))
    answer = job.creds(token)
    left = lab.nomad.live_tokens()
    done(job.anonymous.post("auth/token/revoke-self", headers=token))
    time.sleep(0.3)

    assert error(answer) == (500, [f'1 error occurred:\n\t* Put "{lab.nomad.addr}/v1/acl/token": EOF\n\n'])
    assert len(left) == 1
    assert lab.nomad.live_tokens() == left


@says(FromVault.DENIED)
def test_a_limited_token_cannot_tell_a_wrong_mount(job: Job, root: httpx.Client) -> None:
    """A mount that isn't there is 404 to root and 403 to all others (api-contract 1.5)."""
    missing = 'no handler for route "elsewhere/creds/deployer". route entry not found.'

    assert error(root.get("elsewhere/creds/deployer")) == (404, [missing])
    assert error(job.anonymous.get("elsewhere/creds/deployer", headers=token_of(job.login()))) == DENIED


def test_creds_are_read_never_written(job: Job, root: httpx.Client) -> None:
    """POST is 405 to root, 403 to a token that may only read (api-contract 1.1)."""
    assert error(root.post(CREDS)) == (405, ["1 error occurred:\n\t* unsupported operation\n\n"])
    assert error(job.anonymous.post(CREDS, headers=token_of(job.login()))) == DENIED


@says(FromVault.BY_POLICY, FromVault.DENIED)
@says(FromVault.UNKNOWN_TOKEN, on=("lab-vault",))
def test_a_policy_refuses_in_other_words_than_a_bad_token(job: Job, root: httpx.Client, served: Served) -> None:
    """A token without the policy is told so with a count; one that Vault does not know is not (api-contract 3.1)."""
    done(root.put("sys/policies/acl/nomad-deployer", json={"policy": 'path "x" { capabilities = ["read"] }'}))
    unknown = {"X-Vault-Token": "hvs.unknown"}

    assert error(job.creds()) == DENIED
    assert error(job.creds(unknown)) == (403, [served.bad_token])
    assert error(job.creds({})) == (403, ["permission denied"])


@says(FromVault.LAST_USE)
def test_the_last_use_of_a_token_returns_nothing(job: Job, lab: Lab) -> None:
    """With one use left the token is minted and revoked at once (api-contract 1.5)."""
    answer = job.creds(job.login_on(token_num_uses=1))

    assert error(answer) == (
        400,
        ["Secret cannot be returned; token had one use left, so leased credentials were immediately revoked."],
    )
    assert within(30, lambda: not lab.nomad.live_tokens())


def test_two_uses_mint_and_revoke(job: Job, lab: Lab) -> None:
    """A token with two uses can mint and then revoke itself; asking what it may do would take one (3.2)."""
    token = job.login_on(token_num_uses=2)
    job.mint(token)
    answer = job.anonymous.post("auth/token/revoke-self", headers=token)

    assert answer.status_code == 204
    assert within(30, lambda: not lab.nomad.live_tokens())


# the engine's configuration


@pytest.mark.usefixtures("job")
def test_config_access_keeps_its_secrets(root: httpx.Client, lab: Lab) -> None:
    """A read has neither token nor key; a partial write keeps all but `max_token_name_length` (api-contract 1.2)."""
    done(root.put("nomad/config/access", json={"max_token_name_length": 100}))
    first = root.get("nomad/config/access").json()["data"]
    done(root.put("nomad/config/access", json={"client_cert": ""}))
    second = root.get("nomad/config/access").json()["data"]

    assert first == {"address": lab.nomad.addr, "max_token_name_length": 100, "ca_cert": "", "client_cert": ""}
    assert second == {**first, "max_token_name_length": 0}


@pytest.mark.usefixtures("job")
def test_config_access_without_a_token_bootstraps_nomad(root: httpx.Client, lab: Lab) -> None:
    """With no token, Vault tries to become Nomad's first manager; here there is one already (api-contract 1.2)."""
    done(root.delete("nomad/config/access"))
    answer = root.put("nomad/config/access", json={"address": lab.nomad.addr})

    assert error(answer) == (400, ["Token not provided and failed to bootstrap ACLs"])
    assert any(one.path == "/v1/acl/bootstrap" for one in lab.requests)


@pytest.mark.usefixtures("job")
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
@pytest.mark.usefixtures("job")
def test_a_role_that_may_not_be(root: httpx.Client, body: dict[str, str], text: str) -> None:
    """Type and policies of a role must fit (api-contract 1.4)."""
    assert error(root.put("nomad/role/other", json=body)) == (400, [text])


@pytest.mark.usefixtures("job")
def test_an_update_makes_a_role_client_again(root: httpx.Client) -> None:
    """The type is read anew with every write, so a management role can't be updated without it (api-contract 1.4)."""
    done(root.put("nomad/role/boss", json={"type": "management"}))
    answer = root.put("nomad/role/boss", json={"global": True})

    assert error(answer) == (400, ["policies cannot be empty when using client tokens"])
    assert root.get("nomad/role/boss").json()["data"] == {"type": "management", "global": False, "policies": None}


@pytest.mark.usefixtures("job")
def test_nothing_there_is_404_without_a_word(root: httpx.Client) -> None:
    """What was never written is 404 with no text, an empty list too (api-contract 1.1)."""
    done(root.delete("nomad/role/deployer"))
    done(root.delete("nomad/config/lease"))

    assert error(root.get("nomad/role/deployer")) == (404, [])
    assert error(root.get("nomad/config/lease")) == (404, [])
    assert error(root.get("nomad/role", params={"list": "true"})) == (404, [])


# a client that leaves


@dataclass(frozen=True)
class Late:
    """An address of the lab's Nomad, where a mint is answered once *answers* is set."""

    addr: str
    answers: threading.Event


@pytest.fixture
def late(lab: Lab) -> Iterator[Late]:
    """Serve Nomad as if it were slow."""
    answers = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {"X-Nomad-Token": self.headers["X-Nomad-Token"]}
            answer = httpx.request(self.command, lab.nomad.addr + self.path, content=body, headers=headers, timeout=30)
            if self.command == "PUT":
                answers.wait(60)
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_PUT = do_DELETE = pass_on  # noqa: N815 - the names are http.server's

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Late(f"http://127.0.0.1:{server.server_address[1]}", answers)
        answers.set()
        server.shutdown()
        thread.join()


def test_a_client_that_leaves_while_nomad_is_slow(
    job: Job, served: Served, root: httpx.Client, lab: Lab, late: Late
) -> None:
    """A built-in engine deletes what nobody will get; a plugin leaves it without a lease, for good (trap 2)."""
    done(root.put("nomad/config/access", json={"address": late.addr}))
    token = job.login_on()
    with pytest.raises(httpx.ReadTimeout):
        job.anonymous.get(CREDS, headers=token, timeout=3)
    made = within(30, lambda: len(lab.nomad.live_tokens()) == 1)
    late.answers.set()
    knows_us = job.anonymous.get("auth/token/lookup-self", headers=token).status_code
    done(job.anonymous.post("auth/token/revoke-self", headers=token))
    gone = within(3 if served.is_openbao else 30, lambda: not lab.nomad.live_tokens())

    assert (made, knows_us) == (True, 200)
    assert gone is not served.is_openbao
    assert root.request("LIST", "sys/leases/lookup/nomad/creds/deployer").status_code == 404
