"""How the text of an input is read: each returns its value, or raises `ValueError` with what is wrong with it."""

import re
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from nomad_token.text import shown

YES: Final = frozenset({"true", "t", "yes", "y", "on", "1"})
NO: Final = frozenset({"false", "f", "no", "n", "off", "0"})

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NO_ADDRESS: Final = "is not an address like https://host:8200"
_FORBIDDEN_ENV: Final = re.compile(
    r"(GITHUB_|RUNNER_|ACTIONS_|INPUT_|STATE_|CI_|LD_|PYTHON|GIT_).*|PATH|HOME|NODE_OPTIONS|BASH_ENV|ENV", re.IGNORECASE
)


def text(value: str) -> str:
    """Take anything."""
    return value


def line(value: str) -> str:
    """Read what is one line, of at most 512 characters."""
    if _CONTROL.search(value):
        raise ValueError("holds a line break, or another control character")
    return _at_most(512, value)


def boolean(value: str) -> bool:
    """Read `true`, `false`, or another word for them."""
    if value.lower() not in YES | NO:
        raise ValueError("is neither true nor false")
    return value.lower() in YES


class OneOf:
    """Reads one of some words."""

    def __init__(self, *choices: str) -> None:
        """Take those that are listed as *choices*."""
        self.choices = choices

    def __call__(self, value: str) -> Any:  # noqa: ANN401 - the Literal of the field says which
        """Return the word."""
        if value not in self.choices:
            raise ValueError(f"is not one of {', '.join(self.choices)}")
        return value


def seconds(value: str) -> float:
    """Read `90`, `90s`, `2m`, `1h30m` as seconds."""
    value = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", value):
        return float(value)
    parts = re.fullmatch(r"(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?", value)
    if parts is None or not value:
        raise ValueError("is not a duration: write for example 90s, 2m or 1h30m")
    hours, minutes, rest = (int(part or 0) for part in parts.groups())
    return float(3600 * hours + 60 * minutes + rest)


def lasting(longest: str) -> Callable[[str], float]:
    """Return what reads a duration of at most *longest*, in seconds."""
    most = seconds(longest)

    def read(value: str) -> float:
        lasts = seconds(value)
        if not 0 < lasts <= most:
            raise ValueError(f"is not between 1s and {longest}")
        return lasts

    return read


duration: Final = lasting("8784h")
timeout: Final = lasting("24h")


def address(value: str) -> str:
    """Read a server's address; a path below the host is kept, a user in it is refused: it would be logged."""
    value = _at_most(2048, value)
    if "://" not in value:
        raise ValueError(f"has no scheme: write https://{shown(value)}")
    if re.search(r"[\s\x00-\x1f\x7f;$&|()<>'\"`\\]", value):
        raise ValueError("holds a character that no address has")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError(_NO_ADDRESS) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(_NO_ADDRESS)
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or a password, which would be logged: leave them out")
    if not all(0 < len(label) < 64 for label in parts.hostname.removesuffix(".").split(".")):
        raise ValueError("has a host that can't be one: a dot too many, or more than 63 letters without one")
    try:
        _ = parts.port
    except ValueError:
        raise ValueError("has a port that is not a number below 65536") from None
    # `urlsplit` wrote the scheme in lower case
    return re.sub(r"/v1$", "", parts.geturl().rstrip("/"))


def mount(value: str) -> str:
    """Read a path of Vault: segments of any depth, without slashes at the ends."""
    value = value.strip().strip("/")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)*", value, re.ASCII) or {".", ".."} & set(value.split("/")):
        raise ValueError("is not a mount path like nomad or teams/deploy/nomad")
    return _at_most(512, value)


def env_name(value: str) -> str:
    """Read the name of a variable that is to hold a token."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("is not a variable's name: letters, digits and _, not beginning with a digit")
    if _FORBIDDEN_ENV.fullmatch(value):
        raise ValueError("would steer the runner, the loader or the shell: choose another name")
    return value


def _at_most(longest: int, value: str) -> str:
    if len(value) > longest:
        raise ValueError(f"is longer than {longest} characters")
    return value
