"""The chain: each link a name, what it is judged by, and the judgement; the order is that of a mint."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from nomad_token.doctor import deploy, engine, identity, reach
from nomad_token.doctor.facts import Facts
from nomad_token.doctor.finding import Finding, Unseen, broken, ok, skipped
from nomad_token.doctor.given import Heard
from nomad_token.errors import Error, NoIdentity
from nomad_token.issuers.nomad_login import NomadLogin
from nomad_token.issuers.nomad_management import NomadManagement


@dataclass(frozen=True, slots=True)
class Link:
    """One link."""

    name: str
    judge: Callable[[Facts], Finding]


def _vault_address(known: Facts) -> Finding:
    return reach.address(known.health.heard, known.vault_place, "vault", known.advice(known.vault_place.address))


def _vault_tls(known: Facts) -> Finding:
    return reach.tls(known.health.heard, known.vault_place, "vault", known.advice(known.vault_place.address))


def _clock(heard: Heard, server: str) -> Finding:
    return reach.clock(heard.heard, server, heard.sent, heard.received)


def _login(known: Facts) -> Finding:
    found = identity.login(known.access, at_desk=known.at_desk, method=known.issuer.vault_auth_method)
    return found if found.exit_code == 0 else reach.with_clock(found, _clock(known.health, "vault"))


def _claims(known: Facts) -> Finding:
    if known.with_jwt is None:
        return identity.no_bounds(known.issuer.vault_auth_method)
    let_in = not isinstance(known.access, Error)
    return identity.bounds(
        None if let_in else known.login_role,
        known.id_token,
        known.audience,
        path=f"auth/{known.issuer.auth_path}",
        name=known.with_jwt.vault_auth_role,
        let_in=let_in,
    )


def _policy(known: Facts) -> Finding:
    held = known.capabilities(*(each.path for each in known.engines))
    if isinstance(held, Unseen) and not isinstance(known.login_policies, Unseen | Exception):
        role = known.with_jwt.vault_auth_role if known.with_jwt else ""
        return engine.policies_there(*known.login_policies, role=role)
    return engine.policy(held, known.engines, known.vault_place.below)


def _access(known: Facts) -> Finding:
    config = known.at_vault(f"{known.issuer.vault_mount}/config/access")
    nomad = known.nomad_place.address if known.nomad_place else ""
    return engine.access(config, known.issuer.vault_mount, nomad)


def _lease(known: Facts) -> Finding:
    config = known.at_vault(f"{known.issuer.vault_mount}/config/lease")
    return engine.lease(config, known.issuer.vault_mount, known.login_ends, known.now())


def _revoke(known: Facts) -> Finding:
    held = known.capabilities("sys/leases/revoke", "auth/token/revoke-self")
    leases = f"{known.vault_place.below}{known.engines[0].path}"
    return engine.revocable(held, leases, borrowed=bool(known.issuer.lent()[0]), below=known.vault_place.below)


def _nomad_address(known: Facts) -> Finding:
    return reach.address(known.leader.heard, known.place, "nomad", known.advice(known.place.address))


def _nomad_tls(known: Facts) -> Finding:
    return reach.tls(known.leader.heard, known.place, "nomad", known.advice(known.place.address))


def _mint(known: Facts) -> Finding:
    if why := known.why_not_minted:
        return skipped(why)
    if isinstance(known.minted, NoIdentity) and known.at_desk:
        return identity.only_in_job("None was minted.")
    if isinstance(known.minted, Error):
        return broken(known.minted)
    return ok(f"A token was minted, and will be revoked: {', '.join(each.accessor_id for each in known.minted)}.")


def _verify(known: Facts) -> Finding:
    if not known.probes:
        return skipped("No token was minted that Nomad could be asked about.")
    return broken(known.accepted) if known.accepted else ok("Nomad accepts it.")


def _policies(known: Facts) -> Finding:
    if known.makes_managers:
        return ok("A management token has no policies, and may do everything.")
    return deploy.roles(known.acl_roles) or deploy.policies(known.granted_policies, known.known_policies)


def _namespace(known: Facts) -> Finding:
    if not known.namespace:
        return deploy.not_wanted()
    return deploy.namespace(known.namespace, known.rules, known.namespaces)


def _revoked_by_nomad(known: Facts) -> Finding:
    if isinstance(known.order.issuer, NomadLogin) and known.order.issuer.lent()[1] is None:
        return ok("The token ends by itself, at MaxTokenTTL: Nomad lets only management tokens delete tokens.")
    if known.manager_refused:
        return broken(known.manager_refused)
    return ok("The token is deleted at the end, with `nomad-management-token`.")


def _login_at_nomad(known: Facts) -> NomadLogin:
    return cast("NomadLogin", known.order.issuer)


def _method_bounds(known: Facts) -> Finding:
    name = _login_at_nomad(known).nomad_auth_method
    return identity.method_bounds(known.at_nomad(f"acl/auth-method/{name}"), known.id_token, known.audience, name)


def _rules(known: Facts) -> Finding:
    listed, policies = known.at_nomad("acl/binding-rules"), known.at_nomad("acl/policies")
    return identity.rules(listed, policies, _login_at_nomad(known).nomad_auth_method)


_VAULT: Final = (
    Link("vault address", _vault_address),
    Link("vault tls", _vault_tls),
    Link("seal", lambda known: reach.seal(known.health.heard, known.vault_place.address)),
    Link("vault clock", lambda known: _clock(known.health, "vault")),
    Link("login", _login),
    Link("claims", _claims),
    Link("policy", _policy),
    Link("engine", lambda known: engine.engine(known.mounts, known.catalog, known.issuer.vault_mount)),
    Link("access", _access),
    Link("lease", _lease),
    Link("role", lambda known: engine.roles(known.roles, known.issuer.vault_mount)),
)
_NOMAD: Final = (
    Link("nomad address", _nomad_address),
    Link("nomad tls", _nomad_tls),
    Link("nomad clock", lambda known: _clock(known.leader, "nomad")),
    Link("leader", lambda known: reach.leader(known.leader.heard, known.place.address)),
    Link("acls", lambda known: reach.acls(known.listed_policies, known.place.address)),
    Link("region", lambda known: reach.region(known.regions, known.place.region)),
)
_METHOD: Final = (
    Link("auth method", lambda known: identity.method(known.auth_methods, _login_at_nomad(known).nomad_auth_method)),
    Link("claims", _method_bounds),
    Link("binding rules", _rules),
)
_MANAGER: Final = (Link("management token", lambda known: identity.manager(known.manager_refused)),)
_USE: Final = (Link("verify", _verify), Link("policies", _policies), Link("namespace", _namespace))
_MINT: Final = (Link("mint", _mint),)


def chain(known: Facts) -> tuple[Link, ...]:
    """Return the links of what is asked for: with Vault or without, and with a Nomad that the job reaches or not."""
    of_nomad, use = (_NOMAD, _USE) if known.nomad_place else ((), ())
    match known.order.issuer:
        case NomadLogin():
            return (*_NOMAD, *_METHOD, *_MINT, *_USE, Link("revoke", _revoked_by_nomad))
        case NomadManagement():
            return (*_NOMAD, *_MANAGER, *_MINT, *_USE, Link("revoke", _revoked_by_nomad))
        case _:
            return (*_VAULT, *of_nomad, *_MINT, *use, Link("revoke", _revoke))


OPEN_TO_ALL: Final = (*_VAULT[:4], *_NOMAD)
"""What takes no token."""
