"""A namespace: mounts and policies of its own, below a path (api-contract 3.1); recorded on OpenBao 2.7.2."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from nomad_token_lab import ids
from nomad_token_lab.vault import policies
from nomad_token_lab.vault.backend import Backend


class Label:
    """What a table of mounts says of one besides its type: what it is for, and the accessor, which nobody chooses."""

    def __init__(self, kind: str, description: str = "") -> None:
        """Make an accessor for a mount of that *kind*."""
        self.description = description
        self.accessor = f"{kind}_{ids.guid()[:8]}"


@dataclass(eq=False)
class Namespace:
    """One namespace; `path` ends with a slash, the root's is empty, and so is its `id`."""

    path: str = ""
    id: str = field(default_factory=lambda: ids.base62(6))
    mounts: dict[str, Backend] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=lambda: {"default": policies.DEFAULT})

    def mount_of(self, path: str) -> str | None:
        """Return the mount that *path* leads to, the longest that fits, or None."""
        return max((mount for mount in self.mounts if path.startswith(mount)), key=len, default=None)


class Namespaces:
    """The namespaces that exist, by their path; the root is always there."""

    def __init__(self) -> None:
        """Begin with the root."""
        self.root = Namespace(id="")
        self._known = {"": self.root}

    def __iter__(self) -> Iterator[Namespace]:
        return iter(list(self._known.values()))

    def find(self, name: str) -> Namespace | None:
        """Return the namespace of a header, with or without slashes around it; `root` and nothing are the root."""
        stripped = name.strip("/")
        return self._known.get("" if stripped in {"", "root"} else f"{stripped}/")

    def enter(self, namespace: Namespace, path: str) -> tuple[Namespace, str]:
        """Return where a request's *path* leads from *namespace*: it may begin with namespaces below it."""
        whole = namespace.path + path
        within = max((known for known in self._known if whole.startswith(known)), key=len)
        if len(within) < len(namespace.path):
            return namespace, path
        return self._known[within], whole.removeprefix(within)

    def add(self, namespace: Namespace) -> None:
        """Keep *namespace*."""
        self._known[namespace.path] = namespace

    def remove(self, namespace: Namespace) -> None:
        """Forget *namespace*."""
        self._known.pop(namespace.path, None)
