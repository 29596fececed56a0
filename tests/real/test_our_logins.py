"""Every way to log in, walked by the program itself on real servers: mint, deploy, revoke; and what they refuse."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

import servers
from answers import within
from certificates import DAY, Authority, Pair
from jobs import quick_start
from nomad_token.vault_auth import METHODS
from nomad_token_lab import Member, logins
from nomad_token_lab.runner import Ran, Step
from real_lab import KINDS, RealLab, real_lab

PASSWORD: Final = "correct-horse-battery-staple"
PEOPLE: Final = "ou=people,dc=example,dc=com"
JOB: Final = {"Job": {"ID": "hello", "Name": "hello", "Type": "batch", "Datacenters": ["*"], "TaskGroups": []}}
Inputs = dict[str, str]


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An LDAP server where one user has a password."""
    with servers.ldap(tmp_path_factory.mktemp("ldap"), {f"cn={logins.USER},{PEOPLE}": PASSWORD}) as url:
        yield url


Way = Callable[..., Inputs]
"""Set a login up with some `token_*` terms, and return its inputs."""


@pytest.fixture
def jwt(lab: RealLab) -> Way:
    """Log in with an id token."""

    def made(**terms: Any) -> Inputs:  # noqa: ANN401 - fields of a role
        with lab.vault_client() as vault:
            role = vault.get("/v1/auth/jwt/role/deploy-app").raise_for_status().json()["data"]
            vault.post("/v1/auth/jwt/role/deploy-app", json=role | terms).raise_for_status()
        return {"vault-auth-role": "deploy-app"}

    return made


@pytest.fixture
def approle(lab: RealLab) -> Way:
    """Log in as a machine, at a mount of some depth."""

    def made(**terms: Any) -> Inputs:  # noqa: ANN401
        with lab.vault_client() as vault:
            return logins.approle(vault, mount="teams/ci/approle", **terms)

    return made


@pytest.fixture
def custom(approle: Way) -> Way:
    """Log in as a machine, with a payload of one's own."""

    def made(**terms: Any) -> Inputs:  # noqa: ANN401
        given = approle(**terms)
        payload = {"role_id": given["vault-role-id"], "secret_id": given["vault-secret-id"]}
        return {
            "vault-auth-method": "custom",
            "vault-auth-path": given["vault-auth-path"],
            "vault-auth-payload": json.dumps(payload),
        }

    return made


@pytest.fixture
def userpass(lab: RealLab) -> Way:
    """Log in as a user of Vault's."""

    def made(**terms: Any) -> Inputs:  # noqa: ANN401
        with lab.vault_client() as vault:
            return logins.userpass(vault, password=PASSWORD, **terms)

    return made


@pytest.fixture
def ldap(lab: RealLab, directory: str) -> Way:
    """Log in as a user of a directory."""
    if lab.kind == "openbao":
        pytest.skip("OpenBao has no ldap auth method")

    def made(**terms: Any) -> Inputs:  # noqa: ANN401
        with lab.vault_client() as vault:
            return logins.ldap(vault, password=PASSWORD, url=directory, userdn=PEOPLE, userattr="cn", **terms)

    return made


@pytest.fixture
def github(lab: RealLab) -> Way:
    """Log in as a member of an organisation."""
    if lab.kind == "openbao":
        pytest.skip("OpenBao has no github auth method")
    lab.members.by_token |= {"ghp_member": Member("octocat"), "ghp_stranger": Member("octocat", ("other-org",))}

    def made(**terms: Any) -> Inputs:  # noqa: ANN401
        with lab.vault_client() as vault:
            given = logins.github(vault, personal_token="ghp_member", base_url=lab.github.addr)
            config = vault.get("/v1/auth/github/config").raise_for_status().json()["data"]
            vault.post("/v1/auth/github/config", json=config | terms).raise_for_status()
        return given

    return made


