"""`setup apply --rotate-access`: a new token in, proven, and the old one deleted."""

from nomad_token.errors import LiveTokenLeft, Refused, Temporary
from nomad_token_lab import CLOSE, Fault
from nomad_token_lab.faults import Answer
from setup.site import FILE, Site


def mints(site: Site) -> bool:
    """Tell whether Vault can mint."""
    with site.lab.vault_client() as vault:
        answer = vault.get("/v1/nomad/creds/deployer")
        if answer.status_code == 200:
            vault.post("/v1/sys/leases/revoke", json={"lease_id": answer.json()["lease_id"]}).raise_for_status()
        return answer.status_code == 200


def test_a_new_one(site: Site) -> None:
    """Vault mints with another token, and the one that it had is gone."""
    assert site.apply() == 0
    (before,) = site.access_tokens()
    assert site.apply("--rotate-access") == 0
    (after,) = site.access_tokens()

    assert after != before
    assert mints(site)
    assert f"Deleted the access token {before}" in site.err
    assert "token = the one that Vault has -> a new one" in site.out
    assert "vault-auth-role" not in site.err


def test_with_the_first(site: Site) -> None:
    """On empty servers it is the same as without."""
    assert site.apply("--rotate-access") == 0
    assert len(site.access_tokens()) == 1


def test_what_it_carries_along(site: Site) -> None:
    """The length of names that somebody chose stays."""
    assert site.apply() == 0
    with site.lab.vault_client() as vault:
        kept = {"max_token_name_length": 99}
        vault.post("/v1/nomad/config/access", json=kept).raise_for_status()
    assert site.apply("--rotate-access") == 0
    assert site.state()["nomad/config/access"]["max_token_name_length"] == 99


def test_an_access_of_somebody_elses(site: Site) -> None:
    """A token that we did not make is not replaced."""
    with site.lab.vault_client() as vault:
        vault.post("/v1/sys/mounts/nomad", json={"type": "nomad"}).raise_for_status()
        access = {"address": site.lab.nomad.addr, "token": site.lab.management_token.get_secret_value()}
        vault.post("/v1/nomad/config/access", json=access).raise_for_status()
        vault.post("/v1/nomad/config/lease", json={"ttl": 1800, "max_ttl": 3600}).raise_for_status()
    before = site.state()
    assert site.apply("--rotate-access") == Refused.exit_code

    assert "neither was its token" in site.err
    assert site.state() == before
    assert site.apply() == 0


def test_a_proof_that_fails(site: Site) -> None:
    """Both tokens are kept then, it is said which Vault has, and a later run deletes what is left."""
    assert site.apply() == 0
    (before,) = site.access_tokens()
    refusal = Answer(500, {"errors": ["1 error occurred:\n\t* Unexpected response code: 500 (No cluster leader)\n\n"]})
    site.lab.faults.append(Fault("vault", "GET", "creds", refusal))
    assert site.apply("--rotate-access") == Temporary.exit_code

    both = site.access_tokens()
    (after,) = set(both) - {before}
    assert f"Vault has the new token {after} for `nomad`. The older ones live too: {before}." in site.err
    assert mints(site)
    assert site.apply("--rotate-access") == 0
    assert len(site.access_tokens()) == 1
    assert not set(site.access_tokens()) & set(both)


def test_a_write_that_is_refused(site: Site) -> None:
    """The token that was made for it is deleted again, and Vault has the one it had."""
    assert site.apply() == 0
    before = site.access_tokens()
    denied = Answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
    site.lab.faults.append(Fault("vault", "POST", "config/access", denied))
    assert site.apply("--rotate-access") == Refused.exit_code

    assert 'path "nomad/config/access" { capabilities = ["create", "update"] }' in site.err
    assert site.access_tokens() == before
    assert mints(site)


def test_one_that_can_not_be_deleted_again(site: Site) -> None:
    """It is named, with the line that deletes it."""
    assert site.apply() == 0
    before = site.access_tokens()
    denied = Answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
    site.lab.faults.append(Fault("vault", "POST", "config/access", denied))
    denied = Answer(403, "Permission denied", content_type="text/plain")
    site.lab.faults.append(Fault("nomad", "DELETE", "acl/token", denied))
    assert site.apply("--rotate-access") == LiveTokenLeft.exit_code

    (left,) = set(site.access_tokens()) - set(before)
    assert f"nomad acl token delete {left}" in site.err


def test_a_write_whose_answers_are_lost(site: Site) -> None:
    """Whether Vault has the new token can't be told: it is kept, and the next run makes it one."""
    assert site.apply() == 0
    (before,) = site.access_tokens()
    site.lab.faults.append(Fault("vault", "POST", "config/access", CLOSE, "after", times=None))
    assert site.apply("--rotate-access") == Temporary.exit_code

    assert before in site.access_tokens()
    assert len(site.access_tokens()) == 2
    assert "can't be told" in site.err
    site.lab.faults.clear()
    assert mints(site)
    assert site.apply("--rotate-access") == 0
    assert len(site.access_tokens()) == 1


def test_a_write_that_is_refused_after_one_that_was_lost(site: Site) -> None:
    """What the last answer proves is not proven of the first: Vault may have the token, which is not deleted."""
    assert site.apply() == 0
    site.lab.faults.append(Fault("vault", "POST", "config/access", CLOSE, "after"))
    denied = Answer(403, {"errors": ["1 error occurred:\n\t* permission denied\n\n"]})
    site.lab.faults.append(Fault("vault", "POST", "config/access", denied))
    assert site.apply("--rotate-access") == Refused.exit_code

    assert "can't be told" in site.err
    assert mints(site)


def test_a_token_whose_answer_is_lost(site: Site) -> None:
    """It is found by its name, and used: there is no second one."""
    site.lab.faults.append(Fault("nomad", "POST", "^/v1/acl/token$", CLOSE, "after"))
    assert site.apply() == 0
    assert len(site.access_tokens()) == 1
    site.lab.faults.append(Fault("nomad", "POST", "^/v1/acl/token$", CLOSE, "after"))
    assert site.apply("--rotate-access") == 0
    assert len(site.access_tokens()) == 1


def test_without_a_role_to_prove_it(site: Site) -> None:
    """What can't be proven is no reason to delete anything."""
    site.write('[[engine]]\n[engine.access]\naddress = "{nomad}"\n')
    assert site.apply() == 0
    assert site.apply("--rotate-access") == 0

    assert len(site.access_tokens()) == 2
    assert "More tokens were made for `nomad`, and live:" in site.err
    site.write(FILE)
    assert site.apply("--rotate-access") == 0
    assert len(site.access_tokens()) == 1


def test_a_token_that_somebody_deleted(site: Site) -> None:
    """A plan tells that Vault can't mint with what it has; a rotation mends it."""
    assert site.apply() == 0
    (token,) = site.access_tokens()
    with site.lab.nomad_client() as nomad:
        nomad.delete(f"/v1/acl/token/{token}").raise_for_status()
    assert site("setup", "plan") == 0
    assert "Nomad has no token that setup made for `nomad`" in site.err
    assert not mints(site)
    assert site.apply("--rotate-access") == 0
    assert mints(site)
    assert site("setup", "plan") == 0
    assert "Nomad has" not in site.err
