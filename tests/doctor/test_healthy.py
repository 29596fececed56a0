"""A chain that holds: no alarm, nothing written that was not asked for, nothing left."""

import json
from pathlib import Path

import pytest

from doctor.conftest import Ward
from doctor.symptoms import QUICK
from nomad_token.errors import InputError
from nomad_token_lab import logins

GITHUB = ("--nomad-auth-method", "github")


def inputs(issuer: str, ward: Ward) -> tuple[list[str], dict[str, str]]:
    """Return the flags and variables of a healthy chain."""
    manager = {"NOMAD_MANAGEMENT_TOKEN": ward.made.management_token.get_secret_value()}
    match issuer:
        case "vault":
            return [*QUICK], {}
        case "approle":
            with ward.lab.vault_client() as vault:
                given = logins.approle(vault)
            ward.lab.mark()
            secrets = {name: given.pop(name) for name in ("vault-role-id", "vault-secret-id")}
            flags = [word for name, value in given.items() for word in (f"--{name}", value)]
            variables = {f"NOMAD_MINT_{name.upper().replace('-', '_')}": value for name, value in secrets.items()}
            return ["--role", "deployer", *flags], variables
        case "token":
            return ["--role", "deployer", "--vault-auth-method", "token"], {
                "VAULT_TOKEN": ward.lab.root_token.get_secret_value()
            }
        case "nomad-login":
            return [*GITHUB, "--audience", ward.lab.audience], {}
        case "nomad-login with a management token":
            return [*GITHUB, "--audience", ward.lab.audience], manager
        case _:
            return ["--policies", "deployer"], manager


ISSUERS = ["vault", "approle", "token", "nomad-login", "nomad-login with a management token", "nomad-management"]


@pytest.mark.parametrize("issuer", ISSUERS)
@pytest.mark.parametrize("where", ["job", "desk"])
@pytest.mark.parametrize("mints", [False, True], ids=["look", "mint"])
def test_no_false_alarm(ward: Ward, issuer: str, where: str, mints: bool) -> None:  # noqa: FBT001 - a parameter
    """Each link holds, or can't be seen; without --mint only reads, a login and its end reach the servers."""
    argv, environ = inputs(issuer, ward)
    whose = ward.job() if where == "job" else ward.operator()
    code = ward.ask(*argv, "--namespace", "default", *(["--mint"] if mints else []), environ=whose | environ)

    assert code == 0, ward.err
    assert set(ward.verdicts().values()) <= {"ok", "unknown", "skipped"}, ward.found
    assert mints or ward.writes() == []
    assert not ward.lab.vault.live_tokens()


@pytest.mark.parametrize("issuer", ["vault", "approle", "token", "nomad-management"])
def test_a_probe(ward: Ward, issuer: str) -> None:
    """With --mint each link is seen to hold from inside the job, and the probe is revoked."""
    argv, environ = inputs(issuer, ward)
    assert ward.ask(*argv, "--namespace", "default", "--mint", environ=ward.job() | environ) == 0

    links = ("mint", "verify", "policies", "namespace", "revoke")
    assert {name: ward.verdicts()[name] for name in links} == dict.fromkeys(links, "ok")
    assert "Undone: " in ward.err


def test_no_probe_that_could_not_be_revoked(ward: Ward) -> None:
    """A login at Nomad itself makes none without a management token: nothing could delete it."""
    argv, _ = inputs("nomad-login", ward)
    assert ward.ask(*argv, "--mint", environ=ward.job()) == 0

    assert ward.verdicts()["mint"] == "skipped"
    assert "can't be revoked" in ward.found["mint"]["what"]


def test_a_link_that_can_not_be_seen(ward: Ward) -> None:
    """In a job without an operator's tokens it is unknown, with what would show it."""
    assert ward.ask(*QUICK, environ=ward.job()) == 0

    unknown = {name for name, verdict in ward.verdicts().items() if verdict == "unknown"}
    assert unknown == {"engine", "access", "lease", "role", "policies"}
    assert "VAULT_TOKEN" in ward.found["engine"]["fix"]


