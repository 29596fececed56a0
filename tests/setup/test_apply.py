"""`setup plan` and `setup apply` on empty servers: what is made, that it works, and that nothing is made twice."""

import json
from pathlib import Path

import httpx
import pytest

from nomad_token.errors import InputError, LiveTokenLeft, Refused, Temporary
from nomad_token_lab import CLOSE, Fault, Lab
from nomad_token_lab.faults import Answer
from nomad_token_lab.nomad.profile import Profile
from setup.site import DEPLOYER, FILE, Site


def writes(site: Site) -> list[str]:
    """Return what was written since the lab's mark, a look into one's own rights excepted."""
    return [
        f"{each.method} {each.path}"
        for each in site.lab.requests
        if each.method not in {"GET", "LIST"} and "leases" not in each.path
    ]


def verdicts(site: Site) -> dict[str, str]:
    """Return the verdict on each object of the plan that was printed as JSON."""
    return {f"{each['kind']} {each['name']}": each["verdict"] for each in json.loads(site.out)["changes"]}


def test_a_plan_of_empty_servers(site: Site) -> None:
    """All of the file is to be created, in the order in which one needs the other, and nothing is written."""
    before = site.state()
    site.lab.mark()
    assert site("setup", "plan") == 0

    assert list(verdicts(site)) == [
        "Nomad policy deployer",
        "Nomad role ci",
        "Nomad auth method github",
        "Nomad binding rule github 1",
        "engine nomad",
        "access nomad",
        "lease nomad",
        "engine role nomad/deployer",
        "engine role nomad/operator",
        "jwt auth jwt-github",
        "jwt configuration jwt-github",
        "Vault policy nomad-token-jwt-github-deploy-app",
        "jwt role jwt-github/deploy-app",
    ]
    assert set(verdicts(site).values()) == {"create"}
    assert writes(site) == []
    assert site.state() == before


def test_a_plan_for_a_person(site: Site) -> None:
    """On a terminal it is a diff, with a text's lines as lines."""
    assert site("setup", "plan", terminal=True) == 0

    assert "+ engine role nomad/deployer\n      type = client\n" in site.out
    assert '      Rules:\n        +namespace "default" {\n        +  capabilities' in site.out
    assert site.out.endswith("13 to create.\n")
    assert "Note: Whoever may mint `nomad/operator` may do everything in Nomad." in site.err


def test_no_line_of_a_diff_is_left_out(site: Site) -> None:
    """One that begins as a diff's own first lines do is a line of the text all the same."""
    assert site.apply() == 0
    site.write(FILE, deployer='/*\n++ more\n*/\nnamespace "*" {\n  policy = "write"\n}\n')
    assert site("setup", "plan", terminal=True) == 0

    assert '        +/*\n        +++ more\n        +*/\n        +namespace "*" {\n' in site.out


def test_apply_and_again(site: Site) -> None:
    """What is made mints; a second time nothing is written, nothing asked, and nothing minted."""
    assert site.apply() == 0
    assert "Proven: Vault minted a token of nomad/creds/deployer" in site.err
    assert "vault-auth-path: jwt-github" in site.err
    assert site.minted() == []
    assert site.lab.vault.live_leases() == []
    state, tokens = site.state(), site.access_tokens()
    site.lab.requests.clear()
    assert site("setup", "apply", terminal=True) == 0

    assert site.out == "Nothing to do: all of it is there.\n"
    assert writes(site) == []
    assert (site.state(), site.access_tokens()) == (state, tokens)
    assert len(tokens) == 1


