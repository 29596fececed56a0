"""The post-step: what the mint saved is revoked, and one line says how that ended."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from msgspec.structs import replace

from nomad_token.clients.http import Own, Place, origin
from nomad_token.clients.tls import Tls
from nomad_token.clock import Deadline
from nomad_token.declared import Declared
from nomad_token.errors import Cancelled, InputError, LiveTokenLeft
from nomad_token.outside import Outside
from nomad_token.platforms.base import Kept, Level, Platform
from nomad_token.report import named, report
from nomad_token.revoke import SECONDS, undo
from nomad_token.seal import genuine, next_number, sealed
from nomad_token.secret import SecretStr
from nomad_token.signals import GONE_WITHIN
from nomad_token.state import Accepted, Ledger, Plan, Undeleted, dumps, read_ledger
from nomad_token.undo.outcome import Ending, Means, Outcome


def post(platform: Platform, outside: Outside, *, strict: bool = False) -> None:
    """Revoke what was saved for this step; reads no input that decides anything.

    Raises `LiveTokenLeft` where what is left is to fail the job, or anything is left and that is *strict*.
    """
    mints = platform.take_kept()
    if not mints:
        platform.say("Nothing to revoke: nothing was saved.")
    failing: list[str] = []
    broken: list[Exception] = []
    for kept in mints:
        try:
            failing += _ended(kept, platform, outside, strict=strict)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other mints are revoked before it is raised
            broken.append(error)
    if failing:
        raise LiveTokenLeft("\n".join(failing))
    if broken:
        raise broken[0]


@dataclass(frozen=True, slots=True)
class Believed:
    """What is known of a mint."""

    ledger: Ledger
    unreadable: int
    """How many entries can't be read, or are not the mint's."""
    lent: SecretStr | None = None
    """The user's own credential, where it is the one that the mint had, and is sent where the mint sent it."""
    doubt: str = ""
    """Why the one that was handed over is sent nowhere."""
    next_number: int = 0
    """That of the next entry, where it gets a seal."""


def believed(lines: Sequence[str], platform: Platform) -> Believed:
    """Read what was kept, and again what was lent to the mint: then only what has its seal is believed."""
    ledger, unreadable = read_ledger(lines)
    plan = ledger.plan
    token = _lent(plan.lent, platform) if plan and _meant(plan, platform) else None
    if plan and plan.lent:  # without its seal nothing is believed that makes less of what is left
        ledger = Ledger(fact for fact in ledger.facts if not isinstance(fact, Accepted))
    if plan is None or token is None:
        return Believed(ledger, unreadable)
    ours = genuine(lines, token, plan.mint)
    proven, torn = read_ledger(ours)
    if proven.plan is None:
        doubt = (
            f"`{plan.lent}` was sent nowhere: it is not the one that was lent to the mint, or what the mint saved was "
            "changed, which any step of a job can do under act, and in a shell."
        )
        return Believed(ledger, unreadable, doubt=doubt)
    return Believed(proven, len(lines) - len(ours) + torn, token, next_number=next_number(ours))


def _ended(kept: Kept, platform: Platform, outside: Outside, *, strict: bool) -> list[str]:
    """Revoke one mint, and remove its traces; return what was left, where that is to fail the job."""
    known = believed(kept.lines, platform)
    ledger = known.ledger
    left: list[str] | None = None
    try:
        left = _revoke(kept, known, platform, outside, strict=strict)
    finally:
        platform.scrub(kept, ledger.secrets, undone=left == [])
        if ledger.plan:
            platform.clear(ledger.plan.mint)
    return left if strict or (ledger.plan and ledger.plan.on_revoke_failure == "fail") else []


