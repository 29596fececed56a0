"""Vault's side of the mint: the policy, the engine, its access, lease and roles, and what may be revoked."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from nomad_token.clients.failures import Failure
from nomad_token.clients.http import origin
from nomad_token.doctor.finding import RUN_IN_JOB, Finding, Unseen, broken, not_seen, ok, unknown, warning
from nomad_token.doctor.shapes import mapping, names, number
from nomad_token.errors import NotFound, Refused
from nomad_token.issuers.vault_refusals import EngineRole, no_engine, no_engine_role, policy_refuses
from nomad_token.text import pasted, shown, span

_LONG: Final = 24 * 3600
_SHORT: Final = 120
"""Seconds of a login's life that are hardly a deploy's."""
_MANAGEMENT: Final = "management"
_COMMAND: Final = re.compile(
    r"vault (?=auth|lease|list|login|namespace|operator|plugin|policy|read|secrets|status|token|write)"
)

Seen = Unseen | Failure
Held = Mapping[str, Collection[str]]
"""Capabilities by path."""


def policy(held: Held | Seen, engines: Sequence[EngineRole], below: str) -> Finding:
    """Judge whether the login may read the credentials of each role, by what Vault says of its token."""
    if isinstance(held, Unseen | Failure):
        return not_seen(
            held, "What the login's token may do", 'path "sys/capabilities-self" { capabilities = ["update"] }'
        )
    for engine in engines:
        if not {"read", "root"} & set(held.get(engine.path, ())):
            said = ", ".join(sorted(held.get(engine.path, ()))) or "nothing"
            return broken(
                policy_refuses(f"The login may not read `{engine.path}`: Vault says {shown(said)}.", engine, below)
            )
    return ok(f"The login may read {', '.join(f'`{engine.path}`' for engine in engines)}.")


def policies_there(named: Sequence[str], missing: Sequence[str], role: str) -> Finding:
    """Judge the policies of the login's role, where nobody has logged in: whether each is there."""
    if missing:
        first = missing[0]
        return broken(
            Refused(
                f"`{shown(role)}` gives its logins the policy `{shown(first)}`, which is not there.",
                why="Vault takes the name of a policy without a word, and grants nothing for it.",
                fix=f"Write it: vault policy write {pasted(first)} -",
            )
        )
    if not named:
        return broken(
            Refused(
                f"`{shown(role)}` gives its logins no policy but `default`.",
                why="With it alone nothing is read.",
                fix="Set token_policies of the role to the policy that has the read.",
            )
        )
    return unknown(
        f"`{shown(role)}` gives its logins {', '.join(map(shown, named))}: what they allow is seen with a login.",
        fix=RUN_IN_JOB,
    )


def engine(mounts: object | Seen, catalog: Sequence[str] | Seen | None, mount: str) -> Finding:
    """Judge whether the Nomad engine is at *mount*; *catalog* has OpenBao's plugins, None on Vault."""
    if isinstance(mounts, Unseen | Failure):
        return not_seen(mounts, "The secrets engines", 'path "sys/mounts" { capabilities = ["read"] }')
    found = mapping(mounts).get(f"{mount}/")
    kind = str(mapping(found).get("type"))
    if found is None:
        error = no_engine(f"No secrets engine is mounted at `{mount}`.", mount)
        error.fix += f", or enable it: {_enabled(catalog, mount)}"
        return broken(error)
    if "nomad" not in kind:
        return broken(no_engine(f"At `{mount}` is an engine of type `{shown(kind)}`, not Nomad's.", mount))
    return ok(f"The Nomad engine is at `{mount}`.")


def _enabled(catalog: Sequence[str] | Seen | None, mount: str) -> str:
    if catalog is None:
        return f"vault secrets enable -path={pasted(mount)} nomad"
    seen = [] if isinstance(catalog, Unseen | Failure) else [name for name in catalog if "nomad" in name]
    if seen:
        return f"vault secrets enable -path={pasted(mount)} {pasted(seen[0])}"
    state = "to be registered first" if isinstance(catalog, Unseen | Failure) else "not registered"
    plugin = "openbao-plugin-secrets-nomad"
    return (
        f"OpenBao has the engine as a plugin, which is {state}:\n"
        f"  vault plugin register -sha256=SHA256 secret {plugin}\n"
        f"  vault secrets enable -path={pasted(mount)} {plugin}"
    )