def test_the_login_works(site: Site) -> None:
    """An id token of the repository's logs in, and mints; that of another one does not."""
    assert site.apply() == 0
    with httpx.Client(base_url=site.lab.vault.addr) as job:
        jwt = site.lab.github.id_token(site.lab.vault.addr).get_secret_value()
        login = job.post("/v1/auth/jwt-github/login", json={"role": "deploy-app", "jwt": jwt})
        token = {"X-Vault-Token": login.json()["auth"]["client_token"]}
        minted = job.get("/v1/nomad/creds/deployer", headers=token)
        other = job.get("/v1/nomad/creds/operator", headers=token)
        lease = {"lease_id": minted.json()["lease_id"], "sync": True}
        revoked = job.post("/v1/sys/leases/revoke", json=lease, headers=token)
        site.lab.github.claims = {"repository_id": "1"}
        jwt = site.lab.github.id_token(site.lab.vault.addr).get_secret_value()
        stranger = job.post("/v1/auth/jwt-github/login", json={"role": "deploy-app", "jwt": jwt})

    assert [each.status_code for each in (login, minted, other, revoked, stranger)] == [200, 200, 403, 204, 400]


def test_the_login_at_nomad_works(site: Site) -> None:
    """An id token of the repository's is one of Nomad's tokens, for as long as the file says."""
    assert site.apply() == 0
    body = {"AuthMethodName": "github", "LoginToken": site.lab.github.id_token(site.lab.nomad.addr).get_secret_value()}
    made = httpx.post(f"{site.lab.nomad.addr}/v1/acl/login", json=body)

    assert made.status_code == 200
    assert made.json()["ExpirationTTL"] == "20m0s"
    assert [each["Name"] for each in made.json()["Roles"]] == ["ci"]


def test_what_ours_is_changed(site: Site) -> None:
    """What an earlier run made, and the file wants otherwise, is changed, field by field, and nothing else."""
    assert site.apply() == 0
    (token,) = site.access_tokens()
    site.edit('ttl = "30m"', 'ttl = "20m"')
    site.edit('policies = ["deployer"]\n\n[[engine.role]]', 'policies = ["deployer", "reader"]\n\n[[engine.role]]')
    site.edit('"workflow_dispatch"] }\nroles', '"schedule"] }\nroles')
    site.edit('max-token-ttl = "20m"', 'max-token-ttl = "10m"')
    site.edit("[[policy]]", '[[policy]]\nname = "reader"\nrules = "reader.hcl"\n\n[[policy]]')
    (site.folder / "reader.hcl").write_text('namespace "default" { capabilities = ["read-job"] }\n')
    (site.folder / "deployer.hcl").write_text(DEPLOYER.replace(', "submit-job"', ""))
    assert site("setup", "plan", terminal=True) == 0

    assert "~ lease nomad\n      ttl = 1800 -> 1200\n" in site.out
    assert "~ Nomad auth method github\n      MaxTokenTTL = 20m0s -> 600s\n" in site.out
    assert '      policies = ["deployer"] -> ["deployer", "reader"]\n' in site.out
    assert '-  capabilities = ["list-jobs", "read-job", "submit-job"]\n' in site.out
    assert site.out.endswith("1 to create, 5 to change, 8 as wanted.\n")
    assert site.apply() == 0
    assert site("setup", "plan") == 0
    assert set(verdicts(site).values()) == {"same"}
    assert site.access_tokens() == [token]


def test_a_new_address_of_ours(site: Site) -> None:
    """An access of ours is written with its own token, which Nomad still has, and keeps what the file is silent on."""
    assert site.apply() == 0
    (token,) = site.access_tokens()
    with site.lab.vault_client() as vault:
        held = {"max_token_name_length": 99, "address": "http://127.0.0.1:9"}
        vault.post("/v1/nomad/config/access", json=held).raise_for_status()
    assert site.apply() == 0

    access = site.state()["nomad/config/access"]
    assert access["address"] == site.lab.nomad.addr
    assert access["max_token_name_length"] == 99
    assert site.access_tokens() == [token]


