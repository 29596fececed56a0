"""What lives, on paper: a table for a person, JSON for a program."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import to_builtins
from msgspec.structs import asdict

from nomad_token.leases.listing import Lease, Token
from nomad_token.platforms.base import in_json
from nomad_token.text import shown, span

_NEVER = "never"


def printed(leases: Sequence[Lease], tokens: Sequence[Token], now: datetime, *, as_json: bool) -> str:
    """Return what is to be printed of them, with its last line break."""
    text = _as_json(leases, tokens) if as_json else _tables(leases, tokens, now)
    return f"{text or 'Nothing lives.'}\n"


def _tables(leases: Sequence[Lease], tokens: Sequence[Token], now: datetime) -> str:
    """Return a table each, as far as there is something in it."""
    of_leases = [
        (lease.role, lease.lease_id, _age(lease.made, now), _left(lease.ends, now), shown(lease.trouble, 60))
        for lease in leases
    ]
    of_tokens = [
        (
            token.name,
            token.accessor_id,
            token.type,
            ", ".join(token.policies),
            _age(token.made, now),
            _left(token.ends, now),
        )
        for token in tokens
    ]
    both = [
        _table(("ROLE", "LEASE", "AGE", "ENDS IN", "TROUBLE"), of_leases),
        _table(("NAME", "ACCESSOR", "TYPE", "POLICIES", "AGE", "ENDS IN"), of_tokens),
    ]
    return "\n\n".join(filter(None, both))


def _as_json(leases: Sequence[Lease], tokens: Sequence[Token]) -> str:
    """Return the same as JSON, with times in RFC 3339."""
    listed = {
        "leases": [asdict(lease) for lease in leases],
        "tokens": [{**asdict(token), "by": token.by} for token in tokens],
    }
    return in_json(to_builtins(listed), indent=2)


def _age(made: datetime, now: datetime) -> str:
    return span((now - made).total_seconds())


def _left(ends: datetime | None, now: datetime) -> str:
    return span((ends - now).total_seconds()) if ends else _NEVER


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return *rows* in columns; a column in which nothing stands is left out."""
    if not rows:
        return ""
    cells = [[shown(cell) for cell in row] for row in rows]
    columns = [(head, column) for head, *column in zip(heads, *cells, strict=True) if any(column)]
    widths = [max(map(len, (head, *column))) for head, column in columns]
    lines = [[head for head, _ in columns], *zip(*(column for _, column in columns), strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
