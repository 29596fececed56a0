"""Each symptom is named by the link that is its cause, and nothing else is called broken."""

import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from doctor.conftest import Ward
from doctor.symptoms import OF_NOMAD, SYMPTOMS, Symptom
from verdicts import note

COMMAND: Final = re.compile(r"\b(vault|bao) (?:auth|lease|list|login|operator|policy|read|secrets|status|write)\b")


def asked(symptom: Symptom, ward: Ward) -> Iterator[dict[str, str]]:
    """Yield the environments of whoever asks."""
    manager = ward.made.management_token.get_secret_value()
    own = {name: manager if value == "MANAGER" else value for name, value in symptom.environ.items()}
    if symptom.who in {"job", "both"}:
        yield ward.job() | own
    if symptom.who in {"desk", "both"}:
        yield ward.operator() | own


@pytest.mark.parametrize("symptom", [*SYMPTOMS, *OF_NOMAD], ids=lambda symptom: symptom.name)
def test_symptom(symptom: Symptom, ward: Ward, record_property: Callable[[str, object], None]) -> None:
    """The link is named, with cause and fix and the exit code of its kind; without --mint nothing was written."""
    symptom.arrange(ward.lab)
    ward.lab.mark()
    filled = {"AUDIENCE": ward.lab.audience, "https://127.0.0.1:PORT": ward.lab.vault.addr.replace("http:", "https:")}
    argv = [filled.get(word, word) for word in (*symptom.quick, *symptom.argv)]
    for environ in asked(symptom, ward):
        ward.lab.requests.clear()
        code = ward.ask(*argv, environ=environ)

        assert (ward.broken(), code) == (symptom.link if symptom.verdict == "broken" else "", symptom.code), ward.found
        assert ward.found[symptom.link]["verdict"] == symptom.verdict
        assert [text for text in symptom.says if text not in ward.text(symptom.link)] == [], ward.text(symptom.link)
        assert "--mint" in argv or ward.writes() == []
        told = COMMAND.findall(ward.text(symptom.link))
        assert set(told) <= {"bao" if ward.lab.vault.is_openbao and not symptom.hides_the_server else "vault"}
    what = ward.found[symptom.link]["what"].replace(ward.lab.vault.addr, "VAULT").replace(ward.lab.nomad.addr, "NOMAD")
    note(record_property, symptom.name, f"{symptom.link}: {symptom.verdict}", what)
