"""What somebody else made is left as it is, whatever it is, and a run that is cut short goes on."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nomad_token.errors import Refused
from nomad_token_lab import Lab
from nomad_token_lab.memory import InMemory, Transport
from nomad_token_lab.vault.state import Dialect
from setup.site import DEPLOYER, FILE, Site
from through import Through


@contextmanager
def in_memory(folder: Path, dialect: Dialect = Dialect.VAULT) -> Iterator[tuple[Site, InMemory]]:
    """Serve empty servers without sockets, to an operator of both."""
    lab = Lab(dialect=dialect)
    servers = lab.start_in_memory()
    try:
        site = Site.of(lab, folder)
        site.transport = Through(Transport(servers))
        site.write(FILE)
        yield site, servers
    finally:
        lab.stop()


class Killed(BaseException):
    """The end of the program, which nothing in it handles."""


class Cut(httpx.BaseTransport):
    """A way to the servers that ends at one request."""

    def __init__(
        self, servers: InMemory, at: int, *, answered: bool, end: Callable[[httpx.Request], BaseException]
    ) -> None:
        """Pass *at* requests on; the next one is cut, before or after the server has *answered* it."""
        self._inner = Transport(servers)
        self._left = at
        self._answered = answered
        self._end = end
        self.struck = ""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on, or end."""
        self._left -= 1
        if self._left >= 0 or self.struck:
            return self._inner.handle_request(request)
        self.struck = f"{request.method} {request.url.path}"
        if self._answered:
            self._inner.handle_request(request)
        raise self._end(request)


def _killed(_request: httpx.Request) -> BaseException:
    return Killed()


def _lost(request: httpx.Request) -> BaseException:
    return httpx.ReadError("the connection is gone", request=request)


def _unreached(request: httpx.Request) -> BaseException:
    return httpx.ConnectError("no way", request=request)


@pytest.mark.parametrize("cut_as", ["killed", "lost", "unreached"])
def test_cut_short_at_each_request(tmp_path: Path, cut_as: str) -> None:
    """Run again it completes, with what a run in one piece makes, and one access token alive.

    To be killed before a request is the same as to be killed after the one before it.
    """
    answered, end = {"killed": (True, _killed), "lost": (True, _lost), "unreached": (False, _unreached)}[cut_as]
    with in_memory(tmp_path) as (site, _):
        assert site.apply() == 0
        whole = site.state()
    for at in range(500):
        with in_memory(tmp_path) as (site, servers):
            cut = Cut(servers, at, answered=answered, end=end)
            site.transport = Through(cut)
            with suppress(Killed):
                site.apply()
            if not cut.struck:
                assert at > 40
                return
            site.transport = Through(Transport(servers))
            assert site.apply() == 0, f"{cut.struck}: {site.err}"
            assert site.state() == whole, cut.struck
            assert len(site.access_tokens()) == 1, cut.struck
            assert site("setup", "apply") == 0, cut.struck
    pytest.fail("it has no end")


def test_a_rotation_that_is_cut_short(tmp_path: Path) -> None:
    """Vault mints all the same; run again, one token is left."""
    for at in range(500):
        with in_memory(tmp_path) as (site, servers):
            assert site.apply() == 0
            cut = Cut(servers, at, answered=True, end=_killed)
            site.transport = Through(cut)
            with suppress(Killed):
                site.apply("--rotate-access")
            if not cut.struck:
                return
            with site.lab.vault_client() as vault:
                assert vault.get("/v1/nomad/creds/deployer").status_code == 200, cut.struck
            site.transport = Through(Transport(servers))
            assert site.apply("--rotate-access") == 0, f"{cut.struck}: {site.err}"
            assert len(site.access_tokens()) == 1, cut.struck
    pytest.fail("it has no end")


# What somebody else may have made, each as wanted (True) or otherwise (False)


@dataclass(frozen=True)
class At:
    """Where something is made, and whether it is as the file wants it."""

    vault: httpx.Client
    nomad: httpx.Client
    site: Site
    wanted: bool


Make = Callable[[At], None]


def done(answer: httpx.Response) -> httpx.Response:
    """See that what is to be there is there."""
    assert answer.is_success, answer.text
    return answer


def policy(at: At) -> None:
    """Make a policy of Nomad's."""
    rules = DEPLOYER if at.wanted else 'namespace "default" { policy = "read" }'
    done(at.nomad.post("/v1/acl/policy/deployer", json={"Name": "deployer", "Rules": rules, "Description": "theirs"}))


def role(at: At) -> None:
    """Make a role of Nomad's."""
    done(at.nomad.post("/v1/acl/policy/base", json={"Name": "base", "Rules": DEPLOYER}))
    if at.wanted and at.nomad.get("/v1/acl/policy/deployer").status_code != 200:
        policy(at)
    named = [{"Name": "deployer" if at.wanted else "base"}]
    done(at.nomad.post("/v1/acl/role", json={"Name": "ci", "Policies": named, "Description": "theirs"}))


CLAIMS: Final = ("event_name", "ref", "repository", "repository_id", "run_id")


def method(at: At) -> None:
    """Make an auth method of Nomad's, with a rule of theirs."""
    config: Mapping[str, Any] = {
        "OIDCDiscoveryURL": at.site.lab.github.addr,
        "BoundIssuer": [at.site.lab.github.addr],
        "BoundAudiences": [at.site.lab.nomad.addr if at.wanted else "https://elsewhere.example.com"],
        "ClaimMappings": {name: name for name in CLAIMS},
    }
    body = {"Name": "github", "Type": "JWT", "TokenLocality": "local", "MaxTokenTTL": "20m", "Config": config}
    done(at.nomad.post("/v1/acl/auth-method", json=body))
    rule = {"AuthMethod": "github", "BindType": "policy", "BindName": "theirs", "Description": "theirs"}
    done(at.nomad.post("/v1/acl/binding-rule", json=rule))


