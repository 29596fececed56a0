"""The expressions of binding rules and list filters, as hashicorp/go-bexpr reads and evaluates them."""

import pytest

from nomad_token_lab.nomad import selectors

_DATUM = {
    "value": {"ref": "refs/heads/main", "event": "push", "id": "74123456", "empty": ""},
    "list": {"groups": ["dev", "ops"], "none": []},
}


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('value.ref == "refs/heads/main"', True),
        ('value.ref=="refs/heads/main"', True),
        ("value.ref == `refs/heads/main`", True),
        ("value.event == push", True),
        ("value.id == 74123456", True),
        ('value["event"] == "push"', True),
        ('value.event != "push"', False),
        ('"dev" in list.groups', True),
        ("dev in list.groups", True),
        ('"de" in list.groups', False),
        ('"qa" not in list.groups', True),
        ('list.groups contains "ops"', True),
        ('list.groups not contains "ops"', False),
        ('"main" in value.ref', True),
        ('value.ref contains "heads"', True),
        ('"ref" in value', True),
        ('value.ref matches "^refs/(heads|tags)/"', True),
        ('value.ref matches "main"', True),
        ('value.ref not matches "^refs/tags/"', True),
        ("value.empty is empty and list.none is empty", True),
        ("list.groups is not empty", True),
        ('not value.event == "pull_request"', True),
        ('not (value.event == "push" or value.event == "x")', False),
        ('value.event == "x" and value.id == "x" or value.event == "push"', True),
        ('value.event == "push" or value.event == "x" and value.id == "x"', True),
        ('not value.event == "x" and value.event == "x"', False),
    ],
)
def test_an_expression_is_asked_of_claims(text: str, fits: bool) -> None:  # noqa: FBT001
    """`not` binds closer than `and`, `and` closer than `or`; a value without quotes is a text too."""
    assert selectors.parse(text)(_DATUM) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ('value.gone == "x"', False),
        ('value.gone != "x"', True),
        ('"x" in list.gone', False),
        ('"x" not in list.gone', True),
        ('value.gone matches "x"', False),
        ('value.gone not matches "x"', True),
        ("value.gone is empty", True),
        ("value.gone is not empty", False),
    ],
)
def test_a_claim_that_is_missing_is_equal_to_nothing(text: str, fits: bool) -> None:  # noqa: FBT001
    """A key that a map lacks is no error: `!=` and `not in` hold for it."""
    assert selectors.parse(text)(_DATUM) is fits


@pytest.mark.parametrize(
    "text",
    [
        'claims.ref == "x"',
        'value.ref.more == "x"',
        'list.groups == "dev"',
        'list.groups matches "dev"',
        'value.ref matches "("',
        'value == "x"',
    ],
)
def test_what_can_not_be_asked_is_an_error(text: str) -> None:
    """The expression can be read; evaluating it can't be done."""
    test = selectors.parse(text)

    with pytest.raises(ValueError, match=r".+"):
        test(_DATUM)


@pytest.mark.parametrize(
    "text",
    [
        "value.ref",
        "value.ref ==",
        'value.ref = "x"',
        '"x" == value.ref',
        '"x" in "y"',
        "(value.ref == x",
        "value.ref == x)",
        'value.ref == "x" value.ref == "y"',
        'value.ref == "x',
        "and",
        "",
    ],
)
def test_what_is_no_expression_can_not_be_read(text: str) -> None:
    """The place where reading stopped is told, counted from 1."""
    with pytest.raises(ValueError, match=r"^1:\d+ \(\d+\): no match found"):
        selectors.parse(text)


@pytest.mark.parametrize(("text", "fits"), [("flag == true", True), ("flag != true", False), ("count == 3", True)])
def test_a_field_that_is_no_text_is_compared_as_what_it_is(text: str, fits: bool) -> None:  # noqa: FBT001
    """Booleans and numbers are read from the text of the expression."""
    assert selectors.parse(text)({"flag": True, "count": 3}) is fits
    with pytest.raises(ValueError, match="is not a bool"):
        selectors.parse("flag == yes")({"flag": True})