def test_the_token_of_vault_is_its_own(site: Site) -> None:
    """It is a management token without an end, for every region, by a name of ours, and not the operator's."""
    assert site.apply() == 0
    (made,) = [each for each in site.lab.nomad.live_tokens() if each.name.startswith("nomad-token setup: vault nomad ")]
    operators = site.lab.nomad.by_secret(site.lab.management_token.get_secret_value())
    assert operators is not None
    del site.lab.nomad.tokens[operators.accessor]
    with site.lab.vault_client() as vault:
        minted = vault.get("/v1/nomad/creds/deployer")

    assert (made.type, made.is_global, made.expires) == ("management", True, None)
    assert minted.status_code == 200


class TestAsking:
    """Before anything is written."""

    def test_not_in_a_script(self, site: Site) -> None:
        """Without a terminal to ask on, and without --yes, nothing is written."""
        before = site.state()
        assert site("setup", "apply", terminal=True) == InputError.exit_code

        assert "Say --yes." in site.err
        assert site.state() == before

    def test_without_a_file(self, site: Site) -> None:
        """A file that is not there is told, with what writes one."""
        (site.folder / "nomad-token.toml").unlink()
        assert site("setup", "plan") == InputError.exit_code

        assert "nomad-token setup init" in site.err

    def test_a_file_that_wants_nothing(self, site: Site) -> None:
        """It is no plan."""
        (site.folder / "nomad-token.toml").write_text("")
        assert site("setup", "plan") == InputError.exit_code
        assert "The file wants nothing." in site.err

    def test_what_the_file_is_wrong_in(self, site: Site) -> None:
        """It is told before any request."""
        site.edit('repository_id = "74123456", ', "")
        assert site("setup", "plan") == InputError.exit_code

        assert "is not bound to a project" in site.err
        assert site.lab.requests == []

    def test_the_keys_of_the_file_are_no_flags(self, site: Site) -> None:
        """A key that is called as an input is stays as it is in the file."""
        site.edit('max-ttl = "1h"', 'max-ttl = "10m"')
        assert site("setup", "plan") == InputError.exit_code
        assert "`engine[1]` has a ttl over its max-ttl." in site.err

    def test_a_client_token_of_nomads(self, site: Site) -> None:
        """A job's token is used for nothing but to ask what it is."""
        with site.lab.nomad_client() as nomad:
            body = {"Type": "client", "Policies": ["x"]}
            secret = nomad.post("/v1/acl/token", json=body).raise_for_status().json()["SecretID"]
        site.lab.requests.clear()
        assert site("setup", "plan", environ={"NOMAD_TOKEN": secret}) == Refused.exit_code

        assert "was used for nothing" in site.err
        assert [each.path for each in site.lab.requests] == ["/v1/acl/token/self"]

    def test_without_vault(self, site: Site) -> None:
        """A file that wants nothing of Vault needs none."""
        text = FILE.partition("[[engine]]")[0]
        site.write(text)
        environ = {"VAULT_ADDR": "", "VAULT_TOKEN": ""}
        assert site("setup", "apply", "--yes", environ=environ) == 0
        assert site("setup", "apply", environ=environ) == 0

    def test_without_nomad(self, site: Site) -> None:
        """A trust of Vault's alone needs no token of Nomad's."""
        site.write("[[vault-trust]]" + FILE.partition("[[vault-trust]]")[2])
        assert site("setup", "apply", "--yes", environ={"NOMAD_ADDR": "", "NOMAD_TOKEN": ""}) == 0