def engine(at: At) -> None:
    """Mount an engine, with a description that is near to ours."""
    about = "" if at.wanted else "not made by nomad-token setup"
    done(at.vault.post("/v1/sys/mounts/nomad", json={"type": "nomad", "description": about}))


def access(at: At) -> None:
    """Give their engine an access of its own."""
    token = done(at.nomad.post("/v1/acl/token", json={"Name": "theirs", "Type": "management"})).json()["SecretID"]
    address = at.site.lab.nomad.addr if at.wanted else "https://nomad.elsewhere.example.com"
    body = {"address": address, "token": token, "max_token_name_length": 99}
    done(at.vault.post("/v1/nomad/config/access", json=body))


def lease(at: At) -> None:
    """Give their engine a lease of its own."""
    done(at.vault.post("/v1/nomad/config/lease", json={"ttl": "30m", "max_ttl": "1h" if at.wanted else "9h"}))


def engine_role(at: At) -> None:
    """Give their engine a role: of management type, where it is not as wanted."""
    body = {"policies": "deployer"} if at.wanted else {"type": "management"}
    done(at.vault.post("/v1/nomad/role/deployer", json=body))


def auth(at: At) -> None:
    """Mount a jwt auth."""
    done(at.vault.post("/v1/sys/auth/jwt-github", json={"type": "jwt", "description": "" if at.wanted else "GitLab's"}))


def auth_config(at: At) -> None:
    """Configure their jwt auth."""
    body = {"oidc_discovery_url": at.site.lab.github.addr, "bound_issuer": at.site.lab.github.addr}
    done(
        at.vault.post(
            "/v1/auth/jwt-github/config", json=body if at.wanted else body | {"default_role": "x", "bound_issuer": "y"}
        )
    )


def login_role(at: At) -> None:
    """Give their jwt auth a role."""
    body = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": [at.site.lab.vault.addr]}
    done(at.vault.post("/v1/auth/jwt-github/role/deploy-app", json=body))


def vault_policy(at: At) -> None:
    """Write a policy of Vault's under our name."""
    body = {"policy": 'path "secret/*" { capabilities = ["read"] }'}
    done(at.vault.post("/v1/sys/policies/acl/nomad-token-jwt-github-deploy-app", json=body))


MAKES: Final[tuple[Make, ...]] = (
    policy, role, method, engine, access, lease, engine_role, auth, auth_config, login_role, vault_policy,
)  # fmt: skip
WITHIN: Final = {access: engine, lease: engine, engine_role: engine, auth_config: auth, login_role: auth}


@settings(deadline=None, max_examples=60)
@given(
    chosen=st.dictionaries(st.sampled_from(MAKES), st.booleans(), min_size=1, max_size=6),
    dialect=st.sampled_from(Dialect),
)
def test_foreign_objects_are_left_alone(chosen: Mapping[Make, bool], dialect: Dialect) -> None:
    """Each object that was there is there as it was; and where anything is refused, nothing at all was written."""
    made = dict(chosen)
    for each in chosen:
        if each in WITHIN:
            made.setdefault(WITHIN[each], True)
    with TemporaryDirectory() as folder, in_memory(Path(folder), dialect) as (site, _):
        with site.lab.vault_client() as vault, site.lab.nomad_client() as nomad:
            for each in MAKES:  # in an order in which each has what it needs
                if each in made:
                    each(At(vault, nomad, site, made[each]))
        before, tokens = site.state(), set(site.lab.nomad.tokens)
        code = site.apply()
        after = site.state()

        if code == Refused.exit_code:
            assert after == before
            assert set(site.lab.nomad.tokens) == tokens
        else:
            assert code == 0, site.err
            rules = before.pop("nomad rules")
            assert [each for each in rules if each not in after["nomad rules"]] == []
            assert {name: after[name] for name in before} == before
            assert tokens <= set(site.lab.nomad.tokens)


@pytest.mark.parametrize("make", MAKES, ids=lambda make: make.__name__)
def test_what_differs_is_refused_with_the_reason(tmp_path: Path, make: Make) -> None:
    """What somebody else made, and is not as wanted, is named, with what to do; a mount that fits is used."""
    with in_memory(tmp_path) as (site, _):
        with site.lab.vault_client() as vault, site.lab.nomad_client() as nomad:
            if make in WITHIN:
                WITHIN[make](At(vault, nomad, site, wanted=True))
            make(At(vault, nomad, site, wanted=False))
        code = site.apply()

        assert code == Refused.exit_code
        assert "was not made by nomad-token setup" in site.err
        assert "Choose another `mount`" in site.err or "another name" in site.err


def test_a_policy_of_another_file_of_ours(tmp_path: Path) -> None:
    """Two files whose logins come to one policy's name: the second is refused, and the first one's is as it was."""
    with in_memory(tmp_path) as (site, _):
        site.edit('mount = "jwt-github"', 'mount = "a"')
        site.edit('name = "deploy-app"', 'name = "b-c"')
        first = site.apply()
        before = site.state()
        site.edit('mount = "a"', 'mount = "a-b"')
        site.edit('name = "b-c"', 'name = "c"')
        site.edit('roles = ["nomad/deployer"]', 'roles = ["nomad/operator"]')
        second = site.apply()

        assert (first, second) == (0, Refused.exit_code)
        assert "Vault policy nomad-token-a-b-c: It is there already" in site.err
        assert site.state() == before
