"""What was found, on paper."""

import json

from nomad_token.doctor.finding import Finding, Verdict
from nomad_token.doctor.printed import asked_with, printed

FOUND = [
    Finding(Verdict.OK, "It answers.", name="vault address"),
    Finding(Verdict.UNKNOWN, "Not seen.", fix="Look.", name="lease", asked_with=("the login",)),
    Finding(Verdict.UNKNOWN, "Nor this.", fix="Look.", name="role", asked_with=("the login",)),
    Finding(Verdict.BROKEN, "`vault-addr` ##[x]", why="Why.", fix="One\ntwo", exit_code=4, name="policy"),
    Finding(Verdict.SKIPPED, "It comes after policy.", name="mint"),
]


def test_a_table() -> None:
    """A line a link up to the broken one, in columns; what was said once is not said again."""
    assert printed(FOUND, lambda text: text.replace("`vault-addr`", "VAULT_ADDR"), as_json=False) == (
        "vault address  ok       It answers.\n"
        "lease          unknown  Not seen.\n"
        "                        Look.\n"
        "role           unknown  Nor this.\n"
        "policy         broken   VAULT_ADDR ## [x]\n"
        "                        Why.\n"
        "                        One\n"
        "                        two\n"
        "Not looked at, since policy comes first: mint.\n"
    )


def test_json() -> None:
    """All of it, in the chain's order; no text of it commands a runner."""
    text = printed(FOUND, str, as_json=True)
    told = json.loads(text)

    assert (told["healthy"], told["broken"]) == (False, "policy")
    assert [link["name"] for link in told["links"]] == [one.name for one in FOUND]
    assert [link["verdict"] for link in told["links"]] == ["ok", "unknown", "unknown", "broken", "skipped"]
    assert told["links"][1]["asked_with"] == ["the login"]
    assert "##[" not in text


def test_whose_tokens() -> None:
    """A line for each who was asked with."""
    assert asked_with(FOUND) == ["Asked with the token of the login: lease, role."]
    assert asked_with(FOUND[:1]) == []