@pytest.fixture
def kubernetes(lab: RealLab, tmp_path: Path) -> Way:
    """Log in as the service account of a pod, whose token the cluster confirms to Vault (TokenReview)."""

    def made(**terms: Any) -> Inputs:  # noqa: ANN401
        authority = Authority(tmp_path, "cluster").certificate.read_text("ascii")
        key = lab.cluster.public_key
        with lab.vault_client() as vault:
            given = logins.kubernetes(vault, host=lab.cluster.host, ca_certificate=authority, public_key=key)
            path = "/v1/auth/kubernetes/role/deploy-app"
            role = vault.get(path).raise_for_status().json()["data"]
            vault.post(path, json=role | terms).raise_for_status()
        return given | {"vault-kubernetes-token-path": mounted(lab, tmp_path, "ci", logins.USER)}

    return made


def mounted(lab: RealLab, folder: Path, namespace: str, name: str, **claims: Any) -> str:  # noqa: ANN401
    """Mount the token of a service account, and return where."""
    file = folder / "service-account-token"
    file.write_text(lab.cluster.service_account_token(namespace, name, **claims).get_secret_value(), "ascii")
    return str(file)


WAYS: Final = ("jwt", "approle", "custom", "userpass", "ldap", "github", "kubernetes")


@pytest.fixture
def way(request: pytest.FixtureRequest) -> Way:
    """The way that the parameter names."""
    made: Way = request.getfixturevalue(request.param)
    return made


def inputs(lab: RealLab, given: Inputs) -> Inputs:
    """Return the quick start's inputs for the real server, with another login."""
    plain = quick_start(lab, vault_addr=lab.real.addr)
    del plain["vault-auth-role"]
    return plain | given


def deployed(lab: RealLab, main: Ran) -> int:
    """Deploy with the token that *main* handed on; return Nomad's status."""
    token = {"X-Nomad-Token": main.variables["NOMAD_TOKEN"]}
    return httpx.put(f"{lab.nomad.addr}/v1/jobs", json=JOB, headers=token).status_code


def nothing_lives(lab: RealLab, before: set[str]) -> bool:
    """Tell whether no token and no lease is left that was not there before."""
    gone = within(30, lambda: lab.accessors() == before and not lab.leases())
    return gone and not lab.nomad.live_tokens()


def test_each_method_is_tried_here() -> None:
    """A login that the register knows is one of the ways, is lent, or is the connection's certificate."""
    assert sorted([*WAYS, "token", "cert"]) == sorted(METHODS)


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_plain_road(lab: RealLab, step: Step, way: Way) -> None:
    """The login works, the token deploys, and both are gone afterwards, in Vault and in Nomad."""
    given = way()
    before = lab.accessors()
    main = step.main(inputs(lab, given))
    status, during, leases = deployed(lab, main), lab.accessors() - before, lab.leases()
    post = step.post()

    assert (main.code, status, post.code) == (0, 200, 0)
    assert (len(during), len(leases)) == (1, 1)
    assert "Vault revoked the lease, and Nomad refuses it" in post.log
    assert nothing_lives(lab, before)


