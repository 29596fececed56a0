"""An operator with less than all rights, in namespaces, at a terminal, and with a key."""

import json
import os
import pty
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nomad_token.errors import InputError, Refused, Temporary
from nomad_token_lab import Fault, Lab
from nomad_token_lab.faults import Answer
from nomad_token_lab.vault.state import Dialect
from setup.site import FILE, Site

NARROW = """
path "sys/mounts" { capabilities = ["read"] }
path "sys/auth" { capabilities = ["read"] }
path "sys/plugins/catalog/*" { capabilities = ["list"] }
path "nomad/*" { capabilities = ["read", "list", "create", "update"] }
"""


def with_policy(site: Site, policy: str) -> str:
    """Make a token of Vault's that may do what *policy* says."""
    with site.lab.vault_client() as vault:
        vault.post("/v1/sys/policies/acl/narrow", json={"policy": policy}).raise_for_status()
        made = vault.post("/v1/auth/token/create", json={"policies": ["narrow"]}).raise_for_status()
    return str(made.json()["auth"]["client_token"])


@contextmanager
def typed(answer: str) -> Iterator[None]:
    """Have a terminal in the place of standard input, on which *answer* was typed."""
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    before = sys.stdin
    with os.fdopen(theirs, encoding="utf-8") as terminal:
        sys.stdin = terminal
        try:
            yield
        finally:
            sys.stdin = before
            os.close(ours)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a site on which the file was applied, for plans alone."""
    with Lab() as lab:
        folder = tmp_path_factory.mktemp("plain")
        site = Site.of(lab, folder)
        site.write(FILE)
        assert site.apply() == 0
        yield site


def test_what_may_not_be_read_is_not_known(site: Site) -> None:
    """It is marked so, with the rule to add, and nothing at all is written."""
    assert site.apply() == 0
    token, before = with_policy(site, NARROW), site.state()
    assert site("setup", "plan", environ={"VAULT_TOKEN": token}) == Refused.exit_code
    found = {f"{each['kind']} {each['name']}": each for each in json.loads(site.out)["changes"]}

    assert found["lease nomad"]["verdict"] == "same"
    assert found["jwt role jwt-github/deploy-app"]["verdict"] == "unknown"
    assert found["jwt role jwt-github/deploy-app"]["fix"].startswith('path "auth/jwt-github/role/deploy-app"')
    site.edit('ttl = "30m"', 'ttl = "20m"')
    assert site("setup", "apply", "--yes", environ={"VAULT_TOKEN": token}) == Refused.exit_code
    assert site.state() == before


def test_what_may_not_be_listed(site: Site) -> None:
    """Without the mounts nothing can be told, and the rule is named."""
    token = with_policy(site, 'path "nomad/*" { capabilities = ["read"] }')
    assert site("setup", "plan", environ={"VAULT_TOKEN": token}) == Refused.exit_code
    assert 'path "sys/mounts" { capabilities = ["read"] }' in site.err


def test_what_may_not_be_written(site: Site) -> None:
    """It is told with the rule, and how much is written; with the rule the same command goes on."""
    policy = (
        NARROW + 'path "+/jwt-github/*" { capabilities = ["read"] }\npath "sys/policies/*" { capabilities = ["read"] }'
    )
    assert site("setup", "apply", "--yes", environ={"VAULT_TOKEN": with_policy(site, policy)}) == Refused.exit_code

    assert 'path "sys/mounts/nomad" { capabilities = ["create", "update", "sudo"] }' in site.err
    assert "4 of 13 are written; the same command goes on with the rest." in site.err
    assert site.apply() == 0
    assert site.out.endswith("9 to create, 4 as wanted.\n")


@pytest.mark.parametrize("answer", ["", "y", "no", "YES"])
def test_nothing_but_yes(site: Site, capfd: pytest.CaptureFixture[str], answer: str) -> None:
    """On a terminal it asks, with the servers' addresses, and any other word is a no."""
    before = site.state()
    with typed(answer):
        code = site("setup", "apply", terminal=True)

    assert code == InputError.exit_code
    assert f"Do that at Vault at {site.lab.vault.addr} and Nomad at {site.lab.nomad.addr}?" in capfd.readouterr().err
    assert "Nothing was written." in site.err
    assert site.state() == before


def test_yes(site: Site) -> None:
    """The word does it; the plan was shown before."""
    with typed("yes"):
        assert site("setup", "apply", terminal=True) == 0

    assert site.out.endswith("13 to create.\n")
    assert len(site.access_tokens()) == 1


