"""Go's durations: `1h30m` read, `1h30m0s` written."""

import re
from typing import Final

SECOND: Final = 10**9
_UNITS: Final = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
_PART: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse(text: str) -> int:
    """Return the nanoseconds of a Go duration.

    Raises:
        ValueError: with the text of Go's `time.ParseDuration`.
    """
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    parts = _PART.findall(rest)
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * round(sum(float(number) * _UNITS[unit] for number, unit in parts))


def written(nanoseconds: int) -> str:
    """Return *nanoseconds* as Go's `Duration.String` does for whole and broken seconds."""
    if nanoseconds < 0:
        return "-" + written(-nanoseconds)
    minutes, rest = divmod(nanoseconds, 60 * SECOND)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest / SECOND:.9f}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def short(seconds: float) -> str:
    """Return *seconds* as Vault's warnings write them: `1h`, `45s`, without units that are 0."""
    text = written(round(seconds * SECOND))
    for hollow in ("m0s", "h0m"):
        if text.endswith(hollow):
            text = text[:-2]
    return text