WRONG_ID: Final = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize(
    ("way", "changed", "code", "says"),
    [
        ("jwt", {"vault-auth-role": "nobody"}, 5, ["`vault-auth-role`"]),
        ("jwt", {"audience": "https://other.test"}, 4, ["bound_audiences"]),
        ("jwt", {"id-token": "not.a.token"}, 4, ["Give the JWT itself"]),
        ("approle", {"vault-role-id": WRONG_ID}, 4, ["`vault-role-id` is of another mount or unknown"]),
        ("approle", {"vault-secret-id": WRONG_ID}, 4, ["`vault-secret-id` is wrong"]),
        ("approle", {"vault-secret-id": ""}, 4, ["missing secret_id", "`vault-secret-id`"]),
        ("custom", {"vault-auth-payload": '{"role_id": "x", "secret_id": "y"}'}, 4, ["`vault-auth-payload`"]),
        ("userpass", {"vault-password": "wrong-password"}, 4, ["the password is wrong"]),
        ("userpass", {"vault-username": "nobody"}, 4, ["The user is unknown"]),
        ("ldap", {"vault-password": "wrong-password"}, 4, ["the password is wrong"]),
        ("ldap", {"vault-username": "nobody"}, 4, ["The user is unknown"]),
        ("github", {"vault-github-token": "ghp_nobody"}, 4, ["401 Bad credentials", "read:org"]),
        ("github", {"vault-github-token": "ghp_stranger"}, 4, ["not a member of the organisation"]),
        ("kubernetes", {"vault-auth-role": "nobody"}, 5, ["knows no role `nobody`"]),
        ("kubernetes", {"vault-kubernetes-token-path": "/no/such/token"}, 3, ["no service account token"]),
    ],
    indirect=["way"],
)
def test_refused(lab: RealLab, step: Step, way: Way, changed: Inputs, code: int, says: list[str]) -> None:
    """What is wrong with a login is told by what the server says of it, and nothing is made."""
    given = way() | changed
    before = lab.accessors()
    main = step.main(inputs(lab, given))
    post = step.post()

    assert main.code == code
    assert [text for text in says if text not in main.log] == []
    assert post.code == 0
    assert nothing_lives(lab, before)


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_disabled(lab: RealLab, step: Step, way: Way) -> None:
    """A method that is not mounted (any more) is a 403 to Vault, and is told as what that may mean."""
    given = way()
    with lab.vault_client() as vault:
        mount = given.get("vault-auth-path", "jwt")
        vault.delete(f"/v1/sys/auth/{mount}").raise_for_status()
    main = step.main(inputs(lab, given))

    assert main.code == 4
    assert "mounted" in main.log
    assert "vault auth list" in main.log


@pytest.mark.parametrize("way", [one for one in WAYS if one != "custom"], indirect=True)
@pytest.mark.parametrize(
    ("terms", "says"),
    [({"token_type": "batch"}, "token_type=service"), ({"token_num_uses": 1}, "token_num_uses to 0, or to 4")],
    ids=["batch", "single_use"],
)
def test_what_can_not_be_revoked(lab: RealLab, step: Step, way: Way, terms: dict[str, Any], says: str) -> None:
    """A login whose token can't be revoked is refused before anything is read, with the place of the term to change."""
    given = way(**terms)
    before = lab.accessors()
    main = step.main(inputs(lab, given))
    post = step.post()
    # An AppRole's name is nothing that a job knows.
    place = main.log.partition(says)[2].partition("`")[2].partition("`")[0].replace("ROLE", logins.ROLE)
    with lab.vault_client() as vault:
        found = vault.get(f"/v1/{place}")

    assert main.code == 4
    assert post.code == 0
    assert [found.json()["data"][name] for name in terms] == list(terms.values())
    assert nothing_lives(lab, before)


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_few_uses(lab: RealLab, step: Step, way: Way) -> None:
    """Two uses are enough: one for the read, one for the end, which takes the lease along."""
    given = way(token_num_uses=2)
    before = lab.accessors()
    main = step.main(inputs(lab, given))
    post = step.post()

    assert (main.code, post.code) == (0, 0)
    assert "Vault revoked the login and its lease, and Nomad refuses it" in post.log
    assert nothing_lives(lab, before)


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_bound_to_another_address(lab: RealLab, step: Step, way: Way) -> None:
    """A login that is bound to other addresses is refused, and so is what a login from here gave; both are told."""
    given = way(token_bound_cidrs=["192.0.2.0/24"])
    main = step.main(inputs(lab, given))

    assert main.code == 4
    assert "token_bound_cidrs" in main.log
    assert "already gone" not in main.log
    assert not lab.leases()
    assert not lab.nomad.live_tokens()


