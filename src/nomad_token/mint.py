"""The main step: a token is minted, proven and handed over, or everything is as it was before."""

import os
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field

from msgspec.structs import replace

from nomad_token.clients.nomad import Nomad
from nomad_token.clock import Deadline, pauses
from nomad_token.credential import Credential
from nomad_token.custody import Custody
from nomad_token.errors import Cancelled, Error, LiveTokenLeft, Refused
from nomad_token.exports import exported, into_environment
from nomad_token.issuers.base import Means, Unclear
from nomad_token.life import check_life
from nomad_token.minted import described
from nomad_token.next_steps import handed_over
from nomad_token.order import Order
from nomad_token.outside import Outside
from nomad_token.platforms.base import Kept, Level, Platform
from nomad_token.report import named, report
from nomad_token.revoke import SECONDS as UNDO_SECONDS
from nomad_token.revoke import undo
from nomad_token.secret import SecretStr
from nomad_token.signals import GONE_WITHIN
from nomad_token.state import Ledger, Plan, ServerName
from nomad_token.text import in_summary, shown
from nomad_token.undo.outcome import Ending, Outcome
from nomad_token.undo.outcome import Means as UndoMeans
from nomad_token.verify import Unverified, unknown_policies, wait_until_accepted

_TRIES = 3
"""How often an issuer is asked, where its answer was lost and what it may have made was undone."""
_SHORTEST_UNDO = 1.0
"""Seconds for an undo that begins when the time after a signal is almost up."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 4.0


def mint(order: Order, platform: Platform, outside: Outside) -> tuple[Credential, ...]:
    """Mint, prove and hand over. Raises `Error`, `OSError` or `Cancelled`, after undoing in place what was made."""
    minting = begin(order, platform, outside)
    with outside.signals.shielded(GONE_WITHIN):
        try:
            with outside.signals.opened():
                credentials = minting.granted()
                platform.export(exported(credentials, order.job, minting.places()))
                minting.report(credentials)
        except BaseException as error:
            minting.fail(error)
            raise
        finally:
            platform.kept_all()
    return credentials


def begin(order: Order, platform: Platform, outside: Outside, *, alone: bool = False) -> "Minting":
    """Make sure that a post-step could undo it, and save its plan. Raises `InputError`, `OSError`.

    It is *alone* where no post-step comes.
    """
    for place, own in order.own.items():
        outside.connect.bring(place, own)
    if order.job.revoke:
        platform.preflight()
    custody = Custody(platform, outside.signals, plan=_plan(order), lent=order.issuer.lent()[1])
    return Minting(order, platform, outside, custody, Deadline(outside.clock, order.job.timeout), alone=alone)


@dataclass(slots=True)
class Minting:
    """One mint, and all that its parts share."""

    order: Order
    platform: Platform
    outside: Outside
    custody: Custody
    deadline: Deadline
    attention: list[str] = field(default_factory=list)
    """What was warned about."""
    left: list[str] = field(default_factory=list)
    """What could not be undone or revoked."""
    lives: bool = False
    """Whether something lives that is no failure (see `Outcome`), so that the post-step must know of it."""
    alone: bool = False
    """Whether no post-step comes."""

    def granted(self) -> tuple[Credential, ...]:
        """Return tokens that live as long as they should, and that Nomad accepts, as far as it can be asked."""
        issued = self._issued()
        for each in issued:
            self._check_life(each)
        return tuple(map(self._verified, issued))

    def fail(self, error: BaseException) -> None:
        """Undo what was made before *error*, and put it into the summary.

        Raises `LiveTokenLeft` in its place where something is left and no post-step comes.
        """
        if isinstance(error, Refused) and (why := self.platform.withheld()):
            error.why = f"{error.why} {why}".strip()  # a secret that may be left out is missing for another reason here
        self.platform.clear(self.custody.plan.mint)
        # Vault may be at a read still that was broken off: what it makes is the post-step's to undo, if there is one.
        is_alone = self.alone or not self.order.job.revoke
        if is_alone or not (isinstance(error, Cancelled) and error.broke_off):
            self.undo_in_place()
        if isinstance(error, Error) and error.doubts and self.outside.signals.first is None:
            from nomad_token.doctor.after_mint import look  # noqa: PLC0415 - a mint that works has no use for it

            look(self, error)
        if isinstance(error, Error) and self.order.job.summary != "never":
            self.platform.summarise(in_summary(error.title, error.text, *self.attention))
        if self.left and is_alone:
            raise LiveTokenLeft("\n".join(self.left)) from None

    def _issued(self) -> tuple[Credential, ...]:
        """Ask the issuer; again, with a new login, where an answer was lost and what it may have made was undone."""
        waits = pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
        for tries_left in reversed(range(_TRIES)):
            try:
                return self.order.issuer.issue(self.order.job.env_name, self.means())
            except Unclear as unclear:
                pause = next(waits)
                if not tries_left or pause >= self.deadline.left():
                    raise unclear.error from None
                self.undo_in_place()
                if self.left or self.lives:
                    raise unclear.error from None
                self.platform.say(f"{unclear.error.what} Asking again, with a new login.")
            self.outside.clock.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _check_life(self, credential: Credential) -> None:
        """Warn about a long life; a life that is not what the inputs ask for is an error, and undone as any other."""
        if warning := check_life(credential, self.order.job, self.outside.clock.now()):
            self._warn("A long life", warning)

    def _verified(self, credential: Credential) -> Credential:
        """Add what Nomad says of the token; unless it is required, a Nomad that can't be asked is a warning."""
        place = self.custody.plan.nomad
        if place is None:
            return credential
        nomad = Nomad(self.outside.connect(place), place)
        try:
            token = wait_until_accepted(
                nomad,
                credential,
                clock=self.outside.clock,
                deadline=self.deadline,
                advice=self.platform.unreachable(place.address),
            )
        except Unverified as unverified:
            if self.order.job.verify == "required":
                raise unverified.error from None
            self._warn("Not verified", unverified.error.text)
            return credential
        self.custody.accepted(credential.accessor_id)
        if unknown := unknown_policies(nomad, credential, token):
            names = ", ".join(f"`{shown(name)}`" for name in unknown)
            self._warn(
                "Unknown policies",
                f"Nomad knows no policy {names}: it takes such a name without a word, and grants nothing for it. "
                "Compare with: nomad acl policy list",
            )
        return replace(credential, type=token.type, policies=token.policies, verified=True)

    def places(self) -> dict[str, str]:
        """Place the files for the next steps, and return all variables that say how Nomad is reached there."""
        named, lost = handed_over(self.order.files, self.platform, self.custody.plan.mint)
        if lost:
            self._warn("Not exported", self.platform.paths_untold(lost))
        return self.order.places | named

    def undo_in_place(self) -> None:
        """Undo now what was made, once: the post-step may be an hour away, or never come."""
        if self.left or self.lives or not self.custody.ledger.pending:
            return
        with self.outside.signals.held(GONE_WITHIN):
            outcome = self._undone(self.outside.signals.left())
            if outcome.ending is Ending.FAILED:
                self._warn("Not undone yet", "\n".join(outcome.left))
            elif outcome.ending is Ending.LEFT_TO_END:
                accessors = ", ".join(token.accessor_id for token in self.custody.ledger.tokens)
                self._warn("Not undone", f"The Nomad token {accessors} lives: {outcome.line}.")
            elif outcome.ending is not Ending.NOTHING_SAVED:
                self.platform.say(f"Undone: {outcome.line}.")
        for notice in outcome.notices:
            self._warn("Maybe left behind", notice)

    def revoke(self) -> None:
        """Revoke what was minted, as a post-step does, and say how that ended; `left` has what was not revoked."""
        ledger = Ledger(self.custody.ledger.facts)  # what is reported is what was there before
        # Where nobody has ended us in the time that a signal leaves, nobody will: there is time again.
        is_late = self.outside.signals.left() == 0
        try:
            with nullcontext() if is_late else self.outside.signals.held(GONE_WITHIN):
                outcome = self._undone(UNDO_SECONDS if is_late else self.outside.signals.left())
        except Cancelled:
            self.left = [named(ledger) or "The login may live."]
            outcome = Outcome(Ending.FAILED, "the time was up", left=self.left)
        with suppress(OSError):  # whoever read the log may be gone
            report(outcome, ledger, self.custody.plan, self.platform)

    def forget(self) -> None:
        """Remove what was kept of a mint of which nothing is left to revoke."""
        if not self.custody.ledger.pending:
            with suppress(OSError):
                self.platform.scrub(Kept(self.custody.plan.mint, []), self.custody.ledger.secrets, undone=True)

    def _undone(self, seconds: float) -> Outcome:
        deadline = Deadline(self.outside.clock, max(_SHORTEST_UNDO, min(UNDO_SECONDS, seconds)))
        by = UndoMeans(self.outside.connect, self.outside.clock, deadline, self.order.issuer.lent()[1])
        outcome = undo(self.custody.ledger, self.custody.plan, by)
        self.left, self.lives = outcome.left, outcome.lives
        with suppress(OSError):
            self.custody.learnt(outcome.facts)
        if not (self.left or self.lives):
            # Where this can't be saved, the post-step will revoke once more, and find that all is gone.
            with suppress(OSError):
                self.custody.settle()
        return outcome

    def _warn(self, title: str, text: str) -> None:
        self.platform.annotate(Level.WARNING, title, text)
        self.attention.append(text)

    def report(self, credentials: Sequence[Credential]) -> None:
        """Say what there is now, without the secrets; in the summary too, where that is wanted."""
        job = self.order.job
        lines = described(credentials, job, self.platform, renewed=self.alone)
        for line in lines:
            self.platform.say(line)
        for each in credentials:
            if job.export_env == "auto" and not into_environment(each, job):
                self._warn(
                    "A management token",
                    f"Nomad says that {each.accessor_id} is a management token: it was not exported as "
                    f"{each.env_name}. To export it anyhow, set `export-env: true`; a role of type client is safer.",
                )
        if job.summary == "always" or (job.summary == "auto" and self.attention):
            self.platform.summarise(in_summary("mint", *lines, *self.attention))

    def means(self) -> Means:
        """Return what an issuer works with."""
        return Means(
            self.outside.connect,
            self.order.vault,
            self.order.nomad,
            self.custody.plan.mint,
            self._id_token,
            self.platform.unreachable,
            self.custody,
            self.outside.signals,
            self.outside.clock,
            self.deadline,
        )

    def _id_token(self, audience: str) -> SecretStr:
        token = self.platform.id_token(audience, self.deadline)
        self.platform.mask(token)
        return token


def _plan(order: Order) -> Plan:
    """Decide now what the post-step will do: by then the inputs may be somebody else's (review §1.1)."""
    return Plan(
        mint=os.urandom(4).hex(),
        vault=order.vault,
        grants=order.nomad if order.vault is None else None,
        lent=order.issuer.lent()[0],
        nomad=None if order.job.verify == "off" else order.nomad,
        own=_own(order),
        revoke=order.job.revoke,
        on_revoke_failure=order.job.on_revoke_failure,
        summary=order.job.summary,
    )


def _own(order: Order) -> tuple[ServerName, ...]:
    """Name the servers to which something of our own is brought along."""
    brought: dict[ServerName, bool] = {"vault": order.vault in order.own, "nomad": order.nomad in order.own}
    return tuple(name for name, is_brought in brought.items() if is_brought)
