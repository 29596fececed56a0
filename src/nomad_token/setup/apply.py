"""Does what a plan says, a change after the other, and proves the result; what was cut short goes on when run again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from nomad_token.clients.failures import Failure
from nomad_token.clock import Clock, Deadline, pauses
from nomad_token.errors import Error, Refused
from nomad_token.issuers.vault_refusals import EngineRole
from nomad_token.leases.refusals import explain
from nomad_token.secret import SecretStr
from nomad_token.setup.access import Written, delete_tokens, write_access
from nomad_token.setup.changes import Change, Verdict
from nomad_token.setup.compare import compare
from nomad_token.setup.current import Current, Servers
from nomad_token.setup.objects import Kind, Object
from nomad_token.setup.plan import Plan, mounts_to_prove
from nomad_token.setup.printed import title
from nomad_token.setup.prove import prove, role_to_prove
from nomad_token.signals import GONE_WITHIN, Signals

_READS_BACK: Final = 15.0
"""Seconds after which what was written is to be read: another region of Nomad's learns of it a little later (2.9)."""
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
_DONE: Final = {Verdict.CREATE: "Created", Verdict.CHANGE: "Changed"}


@dataclass(frozen=True, slots=True)
class Means:
    """What is worked with."""

    clock: Clock
    signals: Signals
    say: Callable[[str], None]
    advice: Callable[[str], str]
    """What the platform says of an address that can't be reached."""
    key_of: Callable[[Object], SecretStr]
    """Reads the private key of an access, or returns an empty one. Raises `InputError`."""


def apply(plan: Plan, servers: Servers, means: Means) -> None:
    """Write what *plan* says, and prove it. Raises `Error`; what is written by then stays, and is left alone later."""
    if plan.stops:
        raise ValueError("a plan that is refused is not for writing")
    keys = {each.path: means.key_of(each.wanted) for each in plan.writes if each.wanted.kind is Kind.ACCESS}
    accesses: dict[str, Written] = {}
    for number, change in enumerate(plan.writes):
        try:
            if change.wanted.kind is Kind.ACCESS:
                # A token that was made is written, or deleted again, before anything ends the program.
                with means.signals.held(GONE_WITHIN):
                    written = write_access(change, servers, keys[change.path], means.clock)
                    accesses[change.wanted.mount] = written
            else:
                _write(change, servers)
        except Error:
            means.say(f"{number} of {len(plan.writes)} are written; the same command goes on with the rest.")
            raise
        means.say(f"{_DONE[change.verdict]} {title(change)}.")
    _check(plan, servers, means.clock)
    for mount, roles in mounts_to_prove(plan):
        _prove(mount, roles, accesses.get(mount), servers, means)
        if mount in accesses:
            _end_others(mount, accesses[mount], plan, servers, means)


def _write(change: Change, servers: Servers) -> None:
    path, of_auth = change.path, change.wanted.of_auth
    try:
        if change.wanted.server == "vault":
            servers.needed_vault().write(path, change.body, of_auth=of_auth)
        else:
            servers.needed_nomad().write(path, change.body)
    except Failure as failure:
        sudo = ', "sudo"' if change.wanted.kind in {Kind.ENGINE, Kind.AUTH_MOUNT} else ""
        rule = f'path "{path}" {{ capabilities = ["create", "update"{sudo}] }}'
        raise explain(failure, f"write the {title(change)}", rule, server=change.wanted.server) from None


def _check(plan: Plan, servers: Servers, clock: Clock) -> None:
    """Read back what was written. Raises `Refused` where a server made something else of it."""
    deadline = Deadline(clock, _READS_BACK)
    for pause in pauses(_FIRST_PAUSE, _LONGEST_PAUSE):
        current = Current(servers)
        now = [compare(each.wanted, current.found(each.wanted)) for each in plan.writes]
        odd = next((each for each in now if each.verdict is not Verdict.SAME), None)
        if odd is None:
            return
        if deadline.left() <= pause:
            names = ", ".join(each.name for each in odd.differences) or "all of it"
            raise Refused(
                f"The {title(odd)} was written, and reads otherwise: {names}.",
                why="Somebody else wrote it at the same time, or this server writes it in a way of its own.",
                fix="nomad-token setup plan",
            )
        clock.sleep(pause)


def _prove(mount: str, roles: tuple[Change, ...], written: Written | None, servers: Servers, means: Means) -> None:
    role = role_to_prove(roles)
    if role is None:
        means.say(f"The engine {mount} has no role in the file: no token was minted as a proof.")
        return
    engine = EngineRole(mount, role)
    try:
        # What is minted is revoked before anything ends the program.
        with means.signals.held(GONE_WITHIN):
            proof = prove(servers, engine, clock=means.clock, advice=means.advice, token_is_new=written is not None)
        means.say(proof)
    except Error as error:
        raise type(error)(
            "\n".join(filter(None, (error.what, *_state_of(mount, written)))), why=error.why, fix=error.fix
        ) from None


def _state_of(mount: str, written: Written | None) -> Iterator[str]:
    yield "All of it is written, and the proof failed."
    if written and written.others:
        yield (
            f"Vault has the new token {written.accessor} for `{mount}`. The older ones live too: "
            f"{', '.join(written.others)}. When a mint works: nomad-token setup apply --rotate-access deletes them."
        )


def _end_others(mount: str, written: Written, plan: Plan, servers: Servers, means: Means) -> None:
    """Delete the tokens that Vault had before, when it was asked for a new one, and that one is proven."""
    renews = any(each.renews for each in plan.writes if each.wanted.mount == mount)
    proven = any(each.wanted.mount == mount for each in plan.changes if each.wanted.kind is Kind.ENGINE_ROLE)
    if not written.others:
        return
    if renews and proven:
        delete_tokens(written.others, servers, means.clock, means.say)
        return
    means.say(
        f"More tokens were made for `{mount}`, and live: {', '.join(written.others)}. "
        "nomad-token setup apply --rotate-access makes a new one, and deletes them when it is proven."
    )