def _revoke(kept: Kept, known: Believed, platform: Platform, outside: Outside, *, strict: bool) -> list[str]:
    """Revoke and report; return what was left. Whoever is *strict* can give again what was lent, and failed."""
    ledger, plan = known.ledger, known.ledger.plan
    if plan is None and not known.unreadable and not ledger.pending:
        platform.say("Nothing to revoke: what is kept is the last word on a mint that was revoked meanwhile.")
        return []
    if plan is None:
        text = _without_plan(ledger)
        platform.annotate(Level.WARNING, "Not revoked", text)
        return [text]
    try:
        with outside.signals.held(GONE_WITHIN):
            lacking = bring_own(plan, platform, outside) if plan.revoke and not known.doubt else []
            outcome = _undone(known, plan, outside)
            _keep(outcome.facts, kept, known, platform)
    except Cancelled:
        platform.annotate(Level.WARNING, "Not revoked to the end", named(ledger) or "The login may live.")
        raise
    if strict and plan.lent and outcome.ending is Ending.LEFT_TO_END:
        outcome = Outcome(Ending.FAILED, f"`{plan.lent}` is not given", outcome.notices, [named(ledger)])
    outcome.notices += lacking if outcome.ending is Ending.FAILED else []
    outcome.notices += [known.doubt] if known.doubt else []
    if known.unreadable:
        outcome.notices.append("A part of what the mint saved can't be read: it was cut or changed on the way.")
    # What fails is told as an error at the end.
    report(outcome, ledger, replace(plan, on_revoke_failure="fail") if strict else plan, platform)
    return outcome.left


def _keep(facts: Sequence[Accepted | Undeleted], kept: Kept, known: Believed, platform: Platform) -> None:
    """Keep what may not be told a second time, for another revoke; where it can't be, that one knows less."""
    plan = known.ledger.plan
    if plan is None or (plan.lent and known.lent is None):  # an entry without a seal would not be believed
        return
    fresh = [fact for fact in facts if fact not in known.ledger.open]
    with suppress(OSError):
        for number, fact in enumerate(fresh, known.next_number):
            platform.keep_more(kept, sealed(dumps(fact), known.lent, plan.mint, number))


def bring_own(plan: Plan, platform: Platform, outside: Outside) -> list[str]:
    """Read the keys and headers again that were not saved, for the saved places; return what could not be had."""
    if not plan.own:
        return []
    from nomad_token.connecting import NomadConnection, VaultConnection  # noqa: PLC0415 - most posts read no input

    lacking = []
    for name in plan.own:
        nomad = plan.grants or plan.nomad
        place, kind = (plan.vault, VaultConnection) if name == "vault" else (nomad, NomadConnection)
        if place is None:
            continue  # nothing is asked there
        try:
            inputs = kind.read(platform.lookup)
            is_meant = _meant(plan, platform) and _named_again(f"{name}-addr", place, platform)
            own = inputs.own(platform.read_file) if is_meant else Own()
            inputs.check(Tls(certificate=place.tls.certificate), own)  # the key's file may hold another by now
        except InputError:
            own = Own()
        if own != Own():
            outside.connect.bring(place, own)
        else:
            lacking.append(
                f"`{name}-client-key` or `{name}-headers` was not handed over again, or has changed, and is never "
                "saved: it has to be given to the revoke too. In a composite action within another one, a post-step "
                "gets the outer one's inputs (actions/runner#2030)."
            )
    return lacking


def _undone(known: Believed, plan: Plan, outside: Outside) -> Outcome:
    if not plan.revoke:
        return Outcome(Ending.NOT_WANTED, "`revoke: false`: the token ends by itself")
    by = Means(outside.connect, outside.clock, Deadline(outside.clock, SECONDS), known.lent)
    return undo(known.ledger, plan, by)


def _meant(plan: Plan, platform: Platform) -> bool:
    """Tell whether the inputs, where they name a server, name the one that was saved.

    Else they are somebody else's (a composite action's around ours), or what was saved is: under act any step can add
    to it. What is secret in the inputs is sent to no server but their own.
    """
    for name, address in plan.addresses.items():
        found = platform.lookup(_named(name))
        if found and not found.variable and origin(found.value) != origin(address):
            return False
    return True


def _named_again(name: str, place: Place, platform: Platform) -> bool:
    """Tell whether *place* is the one that the inputs, or the environment, name now as well.

    Keys and headers make no seal (a header may be short enough to be guessed from one).
    """
    found = platform.lookup(_named(name))
    return found is not None and origin(found.value) == origin(place.address)


def _named(name: str) -> Declared:
    return Declared(name, "", "", (), secret=False, required=False, choices=())


def _lent(name: str, platform: Platform) -> SecretStr | None:
    """Read again the user's own credential; None where *name* is empty, or the runner does not hand it over."""
    if not name:
        return None
    found = platform.lookup(Declared(name, "", "", (), secret=True, required=False, choices=()))
    return SecretStr(found.value) if found else None


def _without_plan(ledger: Ledger) -> str:
    why = "What the mint saved can't be read: it was cut or changed on the way, or is another version's."
    return f"{why} {named(ledger) or 'A token that it made ends with its lease.'}"