@pytest.mark.parametrize("way", ["approle", "userpass", "ldap"], indirect=True)
def test_locked_out(lab: RealLab, step: Step, way: Way) -> None:
    """After five failures the right secret is refused too, in the words of a method that isn't mounted."""
    given = way()
    with lab.vault_client() as vault:
        for _ in range(5):
            wrong = {"role_id": given.get("vault-role-id"), "secret_id": WRONG_ID, "password": "wrong"}
            user = given.get("vault-username", "")
            vault.post(f"/v1/auth/{given['vault-auth-path']}/login/{user}".rstrip("/"), json=wrong)
    main = step.main(inputs(lab, given))

    assert main.code == 4
    assert "locks" in main.log
    assert "15 minutes" in main.log


def test_a_spent_secret_id(lab: RealLab, step: Step, approle: Way) -> None:
    """A secret id for one login is told to be used up at the next."""
    given = approle(secret_id_num_uses=1)
    first = step.main(inputs(lab, given))
    step.post()
    second = step.main(inputs(lab, given))

    assert (first.code, second.code) == (0, 4)
    assert "used up" in second.log


@pytest.mark.parametrize(
    ("way", "nowhere", "code", "says"),
    [
        ("ldap", {"url": "ldap://127.0.0.1:1"}, 75, "Vault can't reach the directory"),
        # It does not tell this from a token that the cluster refuses.
        ("kubernetes", {"kubernetes_host": "http://127.0.0.1:1"}, 4, "or was not reached"),
    ],
    indirect=["way"],
)
def test_nobody_answers_vault(
    lab: RealLab, step: Step, way: Way, nowhere: dict[str, str], code: int, says: str
) -> None:
    """A directory or a cluster that Vault can't reach is not taken for a wrong password."""
    given = way()
    with lab.vault_client() as vault:
        path = f"/v1/auth/{given['vault-auth-path']}/config"
        config = vault.get(path).raise_for_status().json()["data"]
        vault.post(path, json=config | nowhere).raise_for_status()
    main = step.main(inputs(lab, given | {"timeout": "2s"}))

    assert main.code == code
    assert says in main.log


def test_a_login_that_ends_early(lab: RealLab, step: Step, jwt: Way) -> None:
    """A login of five seconds takes its lease along, which the post-step tells, and when."""
    given = jwt(token_ttl="5s", token_max_ttl="5s")
    before = lab.accessors()
    main = step.main(inputs(lab, given))
    ended = within(20, lambda: not lab.leases() and lab.accessors() == before)
    post = step.post()

    assert (main.code, ended, post.code) == (0, True, 0)
    assert main.outputs["lease-duration"] == "1800"
    assert lease_end(main) - expires_at(main) > timedelta(minutes=20)
    assert "Vault ended it at" in post.log
    assert nothing_lives(lab, before)


def lease_end(main: Ran) -> datetime:
    """Return when the lease alone would end."""
    return datetime.fromisoformat(next(fact["ends"] for fact in main.facts if fact["fact"] == "lease"))


def expires_at(main: Ran) -> datetime:
    """Return the end that the job is told."""
    return datetime.fromisoformat(main.outputs["expires-at"])


def lend(lab: RealLab, **terms: Any) -> Inputs:  # noqa: ANN401 - fields of auth/token/create
    """Make a token to be lent."""
    with lab.vault_client() as vault:
        return inputs(lab, logins.token(vault, **terms))


def known(lab: RealLab, given: Inputs) -> bool:
    """Tell whether the server still knows the token that was lent, by another token."""
    with lab.vault_client() as vault:
        return vault.post("/v1/auth/token/lookup", json={"token": given["vault-token"]}).is_success


