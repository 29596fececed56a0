"""What all auth methods share: the `token_*` fields of a role, and what a login makes of them (api-contract 3.2)."""

from collections.abc import Mapping
from typing import Any, Literal

from nomad_token_lab.vault import fields
from nomad_token_lab.vault.errors import Refusal
from nomad_token_lab.vault.tokens import Terms, TokenType

_TYPES: Mapping[str, TokenType] = {
    "": "service",
    "default": "service",
    "default-service": "service",
    "service": "service",
    "default-batch": "batch",
    "batch": "batch",
}


def token_type(value: str) -> Literal["service", "batch"]:
    """Return the type that a field names.

    Raises:
        Refusal: 400, none of Vault's.
    """
    if value not in _TYPES:
        raise Refusal(400, f"invalid 'token_type' value \"{value}\"")
    return _TYPES[value]


def terms_of(data: fields.Data) -> Terms:
    """Return the terms that a role's `token_*` fields set.

    Raises:
        Refusal: 400, a field that can't be read, or two that contradict each other.
    """
    terms = Terms(
        policies=fields.strings(data, "token_policies"),
        ttl=fields.seconds(data, "token_ttl"),
        max_ttl=fields.seconds(data, "token_max_ttl"),
        explicit_max_ttl=fields.seconds(data, "token_explicit_max_ttl"),
        num_uses=fields.number(data, "token_num_uses"),
        type=token_type(fields.text(data, "token_type")),
        no_default_policy=fields.flag(data, "token_no_default_policy"),
        period=fields.seconds(data, "token_period"),
        bound_cidrs=fields.strings(data, "token_bound_cidrs"),
    )
    if terms.max_ttl and terms.ttl > terms.max_ttl:
        raise Refusal(400, "'token_ttl' cannot be greater than 'token_max_ttl'")
    return terms


def terms_data(terms: Terms) -> dict[str, Any]:
    """Return the `token_*` fields of *terms*, as reading a role shows them."""
    return {
        "token_bound_cidrs": list(terms.bound_cidrs),
        "token_explicit_max_ttl": terms.explicit_max_ttl,
        "token_max_ttl": terms.max_ttl,
        "token_no_default_policy": terms.no_default_policy,
        "token_num_uses": terms.num_uses,
        "token_period": terms.period,
        "token_policies": list(terms.policies),
        "token_ttl": terms.ttl,
        "token_type": terms.type,
    }
