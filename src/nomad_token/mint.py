"""The main step: a token is minted, proven and handed over, or everything is as it was before."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from pydantic import SecretStr

from nomad_token.clients.http import Own, Place
from nomad_token.clients.nomad import Nomad, NomadPlace
from nomad_token.clients.vault import VaultPlace
from nomad_token.clock import Deadline, pauses
from nomad_token.credential import Credential
from nomad_token.custody import Custody
from nomad_token.errors import Cancelled, Error, LiveTokenLeft
from nomad_token.exports import exported, into_environment, rfc3339
from nomad_token.inputs import JobInputs
from nomad_token.issuers.base import Issuer, Means, Unclear
from nomad_token.life import check_life
from nomad_token.outside import Outside
from nomad_token.platforms.base import Level, Platform
from nomad_token.revoke import SECONDS as UNDO_SECONDS
from nomad_token.revoke import undo
from nomad_token.signals import GONE_WITHIN
from nomad_token.state import Plan
from nomad_token.text import in_summary, shown
from nomad_token.undo.outcome import Ending
from nomad_token.undo.outcome import Means as Undone
from nomad_token.verify import Unverified, unknown_policies, wait_until_accepted

_TRIES = 3
"""How often an issuer is asked, where its answer was lost and what it may have made was undone."""
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 4.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to mint: every input, read and checked."""

    job: JobInputs
    issuer: Issuer
    vault: VaultPlace | None
    nomad: NomadPlace | None
    """None where Nomad's address was not given."""
    own: Mapping[Place, Own]
    """The keys and headers that are brought along to one of them."""
    places: dict[str, str]
    """Variables for the next steps that name places, because they were given as inputs."""


def mint(order: Order, platform: Platform, outside: Outside) -> Credential:
    """Mint, prove and hand over. Raises `Error`, `OSError` or `Cancelled`, after undoing in place what was made."""
    for place, own in order.own.items():
        outside.connect.bring(place, own)
    if order.job.revoke:
        platform.preflight()
    custody = Custody(platform, outside.signals, plan=_plan(order))
    minting = _Minting(order, platform, outside, custody, Deadline(outside.clock, order.job.timeout))
    try:
        credential = minting.issued()
        minting.check_life(credential)
        credential = minting.verified(credential)
        platform.export(exported(credential, order.job, order.places))
    except BaseException as error:
        # Vault may be at a read still that was broken off: what it makes is the post-step's to undo, if there is one.
        if not (isinstance(error, Cancelled) and error.broke_off and order.job.revoke):
            minting.undo_in_place()
        if isinstance(error, Error) and order.job.summary != "never":
            platform.summarise(in_summary(error.title, error.text, *minting.attention))
        if minting.left and not order.job.revoke:
            raise LiveTokenLeft("\n".join(minting.left)) from None
        raise
    finally:
        platform.kept_all()
    minting.report(credential)
    return credential