@pytest.mark.parametrize(
    ("terms", "ends_first"),
    [
        ({}, False),
        ({"period": "1h"}, False),
        ({"ttl": "60s", "explicit_max_ttl": "60s"}, True),
        ({"type": "batch", "ttl": "10m"}, False),
        ({"num_uses": 4}, False),
        ({"no_default_policy": True}, False),
    ],
    ids=["service", "periodic", "short", "batch", "few_uses", "blind"],
)
def test_lent(lab: RealLab, step: Step, terms: dict[str, Any], ends_first: bool) -> None:  # noqa: FBT001 - a column
    """The lease alone is revoked and proven dead; what was lent works as before, and is saved nowhere."""
    given = lend(lab, **terms)
    before = lab.accessors()
    main = step.main(given)
    status, leases = deployed(lab, main), lab.leases()
    post = step.post(given)

    assert (main.code, status, post.code) == (0, 200, 0)
    assert len(leases) == 1
    assert (lease_end(main) - expires_at(main) > timedelta(minutes=20)) == ends_first
    assert "Vault revoked the lease, and Nomad refuses it" in post.log
    assert given["vault-token"] not in str(main.state)
    assert known(lab, given)
    assert nothing_lives(lab, before)


def test_lent_batch_token_caps_the_lease(lab: RealLab, step: Step) -> None:
    """The lease of a batch token is no longer than what is left of the token (api-contract 1.5)."""
    given = lend(lab, type="batch", ttl="10m")
    main = step.main(given)
    step.post(given)

    assert int(main.outputs["lease-duration"]) <= 600


@pytest.mark.parametrize("uses", [1, 2])
def test_lent_with_too_few_uses(lab: RealLab, step: Step, uses: int) -> None:
    """A look-up, the read and the lease's end take three uses; with fewer nothing is read."""
    given = lend(lab, num_uses=uses)
    main = step.main(given)
    post = step.post(given)

    assert (main.code, post.code) == (4, 0)
    assert "-use-limit" in main.log
    assert not lab.leases()
    assert not lab.nomad.live_tokens()


def test_lent_for_the_last_time(lab: RealLab, step: Step) -> None:
    """Three uses are enough, and the server forgets the token with the third."""
    given = lend(lab, num_uses=3)
    main = step.main(given)
    post = step.post(given)

    assert (main.code, post.code) == (0, 0)
    assert "Vault revoked the lease, and Nomad refuses it" in post.log
    assert within(30, lambda: not known(lab, given))
    assert not lab.nomad.live_tokens()


def test_lent_and_ended_early(lab: RealLab, step: Step) -> None:
    """A token that ended before the job takes its lease along: nothing is left, and the post-step finds that out."""
    given = lend(lab, ttl="5s", explicit_max_ttl="5s")
    main = step.main(given | {"on-revoke-failure": "fail"})
    ended = within(20, lambda: not lab.leases())
    post = step.post(given)

    assert (main.code, ended, post.code) == (0, True, 0)
    assert "Vault no longer knows `vault-token`, nor its lease, and Nomad refuses it" in post.log
    assert not lab.nomad.live_tokens()


@pytest.mark.parametrize("lent", ["hvs.nobody-knows-this-one", "s.nobody-knows-this-one"])
def test_lent_and_unknown(lab: RealLab, step: Step, lent: str) -> None:
    """A token that the server does not know is told as that."""
    main = step.main(inputs(lab, {"vault-auth-method": "token", "vault-token": lent}))

    assert main.code == 4
    assert "Vault does not know `vault-token`" in main.log


