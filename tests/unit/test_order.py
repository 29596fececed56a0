"""From a platform's inputs to an order."""

from collections.abc import Mapping

import pytest

from fakes import INPUTS, NOMAD, VAULT, Event, RecordingPlatform, jwt
from nomad_token.errors import InputError
from nomad_token.order import Order, read_order


def read(inputs: Mapping[str, str], **environ: str) -> tuple[Order, list[Event]]:
    """Read inputs on a platform."""
    events: list[Event] = []
    return read_order(RecordingPlatform(events, inputs, environ)), events


def test_secret_inputs_are_masked_first() -> None:
    """A secret that is given is masked before anything is said."""
    token = jwt(aud="x")
    _, events = read(INPUTS | {"id-token": token, "vault-addr": ""}, VAULT_ADDR=VAULT)

    assert events[0] == ("mask", token)
    assert [event[0] for event in events] == ["mask", "say"]


@pytest.mark.parametrize(("length", "masked"), [(7, False), (8, True)])
def test_short_secret_is_not_masked(length: int, masked: bool) -> None:  # noqa: FBT001
    """A secret that is too short to be masked is warned about, and not shown."""
    _, events = read(INPUTS | {"id-token": "s" * length})

    assert (("mask", "s" * length) in events) is masked
    assert (any(event[0] == "warning" for event in events)) is not masked
    assert all("sss" not in "".join(event) for event in events if event[0] != "mask")


def test_secret_is_masked_though_another_input_is_wrong() -> None:
    """A secret is masked even where the inputs are refused: later steps may print it."""
    events: list[Event] = []
    token = jwt(aud="x")
    with pytest.raises(InputError):
        read_order(RecordingPlatform(events, INPUTS | {"id-token": token, "timeout": "soon"}))

    assert ("mask", token) in events


def test_origin_is_logged_and_the_value_is_not() -> None:
    """Where a value comes from that was not given as an input is said, without the value."""
    _, events = read({"role": "deployer"}, VAULT_ADDR=VAULT, NOMAD_ADDR=NOMAD, NOMAD_NAMESPACE="apps")
    (said,) = (event[1] for event in events if event[0] == "say")

    assert "vault-addr from VAULT_ADDR" in said
    assert "nomad-addr from NOMAD_ADDR" in said
    assert VAULT not in said


def test_nothing_to_say_of_inputs() -> None:
    """What was given as an input needs no word."""
    assert read(INPUTS)[1] == []


def test_input_wins_over_the_environment() -> None:
    """An input that is given is taken, whatever the environment says."""
    order, _ = read(INPUTS, VAULT_ADDR="http://elsewhere.test", NOMAD_ADDR="http://elsewhere.test")
    vault = order.issuer.vault()

    assert vault
    assert order.nomad
    assert (vault.address, order.nomad.address) == (VAULT, NOMAD)


def test_places_are_those_given_as_inputs() -> None:
    """A place that was given as an input is a variable for the next steps; one from the environment is one already."""
    inputs = INPUTS | {"nomad-region": "eu", "nomad-addr": ""}
    order, _ = read(inputs, NOMAD_ADDR=NOMAD)

    assert order.places == {"NOMAD_REGION": "eu"}


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("nomad-addr", "http://nomad.test:4646/", "http://nomad.test:4646"),
        ("nomad-addr", "http://nomad.test:4646/v1", "http://nomad.test:4646"),
        ("nomad-namespace", "apps/", "apps/"),
    ],
)
def test_places_are_what_was_read(name: str, given: str, expected: str) -> None:
    """The next steps get the place that this one uses."""
    order, _ = read(INPUTS | {name: given})

    assert order.places[name.replace("-", "_").upper()] == expected


def test_unknown_name_comes_first() -> None:
    """A misspelt name is told before what is missing because of it."""
    with pytest.raises(InputError, match="did you mean `role`"):
        read({"rolle": "deployer", "vault-addr": VAULT})


@pytest.mark.parametrize(
    ("address", "warned"), [("https://vault.example.com", True), ("http://vault.test:8200", False)]
)
def test_unchecked_certificate_is_warned_about(address: str, warned: bool) -> None:  # noqa: FBT001
    """A certificate that goes unchecked is warned about, by its input; without TLS there is none to check."""
    _, events = read(INPUTS | {"vault-addr": address, "vault-skip-verify": "true"})
    warnings = ["".join(event) for event in events if event[0] == "warning"]

    assert len(warnings) == warned
    assert all(address in text and "`vault-skip-verify`" in text for text in warnings)