def test_whose_token_is_shown(ward: Ward) -> None:
    """What was asked with whose token is said, and is in the JSON."""
    assert ward.ask(*QUICK, environ=ward.job() | ward.operator()) == 0

    assert "Asked with the token of the login: policy, revoke." in ward.err
    assert "Asked with the token of Vault's operator: engine, access, lease, role." in ward.err
    assert "Asked with the token of Nomad's operator: policies." in ward.err
    assert ward.found["policy"]["asked_with"] == ["the login"]


def test_a_job_s_token_is_no_operator_s(ward: Ward) -> None:
    """A client token in NOMAD_TOKEN is used for nothing but to ask what it is."""
    body = {"Name": "a job's", "Type": "client", "Policies": ["deployer"]}
    with ward.lab.nomad_client() as nomad:
        secret = nomad.post("/v1/acl/token", json=body).raise_for_status().json()["SecretID"]
    ward.lab.mark()
    assert ward.ask(*QUICK, environ=ward.operator() | {"NOMAD_TOKEN": secret}) == 0

    assert ward.verdicts()["policies"] == "unknown"
    assert "was used for nothing" in ward.found["policies"]["what"]
    assert secret not in ward.said()


def test_few_uses_are_left_alone(ward: Ward) -> None:
    """A token that may be used a few times is used for nothing but to look at it: each look would take one."""
    with ward.lab.vault_client() as vault:
        made = vault.post("/v1/auth/token/create", json={"policies": ["nomad-deployer"], "num_uses": 5})
    ward.lab.mark()
    token = made.raise_for_status().json()["auth"]["client_token"]
    argv = ["--role", "deployer", "--vault-auth-method", "token"]
    assert ward.ask(*argv, environ=ward.operator() | {"VAULT_TOKEN": token}) == 0

    vault_requests = [one.path for one in ward.lab.requests if one.server == "vault"]
    assert vault_requests[1:] == ["/v1/auth/token/lookup-self"]
    assert "each look takes one" in ward.found["engine"]["what"] + ward.found["policy"]["what"]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ({"Job": {"ID": "app", "Namespace": "default"}}, "ok"),
        ({"ID": "app", "Namespace": "prod"}, "broken"),
        ({"Job": {"ID": "app"}}, "ok"),
    ],
)
def test_the_namespace_of_a_job(ward: Ward, tmp_path: Path, text: dict[str, object], verdict: str) -> None:
    """It is read out of the JSON that Nomad's own program writes."""
    (tmp_path / "job.json").write_text(json.dumps(text))
    ward.ask(*QUICK, "--job", str(tmp_path / "job.json"), environ=ward.operator())

    assert ward.verdicts()["namespace"] == verdict


@pytest.mark.parametrize("text", ['job "app" {}', "[]", '{"Job": {}}'])
def test_no_job_that_can_be_read(ward: Ward, tmp_path: Path, text: str) -> None:
    """HCL, which only Nomad's own program reads, is refused with the line that makes JSON of it; nothing is sent."""
    (tmp_path / "job.hcl").write_text(text)
    assert ward.ask(*QUICK, "--job", str(tmp_path / "job.hcl"), environ=ward.operator()) == InputError.exit_code

    assert "nomad job run -output" in ward.err
    assert ward.lab.requests == []


def test_on_a_terminal(ward: Ward) -> None:
    """The JSON and the table name the same links; behind the broken one none is looked at."""
    assert ward.ask(*QUICK, "--audience", "x", environ=ward.job()) == 4
    skipped = [name for name, verdict in ward.verdicts().items() if verdict == "skipped"]

    assert skipped == list(ward.found)[list(ward.found).index("login") + 1 :]
    assert json.loads(ward.out)["broken"] == "login"
    assert json.loads(ward.out)["healthy"] is False


def test_without_nomad(ward: Ward) -> None:
    """A job that does not reach Nomad has a chain without its links; a probe is made and revoked all the same."""
    assert ward.ask(*QUICK, "--mint", environ=ward.job() | {"NOMAD_ADDR": ""}) == 0

    assert list(ward.found)[-3:] == ["role", "mint", "revoke"]
    assert ward.verdicts()["mint"] == "ok"
