"""Custody: a fresh secret is masked and its undo saved in one call, before the next request or line of output."""

import errno
from collections.abc import Iterable
from contextlib import suppress

from pydantic import SecretStr

from nomad_token.platforms.base import Platform
from nomad_token.signals import GONE_WITHIN, Signals
from nomad_token.state import (
    MOST_BYTES,
    Asked,
    Fact,
    HeldLease,
    HeldLogin,
    HeldToken,
    Ledger,
    NothingMade,
    Plan,
    Settled,
    dumps,
)


class Custody:
    """The one way into the ledger of a mint, and into the state that the post-step reads."""

    def __init__(self, platform: Platform, signals: Signals, *, plan: Plan) -> None:
        """Save *plan* at once. With `revoke: false` no secret is saved, since nobody is to use it."""
        self.ledger = Ledger()
        self._platform = platform
        self._signals = signals
        self.plan = plan
        self._bytes = 0
        self.ledger.add(plan)
        # Without a revoke to come, a runner that keeps nothing is no reason not to mint.
        with suppress(*() if plan.revoke else (OSError,)):
            self._save(plan)

    def asked(self, fact: Asked) -> None:
        """Save that a request is about to be sent that makes something."""
        self._add(fact)

    def nothing_made(self) -> None:
        """Save that the request was answered, and made nothing."""
        self._add(NothingMade())

    def hold(self, secrets: Iterable[SecretStr], fact: HeldLogin | HeldLease | HeldToken) -> None:
        """Mask *secrets* and save *fact*, which undoes what they open.

        Raises `OSError` where it can't be saved; the ledger knows the fact even then, so that it is undone in place.
        """
        with self._signals.held(GONE_WITHIN):
            self.ledger.add(fact)
            for secret in secrets:
                self._platform.mask(secret)
            self._save(fact)

    def settle(self) -> None:
        """Save that nothing of this mint is alive any more."""
        self._add(Settled())

    def _add(self, fact: Asked | NothingMade | Settled) -> None:
        self.ledger.add(fact)
        self._save(fact)

    def _save(self, fact: Fact) -> None:
        if not self.plan.revoke and not isinstance(fact, Plan):
            return
        line = dumps(fact)
        self._bytes += len(line.encode())
        if self._bytes > MOST_BYTES:
            raise OSError(errno.EFBIG, f"the post-step would have to know more than {MOST_BYTES // 1024} KiB")
        self._platform.keep(self.plan.mint, line)
