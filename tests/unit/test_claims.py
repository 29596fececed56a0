"""What an id token says of itself."""

import base64

import pytest

from fakes import jwt
from nomad_token.claims import claims, displayed
from nomad_token.secret import SecretStr


def test_claims_are_read() -> None:
    """The claims are those of the token's middle part, whatever its padding."""
    for filler in ("", "a", "ab", "abc"):
        assert claims(SecretStr(jwt(aud="me", filler=filler)))["aud"] == "me"


@pytest.mark.parametrize(
    "token",
    ["", "abc", "a.b", "a.b.c.d", "..", "a.!!!.c", "a.é.c", "a.bm90IGpzb24.c", "a.WzFd.c", "a.gICA.c", "a.b.c"],
)
def test_what_is_no_jwt_has_no_claims(token: str) -> None:
    """Anything else has none, and says so."""
    assert claims(SecretStr(token)) == {}
    assert displayed(SecretStr(token)) == "The id token is not a JWT."


def test_claims_survive_deep_nesting() -> None:
    """A body that is nested too deeply to be read is no JWT, and no crash."""
    body = base64.urlsafe_b64encode(b"[" * 100_000).decode()

    assert claims(SecretStr(f"a.{body}.c")) == {}


def test_displayed_names_the_claims_that_trust_is_bound_to() -> None:
    """The claims that roles are bound to are shown, others aren't, and all are marked as not verified."""
    text = displayed(SecretStr(jwt(aud=["a", "b"], repository_id="42", event_name="push", jti="private", actor="me")))

    assert text == (
        "The id token says (not verified):\n"
        "  iss: https://token.test\n"
        "  sub: repo:octo/app:ref:refs/heads/main\n"
        "  aud: ['a', 'b']\n"
        "  repository_id: 42\n"
        "  event_name: push"
    )


def test_displayed_claims_are_harmless() -> None:
    """A claim can't begin a line of its own, or command the runner."""
    text = displayed(SecretStr(jwt(sub="x\n::add-mask::y", ref="##[error]z")))

    assert "  sub: x ::add-mask::y" in text.split("\n")
    assert "##[" not in text


def test_displayed_is_not_the_token() -> None:
    """The token itself is not shown."""
    token = jwt(aud="me")

    assert all(part not in displayed(SecretStr(token)) for part in token.split("."))
