"""HCL, Go's durations and identifiers, as the servers read and write them."""

import pytest

from nomad_token_lab import durations, hcl


def test_blocks_labels_and_values_become_mappings() -> None:
    """Block type and labels are keys; comments, commas and line ends only separate."""
    parsed = hcl.loads(
        """
        // one
        namespace "default" { policy = "read" /* two */ capabilities = ["a", "b",] }
        namespace "default" { count = -1.5 }
        node { on = true, off: false, none = null, map = { "k" = "v\\"w" } }
        """
    )

    assert parsed == {
        "namespace": {"default": {"policy": "read", "capabilities": ["a", "b"], "count": -1.5}},
        "node": {"on": True, "off": False, "none": None, "map": {"k": 'v"w'}},
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('path "x" {', "At 1:11: unexpected EOF"),
        ("a =\n  ]", "At 2:3: unexpected ]"),
        ("a ]", "At 1:3: unexpected ]"),
        ("= 1", "At 1:1: unexpected ="),
        ("a = [1", "At 1:7: unexpected EOF"),
        ("a = <<EOF", "At 1:5: unexpected <"),
        ("}", "At 1:1: unexpected }"),
    ],
)
def test_what_can_not_be_read_is_placed(text: str, error: str) -> None:
    """Line and column are told."""
    with pytest.raises(ValueError, match="At") as raised:
        hcl.loads(text)

    assert str(raised.value) == error


@pytest.mark.parametrize(
    ("text", "nanoseconds", "written", "short"),
    [
        ("0", 0, "0s", "0s"),
        ("45s", 45 * 10**9, "45s", "45s"),
        ("1.5h", 5400 * 10**9, "1h30m0s", "1h30m"),
        ("10m", 600 * 10**9, "10m0s", "10m"),
        ("768h", 768 * 3600 * 10**9, "768h0m0s", "768h"),
        ("-1s", -(10**9), "-1s", "-1s"),
        ("1m500ms", 60 * 10**9 + 5 * 10**8, "1m0.5s", "1m"),
    ],
)
def test_durations_are_gos(text: str, nanoseconds: int, written: str, short: str) -> None:
    """Read as `ParseDuration` does, written as `String` does, shortened as Vault's warnings are."""
    assert durations.parse(text) == nanoseconds
    assert durations.written(nanoseconds) == written
    assert durations.short(nanoseconds // 10**9) == short


@pytest.mark.parametrize("text", ["", "1", "1d", "h", "PT30M", "1h-3m"])
def test_other_notations_are_no_durations(text: str) -> None:
    """Neither days nor ISO 8601 nor a bare number (api-contract 7.16)."""
    with pytest.raises(ValueError, match="time: invalid duration"):
        durations.parse(text)
