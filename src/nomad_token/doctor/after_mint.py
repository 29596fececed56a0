"""After a mint that failed: what anybody may look at decides between the causes that its error leaves open."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from nomad_token.doctor.chain import OPEN_TO_ALL
from nomad_token.doctor.facts import Facts
from nomad_token.doctor.finding import Finding, Verdict
from nomad_token.errors import Error
from nomad_token.mint import Minting

_SECONDS: Final = 7.0
"""How long each server may take: the job waits, and without a leader Nomad holds each request for 5 s."""


def look(minting: Minting, error: Error) -> None:
    """Print what is found at the links that *error* has doubts about, where it is worth a word; raises nothing."""
    with suppress(Exception):
        for found in _found(minting, error):
            minting.platform.say(f"Looked at: {found.name}. {found.what} {found.fix}".replace("\n", " "))


def _found(minting: Minting, error: Error) -> Iterator[Finding]:
    """Yield what the error does not say; nothing behind a link that is broken."""
    known = Facts(minting, None, at_desk=False)
    known.probe_seconds = _SECONDS
    for link in OPEN_TO_ALL:
        if link.name not in error.doubts or (known.nomad_place is None and link not in OPEN_TO_ALL[:4]):
            continue
        found = link.judge(known)
        if found.verdict in {Verdict.WARNING, Verdict.BROKEN} and found.what not in error.text:
            yield Finding(found.verdict, found.what, found.why, found.fix, name=link.name)
        if found.verdict is Verdict.BROKEN:
            return
