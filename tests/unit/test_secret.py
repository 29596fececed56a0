"""A secret."""

import pytest

from nomad_token.secret import SecretStr

WORD = "s.a-word-that-nobody-may-read"


def test_nothing_shows_it() -> None:
    """Neither `str`, `repr` nor a format does; it is revealed by name."""
    secret = SecretStr(WORD)

    assert {str(secret), f"{secret}", f"{secret!r}"} == {"**********", "SecretStr('**********')"}
    assert secret.get_secret_value() == WORD


def test_an_empty_one_is_shown_as_empty() -> None:
    """There is nothing to hide."""
    assert (str(SecretStr("")), len(SecretStr("")), len(SecretStr(WORD))) == ("", 0, len(WORD))


def test_two_of_one_text_are_equal() -> None:
    """A text that is not hidden is equal to none."""
    assert SecretStr(WORD) == SecretStr(WORD)
    assert {SecretStr(WORD), SecretStr(WORD)} == {SecretStr(WORD)}
    assert SecretStr(WORD) != WORD


def test_it_has_no_variables_to_dump() -> None:
    """What prints the variables of an object finds none."""
    with pytest.raises(TypeError):
        vars(SecretStr(WORD))
