"""The plan: for each object that a file wants, what is there, and what is to be done about it. Writes nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nomad_token.setup.access import notes
from nomad_token.setup.changes import Change, Difference, Verdict
from nomad_token.setup.checks import checked, warned
from nomad_token.setup.compare import compare, written_over
from nomad_token.setup.current import Current, Servers
from nomad_token.setup.facts import facts
from nomad_token.setup.objects import Kind, Object


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, in this order, and what is to be said of it."""

    changes: tuple[Change, ...]
    warnings: tuple[str, ...] = ()

    @property
    def stops(self) -> tuple[Change, ...]:
        """What keeps anything from being written."""
        return tuple(each for each in self.changes if each.is_stop)

    @property
    def writes(self) -> tuple[Change, ...]:
        """What is written."""
        return tuple(each for each in self.changes if each.is_write)


def plan(servers: Servers, wanted: Sequence[Object], *, renews: bool = False) -> Plan:
    """Return what is to be done; *renews* gives each access a new token. Raises `Error`."""
    current = Current(servers)
    changes = [compare(each, current.found(each)) for each in wanted]
    if renews:
        changes = [_renewed(each) for each in changes]
    known = facts(servers, current, wanted)
    done = checked(changes, known)
    return Plan(done, (*warned(done, known), *notes(servers, done), *current.left_over(wanted)))


def _renewed(change: Change) -> Change:
    """Give an access that is there a new token, where it is ours."""
    if change.wanted.kind is not Kind.ACCESS or change.is_stop or change.verdict is Verdict.CREATE:
        return change
    if not change.found.ours:
        return replace(
            change,
            verdict=Verdict.REFUSE,
            reason=f"The mount `{change.wanted.mount}` was not made by nomad-token setup, and neither was its token.",
            fix="Leave out --rotate-access, or make a token by hand: nomad acl token create -type=management",
        )
    return replace(
        change,
        verdict=Verdict.CHANGE,
        renews=True,
        differences=(*change.differences, Difference("token", "the one that Vault has", "a new one")),
        body=written_over(change.wanted, change.found.body or {}),
    )


def mounts_to_prove(done: Plan) -> Iterator[tuple[str, tuple[Change, ...]]]:
    """Yield each mount of the engine of which something was written, with the changes that are its roles."""
    written = {each.wanted.mount for each in done.writes if each.wanted.server == "vault" and not each.wanted.of_auth}
    for mount in sorted(written):
        yield (
            mount,
            tuple(each for each in done.changes if each.wanted.kind is Kind.ENGINE_ROLE and each.wanted.mount == mount),
        )
