"""What a trust is in each server's language: Vault's policies and claims, Nomad's selectors, and lives in seconds."""

import re
from collections.abc import Iterable

from nomad_token.errors import InputError
from nomad_token.setup.bounds import Claims
from nomad_token.setup.file import Setup, VaultLoginRole


def claims_type(claims: Claims) -> str:
    """Return how Vault compares them all: `glob` where one has a `*` (its jwt auth's documentation)."""
    return "glob" if any("*" in value for values in claims.values() for value in values) else "string"


def selector(claims: Claims) -> str:
    """Return the go-bexpr selector of a binding rule, over claims that are mapped by their own names (2.6)."""
    return " and ".join(_any_of(name, values) for name, values in claims.items())


def _any_of(name: str, values: Iterable[str]) -> str:
    parts = [_fits(name, value) for value in values]
    return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"


def _fits(name: str, value: str) -> str:
    if "*" not in value:
        return f'value.{name} == "{value}"'
    # A backslash is an escape in a quoted text of go-bexpr: a set of one letter says the same without it.
    pattern = ".*".join(
        "".join(f"[{one}]" if re.escape(one) != one else one for one in part) for part in value.split("*")
    )
    return f'value.{name} matches "^{pattern}$"'


def vault_policy(roles: Iterable[str], below: str = "") -> str:
    """Return the policy of a login that mints *roles* (MOUNT/ROLE), and revokes the leases of those alone.

    *below* is the engine's namespace, as it is written from that of the login: `app/`.

    Its second path lets a job see that its revoke worked (api-contract 1.6); without it, the login's end still does it.
    """
    paths = [_creds(each) for each in roles]
    reads = "".join(f'path "{below}{path}" {{\n  capabilities = ["read"]\n}}\n' for path in paths)
    leases = ", ".join(f'"{path}/*"' for path in paths)
    return (
        f'{reads}path "{below}sys/leases/revoke" {{\n  capabilities       = ["update"]\n  allowed_parameters = {{\n'
        f'    "lease_id" = [{leases}]\n    "sync"     = []\n  }}\n}}\n'
    )


def _creds(role: str) -> str:
    mount, _, name = role.rpartition("/")
    return f"{mount}/creds/{name}"


def life(setup: Setup, role: VaultLoginRole) -> tuple[int, int]:
    """Return the life of a login and its limit, in seconds. Raises `InputError` where a lease would outlive it."""
    mounts = {each.rpartition("/")[0] for each in role.roles}
    engines = [engine for engine in setup.engine if engine.mount in mounts]
    ttl = int(role.ttl or max((engine.ttl for engine in engines), default=1800.0))
    max_ttl = int(role.max_ttl or max((engine.max_ttl for engine in engines), default=ttl))
    for engine in engines:
        if ttl < engine.ttl or max_ttl < engine.max_ttl:
            raise InputError(
                f"The login of role `{role.name}` would end before the leases of `{engine.mount}`, and end them.",
                why="A lease ends with the token that asked for it, whatever its own ttl says.",
                fix="Leave out its ttl and max-ttl, or give at least those of the engine.",
            )
    return ttl, max(ttl, max_ttl)
