"""The undo of what Nomad granted itself: only a management token deletes tokens (api-contract 2.7)."""

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.nomad import Nomad, NomadPlace
from nomad_token.retry import of_repeatable, patiently
from nomad_token.secret import SecretStr
from nomad_token.state import Asked, HeldToken, Ledger
from nomad_token.text import pasted, shown
from nomad_token.undo.outcome import Ending, Means, Outcome


def undo_at_nomad(place: NomadPlace, ledger: Ledger, by: Means) -> Outcome:
    """Delete what *ledger* holds at *place*, with the management token that is lent, or the token's own right."""
    tokens, unanswered = ledger.tokens, ledger.unanswered
    nomad = Nomad(by.connect(place), place)
    if not tokens:
        return _unanswered(nomad, unanswered, by)
    outcomes = [_delete(nomad, token, by) for token in tokens]
    return next((each for each in outcomes if each.ending is Ending.FAILED), outcomes[0])


def _delete(nomad: Nomad, token: HeldToken, by: Means) -> Outcome:
    manager = by.lent or (token.secret if token.manager else None)
    if token.ends is not None and token.ends <= by.clock.now():
        return Outcome(Ending.EXPIRED, f"Nomad ended it at {token.ends:%H:%M:%S} UTC")
    ends = f"at {token.ends:%Y-%m-%d %H:%M:%S} UTC" if token.ends else "never"
    if manager is None:
        return Outcome(
            Ending.LEFT_TO_END,
            f"Nomad lets only management tokens delete tokens; this one ends by itself, {ends}",
            lives=True,
        )
    try:
        _deleted(nomad, manager, token.accessor_id, by)
    except Failure as failure:
        left = (
            f"The Nomad token {token.accessor_id} may live; it ends {ends}. {_reason(failure)}\n"
            f"By hand: nomad acl token delete {pasted(token.accessor_id)}"
        )
        return Outcome(Ending.FAILED, "Nomad did not delete it", left=[left])
    return Outcome(Ending.REVOKED, "Nomad deleted it")


def _unanswered(nomad: Nomad, unanswered: list[Asked], by: Means) -> Outcome:
    """Find what a lost answer told of: a token that was asked for has a name of its own, a login's has not."""
    outcome = Outcome(Ending.NOTHING_SAVED, "no token was minted, or it was undone already")
    for asked in unanswered:
        when = f"{asked.at:%H:%M:%S} UTC"
        if asked.what == "nomad login":
            outcome.notices.append(
                f"The login with `{shown(asked.path)}` was sent at {when}, and no answer tells whether it was granted: "
                "a token that nobody holds may live until the MaxTokenTTL of the auth method. "
                "By hand: nomad acl token list"
            )
            continue
        if by.lent is None:
            why = "`nomad-management-token` was not handed over again."
            return Outcome(Ending.FAILED, "nobody could look for it", outcome.notices, [_may_live(asked, why)])
        try:
            accessors = _found(nomad, by.lent, asked.named, by)
            for accessor in accessors:
                _deleted(nomad, by.lent, accessor, by)
        except Failure as failure:
            left = _may_live(asked, _reason(failure))
            return Outcome(Ending.FAILED, "what was asked for could not be looked for", outcome.notices, [left])
        if accessors:
            outcome = Outcome(Ending.REVOKED, "Nomad deleted what a lost answer told of", outcome.notices)
    return outcome


def _may_live(asked: Asked, why: str) -> str:
    return (
        f"A token with the name {shown(asked.named)} was asked for at {asked.at:%H:%M:%S} UTC, and may live. {why}\n"
        "By hand: nomad acl token list, and nomad acl token delete ACCESSOR"
    )


def _found(nomad: Nomad, manager: SecretStr, name: str, by: Means) -> list[str]:
    def find() -> list[str]:
        return nomad.named(manager, name, read_seconds=by.share())

    return patiently(find, of_repeatable, clock=by.clock, deadline=by.deadline)


def _deleted(nomad: Nomad, manager: SecretStr, accessor_id: str, by: Means) -> None:
    def delete() -> None:
        nomad.delete(manager, accessor_id, read_seconds=by.share())

    patiently(delete, of_repeatable, clock=by.clock, deadline=by.deadline)


def _reason(failure: Failure) -> str:
    said = failure.said if isinstance(failure, Refusal) else failure.reason
    return f"Nomad at {failure.address}: {shown(said) or shown(failure.reason)}"
