"""Without Vault: Nomad itself grants the token, to a login or to a management token that is lent."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from certificates import Authority
from jobs import on
from nomad_token_lab import CLOSE, Answer, Fault, Lab, Profile, Tls
from nomad_token_lab.nomad_trust import Made, NomadTrust, nomad_trust
from nomad_token_lab.runner import Step
from transcript import Page


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve a Nomad without a Vault before it."""
    with Lab() as running:
        yield running


@pytest.fixture
def made(lab: Lab) -> Made:
    """Trust GitHub's jobs in Nomad itself."""
    with lab.nomad_client() as nomad:
        settings = NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.nomad.addr)
        made = nomad_trust(settings, nomad)
    lab.mark()
    return made


@pytest.fixture
def step(lab: Lab, tmp_path: Path) -> Step:
    """Make a step of a job that may ask for an id token."""
    return on(lab, tmp_path)


def managed(lab: Lab, made: Made, **more: str) -> dict[str, str]:
    """Return the inputs of a job that is lent a management token."""
    given = {
        "nomad-addr": lab.nomad.addr,
        "nomad-management-token": made.management_token.get_secret_value(),
        "policies": "deployer",
    }
    return given | {name.replace("_", "-"): value for name, value in more.items()}


def logging_in(lab: Lab, made: Made, **more: str) -> dict[str, str]:
    """Return the inputs of a job that logs in at Nomad."""
    given = {"nomad-addr": lab.nomad.addr, "nomad-auth-method": made.auth_method}
    return given | {name.replace("_", "-"): value for name, value in more.items()}


