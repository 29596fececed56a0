"""The time of day of one of the lab's servers: the machine's, moved at will."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Aware UTC time; `offset` is in seconds, so that a lease ends or a `Date` header lies without anyone waiting."""

    def __init__(self) -> None:
        """Begin in step with the machine."""
        self.offset = 0.0

    def __call__(self) -> datetime:
        """Return the server's time of day."""
        return datetime.now(UTC) + timedelta(seconds=self.offset)


def rfc3339(moment: datetime) -> str:
    """Return *moment* as Go writes a UTC time in JSON."""
    return moment.isoformat().replace("+00:00", "Z")
