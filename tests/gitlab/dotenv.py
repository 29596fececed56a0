"""How GitLab reads a dotenv report: `app/services/ci/parse_dotenv_artifact_service.rb`, rule by rule."""

import re
from typing import Final

LARGEST: Final = 5120
"""Bytes; a report has to be smaller (`dotenv_size`, GitLab's default)."""
MOST: Final = 20
"""Variables (`dotenv_variables`, the default of a GitLab of one's own; gitlab.com takes 50 and more)."""
_LINE: Final = re.compile(r"(.*?)=(.*)", re.DOTALL)
_KEY: Final = re.compile(r"[A-Za-z0-9_]+")
# Ruby's `strip` takes these and NUL.
_BLANK: Final = "\t\n\v\f\r \0"
_REFERENCE: Final = re.compile(r"\$\$|%%|\$(\w+)|\$\{(\w+)\}|%(\w+)%")


class Refused(Exception):
    """GitLab answers the upload with 400, and the job fails."""


def parsed(report: bytes, *, largest: int = LARGEST, most: int = MOST) -> dict[str, str]:
    """Return the variables of a report, as later jobs get them before any reference in them is expanded.

    Raises `Refused`.
    """
    if len(report) >= largest:
        raise Refused(f"Dotenv Artifact Too Big. Maximum Allowable Size: {largest}")
    text = report.decode("utf-8", "replace").removeprefix("\ufeff")
    found: dict[str, str] = {}
    # As `each_line` does, at line feeds alone; what follows the last one is no line where it is empty.
    for line in text.removesuffix("\n").split("\n") if text else []:
        pair = _LINE.fullmatch(line)
        if pair is None:
            raise Refused("Invalid Format")
        key, value = (part.strip(_BLANK) for part in pair.groups())
        if not _KEY.fullmatch(key):
            raise Refused("Validation failed: Key can contain only letters, digits and '_'.")
        found[key] = value
    if len(found) > most:
        raise Refused(f"Dotenv files cannot have more than {most} variables")
    return found


def expandable(value: str) -> bool:
    """Tell whether GitLab finds a reference to another variable in *value*: a report's are not raw."""
    return _REFERENCE.search(value) is not None