class TestManagement:
    """`nomad-management`."""

    def test_plain_road(self, lab: Lab, made: Made, step: Step, page: SnapshotAssertion) -> None:
        """A token that ends by itself is made, handed on and deleted; the lent one is not saved."""
        main = step.main(managed(lab, made))
        post = step.post(managed(lab, made))

        assert (main.code, post.code) == (0, 0)
        assert main.outputs["issuer"] == "nomad-management"
        assert made.management_token.get_secret_value() not in str(main.state)
        assert not lab.nomad.live_tokens()
        assert page == Page(lab).step("main", main).step("post", post).alive()

    def test_roles_type_and_life(self, lab: Lab, made: Made, step: Step) -> None:
        """Roles, the token's life and whether it is global are the inputs' to choose."""
        given = managed(lab, made, nomad_roles=made.role, ttl="10m", **{"global": "true"})
        del given["policies"]
        main = step.main(given)
        (token,) = lab.nomad.live_tokens()
        step.post(given)

        assert main.code == 0
        assert token.is_global
        assert main.outputs["lease-duration"] == "600"
        assert not lab.nomad.live_tokens()

    def test_lost_answer_is_found_by_its_name(self, lab: Lab, made: Made, step: Step) -> None:
        """A token whose answer was lost is found by a name that nobody else has, deleted, and asked for again."""
        lab.faults.append(Fault("nomad", "POST", "/v1/acl/token$", CLOSE, when="after"))
        main = step.main(managed(lab, made))
        alive = lab.nomad.live_tokens()
        step.post(managed(lab, made))

        assert main.code == 0
        assert [token.accessor for token in alive] == [main.outputs["accessor-id"]]
        assert not lab.nomad.live_tokens()

    def test_not_handed_over_again(self, lab: Lab, made: Made, step: Step) -> None:
        """A post-step that is not lent the token again says so, with the accessor and its end."""
        main = step.main(managed(lab, made, on_revoke_failure="warn"))
        post = step.post()

        assert post.code == 0
        assert main.outputs["accessor-id"] in post.log
        assert "ends by itself" in post.log

    @pytest.mark.parametrize(
        ("given", "code", "says"),
        [
            ({"nomad_management_token": "11111111-2222-3333-4444-555555555555"}, 4, "is not a management token"),
            ({"ttl": "30s"}, 4, "outside of what the servers allow"),
            ({"policies": "", "nomad_roles": "no-such-role"}, 5, "`nomad-roles` names a role"),
            ({"type": "management"}, 2, "`type: management` with `policies`"),
            ({"nomad_addr": ""}, 2, "`nomad-addr`"),
            ({"role": "deployer"}, 2, "Several are meant"),
            ({"vault_addr": "https://vault.example.com"}, 2, "`vault-addr` is read with `issuer: vault` alone"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
    )
    def test_refusals(self, lab: Lab, made: Made, step: Step, given: dict[str, str], code: int, says: str) -> None:
        """Each refusal is told with its cause and its fix, and nothing is left."""
        main = step.main(managed(lab, made, **given))

        assert main.code == code
        assert says in main.log
        assert not lab.nomad.live_tokens()

    def test_server_that_knows_no_end(self, lab: Lab, made: Made, step: Step) -> None:
        """A server that leaves the end out without a word made a token for ever: it is deleted, and refused."""
        lab.nomad.version = "1.3.0"
        main = step.main(managed(lab, made))

        assert main.code == 4
        assert "never ends" in main.log
        assert not lab.nomad.live_tokens()

    @pytest.mark.parametrize("profile", list(Profile))
    def test_every_nomad(self, lab: Lab, made: Made, step: Step, profile: Profile) -> None:
        """The life is asked for in a form that every version with expiry reads."""
        lab.nomad.profile = profile
        main = step.main(managed(lab, made))
        post = step.post(managed(lab, made))

        assert main.code == 0
        assert "Nomad deleted it" in post.log
        assert not lab.nomad.live_tokens()

    def test_acls_off(self, lab: Lab, made: Made, step: Step) -> None:
        """A Nomad without ACLs is named, with the lines that turn them on."""
        lab.nomad.acl_enabled = False
        main = step.main(managed(lab, made))

        assert main.code == 4
        assert "acl { enabled = true }" in main.log


class TestLogin:
    """`nomad-login`."""

    def test_plain_road(self, lab: Lab, made: Made, step: Step, page: SnapshotAssertion) -> None:
        """The job's id token buys a token that can't be revoked by the job: its end is said, and is no failure."""
        main = step.main(logging_in(lab, made, on_revoke_failure="fail"))
        post = step.post()

        assert (main.code, post.code) == (0, 0)
        assert "Left to its end" in post.log
        assert "only management tokens delete tokens" in post.log
        assert page == Page(lab).step("main", main).step("post", post).alive()

    def test_deleted_where_a_manager_is_lent(self, lab: Lab, made: Made, step: Step) -> None:
        """With a management token the token of a login is deleted at the end."""
        given = logging_in(lab, made, nomad_management_token=made.management_token.get_secret_value())
        main = step.main(given)
        post = step.post(given)

        assert main.code == 0
        assert "Nomad deleted it, and Nomad refuses it" in post.log
        assert not lab.nomad.live_tokens()

    @pytest.mark.parametrize(
        ("given", "code", "says"),
        [
            ({"nomad_auth_method": "gitlab"}, 5, "no auth method of that name"),
            ({"audience": "https://other.example.com"}, 4, "BoundAudiences"),
            ({"id_token": "not.a.jwt-at-all"}, 4, "nomad acl auth-method info"),
            ({"ttl": "5m"}, 2, "MaxTokenTTL of the auth method"),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
    )
    def test_refusals(self, lab: Lab, made: Made, step: Step, given: dict[str, str], code: int, says: str) -> None:
        """Each refusal is told with its cause and its fix."""
        main = step.main(logging_in(lab, made, **given))

        assert main.code == code
        assert says in main.log
        assert not lab.nomad.live_tokens()

    def test_no_rule_fits(self, lab: Lab, made: Made, step: Step) -> None:
        """An id token that no binding rule fits is shown, with what a selector sees."""
        lab.github.claims["repository_id"] = "666"
        main = step.main(logging_in(lab, made))

        assert main.code == 4
        assert "no binding rule fits" in main.log
        assert "repository_id: 666" in main.log

    def test_lost_answer_is_named(self, lab: Lab, made: Made, step: Step) -> None:
        """A login whose answer is lost can't be undone: it is not repeated, and what may live is named."""
        lab.faults.append(Fault("nomad", "POST", "/v1/acl/login", CLOSE, when="after"))
        main = step.main(logging_in(lab, made))

        assert main.code == 75
        assert "MaxTokenTTL" in main.log
        assert len([record for record in lab.requests if record.path == "/v1/acl/login"]) == 1

    def test_overloaded_for_a_moment(self, lab: Lab, made: Made, step: Step) -> None:
        """A refusal that proves that nothing was made is outlasted."""
        answer = Answer(429, "too many\n", {"Retry-After": "1"}, content_type="text/plain")
        lab.faults.append(Fault("nomad", "POST", "/v1/acl/login", answer))
        main = step.main(logging_in(lab, made))

        assert main.code == 0


def test_key_is_read_again_though_nothing_is_verified(tmp_path: Path) -> None:
    """With `verify: off` the Nomad that made the token is still asked to delete it, with the key that was not saved."""
    authority = Authority(tmp_path)
    pair, own = authority.server(), authority.client("ci")
    tls = Tls(pair.certificate, pair.key, client_ca=authority.certificate, requires_client=True)
    with Lab(tls={"nomad": tls}) as lab:
        with lab.nomad_client() as nomad:
            settings = NomadTrust(oidc_discovery_url=lab.github.addr, audience=lab.nomad.addr)
            made = nomad_trust(settings, nomad)
        lab.mark()
        step = on(lab, tmp_path / "job", GITHUB_WORKSPACE=str(tmp_path))
        given = managed(
            lab,
            made,
            verify="off",
            nomad_ca_cert=authority.certificate.name,
            nomad_client_cert=own.certificate.name,
            nomad_client_key=own.key.name,
        )
        main = step.main(given)
        post = step.post(given)
        alive = lab.nomad.live_tokens()

    assert main.code == 0
    assert "Nomad deleted it" in post.log
    assert not alive


def test_nobody_is_meant(lab: Lab, step: Step) -> None:
    """Inputs that tell no issuer are answered with the three there are."""
    main = step.main({"nomad-addr": lab.nomad.addr})

    assert main.code == 2
    assert [name for name in ("`role`", "`nomad-auth-method`", "`policies`", "`issuer`") if name not in main.log] == []
