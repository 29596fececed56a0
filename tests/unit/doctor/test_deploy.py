"""What a token is for: what is judged of what Nomad tells."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nomad_token.doctor import deploy
from nomad_token.doctor.finding import Unseen, Verdict
from nomad_token.errors import InputError
from nomad_token_lab.nomad.rules import Rules


def read_out(**namespaces: Sequence[str]) -> dict[str, Any]:
    """Return a policy as Nomad reads it out."""
    return {"Namespaces": [{"Name": name, "Capabilities": list(given)} for name, given in namespaces.items()]}


@pytest.mark.parametrize(
    ("wanted", "known", "verdict"),
    [
        (["a", "b"], ["b", "a", "c"], Verdict.OK),
        ([], [], Verdict.OK),
        (["a", "b"], ["b"], Verdict.WARNING),
        (["a", "b"], [], Verdict.BROKEN),
        (Unseen("x"), ["a"], Verdict.UNKNOWN),
        (["a"], Unseen("x"), Verdict.UNKNOWN),
    ],
)
def test_policies(wanted: list[str] | Unseen, known: list[str] | Unseen, verdict: Verdict) -> None:
    """A token none of whose policies is there is good for nothing; one that lacks some may do."""
    assert deploy.policies(wanted, known).verdict is verdict


@pytest.mark.parametrize(
    ("rules", "namespaces", "verdict"),
    [
        ({"a": read_out(default=["submit-job"])}, ["default"], Verdict.OK),
        ({"a": read_out(default=["read-job"]), "b": read_out(default=["submit-job"])}, ["default"], Verdict.OK),
        ({"a": read_out(default=["submit-job"]), "b": read_out(default=["deny"])}, ["default"], Verdict.BROKEN),
        ({"a": read_out(default=["submit-job"])}, ["other"], Verdict.BROKEN),
        ({"a": read_out(default=["submit-job"])}, Unseen("x"), Verdict.OK),
        ({"a": read_out(other=["submit-job"])}, ["default"], Verdict.BROKEN),
        ({"a": {}}, ["default"], Verdict.UNKNOWN),
        ({"a": {}, "b": read_out(default=["deny"])}, ["default"], Verdict.BROKEN),
        ({"a": {"Namespaces": None}}, ["default"], Verdict.BROKEN),
        ({}, ["default"], Verdict.BROKEN),
        (None, ["default"], Verdict.OK),
        (None, ["other"], Verdict.BROKEN),
        (Unseen("x"), ["default"], Verdict.UNKNOWN),
    ],
)
def test_the_namespace(
    rules: Mapping[str, Mapping[str, Any]] | Unseen | None, namespaces: list[str] | Unseen, verdict: Verdict
) -> None:
    """The rules of all policies count together, deny wins, and a namespace must be there."""
    assert deploy.namespace("default", rules, namespaces).verdict is verdict


GLOBS = st.lists(st.sampled_from(["a", "b", "*", "-"]), min_size=1, max_size=5).map("".join)
NAMES = st.lists(st.sampled_from(["a", "b", "-"]), min_size=1, max_size=5).map("".join)


@given(
    st.lists(st.tuples(GLOBS, st.sampled_from(["read", "write", "deny"])), max_size=4, unique_by=lambda one: one[0]),
    NAMES,
)
def test_it_judges_as_nomad_does(rules: list[tuple[str, str]], name: str) -> None:
    """Whatever the globs are, the verdict is that of the lab's Nomad; of two that are as close either may count."""
    text = "\n".join(f'namespace "{glob}" {{ policy = "{level}" }}' for glob, level in rules)
    fitting = sorted(len(glob.replace("*", "")) for glob, _ in rules if glob != name and "*" in glob)
    if len(fitting) != len(set(fitting)):
        return
    lab = Rules([text])
    found = deploy.namespace(name, {"p": lab.read_out()}, [name])

    assert (found.verdict is Verdict.OK) == lab.namespace(name, "submit-job")


@pytest.mark.parametrize(
    ("text", "namespace"),
    [
        ('{"Job": {"ID": "a", "Namespace": "prod"}}', "prod"),
        ('{"ID": "a", "Namespace": "prod"}', "prod"),
        ('{"Job": {"ID": "a"}}', ""),
    ],
)
def test_the_namespace_of_a_job(text: str, namespace: str) -> None:
    """With or without what `nomad job run -output` wraps it in."""
    assert deploy.wanted_by(text) == namespace


@pytest.mark.parametrize("text", ["", "[]", "1", '{"a": 1}', '{"Job": []}', 'job "a" {}', "[" * 100_000])
def test_no_job(text: str) -> None:
    """What is no job in JSON is refused, with the line that makes one."""
    with pytest.raises(InputError) as caught:
        deploy.wanted_by(text)

    assert "nomad job run -output" in caught.value.fix
