"""Workflows that `uses: ./`, run by act in real containers."""

import re
from pathlib import Path

from container.act import Run, act
from container.leaks import secrets_in
from jobs import nothing_lives, operator
from nomad_token_lab import Lab, logins
from nomad_token_lab.nomad_trust import Made, NomadTrust, nomad_trust


def run(folder: Path, lab: Lab, workflow: str, **secrets: str) -> Run:
    """Run *workflow* on *lab*, with an id token for Vault among the *secrets*."""
    variables = {"VAULT_ADDR": lab.audience, "NOMAD_ADDR": lab.nomad.addr}
    id_token = lab.github.id_token(lab.audience).get_secret_value()
    return act(folder, workflow, variables=variables, secrets={"ID_TOKEN": id_token} | secrets)


def made(lab: Lab) -> Made:
    """Trust GitHub's jobs in Nomad itself."""
    with lab.nomad_client() as nomad:
        settings = NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.nomad.addr)
        made = nomad_trust(settings, nomad)
    lab.mark()
    return made


def kept(ran: Run, lab: Lab) -> list[bool]:
    """Tell whether the shared files held a secret that the first look did not find: before our post-step, and after."""
    first, *later = [set(secrets_in(seen, lab)) for seen in ran.seen]
    return [bool(found - first) for found in later]


def jobs(lab: Lab) -> list[str]:
    """List the jobs that Nomad took."""
    return [name for _, name in lab.nomad.jobs]


def test_plain(lab: Lab, tmp_path: Path) -> None:
    """A step deploys with the token, exactly two variables are new, and after the job nothing lives or was shown."""
    ran = run(tmp_path, lab, "plain")

    assert ran.code == 0, ran.log
    assert "the end" in ran.log
    assert jobs(lab) == ["hello"]
    assert re.findall(r"exported: (.*)", ran.log) == ["NOMAD_ADDR NOMAD_TOKEN"]
    assert "the token is *** or ***" in ran.log
    assert "Nomad refuses it" in ran.log
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []


def test_a_step_fails(lab: Lab, tmp_path: Path) -> None:
    """A job that fails after the deploy is revoked all the same."""
    ran = run(tmp_path, lab, "failing-step")

    assert ran.code == 1, ran.log
    assert "not reached" not in ran.log.replace("echo", "")
    assert "the end" in ran.log
    assert jobs(lab) == ["hello"]
    assert "Nomad refuses it" in ran.log
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []


def test_the_mint_fails(lab: Lab, tmp_path: Path) -> None:
    """A mint that fails after the token was made undoes it in place, and exports nothing."""
    ran = run(tmp_path, lab, "failing-main")

    assert ran.code == 1, ran.log
    assert "the end, with the token ''" in ran.log
    assert "Undone: Vault revoked the lease" in ran.log
    assert [record for record in lab.requests if "/creds/" in record.path]
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []


def test_twice_in_one_job(lab: Lab, tmp_path: Path) -> None:
    """Each of two uses has a token of its own, and each post-step revokes its own."""
    ran = run(tmp_path, lab, "twice")

    assert ran.code == 0, ran.log
    assert jobs(lab) == ["first", "second"]
    assert len(set(re.findall(r"Revoked (\S+):", ran.log))) == 2
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []


def test_no_identity(lab: Lab, tmp_path: Path) -> None:
    """Without an id token the cause is act, and --secret-file the way; `permissions:` are not blamed."""
    ran = act(tmp_path, "no-identity", variables={"VAULT_ADDR": lab.vault.addr}, secrets={})

    assert ran.code == 1, ran.log
    assert "act has no OIDC of its own" in ran.log
    assert "--secret-file" in ran.log
    assert "permission" not in ran.log
    assert lab.requests == []


def test_approle(lab: Lab, tmp_path: Path) -> None:
    """A login with a secret id, and what it opened, are revoked; neither is shown, or left in a file."""
    with lab.vault_client() as vault:
        given = logins.approle(vault)
    lab.mark()
    ran = run(tmp_path, lab, "approle", ROLE_ID=given["vault-role-id"], SECRET_ID=given["vault-secret-id"])

    assert ran.code == 0, ran.log
    assert jobs(lab) == ["hello"]
    assert "Nomad refuses it" in ran.log
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []
    assert kept(ran, lab) == [True, True, False]


def test_nomad_management(lab: Lab, tmp_path: Path) -> None:
    """A token that Nomad made is deleted with the management token, which act hands to the post-step again."""
    ran = run(tmp_path, lab, "nomad-management", MANAGEMENT_TOKEN=made(lab).management_token.get_secret_value())

    assert ran.code == 0, ran.log
    assert jobs(lab) == ["hello"]
    assert "Nomad deleted it, and Nomad refuses it" in ran.log
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []
    assert kept(ran, lab) == [True, True, False]


def test_nomad_login(lab: Lab, tmp_path: Path) -> None:
    """The token of a login can't be revoked by the job: it is left to its end, and no file holds it by then."""
    made(lab)
    ran = run(tmp_path, lab, "nomad-login", ID_TOKEN=lab.github.id_token(lab.nomad.addr).get_secret_value())
    (alive,) = lab.nomad.live_tokens()

    assert ran.code == 0, ran.log
    assert jobs(lab) == ["hello"]
    assert f"Left to its end {alive.accessor}: Nomad lets only management tokens delete tokens" in ran.log
    assert secrets_in(ran.log, lab) == []
    assert kept(ran, lab) == [True, True, False]


def test_nomad_login_with_a_management_token(lab: Lab, tmp_path: Path) -> None:
    """With a management token that is lent, the token of a login is deleted."""
    management = made(lab).management_token.get_secret_value()
    id_token = lab.github.id_token(lab.nomad.addr).get_secret_value()
    ran = run(tmp_path, lab, "nomad-login", ID_TOKEN=id_token, MANAGEMENT_TOKEN=management)

    assert ran.code == 0, ran.log
    assert jobs(lab) == ["hello"]
    assert "Nomad deleted it, and Nomad refuses it" in ran.log
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []
    assert kept(ran, lab) == [True, True, False]


def test_several(lab: Lab, tmp_path: Path) -> None:
    """Two roles in one step are two tokens, each in its own variable and output; one login, and both are revoked."""
    operator(lab, "nomad/role/reader", policies="deployer")
    operator(lab, "sys/policies/acl/nomad-deployer", policy='path "nomad/creds/*" { capabilities = ["read"] }')
    lab.mark()
    ran = run(tmp_path, lab, "several")
    asked = [record for record in lab.requests if record.path.endswith("/login")]

    assert ran.code == 0, ran.log
    assert jobs(lab) == ["first", "second"]
    assert len(asked) == 1
    assert "Nomad refuses" in ran.log
    assert nothing_lives(lab)
    assert secrets_in(ran.log, lab) == []
    assert kept(ran, lab) == [True, True, False]
