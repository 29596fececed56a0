"""What a minted token is for: its policies in Nomad, and what they allow in the job's namespace."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nomad_token.clients.failures import Failure
from nomad_token.doctor.finding import Finding, Unseen, broken, not_seen, ok, skipped, unknown, warning
from nomad_token.doctor.shapes import mappings, names
from nomad_token.errors import InputError, NotFound, Refused
from nomad_token.issuers.nomad_refusals import no_acl_role
from nomad_token.text import pasted, shown

SUBMIT: Final = "submit-job"
_DENY: Final = "deny"
Seen = Unseen | Failure


def roles(found: Mapping[str, object] | Seen) -> Finding | None:
    """Judge the ACL roles of Nomad's that the token is to have, by name; None where nothing is wrong with them."""
    missing = [name for name, role in found.items() if role is None] if isinstance(found, Mapping) else []
    return broken(no_acl_role(f"Nomad has no ACL role `{shown(missing[0])}`.")) if missing else None


def policies(wanted: Sequence[str] | Seen, known: Sequence[str] | Seen) -> Finding:
    """Judge whether Nomad has the policies that the token gets: it takes any name (api-contract 2.4)."""
    if isinstance(wanted, Unseen | Failure):
        return not_seen(wanted, "The policies that the token gets")
    if isinstance(known, Unseen | Failure):
        return not_seen(known, "Nomad's policies")
    missing = [name for name in wanted if name not in known]
    if not missing:
        return ok(f"Nomad has each policy of the token: {', '.join(map(shown, wanted)) or 'it has none'}.")
    names = ", ".join(f"`{shown(name)}`" for name in missing)
    what = f"Nomad knows no policy {names}: it takes such a name without a word, and grants nothing for it."
    fix = f"Compare with: nomad acl policy list\nor make it: nomad acl policy apply {pasted(missing[0])} FILE"
    if len(missing) < len(wanted):
        return warning(what, fix=fix)
    return broken(NotFound(what, why="The token is accepted, and every deploy with it is refused: 403.", fix=fix))


def namespace(
    name: str, rules: Mapping[str, Mapping[str, Any]] | Seen | None, namespaces: Sequence[str] | Seen
) -> Finding:
    """Judge whether the policies, by what Nomad reads out of them (RulesJSON), allow a deploy in the namespace *name*.

    None as rules is a management token's. *namespaces* are those that are there, as far as whoever asked sees them.
    """
    if isinstance(rules, Unseen | Failure):
        return not_seen(rules, f"What the token may do in the namespace {shown(name)}")
    there = isinstance(namespaces, Unseen | Failure) or name in namespaces
    absent = NotFound(
        f"Nomad has no namespace `{shown(name)}`, or the token sees none of that name.",
        fix=f"Compare with: nomad namespace list\nor make it: nomad namespace apply {pasted(name)}",
    )
    granted = {SUBMIT} if rules is None else _granted([read.get("Namespaces") for read in rules.values()], name)
    if SUBMIT in granted and _DENY not in granted:
        return ok(f"The token may deploy in the namespace {shown(name)}.") if there else broken(absent)
    unread = [policy for policy, read in (rules or {}).items() if "Namespaces" not in read]
    if unread and _DENY not in granted:
        return unknown(f"This Nomad does not tell what {', '.join(map(shown, unread))} allows.")
    return broken(
        Refused(
            f"No policy of the token ({', '.join(map(shown, rules or ())) or 'it has none'}) allows {SUBMIT} in the "
            f"namespace `{shown(name)}`.",
            why=f"`nomad job run` would be refused: 403 Permission denied.{'' if there else f' {absent.what}'}",
            fix="Add to one of them, and apply it (nomad acl policy apply):\n"
            f'  namespace "{shown(name)}" {{ capabilities = ["list-jobs", "read-job", "submit-job"] }}',
        )
    )


def _granted(policies: Sequence[Any], name: str) -> set[str]:
    """Return what the rules for *name* give together: its own, else those of the closest glob (Nomad's docs)."""
    by_name: dict[str, set[str]] = {}
    for rule in (rule for rules in policies for rule in mappings(rules)):
        by_name.setdefault(str(rule.get("Name")), set()).update(names(rule.get("Capabilities")))
    fitting = [glob for glob in by_name if _fits(glob, name)]
    closest = min(fitting, key=lambda glob: (glob != name, len(name) - len(glob.replace("*", ""))), default=None)
    return by_name[closest] if closest is not None else set()


def _fits(glob: str, name: str) -> bool:
    """Tell whether *glob*, in which `*` alone is special, fits."""
    first, *parts = glob.split("*")
    if not parts:
        return glob == name
    if not name.startswith(first):
        return False
    at = len(first)
    *middle, last = parts
    for part in middle:
        found = name.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(name) - at >= len(last) and name.endswith(last)


def wanted_by(text: str) -> str:
    """Return the namespace of a job, as `nomad job run -output` writes one. Raises `InputError`."""
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(
            "--job: the file is no JSON.",
            why="HCL is read by Nomad's own program alone: variables and functions are part of it.",
            fix="nomad job run -output JOB.nomad.hcl > JOB.json, or name the namespace: --namespace NAME",
        ) from None
    job = read.get("Job", read) if isinstance(read, dict) else None
    if not isinstance(job, dict) or not (job.get("ID") or job.get("Name")):
        raise InputError("--job: the file holds no job.", fix="nomad job run -output JOB.nomad.hcl > JOB.json")
    return str(job.get("Namespace") or "")


def not_wanted() -> Finding:
    """Say that nothing named a namespace."""
    return skipped("No namespace is named.", fix="--job FILE.json, or --namespace NAME, has it looked at.")
