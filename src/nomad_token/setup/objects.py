"""The objects that a file wants: for each server, at which path, with which fields, in the order they need each other.

Their fields are as the servers give them back, so that what is there can be compared: Vault's lives in seconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from nomad_token.errors import InputError
from nomad_token.setup import rules
from nomad_token.setup.bounds import PLATFORMS
from nomad_token.setup.file import Engine, NomadTrust, ReadFile, Setup, VaultLoginRole, VaultTrust
from nomad_token.text import shown

MADE_BY: Final = "made by nomad-token setup"
"""What an object's description or comment begins with that we made, where the server keeps one."""


class Kind(StrEnum):
    """What an object is, as plans call it, in the order in which they are made."""

    POLICY = "Nomad policy"
    NOMAD_ROLE = "Nomad role"
    AUTH_METHOD = "Nomad auth method"
    BINDING_RULE = "Nomad binding rule"
    ENGINE = "engine"
    ACCESS = "access"
    LEASE = "lease"
    ENGINE_ROLE = "engine role"
    AUTH_MOUNT = "jwt auth"
    AUTH_CONFIG = "jwt configuration"
    VAULT_POLICY = "Vault policy"
    LOGIN_ROLE = "jwt role"


@dataclass(frozen=True, slots=True)
class Object:
    """One thing that is wanted on a server, by the path that it is written to (below `/v1/`)."""

    kind: Kind
    server: Literal["vault", "nomad"]
    name: str
    path: str
    body: Mapping[str, object]
    mount: str = ""
    """The mount that it is, or is in."""
    of_auth: bool = False
    """Whether it is in Vault's namespace of the login."""
    key_file: str | None = field(default=None)
    """The file with the private key that goes into an access: read only when it is written."""


def wanted(setup: Setup, read: ReadFile, below: str = "") -> tuple[Object, ...]:
    """Return what *setup* wants; *read* brings the text of the files that it names. Raises `InputError`.

    *below* is where the engine's namespace is below that of the login (`VaultPlace.below`).
    """
    objects = (*_of_nomad(setup, read), *_of_engines(setup, read), *_of_vault_trusts(setup, read, below))
    _check_paths(objects)
    return objects


def _check_paths(objects: tuple[Object, ...]) -> None:
    """Refuse two that are one on the server, which writes such names in lower case, and ours with a `-` for a `/`."""
    seen: dict[str, Object] = {}
    for each in objects:
        if each.kind not in {Kind.VAULT_POLICY, Kind.LOGIN_ROLE}:
            continue
        other = seen.setdefault(each.path.lower(), each)
        if other is not each:
            raise InputError(
                f"The file names two that are one to Vault: {each.kind} {each.name} and {other.kind} {other.name}.",
                fix="Give one of them, or its mount, another name.",
            )


def _of_nomad(setup: Setup, read: ReadFile) -> Iterator[Object]:
    for policy in setup.policy:
        body = {"Name": policy.name, "Description": f"{MADE_BY}: {policy.description}", "Rules": read(policy.rules)}
        yield Object(Kind.POLICY, "nomad", policy.name, f"acl/policy/{policy.name}", body)
    for role in setup.nomad_role:
        named = [{"Name": name} for name in role.policies]
        body_of_role = {"Name": role.name, "Description": MADE_BY, "Policies": named}
        yield Object(Kind.NOMAD_ROLE, "nomad", role.name, "acl/role", body_of_role)
    for trust in setup.nomad_trust:
        yield _auth_method(trust, read)
        yield from _binding_rules(trust)


def _auth_method(trust: NomadTrust, read: ReadFile) -> Object:
    platform = PLATFORMS[trust.platform]
    claims = sorted({*platform.also, platform.user, *(name for rule in trust.rule for name in rule.claims)})
    config: dict[str, object] = {
        "OIDCDiscoveryURL": trust.url,
        "BoundIssuer": [trust.url],
        "BoundAudiences": list(trust.audience),
        "ClaimMappings": {name: name for name in claims},
    }
    if trust.ca_cert:
        config["DiscoveryCaPem"] = [_certificates(trust.ca_cert, read)]
    body = {
        "Name": trust.name,
        "Type": "JWT",
        "TokenLocality": "global" if trust.is_global else "local",
        "MaxTokenTTL": int(trust.max_token_ttl) * 10**9,
        "Config": config,
    }
    return Object(Kind.AUTH_METHOD, "nomad", trust.name, f"acl/auth-method/{trust.name}", body)


