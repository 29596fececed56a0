"""What is wanted against what is there: the verdict, the fields, and what is written."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_token.setup.canonical import canonical
from nomad_token.setup.changes import Change, Found, Verdict
from nomad_token.setup.compare import compare
from nomad_token.setup.objects import MADE_BY, Kind, Object

LEASE = Object(Kind.LEASE, "vault", "nomad", "nomad/config/lease", {"ttl": 1800, "max_ttl": 3600}, "nomad")
ACCESS = Object(Kind.ACCESS, "vault", "nomad", "nomad/config/access", {"address": "a", "ca_cert": ""}, "nomad")
ROLE = Object(
    Kind.ENGINE_ROLE, "vault", "nomad/x", "nomad/role/x", {"type": "client", "policies": ["a", "b"], "global": False}
)
ENGINE = Object(Kind.ENGINE, "vault", "nomad", "sys/mounts/nomad", {"type": "nomad", "description": MADE_BY}, "nomad")
AUTH = Object(Kind.AUTH_MOUNT, "vault", "jwt", "sys/auth/jwt", {"type": "jwt", "description": MADE_BY}, "jwt")
CONFIG = Object(Kind.AUTH_CONFIG, "vault", "jwt", "auth/jwt/config", {"bound_issuer": "i"}, "jwt")
POLICY = Object(Kind.POLICY, "nomad", "p", "acl/policy/p", {"Name": "p", "Description": MADE_BY, "Rules": "r\n"})
VAULT_POLICY = Object(Kind.VAULT_POLICY, "vault", "v", "sys/policies/acl/v", {"policy": f"# {MADE_BY}\nrules\n"})
METHOD = Object(
    Kind.AUTH_METHOD,
    "nomad",
    "m",
    "acl/auth-method/m",
    {"Name": "m", "Type": "JWT", "MaxTokenTTL": 600 * 10**9, "Config": {"BoundAudiences": ["x"]}},
)
NOMAD_ROLE = Object(Kind.NOMAD_ROLE, "nomad", "r", "acl/role", {"Name": "r", "Policies": [{"Name": "a"}]})


def compared(wanted: Object, there: Mapping[str, Any] | None, *, ours: bool = True) -> Change:
    """Compare with what is there."""
    return compare(wanted, Found(there, ours=ours))


@pytest.mark.parametrize("wanted", [LEASE, ACCESS, ROLE, ENGINE, AUTH, CONFIG, POLICY, VAULT_POLICY, METHOD])
def test_nothing_is_there(wanted: Object) -> None:
    """It is created, as it is wanted."""
    change = compared(wanted, None)

    assert change.verdict is Verdict.CREATE
    assert change.body == wanted.body
    assert {each.before for each in change.differences} == {None}


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (LEASE, {"ttl": 1800, "max_ttl": 3600}),
        (ACCESS, {"address": "a", "ca_cert": "", "max_token_name_length": 99}),
        (ROLE, {"type": "client", "policies": ["b", "a"], "global": False}),
        (ENGINE, {"type": "openbao-plugin-secrets-nomad", "description": "theirs"}),
        (AUTH, {"type": "oidc", "description": "theirs"}),
        (POLICY, {"Name": "p", "Description": MADE_BY, "Rules": "r", "Hash": "h"}),
        (VAULT_POLICY, {"name": "v", "policy": f"# {MADE_BY}\nrules"}),
        (METHOD, {"Name": "m", "Type": "JWT", "MaxTokenTTL": "10m0s", "Config": {"BoundAudiences": ["x"], "More": 1}}),
        (METHOD, {"Name": "m", "Type": "JWT", "MaxTokenTTL": 600000000000, "Config": {"BoundAudiences": ["x"]}}),
        (NOMAD_ROLE, {"ID": "1", "Name": "r", "Policies": [{"Name": "a"}]}),
    ],
)
def test_what_is_there_as_wanted(wanted: Object, there: Mapping[str, Any]) -> None:
    """It is left alone, however the server writes it."""
    assert compared(wanted, there).verdict is Verdict.SAME


@pytest.mark.parametrize(
    ("wanted", "there"),
    [
        (POLICY, {"Name": "p", "Description": "theirs", "Rules": "r"}),
        (VAULT_POLICY, {"policy": "rules"}),
    ],
)
def test_what_another_made_alike(wanted: Object, there: Mapping[str, Any]) -> None:
    """Somebody else's that does the same is as good, though it has no mark of ours."""
    assert compared(wanted, there, ours=False).verdict is Verdict.SAME
    assert compared(wanted, there, ours=True).verdict is Verdict.CHANGE


