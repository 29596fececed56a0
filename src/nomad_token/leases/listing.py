"""What lives: Vault's leases of a role, and Nomad's tokens by their names, without a secret."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Final

from msgspec import Meta, ValidationError, field

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.http import READ_SECONDS
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.clients.plausible import Accessor
from nomad_token.clients.vault_operator import VaultOperator
from nomad_token.errors import InputError, NotFound, Refused
from nomad_token.leases.refusals import explain
from nomad_token.names import is_by_vault, is_own
from nomad_token.said import FromVault
from nomad_token.text import shown
from nomad_token.value import Time, Value, read

_ROLE: Final = re.compile(r"\w([\w.-]*\w)?", re.ASCII)
"""api-contract 1.1."""
MOST_LEASES: Final = 1000
"""How many leases of a role are looked up: each is a request."""


class Lease(Value, kw_only=True):
    """A lease of the engine's (api-contract 1.6)."""

    role: str
    lease_id: Annotated[str, Meta(pattern=r"^[\w./-]+\Z", max_length=512)]
    made: Time
    ends: Time | None
    renewable: bool
    trouble: str = ""
    """Why Vault could not revoke it so far, where it says so (OpenBao, from 2.6 on)."""


class Token(Value, kw_only=True):
    """A token of Nomad's (api-contract 2.2)."""

    name: str = field(name="Name")
    accessor_id: Accessor = field(name="AccessorID")
    type: str = field(name="Type")
    policies: tuple[str, ...] = field(default=(), name="Policies")
    made: Time = field(name="CreateTime")
    ends: Time | None = field(default=None, name="ExpirationTime")

    @property
    def by(self) -> str:
        """Who made it, as far as its name tells."""
        return "nomad-token" if is_own(self.name) else "vault" if is_by_vault(self.name) else ""

    def is_over(self, now: datetime) -> bool:
        """Tell whether its end has come; Nomad collects it some minutes later."""
        return self.ends is not None and self.ends <= now


def roles_of(vault: VaultOperator, mount: str) -> list[str]:
    """Return the roles of the engine. Raises `NotFound` where there is nothing at *mount*, `Error`."""
    try:
        return vault.listed(f"{mount}/role")
    except Failure as failure:
        if isinstance(failure, Refusal) and failure.status == 404 and failure.in_form:
            raise NotFound(
                f"Vault has nothing at `{mount}`: {shown(failure.said)}",
                why="The engine is mounted elsewhere (`vault-mount`), or in another namespace (`vault-namespace`).",
                fix="vault secrets list",
            ) from None
        rule = f'path "{mount}/role" {{ capabilities = ["list"] }}'
        raise explain(failure, f"list the roles of `{mount}`", rule) from None


def leases_of(vault: VaultOperator, mount: str, role: str) -> list[str]:
    """Return the ids of the leases of *role*. Raises `InputError` for what is more, or less, than one name; `Error`."""
    if not _ROLE.fullmatch(role):
        raise InputError(
            f"`{shown(role)}` is not a role's name.", fix="nomad-token list shows the roles that have leases."
        )
    prefix = f"{mount}/creds/{role}"
    try:
        keys = vault.listed(f"sys/leases/lookup/{prefix}/")
    except Failure as failure:
        rule = f'path "sys/leases/lookup/{prefix}/*" {{ capabilities = ["list", "sudo"] }}'
        raise explain(failure, f"list the leases of `{role}`", rule) from None
    return [f"{prefix}/{key}" for key in keys]


def leases_of_named(vault: VaultOperator, mount: str, role: str) -> list[str]:
    """Return as `leases_of` does, of a *role* that somebody typed.

    Raises `NotFound` where there is neither a lease nor such a role, as far as the operator may know; `Error`.
    """
    found = leases_of(vault, mount, role)
    if not found:
        try:
            roles = roles_of(vault, mount)
        except Refused:
            return []  # whoever may not list roles has typed one that has no lease, or none
        if role not in roles:
            there = f"Its roles: {', '.join(map(shown, sorted(roles)))}." if roles else "It has no roles at all."
            raise NotFound(
                f"Vault's engine at `{mount}` has no role `{role}`, and no lease of one.",
                why="The name is misspelt, or the role is another engine's (`vault-mount`, `vault-namespace`).",
                fix=there,
            )
    return found


def looked_up(vault: VaultOperator, role: str, lease_ids: Iterable[str]) -> Iterator[Lease]:
    """Look each lease up; one that has ended meanwhile is left out. Raises `Error`."""
    for lease_id in lease_ids:
        try:
            data = vault.write("sys/leases/lookup", {"lease_id": lease_id})
        except Failure as failure:
            if isinstance(failure, Refusal) and FromVault.NO_LEASE in failure.said:
                continue
            rule = 'path "sys/leases/lookup" { capabilities = ["update"] }'
            raise explain(failure, f"look the lease {lease_id} up", rule) from None
        try:
            yield read(
                Lease,
                {
                    "role": role,
                    "lease_id": lease_id,
                    "made": data.get("issue_time"),
                    "ends": data.get("expire_time"),
                    "renewable": bool(data.get("renewable")),
                    "trouble": str(data.get("revoke_error") or ""),
                },
            )
        except ValidationError:
            continue  # no lease as any Vault describes one


def tokens_of(nomad: NomadOperator) -> list[Token]:
    """Return Nomad's tokens whose names are ours or Vault's, the oldest first. Raises `Error`."""
    found: list[Token] = []
    if nomad.token is None:
        return found
    try:
        for stub in nomad.tokens(nomad.token, read_seconds=READ_SECONDS):
            name = str(stub.get("Name"))
            if is_own(name) or is_by_vault(name):
                try:
                    found.append(read(Token, {key: value for key, value in stub.items() if value is not None}))
                except ValidationError:
                    continue
    except Failure as failure:
        raise explain(failure, "list the tokens", "", server="nomad") from None
    return sorted(found, key=lambda token: token.made)