def _binding_rules(trust: NomadTrust) -> Iterator[Object]:
    for number, rule in enumerate(trust.rule, 1):
        name = f"{trust.name} {number}"
        kind, bound = ("role", rule.role) if rule.role else ("policy", rule.policy)
        body = {
            "AuthMethod": trust.name,
            "Description": f"{MADE_BY}: {name}",
            "Selector": rules.selector(rule.claims),
            "BindType": "management" if rule.management else kind,
            "BindName": "" if rule.management else bound,
        }
        yield Object(Kind.BINDING_RULE, "nomad", name, "acl/binding-rule", body)


def _of_engines(setup: Setup, read: ReadFile) -> Iterator[Object]:
    for engine in setup.engine:
        mount = engine.mount
        description = f"{MADE_BY}: short-lived Nomad tokens"
        yield Object(
            Kind.ENGINE,
            "vault",
            mount,
            f"sys/mounts/{mount}",
            {"type": engine.plugin, "description": description},
            mount,
        )
        yield _access(engine, read)
        lease = {"ttl": int(engine.ttl), "max_ttl": int(engine.max_ttl)}
        yield Object(Kind.LEASE, "vault", mount, f"{mount}/config/lease", lease, mount)
        for role in engine.role:
            body = {"type": role.type, "policies": list(role.policies), "global": role.is_global}
            yield Object(Kind.ENGINE_ROLE, "vault", f"{mount}/{role.name}", f"{mount}/role/{role.name}", body, mount)


def _access(engine: Engine, read: ReadFile) -> Object:
    access = engine.access
    body: dict[str, object] = {
        "address": access.address,
        "ca_cert": _certificates(access.ca_cert, read),
        "client_cert": _certificates(access.client_cert, read),
    }
    if access.max_token_name_length:
        body["max_token_name_length"] = access.max_token_name_length
    path = f"{engine.mount}/config/access"
    return Object(Kind.ACCESS, "vault", engine.mount, path, body, engine.mount, key_file=access.client_key)


def _certificates(name: str | None, read: ReadFile) -> str:
    """Return the text of the file of that *name*. Raises `InputError` for one with a key: plans show it."""
    pem = read(name) if name else ""
    if "PRIVATE KEY" in pem:
        raise InputError(
            f"{shown(name)} holds a private key, and is for certificates alone: what is in it is shown and readable.",
            fix="Put the key into a file of its own, which an engine's `client-key` may name.",
        )
    return pem


def _of_vault_trusts(setup: Setup, read: ReadFile, below: str) -> Iterator[Object]:
    for trust in setup.vault_trust:
        description = f"{MADE_BY}: id tokens of {trust.url}"
        yield Object(
            Kind.AUTH_MOUNT,
            "vault",
            trust.mount,
            f"sys/auth/{trust.mount}",
            {"type": "jwt", "description": description},
            trust.mount,
            of_auth=True,
        )
        config = {
            "oidc_discovery_url": trust.url,
            "oidc_discovery_ca_pem": _certificates(trust.ca_cert, read),
            "bound_issuer": trust.url,
        }
        path = f"auth/{trust.mount}/config"
        yield Object(Kind.AUTH_CONFIG, "vault", trust.mount, path, config, trust.mount, of_auth=True)
        for role in trust.role:
            yield from _login_role(setup, trust, role, below)


def _login_role(setup: Setup, trust: VaultTrust, role: VaultLoginRole, below: str) -> Iterator[Object]:
    # Vault writes the names of policies in lower case, whatever they were given as.
    policy = f"nomad-token-{trust.mount.replace('/', '-')}-{role.name}".lower()
    # Two files may come to one name: the first line says whose it is.
    text = f"# {MADE_BY}: {trust.mount}/{role.name}\n{rules.vault_policy(role.roles, below)}"
    yield Object(Kind.VAULT_POLICY, "vault", policy, f"sys/policies/acl/{policy}", {"policy": text}, of_auth=True)
    platform = PLATFORMS[trust.platform]
    ttl, max_ttl = rules.life(setup, role)
    body = {
        "role_type": "jwt",
        "user_claim": platform.user,
        "bound_audiences": list(role.audience),
        "bound_claims_type": rules.claims_type(role.claims),
        "bound_claims": {name: list(values) for name, values in role.claims.items()},
        "claim_mappings": {name: name for name in platform.also},
        "token_policies": [policy],
        "token_type": "service",
        "token_ttl": ttl,
        "token_max_ttl": max_ttl,
        "token_num_uses": 0,
        "token_period": 0,
        "token_no_default_policy": False,
    }
    path = f"auth/{trust.mount}/role/{role.name}"
    yield Object(Kind.LOGIN_ROLE, "vault", f"{trust.mount}/{role.name}", path, body, trust.mount, of_auth=True)