@dataclass(slots=True)
class _Minting:
    """One mint, and all that its parts share."""

    order: Order
    platform: Platform
    outside: Outside
    custody: Custody
    deadline: Deadline
    attention: list[str] = field(default_factory=list)
    """What was warned about."""
    left: list[str] = field(default_factory=list)
    """What an undo in place could not undo."""

    def issued(self) -> Credential:
        """Ask the issuer; again, with a new login, where an answer was lost and what it may have made was undone."""
        waits = pauses(_FIRST_PAUSE, _LONGEST_PAUSE)
        for tries_left in reversed(range(_TRIES)):
            try:
                return self.order.issuer.issue(self.order.job.env_name, self._means())
            except Unclear as unclear:
                pause = next(waits)
                if not tries_left or pause >= self.deadline.left():
                    raise unclear.error from None
                self.undo_in_place()
                if self.left:
                    raise unclear.error from None
                self.platform.say(f"{unclear.error.what} Asking again, with a new login.")
            self.outside.clock.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def check_life(self, credential: Credential) -> None:
        """Warn about a long life; a life that is not what the inputs ask for is an error, and undone as any other."""
        if warning := check_life(credential, self.order.job, self.outside.clock.now()):
            self._warn("A long life", warning)

    def verified(self, credential: Credential) -> Credential:
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
        if unknown := unknown_policies(nomad, credential, token):
            names = ", ".join(f"`{shown(name)}`" for name in unknown)
            self._warn(
                "Unknown policies",
                f"Nomad knows no policy {names}: it takes such a name without a word, and grants nothing for it. "
                "Compare with: nomad acl policy list",
            )
        return credential.model_copy(update={"type": token.type, "policies": token.policies, "verified": True})

    def undo_in_place(self) -> None:
        """Undo now what was made, once: the post-step may be an hour away, or never come."""
        if self.left or not self.custody.ledger.pending:
            return
        with self.outside.signals.held(GONE_WITHIN):
            seconds = min(UNDO_SECONDS, self.outside.signals.left())
            deadline = Deadline(self.outside.clock, seconds)
            by = Undone(self.outside.connect, self.outside.clock, deadline, self.order.issuer.lent()[1])
            outcome = undo(self.custody.ledger, self.custody.plan, by)
            if outcome.ending is Ending.FAILED:
                self.left = outcome.left
                self._warn("Not undone yet", "\n".join(outcome.left))
            else:
                if outcome.ending is not Ending.NOTHING_SAVED:
                    self.platform.say(f"Undone: {outcome.line}.")
                # Where this can't be saved, the post-step will revoke once more, and find that all is gone.
                with suppress(OSError):
                    self.custody.settle()
        for notice in outcome.notices:
            self._warn("Maybe left behind", notice)

    def _warn(self, title: str, text: str) -> None:
        self.platform.annotate(Level.WARNING, title, text)
        self.attention.append(text)

    def report(self, credential: Credential) -> None:
        """Say what there is now, without the secret; in the summary too, where that is wanted."""
        job = self.order.job
        lines = _described(credential, job)
        for line in lines:
            self.platform.say(line)
        if job.export_env == "auto" and not into_environment(credential, job):
            self._warn(
                "A management token",
                f"Nomad says that {credential.accessor_id} is a management token: it was not exported as "
                f"{credential.env_name}. To export it anyhow, set `export-env: true`; a role of type client is safer.",
            )
        if job.summary == "always" or (job.summary == "auto" and self.attention):
            self.platform.summarise(in_summary("mint", *lines, *self.attention))

    def _means(self) -> Means:
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
        own=tuple(name for name, place in (("vault", order.vault), ("nomad", order.nomad)) if place in order.own),
        revoke=order.job.revoke,
        on_revoke_failure=order.job.on_revoke_failure,
        summary=order.job.summary,
    )


def _described(credential: Credential, job: JobInputs) -> list[str]:
    kind = f"{credential.type} token" if credential.type else "token"
    lease = f": lease {credential.lease_id}" if credential.lease_id else ""
    lines = [f"Minted the {kind} {credential.accessor_id}{lease}."]
    if credential.policies is not None:
        held = ", ".join(shown(policy) for policy in credential.policies) or "none"
        lines.append(f"{'Nomad accepts it; policies' if credential.verified else 'Policies'}: {held}.")
    ends = f" It ends at {rfc3339(credential.expires_at)} at the latest." if credential.expires_at else ""
    lines.append(f"It {_end(credential, job)}.{ends}")
    if into_environment(credential, job):
        unknown = "" if credential.type else " Whether it is a management token is not known: that takes `nomad-addr`."
        lines.append(f"Exported as {credential.env_name}.{unknown}")
    return lines


def _end(credential: Credential, job: JobInputs) -> str:
    if not job.revoke:
        return "is left to its own end (`revoke: false`)"
    if not credential.revocable:
        return "can't be revoked, since Nomad lets only management tokens delete tokens"
    return "is revoked when the job ends"
