"""What `nomad-management` left over: tokens that nobody revoked, known by the names that only this program gives."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.http import READ_SECONDS
from nomad_token.clients.nomad_operator import NomadOperator
from nomad_token.clock import Clock, Deadline
from nomad_token.leases.listing import Token
from nomad_token.names import is_own
from nomad_token.retry import of_repeatable, patiently
from nomad_token.revoke import SECONDS
from nomad_token.text import pasted, shown


def leftovers(tokens: Iterable[Token], *, older_than: float, now: datetime) -> list[Token]:
    """Return those of *tokens* that are ours and were made more than *older_than* seconds ago."""
    since = now - timedelta(seconds=older_than)
    return [token for token in tokens if is_own(token.name) and token.made < since and not token.is_over(now)]


def why_not_deleted(nomad: NomadOperator, token: Token, clock: Clock) -> str:
    """Delete *token*, and return nothing; or why it may live, and the operator's command."""
    manager = nomad.token
    if manager is None:
        return f"There is no token to delete {token.accessor_id} with."

    def delete() -> None:
        nomad.delete(manager, token.accessor_id, read_seconds=READ_SECONDS)

    try:
        patiently(delete, of_repeatable, clock=clock, deadline=Deadline(clock, SECONDS))
    except Failure as failure:
        said = failure.said if isinstance(failure, Refusal) else failure.reason
        return (
            f"{token.name} ({token.accessor_id}) may live. Nomad at {failure.address}: "
            f"{shown(said) or shown(failure.reason)}\n"
            f"By hand: nomad acl token delete {pasted(token.accessor_id)}"
        )
    return ""