class TestNamespaces:
    """A real OpenBao with the engine in a namespace of a namespace; Vault's community edition has none."""

    @pytest.fixture
    def lab(self, tmp_path: Path) -> Iterator[RealLab]:
        """Trust a deploy in `team/app`, and an AppRole in `team`, whose policy names what is below it."""
        with real_lab("openbao", tmp_path) as lab:
            with lab.vault_client() as vault:
                vault.put("/v1/sys/namespaces/team", json={}).raise_for_status()
                vault.put("/v1/team/sys/namespaces/app", json={}).raise_for_status()
            lab.trust("team/app")
            yield lab

    def above(self, lab: RealLab, **rules: str) -> Inputs:
        """Log in at `team` with some *rules*; return the inputs."""
        rules = {"app/nomad/creds/deployer": "read"} | rules
        with lab.vault_client() as vault:
            vault.headers["X-Vault-Namespace"] = "team"
            text = "\n".join(f'path "{path}" {{ capabilities = ["{allowed}"] }}' for path, allowed in rules.items())
            vault.put("/v1/sys/policies/acl/nomad-deployer", json={"policy": text}).raise_for_status()
            given = logins.approle(vault)
        lab.mark()
        return inputs(lab, given) | {"vault-namespace": "team/app", "vault-auth-namespace": "team"}

    def test_one(self, lab: RealLab, step: Step) -> None:
        """Login and engine in one namespace: nothing is left."""
        before = lab.accessors()
        main = step.main(quick_start(lab, vault_addr=lab.real.addr, vault_namespace="team/app"))
        status, leases = deployed(lab, main), lab.leases("team/app")
        post = step.post()

        assert (main.code, status, post.code) == (0, 200, 0)
        assert len(leases) == 1
        assert "Vault revoked the lease, and Nomad refuses it" in post.log
        assert within(30, lambda: not lab.leases("team/app"))
        assert nothing_lives(lab, before)

    def test_engine_below_the_login(self, lab: RealLab, step: Step) -> None:
        """The lease, which OpenBao keeps when the login ends, is revoked where the policy allows it."""
        main = step.main(self.above(lab, **{"app/sys/leases/revoke": "update"}))
        status, leases = deployed(lab, main), lab.leases("team/app")
        post = step.post()

        assert (main.code, status, post.code) == (0, 200, 0)
        assert len(leases) == 1
        assert "Vault revoked the lease, and Nomad refuses it" in post.log
        assert not lab.leases("team/app")
        assert not lab.nomad.live_tokens()

    def test_engine_below_the_login_without_the_rule(self, lab: RealLab, step: Step) -> None:
        """Without the rule the token is left alive, which is said, with the rule as the login's policy writes it."""
        main = step.main(self.above(lab) | {"on-revoke-failure": "fail"})
        post = step.post()

        assert (main.code, post.code) == (0, 6)
        assert main.outputs["accessor-id"] in post.log
        assert 'path "app/sys/leases/revoke"' in post.log
        assert len(lab.leases("team/app")) == 1
        assert expires_at(main) == lease_end(main).replace(microsecond=0)

    def test_engine_below_the_login_refused(self, lab: RealLab, step: Step) -> None:
        """The rule for the read is told as the login's policy writes it."""
        main = step.main(self.above(lab, **{"app/nomad/creds/deployer": "list"}))

        assert main.code == 4
        assert 'path "app/nomad/creds/deployer" { capabilities = ["read"] }' in main.log

    @pytest.mark.parametrize("name", ["vault-namespace", "vault-auth-namespace"])
    def test_unknown(self, lab: RealLab, step: Step, name: str) -> None:
        """A namespace that the server does not know is told by the input that it came from; the login is undone."""
        given = self.above(lab) | {name: "nobody"}
        before = lab.accessors()
        main = step.main(given)

        assert main.code == 5
        assert "knows no namespace `nobody`" in main.log
        assert f"Check `{name}`" in main.log
        assert lab.accessors() == before


