"""Custody: a fresh secret is masked and its undo saved in one call, before the next request or line of output."""

import errno
from collections.abc import Iterable
from contextlib import suppress

from nomad_token.errors import InputError
from nomad_token.platforms.base import Platform
from nomad_token.seal import sealed
from nomad_token.secret import SecretStr
from nomad_token.signals import GONE_WITHIN, Signals
from nomad_token.state import (
    MOST_BYTES,
    Accepted,
    Asked,
    Fact,
    HeldLease,
    HeldLogin,
    HeldToken,
    Ledger,
    NothingMade,
    Plan,
    Renewed,
    Settled,
    Undeleted,
    dumps,
)


class Custody:
    """The one way into the ledger of a mint, and into the state that the post-step reads."""

    def __init__(self, platform: Platform, signals: Signals, *, plan: Plan, lent: SecretStr | None = None) -> None:
        """Save *plan* at once. With `revoke: false` no secret is saved, since nobody is to use it.

        Each entry has a seal of what is *lent*, so that it is used for what was saved here and for nothing else.
        Raises `InputError` where the plan is too long, `OSError`.
        """
        self.ledger = Ledger()
        self._platform = platform
        self._signals = signals
        self.plan = plan
        self._lent = lent
        self._saved = 0
        self._bytes = 0
        self.ledger.add(plan)
        # Without a revoke to come, a runner that keeps nothing is no reason not to mint.
        with suppress(*() if plan.revoke else (OSError, InputError)):
            self._save(plan)

    def mask(self, secret: SecretStr) -> None:
        """Mask a secret that is there already, and makes nothing that is to be undone."""
        self._platform.mask(secret)

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

    def renewed(self, fact: Renewed) -> None:
        """Save that something lives longer, while that takes no room from what must be saved."""
        self._add_where_there_is_room(fact)

    def settle(self) -> None:
        """Save that nothing of this mint is alive any more."""
        self._add(Settled())

    def accepted(self, accessor_id: str) -> None:
        """Save that Nomad has accepted a token; where there is no room for it, an undo believes Nomad less."""
        with suppress(OSError):
            self._add_where_there_is_room(Accepted(accessor_id=accessor_id))

    def learnt(self, facts: Iterable[Accepted | Undeleted]) -> None:
        """Save what an undo tells the next one, where that is not known yet. Raises `OSError`."""
        fresh = [fact for fact in facts if fact not in self.ledger.open]
        for fact in fresh:  # all of them are known here, though the first can't be saved
            self.ledger.add(fact)
        for fact in fresh:
            self._save(fact)

    def _add_where_there_is_room(self, fact: Accepted | Renewed) -> None:
        self.ledger.add(fact)
        if self._bytes < MOST_BYTES // 2:
            self._save(fact)

    def _add(self, fact: Asked | NothingMade | Settled) -> None:
        self.ledger.add(fact)
        self._save(fact)

    def _save(self, fact: Fact) -> None:
        if not self.plan.revoke and not isinstance(fact, Plan):
            return
        line = sealed(dumps(fact), self._lent, self.plan.mint, self._saved)
        self._saved += 1
        self._bytes += len(line.encode())
        if self._bytes > MOST_BYTES and isinstance(fact, Plan):
            raise InputError(
                f"What the post-step must know is more than {MOST_BYTES // 1024} KiB: nothing was minted.",
                why="It is handed over in environment variables, and all certificates are part of it.",
                fix="Give the authority of the server's certificate alone as `vault-ca-cert` or `nomad-ca-cert`, not a "
                "bundle of all that the system trusts: that is what is trusted without the input.",
            )
        if self._bytes > MOST_BYTES:
            raise OSError(errno.EFBIG, f"the post-step would have to know more than {MOST_BYTES // 1024} KiB")
        self._platform.keep(self.plan.mint, line)
