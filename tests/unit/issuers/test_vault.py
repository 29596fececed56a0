"""The issuer `vault`: a login, a read, every secret in custody."""

from datetime import timedelta

import httpx
import pytest

from fakes import NOMAD, VAULT, World, vault_error
from nomad_token.clock import Deadline
from nomad_token.credential import Credential
from nomad_token.custody import Custody
from nomad_token.errors import Error, NotFound, Refused, Temporary
from nomad_token.issuers import ISSUERS
from nomad_token.issuers.base import Means, Unclear
from nomad_token.issuers.vault import VaultIssuer
from nomad_token.secret import SecretStr
from nomad_token.state import Asked, HeldLease, HeldLogin, NothingMade, Plan

LOGIN, CREDS = "auth/jwt/login", "nomad/creds/deployer"


def means(world: World, *, revoke: bool = True, seconds: float = 120) -> Means:
    """Give an issuer what it works with."""
    plan = Plan(mint="0badcafe", vault=None, nomad=None, revoke=revoke, on_revoke_failure="warn", summary="auto")
    custody = Custody(world.platform, world.signals, plan=plan)
    return Means(
        world.connections,
        None,
        None,
        "0badcafe",
        lambda audience: world.platform.id_token(audience, Deadline(world.clock, seconds)),
        world.platform.unreachable,
        custody,
        world.signals,
        world.clock,
        Deadline(world.clock, seconds),
    )


def issuer(world: World) -> VaultIssuer:
    """Read the issuer's inputs."""
    return VaultIssuer.read(world.platform.lookup)


def issued(world: World, by: Means | None = None) -> Credential:
    """Have a credential issued."""
    (credential,) = issuer(world).issue("NOMAD_TOKEN", by or means(world))
    return credential


def refused(world: World, by: Means | None = None) -> Error:
    """Have none issued."""
    with pytest.raises(Error) as error:
        issued(world, by)
    return error.value


def test_it_is_in_the_register() -> None:
    """The register names the issuer."""
    assert ISSUERS["vault"] is VaultIssuer


def test_credential() -> None:
    """The credential is what Vault gave, with its effective end."""
    world = World()
    credential = issued(world)
    (token,) = world.nomad.tokens.values()

    assert credential == Credential(
        secret=SecretStr(token.secret),
        accessor_id=token.accessor_id,
        issuer="vault",
        env_name="NOMAD_TOKEN",
        lease_id="nomad/creds/deployer/lease0000",
        lease_duration=1800,
        lease_renewable=True,
        life_set_by=credential.life_set_by,
        access="nomad/config/access",
        expires_at=world.clock.now() + timedelta(minutes=30),
        login_ends=world.clock.now() + timedelta(hours=1),
    )
    assert "vault write nomad/config/lease" in credential.life_set_by
    assert world.vault.logins[0]["role"] == "deploy-app"
    assert NOMAD not in "".join(world.requests)


def test_facts() -> None:
    """What was asked is saved before it is, with what an operator needs to find a token by; then what it made."""
    world = World(vault_mount="team/nomad", vault_auth_path="ci/jwt")
    issued(world)
    login, held, creds, lease = world.platform.facts[1:]

    assert login == Asked(what="login", path="auth/ci/jwt/login", at=world.clock.now())
    assert creds == Asked(
        what="creds", path="team/nomad/creds/deployer", named="vault-deployer-ci-jwt-", at=world.clock.now()
    )
    assert (type(held), type(lease)) == (HeldLogin, HeldLease)


@pytest.mark.parametrize(("login", "end"), [(0, 1800), (60, 60), (1800, 1800), (99999, 1800)])
def test_effective_end(login: int, end: int) -> None:
    """The end is the earlier of lease and login; a login of 0 s has none."""
    world = World()
    world.vault.login_seconds = login

    assert issued(world).expires_at == world.clock.now() + timedelta(seconds=end)


def test_end_counts_from_before_the_request() -> None:
    """A slow answer makes no life longer: Vault's clock began before it."""
    world = World()
    began = world.clock.now()
    world.vault.faults.hooks[CREDS] = lambda: world.clock.push(20)

    assert issued(world).expires_at == began + timedelta(minutes=30)


def test_namespaces_and_place() -> None:
    """The post-step's Vault is the one that was given, with both namespaces."""
    place = issuer(World(vault_namespace="a", vault_auth_namespace="b")).vault()

    assert (place.address, place.namespace, place.auth_namespace) == (VAULT, "a", "b")


@pytest.mark.parametrize("path", [LOGIN, CREDS])
def test_plain_no(path: str) -> None:
    """A plain no is an error, and it is saved that nothing was made."""
    world = World()
    world.vault.faults.before(path, vault_error(400, 'role "x" not found, could not be found'))

    assert isinstance(refused(world), NotFound)
    assert isinstance(world.platform.facts[-1], NothingMade)


@pytest.mark.parametrize("path", [LOGIN, CREDS])
@pytest.mark.parametrize("fault", [httpx.ReadError("reset"), httpx.Response(502), httpx.Response(200, text="null")])
def test_unclear(path: str, fault: httpx.Response | Exception) -> None:
    """An answer that is lost is neither: the request stays unanswered in what is saved."""
    world = World()
    world.vault.faults.after(path, fault)
    by = means(world)

    with pytest.raises(Unclear) as unclear:
        issued(world, by)

    assert isinstance(unclear.value.error, Temporary)
    assert len(by.custody.ledger.unanswered) == 1


def test_unclear_in_another_namespace() -> None:
    """A lost answer to a read that the end of the login does not undo is an error: a second read may make a second."""
    world = World(vault_namespace="team/app", vault_auth_namespace="team")
    world.vault.faults.after(CREDS, httpx.ReadError("reset"))
    by = means(world)

    assert isinstance(refused(world, by), Temporary)
    assert len(by.custody.ledger.unanswered) == 1


@pytest.mark.parametrize("path", [LOGIN, CREDS])
def test_retry_after_is_kept_to(path: str) -> None:
    """A server that asks for patience gets it."""
    world = World()
    world.vault.faults.before(path, vault_error(429, "slow down", retry_after="17"))
    issued(world)

    assert world.clock.slept == [17]


@pytest.mark.parametrize("kind", ["batch"])
def test_batch_token(kind: str) -> None:
    """A batch token is refused, unless nothing is to be revoked."""
    world = World()
    world.vault.token_type = kind

    assert isinstance(refused(world), Refused)
    assert issued(world, means(world, revoke=False)).accessor_id


def test_secrets_are_in_custody_before_they_are_judged() -> None:
    """Even a login that is refused for what it is was masked and saved first."""
    world = World()
    world.vault.token_type = "batch"
    refused(world)

    assert world.told("mask")[-1].startswith("hvs.")
    assert isinstance(world.platform.facts[-1], HeldLogin)


def test_expired_deadline_begins_nothing() -> None:
    """After the deadline no request is begun."""
    world = World()
    by = means(world, seconds=0)

    assert isinstance(refused(world, by), Temporary)
    assert world.requests == []


def test_secrets_are_shown_by_no_repr() -> None:
    """Neither the issuer's repr nor its text shows the id token that it was given."""
    world = World(id_token="a.b.canary")

    assert "canary" not in f"{issuer(world)!r} {issuer(world)}"
