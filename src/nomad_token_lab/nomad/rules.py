"""What Nomad's policies allow: namespaces by capability, the rest by level (docs, "ACL policy specification")."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, Final

from nomad_token_lab import hcl

_READ: Final = frozenset(
    {
        "list-jobs",
        "parse-job",
        "read-job",
        "csi-list-volume",
        "csi-read-volume",
        "list-scaling-policies",
        "read-scaling-policy",
        "read-job-scaling",
    }
)
_SCALE: Final = frozenset({"list-scaling-policies", "read-scaling-policy", "read-job-scaling", "scale-job"})
_WRITE: Final = (_READ | _SCALE) | {
    "submit-job",
    "dispatch-job",
    "read-logs",
    "read-fs",
    "alloc-exec",
    "alloc-lifecycle",
    "csi-write-volume",
    "csi-mount-volume",
    "submit-recommendation",
}
_LEVELS: Final = {"read": _READ, "scale": _SCALE, "write": _WRITE, "deny": frozenset({"deny"})}
_KNOWN: Final = _WRITE | {"deny", "alloc-node-exec", "csi-register-plugin", "sentinel-override"}
_COARSE: Final = frozenset({"node", "agent", "operator", "quota", "plugin"})
_ALLOWS: Final = {"read": {"read", "list"}, "write": {"read", "list", "write"}, "list": {"list"}, "deny": set[str]()}


class Rules:
    """The union of several policies' rules; `deny` wins."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Take the `Rules` of each policy.

        Raises:
            ValueError: a rule that can't be read, or a word that means nothing in it.
        """
        self._namespaces: dict[str, set[str]] = {}
        self._levels: dict[str, set[str]] = {}
        for text in texts:
            self._add(hcl.loads(text))

    def _add(self, parsed: dict[str, Any]) -> None:
        for name, rule in parsed.pop("namespace", {}).items():
            wanted = set(rule.get("capabilities", ()))
            if unknown := sorted(wanted - _KNOWN):
                raise ValueError(f"Invalid namespace capability {unknown[0]!r} in namespace {name!r}")
            if (level := rule.get("policy")) is not None:
                if level not in _LEVELS:
                    raise ValueError(f"Invalid namespace policy {level!r} in namespace {name!r}")
                wanted |= _LEVELS[level]
            self._namespaces.setdefault(name, set()).update(wanted)
        for subject, rule in parsed.items():
            if subject not in _COARSE or rule.get("policy") not in _ALLOWS:
                raise ValueError(f"Invalid {subject} policy: {rule!r}")
            self._levels.setdefault(subject, set()).add(rule["policy"])

    def namespace(self, name: str, capability: str) -> bool:
        """Tell whether *capability* is given in namespace *name*: by its own rule, else by the closest glob."""
        globs = [glob for glob in self._namespaces if fnmatchcase(name, glob)]
        closest = min(globs, key=lambda glob: (glob != name, len(name) - len(glob.replace("*", ""))), default=None)
        given = self._namespaces[closest] if closest is not None else set()
        return capability in given and "deny" not in given

    def gives_something(self, name: str) -> bool:
        """Tell whether any capability is given in namespace *name*."""
        return any(self.namespace(name, capability) for capability in _KNOWN)

    def read_out(self) -> dict[str, Any]:
        """Return the rules as Nomad shows what it reads in a policy (`RulesJSON`), shorthands written out."""
        namespaces = [
            {"Name": name, "Policy": "", "Capabilities": sorted(given), "Variables": None}
            for name, given in self._namespaces.items()
        ]
        levels = {subject.capitalize(): {"Policy": min(levels)} for subject, levels in self._levels.items()}
        return {"Namespaces": namespaces or None, **dict.fromkeys(map(str.capitalize, sorted(_COARSE))), **levels}

    def level(self, subject: str, wanted: str) -> bool:
        """Tell whether *wanted* (`read`, `write`) is given on *subject* (`node`, `agent`, …)."""
        levels = self._levels.get(subject, set())
        return "deny" not in levels and any(wanted in _ALLOWS[level] for level in levels)