def test_what_others_write_meanwhile(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made while the question stood is somebody else's: nothing is written over it."""

    class Slow:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            with site.lab.nomad_client() as nomad:
                theirs = {"Name": "deployer", "Rules": 'node { policy = "read" }'}
                nomad.post("/v1/acl/policy/deployer", json=theirs).raise_for_status()
            self.after = site.state()
            return "yes\n"

    monkeypatch.setattr("sys.stdin", keyboard := Slow())
    assert site("setup", "apply", terminal=True) == Refused.exit_code

    assert "has changed since it was shown" in site.err
    assert site.state() == keyboard.after


def test_a_key(site: Site) -> None:
    """The key of a client certificate is read where an access is written, and is in no output; a plan needs none."""
    site.edit('address = "', 'client-cert = "cert.pem"\nclient-key = "key.pem"\naddress = "')
    (site.folder / "cert.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    assert site("setup", "plan") == 0
    before = site.state()
    assert site.apply() == InputError.exit_code
    assert "key.pem can't be read" in site.err
    assert site.state() == before
    (site.folder / "key.pem").write_text("canary-of-a-key")
    assert site("setup", "apply", "--yes", "--verbose") == 0

    assert "canary-of-a-key" not in site.out + site.err
    (site.folder / "key.pem").unlink()
    assert site("setup", "apply", "--yes") == 0
    assert site.out == "Nothing to do: all of it is there.\n"


@pytest.mark.parametrize("body", ["7", '"x"', "[7]", '[{"ID": {}}]', '{"a": 7}', '{"config": {"Version": 7}}', "[[]]"])
@pytest.mark.parametrize(
    "path", ["acl/binding-rules$", "acl/binding-rule/", "acl/policy/", "acl/policies", "namespaces", "agent/self"]
)
def test_answers_that_are_not_nomads(plain: Site, path: str, body: str) -> None:
    """Whatever they hold, it is no bug of ours, and a plan says what it makes of them."""
    plain.lab.faults.append(Fault("nomad", "GET", path, Answer(200, body), times=None))
    code = plain("setup", "plan")
    plain.lab.faults.clear()

    assert code in {0, Refused.exit_code, Temporary.exit_code}


def test_what_the_file_no_longer_wants(site: Site) -> None:
    """What lets somebody in, and was made by an earlier file, is told with the line that deletes it, and is left."""
    assert site.apply() == 0
    site.edit(
        'claims = { repository_id = "74123456", ref = "refs/heads/main", event_name',
        'claims = { repository_id = "8", event_name',
    )
    rule = FILE[FILE.index("[[nomad-trust.rule]]") : FILE.index("[[engine]]")].replace("{{", "{").replace("}}", "}")
    site.edit("[[engine]]", f"{rule}[[engine]]")
    site.edit('[[engine.role]]\nname = "operator"\ntype = "management"\n', "")
    assert site.apply() == 0
    site.edit(rule, "")
    assert site("setup", "plan") == 0

    assert "the binding rule `made by nomad-token setup: github 2`" in site.err
    assert "nomad acl binding-rule delete " in site.err
    assert "the role `operator` of `nomad`" in site.err
    assert "vault delete nomad/role/operator" in site.err


def test_an_issuer_without_tls(site: Site) -> None:
    """Its keys could be anybody's, which is told; what is on this machine is not meant."""
    assert site("setup", "plan") == 0
    assert "without TLS" not in site.err
    site.edit(f'issuer = "{site.lab.github.addr}"\n\n[[vault', 'issuer = "http://ghes.test/_services/token"\n\n[[vault')
    assert site("setup", "plan") == 0
    assert "Note: The keys of http://ghes.test/_services/token come without TLS" in site.err


def test_a_role_that_is_misspelt(site: Site) -> None:
    """A login for a role that the file's engine lacks is told."""
    site.edit('roles = ["nomad/deployer"]', 'roles = ["nomad/deplyer"]')
    assert site("setup", "plan") == 0
    assert "may mint `nomad/deplyer`, and the engine of the file has no such role." in site.err


def test_what_another_region_learns_late(site: Site) -> None:
    """What was written is read back until it is there."""
    late = Answer(404, "ACL role not found", content_type="text/plain")
    site.lab.faults.append(Fault("nomad", "GET", "acl/role/name/ci", late, times=3))
    assert site.apply() == 0


def test_what_reads_otherwise(site: Site) -> None:
    """A server that makes something else of what was written is told."""
    other = Answer(200, {"data": {"ttl": 1, "max_ttl": 2}})
    assert site.apply() == 0
    site.edit('ttl = "30m"', 'ttl = "20m"')
    site.lab.faults.append(Fault("vault", "GET", "nomad/config/lease", other, times=None))
    assert site.apply() == Refused.exit_code
    assert "The lease nomad was written, and reads otherwise: ttl, max_ttl." in site.err


def test_namespaces(tmp_path: Path) -> None:
    """An engine in a namespace below that of the login: the login's policy writes the way to it, and a job mints."""
    with Lab(dialect=Dialect.OPENBAO) as lab:
        with lab.vault_client() as vault:
            vault.post("/v1/sys/namespaces/app", json={}).raise_for_status()
        site = Site.of(lab, tmp_path)
        site.environ["VAULT_NAMESPACE"] = "app"
        site.write(FILE)
        assert site.apply("--vault-auth-namespace=root") == 0, site.err
        assert site.apply("--vault-auth-namespace=root") == 0
        assert site.out == "Nothing to do: all of it is there.\n"
        words = ("--vault-auth-path=jwt-github", "--vault-auth-role=deploy-app", "--role=deployer")
        token = lab.github.id_token(lab.vault.addr).get_secret_value()
        minting = {"VAULT_TOKEN": "", "NOMAD_TOKEN": "", "VAULT_ID_TOKEN": token}
        made = tmp_path / "made.json"
        state = f"--state={tmp_path / 'state'}"
        assert site("mint", "--vault-auth-namespace=root", *words, state, f"--json={made}", environ=minting) == 0, (
            site.err
        )
        assert site("revoke", state, environ=minting) == 0

        assert site.minted() == []
