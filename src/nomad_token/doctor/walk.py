"""The walk along the chain, to its first broken link; what it makes on its way is undone."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Final

from nomad_token.doctor.chain import Link, chain
from nomad_token.doctor.engine import in_dialect
from nomad_token.doctor.facts import Facts
from nomad_token.doctor.finding import Finding, Verdict, skipped
from nomad_token.errors import LiveTokenLeft
from nomad_token.mint import Minting, begin
from nomad_token.order import Order
from nomad_token.outside import Outside
from nomad_token.platforms.base import Platform
from nomad_token.signals import GONE_WITHIN

_LONGEST: Final = 20.0
"""Seconds for the login and the probe: who asks why something does not work waits for no retry."""


def examined(known: Facts, show: Callable[[list[Finding]], None]) -> Finding | None:
    """Walk the chain, undo the login and the probe that it took, whatever happens, and *show* what was found.

    Returns the link that is broken, None in a chain that holds. Raises `Cancelled`; `LiveTokenLeft` where something
    could not be undone.
    """
    minting, outside = known.minting, known.outside
    with outside.signals.shielded(GONE_WITHIN):
        try:
            with outside.signals.opened():
                found = list(walk(chain(known), known))
            minting.undo_in_place()
        except BaseException as error:
            minting.fail(error)
            raise
        finally:
            with suppress(OSError):
                minting.platform.kept_all()
            minting.forget()
        show(found)
    if minting.left:
        raise LiveTokenLeft("\n".join(minting.left))
    return next((one for one in found if one.verdict is Verdict.BROKEN), None)


def prepared(order: Order, platform: Platform, outside: Outside) -> Minting:
    """Begin what a mint of *order* would, in a hurry and with an undo in any case. Raises `InputError`, `OSError`."""
    job = order.job.but(revoke=True, timeout=min(order.job.timeout, _LONGEST), summary="never")
    return begin(replace(order, job=job), platform, outside, alone=True)


def walk(links: Iterable[Link], known: Facts) -> Iterator[Finding]:
    """Yield what is found at each link; those behind the first broken one are skipped."""
    stopped = ""
    for link in links:
        if stopped:
            yield replace(skipped(f"It comes after {stopped}."), name=link.name)
            continue
        known.asked_with.clear()
        found = link.judge(known)
        if found.verdict is Verdict.BROKEN:
            stopped = link.name
        yield _as_pasted(replace(found, name=link.name, asked_with=tuple(known.asked_with)), known)


def _as_pasted(found: Finding, known: Facts) -> Finding:
    is_openbao = known.order.vault is not None and known.is_openbao
    what, why, fix = (in_dialect(text, is_openbao=is_openbao) for text in (found.what, found.why, found.fix))
    return replace(found, what=what, why=why, fix=fix)
