"""Nomad's ACL bootstrap: the first management token of a cluster, in a file that is its operator's alone.

The secret is chosen here and is in the file before it is asked for, so that no lost answer loses it: Nomad takes it
from 1.3.2 on (nomad#12520, and its backport #13217), and an older one chooses its own.
"""

import os
import re
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.http import READ_SECONDS
from nomad_token.clients.nomad import Minted
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.clock import Clock, Deadline
from nomad_token.errors import Error, InputError, Refused, Temporary
from nomad_token.leases.refusals import explain
from nomad_token.operating import acls_are_off
from nomad_token.retry import Verdict, of_making, of_repeatable, patiently
from nomad_token.said import FromNomad
from nomad_token.secret import SecretStr
from nomad_token.text import pasted, shown
from nomad_token.unreachable import no_answer

_SECONDS: Final = 15.0
_INDEX: Final = re.compile(r"reset index: (\d+)")
_MANAGEMENT: Final = "management"


def bootstrap(nomad: NomadOperator, path: Path, clock: Clock, advice: Callable[[str], str]) -> SecretStr:
    """Bootstrap the ACLs of *nomad*, and return the secret that is in the file at *path* then.

    Raises `InputError` where there is a file already or none can be written, before anything is asked; `Error`.
    """
    secret = SecretStr(str(uuid.uuid4()))
    _created(path, secret)
    try:
        made = nomad.bootstrap(secret)
    except Failure as failure:
        if of_making(failure) is not Verdict.UNCLEAR:
            path.unlink(missing_ok=True)
            raise _refused(failure, advice(failure.address)) from None
        _settle(nomad, secret, path, failure, clock)
        return secret
    return _kept(made, secret, path)


def _created(path: Path, secret: SecretStr) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise InputError(
            f"--out: {shown(path)} is there already, and is not overwritten.",
            why="It may hold the token of an earlier bootstrap, which nobody can show again.",
            fix="Name another file, or move that one away.",
        ) from None
    except OSError as error:
        raise InputError(f"--out: {shown(path)} can't be written: {shown(error.strerror)}.") from None
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secret.get_secret_value()}\n")
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise InputError(f"--out: {shown(path)} can't be written: {shown(error.strerror)}.") from None


def _kept(made: Minted, secret: SecretStr, path: Path) -> SecretStr:
    """Keep the token that was made, where a Nomad chose another secret than the one that is in the file."""
    if made.secret_id != secret:
        with path.open("w", encoding="ascii") as file:
            file.write(f"{made.secret_id.get_secret_value()}\n")
    return made.secret_id


def _settle(nomad: NomadOperator, secret: SecretStr, path: Path, failure: Failure, clock: Clock) -> None:
    """Ask Nomad whether the token is there whose answer was lost. Raises `Temporary` where that can't be told.

    A Nomad that does not know it may be at the request still: the file stays in any case.
    """
    with suppress(Failure):
        known = patiently(
            lambda: nomad.token_self(secret, read_seconds=READ_SECONDS),
            of_repeatable,
            clock=clock,
            deadline=Deadline(clock, _SECONDS),
        )
        if known.type == _MANAGEMENT:
            return
    raise Temporary(
        f"No answer from {failure.address} tells whether the ACLs are bootstrapped now: {shown(failure.reason)}",
        why=f"If they are, their token is in {shown(path)}, which is kept.",
        fix=f"Ask: NOMAD_TOKEN=$(cat {pasted(path)}) nomad acl token self\n"
        "Where Nomad does not know it, remove the file and run it again.",
    )


def _refused(failure: Failure, advice: str) -> Error:
    if not isinstance(failure, Refusal):
        return no_answer(failure, "nomad", advice)
    if FromNomad.NO_ACLS in failure.said:
        return acls_are_off(failure.address)
    if FromNomad.BOOTSTRAPPED in failure.said:
        found = _INDEX.search(failure.said)
        index = found[1] if found else "INDEX"
        return Refused(
            f"Nomad at {failure.address} is bootstrapped already: {shown(failure.said)}",
            why="It is done once for all regions, and its token is shown once.",
            fix="With a management token of it nothing is missing: set NOMAD_TOKEN. Where all are lost, write the "
            "index into the data folder of the leader (nomad operator raft list-peers), and run it again:\n"
            f"  echo {index} > DATA_DIR/server/acl-bootstrap-reset",
        )
    return explain(failure, "bootstrap its ACLs", "", server="nomad")
