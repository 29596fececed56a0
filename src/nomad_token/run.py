"""`run`: a command has the token for as long as it runs, and nobody else ever has."""

import shutil
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress

from nomad_token.child import Child
from nomad_token.clients.vault import Vault
from nomad_token.credential import Credential
from nomad_token.errors import LiveTokenLeft, NotStarted
from nomad_token.exports import exported
from nomad_token.mint import Minting, begin
from nomad_token.order import Order
from nomad_token.outside import Outside
from nomad_token.platforms.base import Level, Platform, plain
from nomad_token.renewal import Renewal, living, of_lent
from nomad_token.secret import SecretStr
from nomad_token.signals import GONE_WITHIN
from nomad_token.state import Renewed
from nomad_token.text import shown

_GRACE = 5.0
"""Seconds after a signal for which the command keeps a live token: what ends us counts ten (see `signals`)."""
_LONGEST_WAIT = 0.5
"""Seconds after which a signal's grace is looked at again."""
_OURS = "NOMAD_MINT_"


def run(order: Order, platform: Platform, outside: Outside, words: Sequence[str], environ: Mapping[str, str]) -> int:
    """Mint, run *words* with the token in its environment, revoke, and return its exit code.

    Raises `NotStarted`, and what a mint raises, after undoing what was made; `LiveTokenLeft` where the command went
    well, and the revoke did not.
    """
    if shutil.which(words[0], path=environ.get("PATH")) is None:
        raise NotStarted(
            f"`{shown(words[0])}` is no command here: nothing was minted.",
            fix="Check its name and PATH; a script needs the right to be executed (chmod +x).",
        )
    minting = begin(order, platform, outside, alone=True)
    with outside.signals.shielded(GONE_WITHIN):
        try:
            with outside.signals.opened():
                credentials = minting.granted()
                minting.report(credentials)
                export = exported(credentials, order.job, minting.places())
                platform.let_go()
                child = Child(words, _environment(environ, export.variables))
                return _attended(minting, child, _renewal(minting, credentials))
        except BaseException as error:
            minting.fail(error)
            raise
        finally:
            platform.clear(minting.custody.plan.mint)
            platform.kept_all()
            minting.forget()


def _environment(environ: Mapping[str, str], variables: Mapping[str, SecretStr | str]) -> dict[str, str]:
    """Return the command's environment: ours, less what is for us alone."""
    inherited = {name: value for name, value in environ.items() if _OURS not in name}
    return inherited | {name: plain(value) for name, value in variables.items()}


def _attended(minting: Minting, child: Child, renewal: Renewal) -> int:
    """Run *child* to its end, renew meanwhile, and revoke; return its exit code."""
    outside, job = minting.outside, minting.order.job
    revoking = job.revoke

    def relay(signum: int) -> bool:
        if child.hears(signum):
            return False  # it may go on all the same
        child.send(signum)
        return not _is_a_message(signum)

    with outside.signals.relayed(relay):
        try:
            child.start()
        except OSError as error:
            raise NotStarted(f"The command could not be started: {error.strerror}.") from None
        wait = 0.0
        while (code := child.wait(wait)) is None:
            ending = job.revoke and outside.signals.first is not None
            if not ending and not renewal.due():
                renewal.step()
            if revoking and outside.signals.since_first > _GRACE:
                with suppress(OSError):
                    minting.platform.say("The command still runs after the signal; its token is revoked now.")
                minting.revoke()
                revoking = False
            wait = _LONGEST_WAIT if ending else min(renewal.due(), _LONGEST_WAIT)
        if revoking or minting.left:
            minting.revoke()
    if minting.left and job.on_revoke_failure == "fail" and code == 0:
        raise LiveTokenLeft("\n".join(minting.left))
    return code


def _renewal(minting: Minting, credentials: Sequence[Credential]) -> Renewal:
    """Begin to renew what was minted, where it has a lease."""
    plan, outside = minting.custody.plan, minting.outside
    vault = Vault(outside.connect(plan.vault), plan.vault) if plan.vault else None

    def note(fact: Renewed) -> None:
        with suppress(OSError):  # a revoke needs no end
            minting.custody.renewed(fact)

    def warn(text: str) -> None:
        with suppress(OSError):  # whoever read the log may be gone, and the command is not
            minting.platform.annotate(Level.WARNING, "Ends soon", text)

    lent, one = minting.order.issuer.lent()[1], credentials[0]
    what = living(minting.custody.ledger, vault, lent, uses=one.login_uses)
    # In a namespace below the token's a lease does not end with it.
    if lent and one.login_ends and plan.vault and not plan.vault.below:
        what.append(of_lent(one.login_ends))
    return Renewal(what, clock=outside.clock, note=note, warn=warn)


def _is_a_message(signum: int) -> bool:
    """Tell whether a signal does not ask for the end."""
    return signum not in {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", None)}
