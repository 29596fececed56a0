"""Nomad's ACL policies, and the roles that bundle them: the same in all regions (api-contract 2.3, 2.9)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nomad_token_lab import http, ids
from nomad_token_lab.nomad.errors import NomadError
from nomad_token_lab.nomad.hashes import hashed
from nomad_token_lab.nomad.rules import Rules

# Of policies, roles and auth methods alike.
NAME: Final = re.compile(r"[a-zA-Z0-9-]{1,128}")
_DESCRIPTION_BYTES: Final = 256


@dataclass(frozen=True)
class Policy:
    """A named set of rules, kept as the text that was given."""

    name: str
    description: str
    rules: str
    create_index: int
    modify_index: int

    def stub(self) -> dict[str, Any]:
        """Return what lists show."""
        return {
            "Name": self.name,
            "Description": self.description,
            "JobACL": None,
            "Hash": hashed(self.name, self.description, self.rules),
            "CreateIndex": self.create_index,
            "ModifyIndex": self.modify_index,
        }


class Policies(dict[str, Policy]):
    """The policies by name."""

    def __init__(self, count: Callable[[], int]) -> None:
        """Begin empty; *count* numbers the writes."""
        super().__init__()
        self._count = count

    def put(self, name: str, body: Mapping[str, Any]) -> None:
        """Make or replace a policy.

        Raises:
            NomadError: 400, another name in the body, a name or rules that may not be.
        """
        given = {key.lower(): value for key, value in body.items()}
        if given.get("name", name) != name:
            raise NomadError(400, "ACL policy name does not match request path")
        if not NAME.fullmatch(name):
            bad_name = http.multierror(f"invalid name '{name}'")
            raise NomadError(400, f"policy 0 invalid: {bad_name}")
        rules = given.get("rules") or ""
        try:
            Rules([rules])
        except (ValueError, AttributeError) as error:
            raise NomadError(400, f"policy 0 invalid: {http.multierror(f'failed to parse rules: {error}')}") from error
        index = self._count()
        created = self[name].create_index if name in self else index
        self[name] = Policy(name, given.get("description") or "", rules, created, index)


@dataclass(frozen=True)
class Role:
    """Policies under one name; a token that is linked to it has them as they are when it is used."""

    id: str
    name: str
    description: str
    policies: tuple[str, ...]
    create_index: int
    modify_index: int

    def full(self) -> dict[str, Any]:
        """Return what lists and reads show."""
        return {
            "ID": self.id,
            "Name": self.name,
            "Description": self.description,
            "Policies": [{"Name": name} for name in self.policies],
            "Hash": hashed(self.name, self.description, *self.policies),
            "CreateIndex": self.create_index,
            "ModifyIndex": self.modify_index,
        }


class Roles(dict[str, Role]):
    """The roles by id."""

    def __init__(self, policies: Policies, count: Callable[[], int]) -> None:
        """Begin empty; *count* numbers the writes."""
        super().__init__()
        self._policies = policies
        self._count = count

    def named(self, name: str) -> Role | None:
        """Return the role *name*."""
        return next((role for role in self.values() if role.name == name), None)

    def linked(self, link: Mapping[str, Any]) -> Role:
        """Return the role that a token is to be linked to, by its id, else by its name.

        Raises:
            NomadError: 400, there is none.
        """
        given = {key.lower(): value for key, value in link.items()}
        wanted = given.get("id") or given.get("name") or ""
        role = self.get(wanted) if given.get("id") else self.named(wanted)
        if role is None:
            raise NomadError(400, f"cannot find role {wanted}")
        return role

    def put(self, body: Mapping[str, Any]) -> Role:
        """Make a role, or replace the one whose id is in *body*.

        Raises:
            NomadError: 400, it may not be, or a policy of it does not exist.
        """
        given = {key.lower(): value for key, value in body.items()}
        id_, name, description = (str(given.get(key) or "") for key in ("id", "name", "description"))
        names = dict.fromkeys(str(link.get("Name") or link.get("name")) for link in given.get("policies") or ())
        wrong = [] if NAME.fullmatch(name) else [f"invalid name '{name}'"]
        if len(description.encode()) > _DESCRIPTION_BYTES:
            wrong.append(f"description longer than {_DESCRIPTION_BYTES}")
        if not names:
            wrong.append("at least one policy should be specified")
        if wrong:
            raise NomadError(400, f"role 0 invalid: {http.multierror(*wrong)}")
        if id_ and id_ not in self:
            raise NomadError(400, f"cannot find role {id_}")
        if (other := self.named(name)) and other.id != id_:
            raise NomadError(400, f"role with name {name} already exists")
        for policy in names:
            if policy not in self._policies:
                raise NomadError(400, f"cannot find policy {policy}")
        index = self._count()
        created = self[id_].create_index if id_ else index
        role = Role(id_ or ids.guid(), name, description, tuple(names), created, index)
        self[role.id] = role
        return role

    def delete(self, id_: str) -> None:
        """Delete a role; tokens that are linked to it lose what it gave.

        Raises:
            NomadError: 500, there is none.
        """
        if self.pop(id_, None) is None:
            raise NomadError(500, "ACL role not found")
        self._count()