def access(config: Mapping[str, Any] | Seen | None, mount: str, nomad: str) -> Finding:
    """Judge Vault's view of Nomad's address against the job's, *nomad*; empty where the job has none."""
    if isinstance(config, Unseen | Failure):
        rule = f'path "{mount}/config/access" {{ capabilities = ["read"] }}'
        return not_seen(config, f"Vault's view of Nomad (`{mount}/config/access`)", rule)
    if config is None:
        return broken(
            NotFound(
                f"`{mount}/config/access` was never written.",
                why="The engine knows no Nomad then, and no token for it.",
                fix="Give it both:\n"
                "  nomad acl token create -name=vault -type=management -json | jq -rj .SecretID | "
                f"vault write {mount}/config/access address=NOMAD_ADDR token=-",
            )
        )
    theirs = str(config.get("address") or "http://127.0.0.1:4646")
    if number(config.get("max_token_name_length")) > 256:
        return warning(
            f"`max_token_name_length` in `{mount}/config/access` is more than the 256 bytes that Nomad takes.",
            fix=f"Lower it: vault write {mount}/config/access max_token_name_length=256",
        )
    if not nomad:
        return ok(f"Vault mints at {shown(theirs)}.")
    if origin(theirs) == origin(nomad):
        return ok(f"Vault mints at {shown(theirs)}, where the job deploys too.")
    return unknown(
        f"Vault mints at {shown(theirs)}, and the job deploys to {nomad}: whether that is one cluster is not seen.",
        why=f"The address in `{mount}/config/access` is the one that Vault uses, not the job's `nomad-addr`.",
        fix="A token shows it: nomad-token doctor --mint",
    )


def lease(config: Mapping[str, Any] | Seen | None, mount: str, login_ends: datetime | None, now: datetime) -> Finding:
    """Judge the life of a token: the engine's lease, and the login's life, with which a lease ends."""
    left = (login_ends - now).total_seconds() if login_ends else None
    if left is not None and left < _SHORT:
        return warning(
            f"The login's token ends in {span(left)}, and takes the lease along.",
            why="Vault ends a lease with the token that asked for it, whatever the lease itself says.",
            fix="Set token_ttl on the role of the login to the job's length.",
        )
    set_by = f"vault write {mount}/config/lease ttl=30m max_ttl=1h"
    if isinstance(config, Unseen | Failure):
        rule = f'path "{mount}/config/lease" {{ capabilities = ["read"] }}'
        return not_seen(config, f"The engine's lease (`{mount}/config/lease`)", rule)
    ttl = number(mapping(config).get("ttl"))
    ends = f" The login ends it after {span(left)}." if left is not None else ""
    if not ttl:
        return warning(
            f"`{mount}/config/lease` was never set: a lease is 768 h then.{ends}",
            why="A token that no job revokes lives as long as its lease, or the login.",
            fix=set_by,
        )
    if ttl > _LONG:
        return warning(f"A lease is {span(ttl)} (`{mount}/config/lease`).{ends}", fix=set_by)
    return ok(f"A lease is {span(ttl)}.{ends if left is not None and left < ttl else ''}")


def roles(found: Mapping[str, Mapping[str, Any] | None] | Seen, mount: str) -> Finding:
    """Judge the engine's roles, by name."""
    if isinstance(found, Unseen | Failure):
        return not_seen(found, "The engine's roles", f'path "{mount}/role/*" {{ capabilities = ["read"] }}')
    for name, role in found.items():
        if role is None:
            what = f"There is nothing at `{mount}/role/{name}`."
            return broken(no_engine_role(what, EngineRole(mount, name)))
        if role.get("type") == _MANAGEMENT:
            return warning(
                f"The role `{name}` makes management tokens.",
                why="Such a token may do everything, and is not exported unless `export-env: true` says so.",
                fix=f"vault write {mount}/role/{pasted(name)} type=client policies=POLICY",
            )
    told = ", ".join(
        f"{name} ({', '.join(map(shown, names(role.get('policies'))))})" for name, role in found.items() if role
    )
    return ok(f"The engine has the role {told}.")


def revocable(held: Held | Seen, leases: str, *, borrowed: bool, below: str) -> Finding:
    """Judge whether what is minted can be revoked: the lease by itself, or with the login that asked for it."""
    if isinstance(held, Unseen | Failure):
        return not_seen(held, "What the login's token may revoke")
    of_lease = bool({"update", "root"} & set(held.get("sys/leases/revoke", ())))
    of_login = bool({"update", "root"} & set(held.get("auth/token/revoke-self", ())))
    rule = (
        f'path "{below}sys/leases/revoke" {{ capabilities = ["update"] '
        f'allowed_parameters = {{ "lease_id" = ["{leases}/*"], "sync" = [] }} }}'
    )
    if of_lease:
        return ok("The lease can be revoked, and Vault says what Nomad says of it.")
    if borrowed or below:
        why = (
            "`vault-token` is lent, and never revoked."
            if borrowed
            else "In another namespace no lease ends with the login."
        )
        return broken(
            Refused("The lease can't be revoked by the job.", why=why, fix=f"Add to a policy of the token: {rule}")
        )
    if not of_login:
        return warning(
            "The login's token may revoke neither the lease nor itself.",
            why="It has no policy `default`. The token lives to the end of the lease, or of the login.",
            fix='Add to a policy of the login\'s role: path "auth/token/revoke-self" { capabilities = ["update"] }',
        )
    return ok("The end of the login takes the lease along.")


def in_dialect(text: str, *, is_openbao: bool) -> str:
    """Write the lines to paste with the program of the server: `bao` takes what `vault` takes."""
    return _COMMAND.sub("bao ", text) if is_openbao else text
