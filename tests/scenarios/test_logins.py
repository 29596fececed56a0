"""Every way to log in to Vault, from its inputs to a dead token."""

from collections.abc import Callable
from pathlib import Path

import pytest

from certificates import Authority, Pair
from jobs import in_a_pod, quick_start
from nomad_token_lab import Dialect, Lab, Tls, logins
from nomad_token_lab.runner import Ran, Step

PASSWORD = "correct-horse-battery-staple"
Prepare = Callable[[Lab, Path], dict[str, str]]


def approle(lab: Lab, _folder: Path) -> dict[str, str]:
    """Make an AppRole, at a mount of some depth."""
    with lab.vault_client() as vault:
        return logins.approle(vault, mount="teams/ci/approle")


def userpass(lab: Lab, _folder: Path) -> dict[str, str]:
    """Make a user."""
    with lab.vault_client() as vault:
        return logins.userpass(vault, password=PASSWORD)


def ldap(lab: Lab, _folder: Path) -> dict[str, str]:
    """Let a user of the directory in."""
    with lab.vault_client() as vault:
        given = logins.ldap(vault, password=PASSWORD, url="ldap://directory.invalid")
    lab.vault.directory[given["vault-username"]] = given["vault-password"]
    return given


def custom(lab: Lab, _folder: Path) -> dict[str, str]:
    """Log in to an AppRole with a payload of one's own."""
    given = approle(lab, _folder)
    payload = f'{{"role_id": "{given["vault-role-id"]}", "secret_id": "{given["vault-secret-id"]}"}}'
    return {
        "vault-auth-method": "custom",
        "vault-auth-path": given["vault-auth-path"],
        "vault-auth-payload": payload,
    }


WAYS: dict[str, Prepare] = {
    "approle": approle,
    "userpass": userpass,
    "ldap": ldap,
    "kubernetes": in_a_pod,
    "custom": custom,
}


def inputs(lab: Lab, given: dict[str, str]) -> dict[str, str]:
    """Return the quick start's inputs with another login."""
    plain = quick_start(lab)
    del plain["vault-auth-role"]
    return plain | given


@pytest.mark.parametrize("way", WAYS)
def test_plain_road(lab: Lab, step: Step, tmp_path: Path, way: str) -> None:
    """The login works, the token is revoked with it, and what was given to log in is saved nowhere."""
    given = WAYS[way](lab, tmp_path)
    lab.mark()
    main = step.main(inputs(lab, given))
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert "Nomad refuses it" in post.log
    lab.settle()
    assert not lab.nomad.live_tokens()
    assert not lab.vault.live_tokens()
    for name in ("vault-secret-id", "vault-password", "vault-auth-payload"):
        if name in given:
            assert given[name] not in str(main.state)


@pytest.mark.parametrize(
    ("way", "changed", "code", "says"),
    [
        ("approle", {"vault-secret-id": "11111111-2222-3333-4444-555555555555"}, 4, "`vault-secret-id` is wrong"),
        ("userpass", {"vault-password": "wrong-password"}, 4, "the password is wrong"),
        ("ldap", {"vault-password": "wrong-password"}, 4, "the password is wrong"),
        ("kubernetes", {"vault-auth-role": "nobody"}, 5, "knows no role `nobody`"),
        ("kubernetes", {"vault-kubernetes-token-path": "/no/such/token"}, 3, "no service account token"),
    ],
)
def test_refused(  # noqa: PLR0913, PLR0917 - one row of the table, and where it is run
    lab: Lab, step: Step, tmp_path: Path, way: str, changed: dict[str, str], code: int, says: str
) -> None:
    """A refused login is told with its cause, and tried once: a few more would lock the user out."""
    given = WAYS[way](lab, tmp_path) | changed
    lab.mark()
    main = step.main(inputs(lab, given))

    assert main.code == code
    assert says in main.log
    assert len([record for record in lab.requests if "/login" in record.path]) <= 1


def test_locked_out(lab: Lab, step: Step, tmp_path: Path) -> None:
    """A user who is locked out is told so, though Vault says no more than `permission denied`."""
    given = userpass(lab, tmp_path)
    for _ in range(5):
        step.main(inputs(lab, given | {"vault-password": "wrong-password"}))
    main = step.main(inputs(lab, given))

    assert main.code == 4
    assert "locks a user out" in main.log


def test_secret_that_a_fork_was_denied(lab: Lab, tmp_path: Path) -> None:
    """A secret that is empty on a fork is reported as that, and not as a mistake in the workflow."""
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"head": {"repo": {"full_name": "evil/app"}}}}', "utf-8")
    environ = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event)}
    step = Step(tmp_path / "job", environ)
    main = step.main(inputs(lab, {"vault-auth-method": "approle", "vault-role-id": "", "vault-secret-id": ""}))

    assert main.code == 3
    assert "`vault-role-id` is missing" in main.log
    assert "pull request from a fork" in main.log


class TestTls:
    """A Vault and a Nomad with a private authority."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        """Make an authority of one's own."""
        return Authority(tmp_path)

    def served(self, pair: Pair, **more: object) -> Lab:
        """Serve Vault and Nomad with a certificate; GitHub's own is public."""
        tls = Tls(pair.certificate, pair.key, **more)  # type: ignore[arg-type]
        return Lab(trust=True, tls={"vault": tls, "nomad": tls})

    def run(self, lab: Lab, folder: Path, **given: str) -> tuple[Ran, Ran]:
        """Run both steps, with the workspace at *folder*."""
        step = Step(folder / "job", {**lab.github.environ(), "GITHUB_WORKSPACE": str(folder)})
        changed = {name.replace("_", "-"): value for name, value in given.items()}
        both = quick_start(lab) | changed
        return step.main(both), step.post(both)

    def test_cert_login(self, authority: Authority, tmp_path: Path) -> None:
        """The `cert` method logs in with the certificate of the connection."""
        own = authority.client("ci")
        with self.served(authority.server(), client_ca=authority.certificate) as lab:
            with lab.vault_client() as vault:
                given = logins.cert(vault, authority=authority.certificate.read_text("ascii"))
            main, post = self.run(
                lab,
                tmp_path,
                vault_ca_cert=authority.certificate.name,
                nomad_ca_cert=authority.certificate.name,
                vault_client_cert=own.certificate.name,
                vault_client_key=own.key.name,
                **{name.replace("-", "_"): value for name, value in given.items()},
            )
            alive = lab.nomad.live_tokens()

        assert (main.code, post.code) == (0, 0)
        assert not alive


def test_headers_for_a_proxy(lab: Lab, step: Step) -> None:
    """Headers of one's own reach Vault with every request, and are not saved."""
    lab.vault.required_header = ("X-Proxy-Key", "canary-of-a-header")
    given = quick_start(lab) | {"vault-headers": "X-Proxy-Key: canary-of-a-header"}
    main = step.main(given)
    post = step.post(given)

    assert (main.code, post.code) == (0, 0)
    assert "canary-of-a-header" not in str(main.state)
    assert not lab.nomad.live_tokens()


def test_unknown_namespace(tmp_path: Path) -> None:
    """A namespace that OpenBao does not know is named, with the input that it came from."""
    with Lab(trust=True, dialect=Dialect.OPENBAO) as lab:
        step = Step(tmp_path, lab.github.environ())
        main = step.main(quick_start(lab) | {"vault-namespace": "nobody"})

    assert main.code == 5
    assert "knows no namespace `nobody`" in main.log
