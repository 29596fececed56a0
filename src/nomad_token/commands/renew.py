"""`renew`: what mints have kept, or leases that are named."""

import argparse
from collections.abc import Sequence
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_lease, of_servers_of_leases, of_state
from nomad_token.declared import Declared
from nomad_token.leases.by_hand import renew_named
from nomad_token.renew import renew


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    of_state(one)
    of_lease(one)
    of_servers_of_leases(one, declared)


def _act(asked: Asked) -> int:
    named = asked.call.options["leases"]
    with asked.platform.section("renew"):
        if named:
            renew_named(asked.operator().vault(), named, asked.outside.clock, asked.platform.say)
        else:
            renew(asked.platform, asked.outside)
    return 0


COMMAND: Final = Command(_act, _options)
