"""What was found, on paper: a line a link, and in full what is to be done, or JSON for a program."""

from collections.abc import Callable, Sequence
from typing import Final

from nomad_token.doctor.finding import Finding, Verdict
from nomad_token.platforms.base import in_json
from nomad_token.text import lines, shown

_TOLD: Final = frozenset({Verdict.BROKEN, Verdict.WARNING, Verdict.UNKNOWN})
_WIDE: Final = 2000


def printed(found: Sequence[Finding], spelled: Callable[[str], str], *, as_json: bool) -> str:
    """Return what is to be printed, with its last line break; *spelled* names inputs as the caller gives them."""
    return f"{_as_json(found, spelled) if as_json else _listed(found, spelled)}\n"


def asked_with(found: Sequence[Finding]) -> list[str]:
    """Say whose tokens showed what, a line for each."""
    whose = dict.fromkeys(who for one in found for who in one.asked_with)
    return [
        f"Asked with the token of {who}: {', '.join(one.name for one in found if who in one.asked_with)}."
        for who in whose
    ]


def _listed(found: Sequence[Finding], spelled: Callable[[str], str]) -> str:
    """Return a line for each link up to the broken one; what was said once of others is not said again."""
    broken = [at for at, one in enumerate(found) if one.verdict is Verdict.BROKEN]
    looked_at = found[: broken[0] + 1] if broken else found
    width = max(len(one.name) for one in looked_at)
    mark = max(len(one.verdict.value) for one in looked_at)
    indent = " " * (width + mark + 4)
    said: set[str] = set()
    text = []
    for one in looked_at:
        text.append(f"{one.name.ljust(width)}  {one.verdict.value.ljust(mark)}  {shown(spelled(one.what), _WIDE)}")
        for part in (one.why, one.fix):
            if one.verdict in _TOLD and part and part not in said:
                said.add(part)
                text += [f"{indent}{line}" for line in lines(spelled(part))]
    if rest := found[len(looked_at) :]:
        text.append(f"Not looked at, since {looked_at[-1].name} comes first: {', '.join(one.name for one in rest)}.")
    return "\n".join(text)


def _as_json(found: Sequence[Finding], spelled: Callable[[str], str]) -> str:
    broken = next((one for one in found if one.verdict is Verdict.BROKEN), None)
    return in_json(
        {
            "healthy": broken is None,
            "broken": broken.name if broken else None,
            "links": [
                {
                    "name": one.name,
                    "verdict": one.verdict.value,
                    "what": spelled(one.what),
                    "why": spelled(one.why),
                    "fix": spelled(one.fix),
                    "asked_with": list(one.asked_with),
                }
                for one in found
            ],
        },
        indent=2,
    )
