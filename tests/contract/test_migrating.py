"""`docs/migrating.md`: the names that vault-action's users know, and what they are called here."""

import re
from typing import Final

import pytest

from contract.pages import ROOT
from nomad_token.errors import InputError
from nomad_token.inputs import check_names
from nomad_token.order import all_declared

PAGE: Final = (ROOT / "docs" / "migrating.md").read_text("utf-8")
ROWS: Final = re.findall(r"^\| `(\w+)`[^|]* \| (.+?) \|$", PAGE, re.MULTILINE)
# The inputs of vault-action 3.4.0 (its action.yml).
INPUTS: Final = frozenset(
    """
    url secrets pki namespace method role path token roleId secretId githubToken kubernetesTokenPath username password
    authPayload extraHeaders exportEnv exportToken outputToken caCertificate clientCertificate clientKey tlsSkipVerify
    jwtPrivateKey jwtKeyPassword jwtGithubAudience jwtTtl secretEncodingType ignoreNotFound
    """.split()  # noqa: SIM905 - a list to read
)


def said(name: str) -> str:
    """Return what is said of an input of that name, as the runner spells it."""
    with pytest.raises(InputError) as refused:
        check_names([name.lower()], all_declared())
    return refused.value.what


def test_each_name_is_in_the_page() -> None:
    """Each input of vault-action's is in the table, or among those without a counterpart."""
    alone = re.findall(r"`(\w+)`", PAGE.partition("says the new one.\n")[2].partition("counterpart")[0])

    assert {name for name, _ in ROWS} | set(alone) == INPUTS
    assert all("has no counterpart here" in said(name) for name in alone)


@pytest.mark.parametrize(("old", "new"), [row for row in ROWS if row[0] != "role"])
def test_the_table_says_what_the_program_says(old: str, new: str) -> None:
    """The error for an old name and the page call the new one alike."""
    assert said(old).endswith(f"here it is called {new}.")


def test_the_new_names_are_there() -> None:
    """Each is an input; `nomad` is the mount's default."""
    named = {name for _, new in ROWS for name in re.findall(r"`([a-z-]+)[`:]", new)}

    assert named - {one.name for one in all_declared()} == {"nomad"}
