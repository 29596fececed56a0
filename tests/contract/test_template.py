"""GitLab's template: its inputs are those of the code, each is bounded, and it takes nothing from others' pipelines."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from nomad_token.order import all_declared
from nomad_token.platforms.spelling import variable
from nomad_token.template import NOT_INPUTS, template_inputs

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "gitlab" / "nomad-token.yml").read_text("utf-8")
HEADER, BODY = yaml.safe_load_all(TEXT)
INPUTS: dict[str, dict[str, Any]] = HEADER["spec"]["inputs"]
OURS = [one.name for one in template_inputs()]
ITS_OWN = [
    *["job-prefix", "id-token-aud", "nomad-id-token-aud", "tool", "tool-url", "tool-sha256", "add-mask"],
    *["ignore-revoke-failure", "separate-jobs", "stage", "revoke-stage", "image"],
]
PREFIX = "$[[ inputs.job-prefix ]]"
# A value of each input that is as others give it; of those with options, the options are.
GOOD = {
    "job-prefix": "eu_",
    "id-token-aud": "https://vault.example.com:8200",
    "nomad-id-token-aud": "$NOMAD_ADDR",
    "tool-url": "https://example.com/nomad-token-linux-amd64",
    "tool-sha256": "0123456789abcdef" * 4,
    "stage": "mint it",
    "revoke-stage": ".post",
    "image": "registry.example.com:5000/nomad-token@sha256:0123456789abcdef",
    "role": "deployer | NOMAD_TOKEN, reader | READ_TOKEN",
    "vault-addr": "https://vault.example.com:8200/behind/a/proxy",
    "ttl": "1h30m",
}
NEVER = ["'", '"', "`", "\\", "\n", "\r", "\t", "$(id)", "${HOME}", ";", "&", "<", ">", "!", "#", "\x00", "\x1b", "é"]


def takes(spec: dict[str, Any], value: str) -> bool:
    """Tell whether GitLab takes *value*: RE2 searches, `^` and `$` being the ends of the text, never of a line."""
    if "options" in spec:
        return value in spec["options"]
    return bool(re.search(re.sub(r"\$$", r"\\Z", spec["regex"]), value))


def test_it_offers_what_the_code_reads() -> None:
    """Its inputs are its own, and every declared one that is neither secret nor excluded for a reason."""
    secret = {one.name for one in all_declared() if one.secret}

    assert list(INPUTS) == [*ITS_OWN, *OURS]
    assert {one.name for one in all_declared()} == {*OURS, *secret, *NOT_INPUTS}
    assert not secret & {*OURS, *NOT_INPUTS}
    assert all(NOT_INPUTS.values())


def test_each_input_reaches_the_program() -> None:
    """Each input is the variable of its name, before which the prefix stands, and each of its own is used too."""
    variables = BODY[f".{PREFIX}nomad-token:id"]["variables"]

    assert {name: variables[f"{PREFIX}{variable(name)}"] for name in OURS} == {
        name: f"$[[ inputs.{name} ]]" for name in OURS
    }
    assert set(re.findall(r"\$\[\[ inputs\.([a-z0-9-]+) \]\]", TEXT)) == set(INPUTS)


def test_it_is_the_component_too() -> None:
    """What is included by its address and what the catalog offers are the same file."""
    assert (ROOT / "templates" / "nomad-token.yml").read_bytes() == TEXT.encode()


@pytest.mark.parametrize("name", INPUTS)
def test_each_input_is_described_and_bounded(name: str) -> None:
    """An input has a description that GitLab takes, a default, and options or a regex that takes the default."""
    spec = INPUTS[name]
    about = spec["description"].strip()

    assert set(spec) in ({"description", "default", "options"}, {"description", "default", "regex"})
    assert 0 < len(about) <= 1024
    assert about[0].isupper()
    assert about[-1] in ".)"
    assert isinstance(spec["default"], str)
    assert takes(spec, spec["default"])


@pytest.mark.parametrize("name", INPUTS)
def test_each_input_is_refused_when_malformed(name: str) -> None:
    """No input takes what ends a word, a line or a string, what runs a command, or that around what it takes."""
    spec = INPUTS[name]
    good = spec["options"][-1] if "options" in spec else GOOD.get(name, "a-name_1.2")

    assert takes(spec, good)
    assert [value for bad in NEVER for value in (bad, good + bad, bad + good) if takes(spec, value)] == []


def test_it_keeps_to_its_own_names() -> None:
    """It has jobs alone, whose names and whose variables for an input begin with the prefix; no job is a default."""
    assert list(BODY) == [
        f".{PREFIX}nomad-token:id",
        f".{PREFIX}nomad-token",
        f"{PREFIX}nomad-token:mint",
        f"{PREFIX}nomad-token:revoke",
    ]
    assert all(name.startswith(PREFIX) for name in BODY[f".{PREFIX}nomad-token:id"]["id_tokens"])


def test_it_waits_for_the_stages() -> None:
    """The revoke job depends on the mint job, and needs none: `needs` knows no stages."""
    revoke = BODY[f"{PREFIX}nomad-token:revoke"]

    assert [name for name, job in BODY.items() if "needs" in job] == []
    assert revoke["dependencies"] == [f"{PREFIX}nomad-token:mint"]
    assert revoke["rules"][-1]["when"] == "always"
