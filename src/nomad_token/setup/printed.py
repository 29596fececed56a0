"""A plan on paper: a diff for a person, JSON for a program. Nothing in it is secret."""

import difflib
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from nomad_token.platforms.base import in_json
from nomad_token.setup.canonical import LIVES
from nomad_token.setup.changes import Change, Difference, Verdict
from nomad_token.setup.plan import Plan
from nomad_token.text import said, shown

_SIGNS: Final = {
    Verdict.CREATE: "+",
    Verdict.CHANGE: "~",
    Verdict.SAME: " ",
    Verdict.REFUSE: "!",
    Verdict.UNKNOWN: "?",
}
_LONGEST: Final = 400
"""Letters of a value that are shown."""


def as_text(plan: Plan) -> str:
    """Return the plan for a person, with its last line break."""
    lines = [line for change in plan.changes for line in _lines(change)]
    return "\n".join([*lines, "", total(plan)]) + "\n"


def total(plan: Plan) -> str:
    """Return how much there is of what, in a sentence."""
    counts = {verdict: sum(each.verdict is verdict for each in plan.changes) for verdict in Verdict}
    if counts[Verdict.SAME] == len(plan.changes):
        return "Nothing to do: all of it is there."
    told = {
        Verdict.CREATE: "to create",
        Verdict.CHANGE: "to change",
        Verdict.SAME: "as wanted",
        Verdict.REFUSE: "refused",
        Verdict.UNKNOWN: "not known",
    }
    line = ", ".join(f"{counts[verdict]} {text}" for verdict, text in told.items() if counts[verdict])
    return f"{line}.{' Nothing is written before that is mended.' if plan.stops else ''}"


def _lines(change: Change) -> Iterator[str]:
    there = "" if change.found.ours or change.verdict is not Verdict.SAME else " (not ours, left alone)"
    yield f"{_SIGNS[change.verdict]} {title(change)}{there}"
    if change.verdict is Verdict.SAME:
        return
    for difference in change.differences:
        yield from _of_field(difference, is_new=change.verdict is Verdict.CREATE)
    if change.reason:
        yield f"      {shown(change.reason, _LONGEST)}"
    yield from (f"      {said(line)}" for line in change.fix.splitlines())


def title(change: Change) -> str:
    """Return what an object is called."""
    return f"{change.wanted.kind} {change.wanted.name}"


def _of_field(one: Difference, *, is_new: bool) -> Iterator[str]:
    if any(isinstance(value, str) and "\n" in value for value in (one.before, one.after)):
        yield f"      {one.name}:"
        before, after = (str(value or "").splitlines() for value in (one.before, one.after))
        # The first two lines name files; a line of the text may begin as they do.
        for line in islice(difflib.unified_diff(before, after, lineterm="", n=2), 2, None):
            if not (is_new and line.startswith("@@")):
                yield f"        {line[:1]}{_set_in(line[1:])}".rstrip()
    elif is_new:
        yield f"      {one.name} = {_value(one, one.after)}"
    else:
        yield f"      {one.name} = {_value(one, one.before)} -> {_value(one, one.after)}"


def _set_in(line: str) -> str:
    return " " * (len(line) - len(line.lstrip(" "))) + shown(line, _LONGEST)


def _value(one: Difference, value: Any) -> str:  # noqa: ANN401 - of a field
    if value is None or value == "":
        return "nothing"
    if one.name in LIVES and isinstance(value, int):
        return f"{value // 10**9}s"
    return shown(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _LONGEST)


def as_json(plan: Plan) -> str:
    """Return the plan for a program, with its last line break."""
    told = {"changes": [_entry(each) for each in plan.changes], "warnings": list(plan.warnings)}
    return f"{in_json(told, indent=2)}\n"


def _entry(change: Change) -> dict[str, object]:
    return {
        "server": change.wanted.server,
        "kind": str(change.wanted.kind),
        "name": change.wanted.name,
        "path": change.path,
        "verdict": str(change.verdict),
        "ours": change.found.ours,
        "fields": [{"name": each.name, "before": each.before, "after": each.after} for each in change.differences],
        "reason": change.reason,
        "fix": change.fix,
    }


def refused(stops: Sequence[Change]) -> str:
    """Return all that is refused, with its reasons."""
    return "\n".join(f"{title(each)}: {each.reason}\n{each.fix}".rstrip() for each in stops)
