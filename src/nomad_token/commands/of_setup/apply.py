"""`setup apply`: what differs is changed, and proven."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.of_setup.options import of_file
from nomad_token.commands.options import of_servers
from nomad_token.commands.terminal import confirm
from nomad_token.declared import Declared
from nomad_token.errors import Refused
from nomad_token.secret import SecretStr
from nomad_token.setup.objects import Kind

if TYPE_CHECKING:
    from nomad_token.commands.of_setup.servers import Meant
    from nomad_token.setup.objects import Object
    from nomad_token.setup.plan import Plan

_TRUST: Final = frozenset({Kind.LOGIN_ROLE, Kind.AUTH_METHOD, Kind.BINDING_RULE})


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    of_file(one)
    one.add_argument("--yes", action="store_true", help="don't ask")
    about = "give each engine of the file a new token for Nomad, prove it, and delete the one that it had"
    one.add_argument("--rotate-access", action="store_true", dest="rotate_access", help=about)
    of_servers(one, declared, vault=True, nomad=True, without=("vault-mount",))  # the file names mounts


def _act(asked: Asked) -> int:
    from nomad_token.commands.of_setup.servers import meant, told  # noqa: PLC0415 - only a call of it needs them
    from nomad_token.setup.apply import Means, apply  # noqa: PLC0415
    from nomad_token.setup.plan import plan  # noqa: PLC0415
    from nomad_token.setup.printed import as_text, total  # noqa: PLC0415
    from nomad_token.setup.trusts import how_to  # noqa: PLC0415

    of = meant(asked)
    planned = plan(of.servers, of.wanted, renews=asked.call.options["rotate_access"])
    told(planned, of, asked, is_shown=False)
    if not planned.writes:
        asked.out.write(f"{total(planned)}\n")
        return 0
    asked.out.write(as_text(planned))
    asked.out.flush()
    if not asked.call.options["yes"]:
        _confirm(of)
        _see_again(planned, plan(of.servers, of.wanted, renews=asked.call.options["rotate_access"]))
    outside, platform = asked.outside, asked.platform

    def key_of(one: "Object") -> SecretStr:
        key = SecretStr(of.read(one.key_file) if one.key_file else "")
        if one.key_file:
            platform.mask(key)
        return key

    apply(planned, of.servers, Means(outside.clock, outside.signals, platform.say, platform.unreachable, key_of))
    if any(each.wanted.kind in _TRUST for each in planned.writes):
        for line in "\n".join(how_to(of.setup)).splitlines():
            platform.say(line)
    return 0


def _confirm(of: "Meant") -> None:
    """Ask on the terminal. Raises `InputError` where there is none, or where the answer is no."""
    places = [f"Vault at {of.servers.vault.address}"] if of.servers.vault else []
    places += [f"Nomad at {of.servers.nomad.address}"] if of.servers.nomad else []
    confirm(
        f"Do that at {' and '.join(places)}? Only `yes` does it: ",
        lambda typed: typed == "yes",
        nothing="Nothing was written",
        why="What is above would be written.",
        fix="Say --yes. See: nomad-token setup plan",
    )


def _see_again(seen: "Plan", now: "Plan") -> None:
    """Raise `Refused` where others wrote while the question stood: what was agreed to is not what would be done."""
    if [(each.path, each.verdict, each.differences) for each in seen.changes] != [
        (each.path, each.verdict, each.differences) for each in now.changes
    ]:
        raise Refused(
            "Nothing was written: what is there has changed since it was shown.",
            fix="Run it again, and see what is different.",
        )


COMMAND: Final = Command(
    _act,
    _options,
    about="Do what `nomad-token setup plan` shows: create what is not there, and change what an earlier run made and "
    "the file wants otherwise. What somebody else made is never changed, and nothing is deleted. At the end a token of "
    "each engine is minted and revoked, as a proof. Run again, it changes nothing; cut short, it goes on.",
)
