"""`revoke`: what mints have kept, or leases that are named, or all of a role."""

import argparse
from collections.abc import Sequence
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_lease, of_servers_of_leases, of_state
from nomad_token.commands.terminal import confirm
from nomad_token.declared import Declared
from nomad_token.leases.by_hand import revoke_named
from nomad_token.leases.listing import leases_of_named
from nomad_token.platforms.call import Call
from nomad_token.post import post
from nomad_token.text import shown


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    of_state(one)
    of_lease(one)
    about = "every lease of this role of Vault's engine, whoever has its token; asks first"
    one.add_argument("--all-of", metavar="ROLE", dest="all_of", help=about)
    one.add_argument("--yes", action="store_true", help="don't ask")
    of_servers_of_leases(one, declared)


def _act(asked: Asked) -> int:
    with asked.platform.section("revoke"):
        if _is_named(asked.call):
            _revoke_named(asked)
        else:
            post(asked.platform, asked.outside, strict=True)
    return 0


def _is_named(call: Call) -> bool:
    return bool(call.options.get("leases")) or call.options.get("all_of") is not None


def _revoke_named(asked: Asked) -> None:
    operator, options = asked.operator(), asked.call.options
    vault, named = operator.vault(), list(options["leases"] or [])
    role = options["all_of"]
    if role is not None:
        found = leases_of_named(vault, operator.mount(), role)
        asked.platform.say(f"{shown(role)} has {len(found)} {'lease' if len(found) == 1 else 'leases'}.")
        if found and not options["yes"]:
            _confirm(len(found))
        named += found
    revoke_named(vault, named, asked.outside.clock, asked.platform.say)


def _confirm(count: int) -> None:
    """Ask on the terminal. Raises `InputError` where there is none, or where the answer is no."""
    confirm(
        f"Revoke {'it' if count == 1 else f'all {count}'}? [y/N] ",
        lambda typed: typed.lower() in {"y", "yes"},
        nothing="Nothing was revoked",
        why="Whoever has one of these tokens loses it.",
        fix="Say --yes.",
    )


COMMAND: Final = Command(_act, _options, is_whole=lambda call: not _is_named(call))
