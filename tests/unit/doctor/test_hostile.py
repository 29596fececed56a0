"""Whatever a server answers, a judgement is a verdict: nothing ends the walk."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import jwt
from nomad_token.clients.failures import Answer
from nomad_token.doctor import deploy, engine, identity, reach
from nomad_token.doctor.finding import Finding
from nomad_token.secret import SecretStr

AT: Final = datetime(2026, 3, 4, tzinfo=UTC)
LETTERS: Final = 'aZ 0189,:;+-*$#{}[]"\n\x00ß\u2028'
TOKEN: Final = SecretStr(jwt(aud="x", ref="y"))
KEYS: Final = st.sampled_from(
    [
        *("type", "nomad/", "address", "max_token_name_length", "ttl", "policies", "bound_audiences", "bound_claims"),
        *("ref", "Name", "Type", "AuthMethod", "BindType", "BindName", "Config", "BoundAudiences", "Namespaces"),
        *("Capabilities", "bound_claims_type", "role_type", "github", "sealed", "version"),
    ]
)
LEAVES: Final = st.none() | st.booleans() | st.integers() | st.floats() | st.text(LETTERS, max_size=5) | KEYS
JSON: Final = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
OBJECT: Final = st.dictionaries(KEYS, JSON, max_size=5)

JUDGEMENTS: Final[list[Callable[[Any], Finding]]] = [
    lambda told: engine.engine(told, None, "nomad"),
    lambda told: engine.access(told, "nomad", "http://nomad.test"),
    lambda told: engine.lease(told, "nomad", None, AT),
    lambda told: engine.roles({"deployer": told}, "nomad"),
    lambda told: identity.bounds(told, TOKEN, "x", path="auth/jwt", name="r", let_in=False),
    lambda told: identity.bounds(told, None, "x", path="auth/jwt", name="r", let_in=False),
    lambda told: identity.method_bounds(told, None, "x", "github"),
    lambda told: deploy.namespace("default", {"p": told}, ["default"]),
]
OF_LISTS: Final[list[Callable[[Any], Finding]]] = [
    lambda told: identity.method(told, "github"),
    lambda told: identity.rules(told, told, "github"),
    lambda told: reach.acls(told, "http://nomad.test"),
]


@pytest.mark.parametrize("judge", JUDGEMENTS)
@given(told=OBJECT)
def test_any_object(judge: Callable[[Any], Finding], told: dict[str, Any]) -> None:
    """An object whose fields are of any kind."""
    assert judge(told).what


@pytest.mark.parametrize("judge", OF_LISTS)
@given(told=st.lists(OBJECT | JSON, max_size=3) | JSON)
def test_any_list(judge: Callable[[Any], Finding], told: object) -> None:
    """A list of anything, or none."""
    assert judge(told).what


@given(
    status=st.integers(100, 599),
    text=st.text(LETTERS, max_size=20) | st.just('{"sealed": 1}'),
    date=st.text(LETTERS, max_size=30),
)
def test_any_answer(status: int, text: str, date: str) -> None:
    """Any status, body and Date."""
    heard = Answer(status, {"date": date}, text)

    assert reach.seal(heard, "http://vault.test").what
    assert reach.leader(heard, "http://nomad.test").what
    assert reach.clock(heard, "vault", AT, AT).what