class TestChecks:
    """What the servers would take, and what would not work."""

    def refused(self, site: Site, *says: str) -> None:
        """Nothing is written, and it is said why."""
        before = site.state()
        site.lab.mark()
        assert site.apply() == Refused.exit_code
        assert [text for text in says if text not in site.err] == []
        assert (site.state(), writes(site)) == (before, [])

    def test_a_policy_that_is_not_there(self, site: Site) -> None:
        """A role whose policy is neither in the file nor in Nomad is refused by name."""
        site.edit('name = "deployer"\nrules = "deployer.hcl"', 'name = "other"\nrules = "deployer.hcl"')
        self.refused(site, "engine role nomad/deployer: The policy `deployer` is neither in the file nor in Nomad")

    def test_a_policy_that_is_there(self, site: Site) -> None:
        """One that is in Nomad, and not in the file, is as good."""
        with site.lab.nomad_client() as nomad:
            nomad.post("/v1/acl/policy/deployer", json={"Name": "deployer", "Rules": DEPLOYER}).raise_for_status()
        site.edit('name = "deployer"\nrules = "deployer.hcl"', 'name = "other"\nrules = "deployer.hcl"')
        assert site.apply() == 0

    def test_a_role_of_a_rule(self, site: Site) -> None:
        """A binding rule to a role that is not there would bind nothing."""
        site.edit('role = "ci"', 'role = "cd"')
        self.refused(site, "Nomad binding rule github 1: The role `cd` is neither", "[[nomad-role]]")

    def test_a_namespace_that_is_not_there(self, site: Site) -> None:
        """It is warned about, and with a `*` only where none fits."""
        site.write(FILE, deployer=DEPLOYER.replace('"default"', '"prod-*"'))
        assert site("setup", "plan") == 0
        assert "names the namespace `prod-*`" in site.err
        with site.lab.nomad_client() as nomad:
            nomad.post("/v1/namespace/prod-eu", json={"Name": "prod-eu"}).raise_for_status()
        assert site("setup", "plan") == 0
        assert "prod-*" not in site.err

    @pytest.mark.parametrize("block", ['{"prod": {"policy": "read"}}', '[{"prod": {"policy": "read"}}]'])
    def test_a_namespace_of_rules_in_json(self, site: Site, block: str) -> None:
        """HCL has two ways to write blocks in JSON."""
        site.write(FILE, deployer=f'{{"namespace": {block}}}')
        assert site("setup", "plan") == 0
        assert "names the namespace `prod`" in site.err

    def test_an_engine_that_is_not_registered(self, site: Site) -> None:
        """It is told with the line that registers it."""
        site.lab.vault.unregistered |= {"nomad", "openbao-plugin-secrets-nomad"}
        self.refused(site, "This Vault has no engine `nomad`", "bao plugin register -sha256=$(sha256sum ")

    def test_an_engine_by_another_name(self, site: Site) -> None:
        """The plugin's own name is told, and works."""
        site.lab.vault.unregistered |= {"nomad"}
        self.refused(site, 'Write plugin = "openbao-plugin-secrets-nomad" in the file.')
        site.edit('mount = "nomad"\n', 'mount = "nomad"\nplugin = "openbao-plugin-secrets-nomad"\n')
        assert site.apply() == 0

    def test_no_jwt(self, site: Site) -> None:
        """A Vault without the auth method can trust nobody."""
        site.lab.vault.unregistered |= {"jwt"}
        self.refused(site, "no auth method of the type `jwt`")

    def test_a_mount_within_a_mount(self, site: Site) -> None:
        """Vault would refuse it half-way."""
        with site.lab.vault_client() as vault:
            vault.post("/v1/sys/mounts/nomad/prod", json={"type": "nomad"}).raise_for_status()
        self.refused(site, "engine nomad: `nomad/prod` is mounted")

    @pytest.mark.parametrize("version", ["1.4.4", "1.5.3"])
    def test_a_nomad_without_logins(self, site: Site, version: str) -> None:
        """One before 1.5.4 can't trust an id token."""
        site.lab.nomad.version = version
        self.refused(site, f"This Nomad is {version}, and has logins with an id token from 1.5.4 on.")

    def test_a_nomad_without_roles(self, site: Site) -> None:
        """One before 1.4 has none."""
        site.write(FILE.partition("[[nomad-trust]]")[0])
        site.lab.nomad.version = "1.3.16"
        self.refused(site, "This Nomad is 1.3.16, and has ACL roles from 1.4 on.")


