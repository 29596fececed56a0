"""Named entries of an auth method, as its API keeps them: roles, users, certificates."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nomad_token_lab.vault import fields
from nomad_token_lab.vault.backend import DONE, NAME, Call, Operation, Path, Reply
from nomad_token_lab.vault.errors import nothing_there
from nomad_token_lab.vault.login import terms_data, terms_of
from nomad_token_lab.vault.tokens import Terms


@dataclass(frozen=True)
class Entry:
    """What the method itself knows of an entry, and what a login by it yields."""

    own: Mapping[str, Any] = field(repr=False)
    terms: Terms


class Entries:
    """A table at `<word>/<name>`; a write changes what it names and keeps the rest."""

    def __init__(
        self, word: str, own: Callable[[fields.Data], Mapping[str, Any]], *, hidden: frozenset[str] = frozenset()
    ) -> None:
        """Keep what *own* makes of a write (or refuses); reads don't show the *hidden* fields."""
        self._word = word
        self._own = own
        self._hidden = hidden
        self._known: dict[str, Entry] = {}

    def __iter__(self) -> Iterator[tuple[str, Entry]]:
        return iter(list(self._known.items()))

    def find(self, name: str) -> Entry | None:
        """Return the entry *name*."""
        return self._known.get(name)

    def paths(self) -> tuple[Path, ...]:
        """Return the patterns at which the entries are listed, read, written and deleted."""
        read, write, delete = self._read, self._write, self._delete
        deeds = {
            Operation.READ: read,
            Operation.CREATE: write,
            Operation.UPDATE: write,
            Operation.DELETE: delete,
        }
        return (
            Path(f"{self._word}/?", {Operation.LIST: self._list}),
            Path(f"{self._word}/{NAME}", deeds, exists=lambda name: name in self._known),
        )

    def _list(self, _call: Call) -> Reply:
        if not self._known:
            raise nothing_there()
        return Reply({"keys": sorted(self._known)})

    def _read(self, call: Call) -> Reply:
        entry = self.find(call.name)
        if entry is None:
            raise nothing_there()
        shown = {name: value for name, value in entry.own.items() if name not in self._hidden}
        return Reply({**shown, **terms_data(entry.terms)})

    def _write(self, call: Call) -> Reply:
        known = self.find(call.name)
        before = {**known.own, **terms_data(known.terms)} if known else {}
        data = {**before, **call.data}
        self._known[call.name] = Entry(self._own(data), terms_of(data))
        return DONE

    def _delete(self, call: Call) -> Reply:
        self._known.pop(call.name, None)
        return DONE
