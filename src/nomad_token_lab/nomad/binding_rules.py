"""Nomad's binding rules: which roles and policies a login gets (api-contract 2.6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from nomad_token_lab import http, ids
from nomad_token_lab.clock import Clock, rfc3339
from nomad_token_lab.nomad import selectors
from nomad_token_lab.nomad.auth_methods import AuthMethods
from nomad_token_lab.nomad.claims import Mapped, interpolated
from nomad_token_lab.nomad.errors import NomadError
from nomad_token_lab.nomad.hashes import hashed
from nomad_token_lab.nomad.policies import NAME, Policies, Roles

_DESCRIPTION_BYTES: Final = 256


@dataclass(frozen=True)
class BindingRule:
    """One rule: to whom `selector` fits, what `bind_name` says is bound; an empty selector fits all."""

    id: str
    description: str
    auth_method: str
    selector: str
    bind_type: str
    bind_name: str
    created: datetime
    modified: datetime
    create_index: int
    modify_index: int

    def stub(self) -> dict[str, Any]:
        """Return what lists show."""
        fields = (self.id, self.description, self.auth_method, self.selector, self.bind_type, self.bind_name)
        return {
            "ID": self.id,
            "Description": self.description,
            "AuthMethod": self.auth_method,
            "Hash": hashed(*fields),
            "CreateIndex": self.create_index,
            "ModifyIndex": self.modify_index,
        }

    def full(self) -> dict[str, Any]:
        """Return the whole rule."""
        return {
            **self.stub(),
            "Selector": self.selector,
            "BindType": self.bind_type,
            "BindName": self.bind_name,
            "CreateTime": rfc3339(self.created),
            "ModifyTime": rfc3339(self.modified),
        }

    def fits(self, claims: Mapped) -> bool:
        """Tell whether the rule is for *claims*; what can't be evaluated isn't."""
        try:
            return not self.selector or selectors.parse(self.selector)(claims.datum())
        except ValueError:
            return False

    def target(self, claims: Mapped) -> str:
        """Return the name that is bound, claims in lower case.

        Raises:
            NomadError: 500, it can't be put together, or what comes out is no name.
        """
        lowered = {name: value.lower() for name, value in claims.variables().items()}
        kind = f'"{self.bind_type}" bind name for bind target'
        try:
            name = interpolated(self.bind_name, lowered)
        except ValueError as error:
            raise NomadError(500, f"cannot compute {kind}: {error}") from error
        if self.bind_type != "management" and not NAME.fullmatch(name):
            raise NomadError(500, f'computed {kind} is invalid: "{name}"')
        return name


@dataclass(frozen=True)
class Bound:
    """What a login gets: role ids and policy names, or everything."""

    roles: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    is_management: bool = False


class BindingRules(dict[str, BindingRule]):
    """The rules by id."""

    def __init__(self, methods: AuthMethods, clock: Clock, count: Callable[[], int]) -> None:
        """Begin empty; *count* numbers the writes."""
        super().__init__()
        self._methods = methods
        self._clock = clock
        self._count = count

    def put(self, body: Mapping[str, Any]) -> BindingRule:
        """Make a rule, or change the one whose id is in *body*.

        Raises:
            NomadError: 400, it may not be, or its auth method does not exist.
        """
        names = ("ID", "Description", "AuthMethod", "Selector", "BindType", "BindName")
        lowered = {key.lower(): value for key, value in body.items()}
        given = {name: str(lowered.get(name.lower()) or "") for name in names}
        known = self._known(given["ID"])
        if known:
            for name, value in (("AuthMethod", known.auth_method), ("BindType", known.bind_type)):
                given[name] = given[name] or value
            given["BindName"] = given["BindName"] or known.bind_name
            if given["AuthMethod"] != known.auth_method:
                raise NomadError(400, "cannot update auth method for binding rule, create a new rule instead")
        if wrong := _wrong(given):
            raise NomadError(400, f"binding rule 0 invalid: {http.multierror(*wrong)}")
        if given["AuthMethod"] not in self._methods:
            raise NomadError(400, f"ACL auth method {given['AuthMethod']} not found")
        now, index = self._clock(), self._count()
        rule = BindingRule(
            id=known.id if known else ids.guid(),
            description=given["Description"],
            auth_method=given["AuthMethod"],
            selector=given["Selector"],
            bind_type=given["BindType"],
            bind_name=given["BindName"],
            created=known.created if known else now,
            modified=now,
            create_index=known.create_index if known else index,
            modify_index=index,
        )
        self[rule.id] = rule
        return rule

    def _known(self, id_: str) -> BindingRule | None:
        if id_ and id_ not in self:
            raise NomadError(400, f"cannot find binding rule {id_}")
        return self.get(id_)

    def delete(self, id_: str) -> None:
        """Delete a rule.

        Raises:
            NomadError: 500, there is none.
        """
        if self.pop(id_, None) is None:
            raise NomadError(500, "ACL binding rule not found")
        self._count()

    def bound(self, method: str, claims: Mapped, *, roles: Roles, policies: Policies) -> Bound:
        """Return what the rules of *method* give to *claims*; roles and policies that don't exist are passed over.

        Raises:
            NomadError: 500, a rule's name can't be put together.
        """
        fitting = [rule for _, rule in sorted(self.items()) if rule.auth_method == method and rule.fits(claims)]
        bound = Bound()
        for rule in fitting:
            name = rule.target(claims)
            match rule.bind_type:
                case "management":
                    return Bound(is_management=True)
                case "policy" if name in policies:
                    bound = Bound(bound.roles, (*bound.policies, name))
                case "role" if role := roles.named(name):
                    bound = Bound((*bound.roles, role.id), bound.policies)
        return bound


def _wrong(given: Mapping[str, str]) -> list[str]:
    wrong = [] if given["AuthMethod"] else ["auth method is missing"]
    if len(given["Description"].encode()) > _DESCRIPTION_BYTES:
        wrong.append(f"description longer than {_DESCRIPTION_BYTES}")
    match given["BindType"]:
        case "":
            wrong.append("bind type is missing")
        case "role" | "policy":
            wrong += [] if given["BindName"] else ["bind name is missing"]
        case "management":
            wrong += ["bind name should be empty"] if given["BindName"] else []
        case other:
            wrong.append(f'unsupported bind type: "{other}"')
    try:
        selectors.parse(given["Selector"] or "a == b")
    except ValueError as error:
        wrong.append(f"selector is invalid: {error}")
    return wrong