@pytest.mark.parametrize("profile", list(Profile), ids=lambda profile: profile.value)
def test_every_nomad(tmp_path: Path, profile: Profile) -> None:
    """A second run changes nothing, whatever the version writes a life as."""
    with Lab(profile=profile) as lab:
        site = Site.of(lab, tmp_path)
        trust = FILE[FILE.index("[[nomad-trust]]") : FILE.index("[[engine]]")]
        site.write(FILE if profile is not Profile.UP_TO_1_4 else FILE.replace(trust, ""))
        assert site.apply() == 0
        assert site.apply() == 0

        assert site.out == "Nothing to do: all of it is there.\n"


class TestProof:
    """What is written is not enough: it has to mint."""

    def test_vault_does_not_reach_nomad(self, site: Site) -> None:
        """Vault's own view of the address is what counts, and is told as a mint tells it."""
        site.edit(f'address = "{site.lab.nomad.addr}"', 'address = "http://127.0.0.1:9"')
        assert site.apply() == Temporary.exit_code

        assert "Vault can't reach Nomad" in site.err
        assert "All of it is written, and the proof failed." in site.err

    def test_another_nomad(self, site: Site) -> None:
        """One that Vault's token is not for is told as a mint tells it."""
        with Lab() as other:
            site.edit(f'address = "{site.lab.nomad.addr}"', f'address = "{other.nomad.addr}"')
            assert site.apply() == Refused.exit_code

        assert "is not a management token of this Nomad" in site.err

    def test_a_token_that_another_region_learns_late(self, site: Site) -> None:
        """A token that was made just now may not be known where Vault asks: it is waited for."""
        refusal = Answer(403, "Permission denied", content_type="text/plain")
        site.lab.faults.append(Fault("nomad", "PUT", "acl/token$", refusal, times=3))
        assert site.apply() == 0
        assert "Proven:" in site.err

    def test_a_token_that_nomad_does_not_know(self, site: Site) -> None:
        """What is minted in another Nomad than ours is no proof, and is revoked."""
        assert site.apply() == 0
        site.edit('ttl = "30m"', 'ttl = "20m"')
        with site.lab.vault_client() as vault, Lab(trust=True) as other:
            body = {"Name": "x", "Type": "management"}
            with other.nomad_client() as elsewhere:
                secret = elsewhere.post("/v1/acl/token", json=body).raise_for_status().json()["SecretID"]
            access = {"address": other.nomad.addr, "token": secret}
            vault.post("/v1/nomad/config/access", json=access).raise_for_status()
            site.edit(f'address = "{site.lab.nomad.addr}"', f'address = "{other.nomad.addr}"')
            assert site.apply() == Temporary.exit_code

            assert "does not accept the token" in site.err
            assert [each for each in other.nomad.live_tokens() if each.name.startswith("vault-")] == []

    def test_a_revoke_that_fails(self, site: Site) -> None:
        """A token that was minted as a proof and lives is named, with the line that ends it."""
        refusal = Answer(400, {"errors": ["failed to revoke entry: resp: x err: y"]})
        site.lab.faults.append(Fault("vault", "POST", "sys/leases/revoke", refusal))
        assert site.apply() == LiveTokenLeft.exit_code

        (lease,) = site.lab.vault.live_leases()
        assert f"vault lease revoke {lease.id}" in site.err

    def test_a_lost_mint(self, site: Site) -> None:
        """One whose answer was lost may live: that is told."""
        site.lab.faults.append(Fault("vault", "GET", "creds", CLOSE, "after"))
        assert site.apply() == LiveTokenLeft.exit_code
        assert "nomad-token list deployer" in site.err

    def test_an_engine_without_roles(self, site: Site) -> None:
        """Nothing can be minted, and that is said."""
        site.write('[[engine]]\n[engine.access]\naddress = "{nomad}"\n')
        assert site.apply() == 0
        assert "has no role in the file: no token was minted as a proof." in site.err
