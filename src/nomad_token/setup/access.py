"""The access of an engine: a management token that is Vault's alone, made, written, and later replaced.

A write without a token would bootstrap Nomad's ACLs (api-contract 1.2), so each holds one; and the operator's own is
never it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from nomad_token.clients.failures import Failure, Lost
from nomad_token.clients.http import READ_SECONDS
from nomad_token.clients.nomad import Minted
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.clock import Clock, Deadline
from nomad_token.errors import Error, LiveTokenLeft, Temporary
from nomad_token.leases.refusals import explain
from nomad_token.retry import Verdict as Proven
from nomad_token.retry import of_making, of_repeatable, patiently
from nomad_token.secret import SecretStr
from nomad_token.setup.changes import Change, Verdict
from nomad_token.setup.current import Current, Servers
from nomad_token.setup.objects import Kind
from nomad_token.text import pasted, shown

_SECONDS: Final = 30.0
"""How long a write is tried again whose answer was lost."""
_MANAGEMENT: Final = "management"
_LONGEST_MOUNT: Final = 150
"""Letters of a mount's path in a name, which has 256 bytes at most (api-contract 2.3)."""


@dataclass(frozen=True, slots=True)
class Written:
    """What Vault holds now, and what it held before."""

    accessor: str
    others: tuple[str, ...] = field(default=())
    """The accessors of older tokens of the same name."""


def token_name(mount: str, accessor: str) -> str:
    """Return the name of the token for a *mount*: its own *accessor* tells it from that of every other Vault."""
    return f"nomad-token setup: vault {mount[-_LONGEST_MOUNT:]} {accessor}"


def tokens_of(servers: Servers, mount: str) -> list[Minted]:
    """Return the tokens that were made for *mount*, as it is mounted now. Raises `Error`."""
    nomad, name = servers.needed_nomad(), _name_at(servers, mount)
    try:
        found = [nomad.token_of(each) for each in nomad.named(_manager(nomad), name, read_seconds=READ_SECONDS)]
    except Failure as failure:
        raise explain(failure, "show the tokens of that name", "", server="nomad") from None
    return [each for each in found if each.type == _MANAGEMENT]


def notes(servers: Servers, changes: Iterable[Change]) -> Iterator[str]:
    """Tell what is odd about the tokens of accesses that are to stay as they are. Raises `Error`."""
    for change in changes:
        if change.wanted.kind is not Kind.ACCESS or change.verdict is not Verdict.SAME or not change.found.ours:
            continue
        found = len(tokens_of(servers, change.wanted.mount))
        if found != 1:
            count = f"{found} tokens" if found else "no token"
            yield (
                f"Nomad has {count} that setup made for `{change.wanted.mount}`, where one is right: "
                "nomad-token setup apply --rotate-access makes a new one."
            )


def write_access(change: Change, servers: Servers, key: SecretStr, clock: Clock) -> Written:
    """Write an access with a token that was made for it; one that an earlier run made is taken, unless it *renews*.

    *key* is the private key of the client certificate, or empty. Raises `Error`; what was made is deleted again then,
    where Vault can't have it.
    """
    there = tokens_of(servers, change.wanted.mount)
    if there and not change.renews:
        made, others, is_new = there[0], there[1:], False
    else:
        made, others, is_new = _made(servers, change.wanted.mount, there), there, True
    body = {**change.body, "token": made.secret_id, "client_key": key}

    may_be_there = False

    def judge(failure: Failure) -> Proven:
        # A refusal proves nothing of an earlier try whose answer was lost.
        nonlocal may_be_there
        may_be_there = may_be_there or of_making(failure) is Proven.UNCLEAR
        return of_repeatable(failure)

    try:
        patiently(
            lambda: servers.needed_vault().write(change.path, body),
            judge,
            clock=clock,
            deadline=Deadline(clock, _SECONDS),
        )
    except Failure as failure:
        error = explain(failure, f"write `{change.path}`", _rule(change.path))
        if is_new and not may_be_there:
            _deleted(servers, [made.accessor_id], clock, error)
            raise error from None
        raise type(error)(
            f"{error.what}\nWhether Vault has the token {made.accessor_id} now can't be told.",
            why=error.why,
            fix=f"{error.fix}\nIt is kept: the same command again goes on with it.".strip(),
        ) from None
    return Written(made.accessor_id, tuple(each.accessor_id for each in others))


def _made(servers: Servers, mount: str, there: Sequence[Minted]) -> Minted:
    """Make a token for *mount*; one whose answer was lost is found by its name, and by not being *there* before.

    Raises `Error`.
    """
    nomad = servers.needed_nomad()
    body = {"Name": _name_at(servers, mount), "Type": _MANAGEMENT, "Global": True}
    try:
        return nomad.create(_manager(nomad), body)
    except Failure as failure:
        if of_making(failure) is Proven.UNCLEAR:
            known = {each.accessor_id for each in there}
            for found in tokens_of(servers, mount):
                if found.accessor_id not in known:
                    return found
        if isinstance(failure, Lost):
            raise Temporary(f"No answer from {failure.address}: {shown(failure.reason)}", fix="Run it again.") from None
        raise explain(failure, "make a management token for Vault", "", server="nomad") from None


def delete_tokens(accessors: Sequence[str], servers: Servers, clock: Clock, say: Callable[[str], None]) -> None:
    """Delete what Vault no longer has. Raises `LiveTokenLeft`."""
    _deleted(servers, accessors, clock, None)
    for each in accessors:
        say(f"Deleted the access token {each}, which Vault had before.")


def _deleted(servers: Servers, accessors: Sequence[str], clock: Clock, error: Error | None) -> None:
    nomad = servers.needed_nomad()
    for accessor in accessors:

        def delete(accessor: str = accessor) -> None:
            nomad.delete(_manager(nomad), accessor, read_seconds=READ_SECONDS)

        try:
            patiently(delete, of_repeatable, clock=clock, deadline=Deadline(clock, _SECONDS))
        except Failure as failure:
            before = f"{error.what}\n" if error else ""
            raise LiveTokenLeft(
                f"{before}The management token {accessor} lives, and nobody has it: {shown(failure.reason)}",
                fix=f"nomad acl token delete {pasted(accessor)}",
            ) from None


def _name_at(servers: Servers, mount: str) -> str:
    found = Current(servers).mounts(of_auth=False).get(mount) or {}
    return token_name(mount, str(found.get("accessor") or servers.needed_vault().address))


def _manager(nomad: NomadOperator) -> SecretStr:
    return nomad.token or SecretStr("")


def _rule(path: str) -> str:
    return f'path "{path}" {{ capabilities = ["create", "update"] }}'