class TestCert:
    """The certificate of the connection, to a server with a private authority."""

    @pytest.fixture
    def authority(self, tmp_path: Path) -> Authority:
        """Make an authority of one's own."""
        return Authority(tmp_path)

    @pytest.fixture(params=KINDS)
    def lab(self, request: pytest.FixtureRequest, tmp_path: Path, authority: Authority) -> Iterator[RealLab]:
        """Serve a real Vault, then a real OpenBao, by TLS."""
        with real_lab(request.param, tmp_path, authority) as lab:
            yield lab

    @pytest.fixture
    def cert(self, lab: RealLab, authority: Authority) -> Way:
        """Let in who has a certificate of the authority."""
        ca = authority.certificate.read_text("ascii")

        def made(**terms: Any) -> Inputs:  # noqa: ANN401
            with lab.vault_client() as vault:
                return logins.cert(vault, authority=ca, **terms) | {"vault-ca-cert": ca} | shown(authority.client("ci"))

        return made

    def test_plain_road(self, lab: RealLab, step: Step, cert: Way) -> None:
        """The certificate lets the job in; its key is saved nowhere, and not needed for the end."""
        given = inputs(lab, cert())
        before = lab.accessors()
        main = step.main(given)
        status = deployed(lab, main)
        post = step.post()

        assert (main.code, status, post.code) == (0, 200, 0)
        assert "PRIVATE KEY" not in str(main.state)
        assert "Vault revoked the lease, and Nomad refuses it" in post.log
        assert nothing_lives(lab, before)

    def test_without_a_role(self, lab: RealLab, step: Step, cert: Way) -> None:
        """The server finds the role that the certificate fits."""
        given = inputs(lab, cert() | {"vault-auth-role": ""})
        before = lab.accessors()
        codes = step.main(given).code, step.post(given).code

        assert codes == (0, 0)
        assert nothing_lives(lab, before)

    @pytest.mark.parametrize(
        ("terms", "changed", "code", "says"),
        [
            ({}, {"vault-auth-role": "nobody"}, 4, "vault read auth/cert/certs/nobody"),
            ({"allowed_common_names": "cd"}, {}, 4, "vault read auth/cert/certs/deploy-app"),
            ({"token_bound_cidrs": "192.0.2.0/24"}, {}, 4, "token_bound_cidrs"),
            ({"token_type": "batch"}, {}, 4, "token_type=service in `auth/cert/certs/deploy-app`"),
            ({"token_num_uses": 1}, {}, 4, "or more, in `auth/cert/certs/deploy-app`"),
            ({}, {"vault-ca-cert": "", "timeout": "3s"}, 75, "`vault-ca-cert`"),
            ({}, {"vault-auth-path": "elsewhere"}, 4, "No auth method is mounted"),
        ],
    )
    def test_refused(  # noqa: PLR0913, PLR0917 - one row of the table, and where it is run
        self, lab: RealLab, step: Step, cert: Way, terms: dict[str, Any], changed: Inputs, code: int, says: str
    ) -> None:
        """What is wrong with it is told by what the server says of it, and nothing is made."""
        given = inputs(lab, cert(**terms) | changed)
        before = lab.accessors()
        main = step.main(given)
        post = step.post(given)

        assert (main.code, post.code) == (code, 0)
        assert says in main.log
        assert not lab.leases()
        assert not lab.nomad.live_tokens()
        assert "token_bound_cidrs" in terms or nothing_lives(lab, before)

    def test_another_authority(self, lab: RealLab, step: Step, cert: Way, tmp_path: Path) -> None:
        """A certificate of another authority is refused as such."""
        main = step.main(inputs(lab, cert() | shown(Authority(tmp_path, "others").client("ci"))))

        assert main.code == 4
        assert "Vault refused the client certificate" in main.log
        assert "vault read auth/cert/certs/deploy-app" in main.log

    @pytest.mark.parametrize("amiss", ["expired", "early"])
    def test_not_good(self, lab: RealLab, step: Step, cert: Way, authority: Authority, amiss: str) -> None:
        """The right authority's, and not good: the server says so with a 500, and it is no trouble of the server's."""
        now = datetime.now(UTC)
        pair = {
            "expired": authority.client("ci", begins=now - DAY / 2, ends=now - DAY / 4),
            "early": authority.client("ci", begins=now + DAY / 4, ends=now + DAY / 2),
        }[amiss]
        main = step.main(inputs(lab, cert() | shown(pair)))

        assert main.code == 4
        assert "x509" in main.log
        assert "openssl x509" in main.log


def shown(pair: Pair) -> Inputs:
    """Return the inputs that show *pair*."""
    return {
        "vault-client-cert": pair.certificate.read_text("ascii"),
        "vault-client-key": pair.key.read_text("ascii"),
    }