@pytest.mark.parametrize(
    ("wanted", "there", "why"),
    [
        (LEASE, {"ttl": 1, "max_ttl": 3600}, "the tokens of every role of it would live for another time"),
        (LEASE, None, "The mount `nomad` was not made by nomad-token setup"),
        (ACCESS, {"address": "b", "ca_cert": ""}, "every role of it would mint in another Nomad"),
        (ACCESS, None, "The mount `nomad` was not made by nomad-token setup"),
        (CONFIG, {"bound_issuer": "j"}, "would be checked against another issuer"),
        (CONFIG, None, "The mount `jwt` was not made by nomad-token setup"),
        (ROLE, {"type": "management", "policies": None, "global": False}, "was not made by nomad-token setup"),
        (POLICY, {"Description": "theirs", "Rules": "other"}, "was not made by nomad-token setup"),
        (VAULT_POLICY, {"policy": "other"}, "was not made by nomad-token setup"),
        (METHOD, {"Type": "JWT", "MaxTokenTTL": "1h", "Config": {}}, "was not made by nomad-token setup"),
        (ENGINE, {"type": "kv"}, "Something else is mounted there: kv."),
        (AUTH, {"type": "approle"}, "Something else is mounted there: approle."),
    ],
)
def test_what_another_made(wanted: Object, there: Mapping[str, Any] | None, why: str) -> None:
    """It is refused, with the reason and what to do, and nothing is to be written."""
    change = compared(wanted, there, ours=False)

    assert change.verdict is Verdict.REFUSE
    assert why in change.reason
    assert change.fix
    assert not change.body


@pytest.mark.parametrize(
    ("wanted", "there"),
    [(ENGINE, {"type": [{}]}), (AUTH, {"type": ["a"]}), (METHOD, {"Type": "JWT", "Config": [{"SigningAlgs": 7}]})],
)
def test_what_no_server_says(wanted: Object, there: Mapping[str, Any]) -> None:
    """A field of another type than any server gives it is a difference, and no bug of ours."""
    assert compared(wanted, there).verdict in {Verdict.REFUSE, Verdict.CHANGE}


@pytest.mark.parametrize(("before", "after"), [("management", "client"), ("client", "management")])
def test_the_type_of_a_role_stays(before: str, after: str) -> None:
    """Not even of ours is it changed: whoever mints it relies on it."""
    body = {"type": after, "policies": ["a"] if after == "client" else [], "global": False}
    there = {"type": before, "policies": ["a"] if before == "client" else None, "global": False}
    change = compared(Object(Kind.ENGINE_ROLE, "vault", "nomad/x", "nomad/role/x", body), there)

    assert change.verdict is Verdict.REFUSE
    assert "vault delete nomad/role/x" in change.fix


def test_the_type_of_a_method_stays() -> None:
    """A method for people in a browser is not made one for jobs."""
    there = {"Name": "m", "Type": "OIDC", "MaxTokenTTL": "10m0s", "Config": {"BoundAudiences": ["x"]}}
    assert compared(METHOD, there).verdict is Verdict.REFUSE


def test_what_a_write_would_reset() -> None:
    """It is carried along, where the file does not speak of it; nothing else is."""
    access = compared(ACCESS, {"address": "b", "ca_cert": "", "max_token_name_length": 99, "client_cert": "c"})
    config = compared(CONFIG, {"bound_issuer": "j", "default_role": "d", "jwks_url": "u"})
    method = compared(
        METHOD,
        {
            "Type": "JWT",
            "Default": True,
            "Config": {"ClockSkewLeeway": "30s", "SigningAlgs": None, "OIDCClientSecret": "redacted"},
        },
    )

    assert access.body == {**ACCESS.body, "max_token_name_length": 99}
    assert config.body == {"bound_issuer": "i", "default_role": "d"}
    assert method.body["Default"] is True
    assert method.body["Config"] == {"BoundAudiences": ["x"], "ClockSkewLeeway": "30s"}


def test_what_has_an_id() -> None:
    """It is written with it, to its own path."""
    found = Found({"ID": "1", "Name": "r", "Policies": [{"Name": "b"}]}, path="acl/role/1")
    change = compare(NOMAD_ROLE, found)

    assert (change.verdict, change.path, change.body["ID"]) == (Verdict.CHANGE, "acl/role/1", "1")


def test_what_can_not_be_read() -> None:
    """It is not known, and nothing may be written then."""
    change = compare(LEASE, Found(None, unread="403", rule="a rule"))

    assert (change.verdict, change.reason, change.fix) == (Verdict.UNKNOWN, "403", "a rule")
    assert change.is_stop
    assert not change.is_write


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.text("ab \n", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("xy", max_size=1), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(["ttl", "max_ttl", "other"]), VALUES), st.booleans())
def test_what_reads_as_wanted_is_the_same(there: dict[str, Any], ours: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever else is there beside: what is wanted, read back, is no change."""
    assert compared(LEASE, there | dict(LEASE.body), ours=ours).verdict is Verdict.SAME


@given(VALUES)
def test_canonical_is_one_form(value: Any) -> None:  # noqa: ANN401 - drawn
    """A form that is made canonical again is the same."""
    once = canonical("x", value)
    assert canonical("x", once) == once


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [("10m0s", 600 * 10**9), ("1h0m0s", 3600 * 10**9), ("1.5s", 15 * 10**8), ("250ms", 25 * 10**7), ("0s", None)],
)
def test_lives(text: str, nanoseconds: int | None) -> None:
    """Go's durations are what they are in nanoseconds; what is none is no life."""
    assert canonical("MaxTokenTTL", text) == nanoseconds
    assert canonical("MaxTokenTTL", nanoseconds) == nanoseconds
    assert canonical("MaxTokenTTL", "soon") is None
