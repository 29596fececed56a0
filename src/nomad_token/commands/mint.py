"""`mint`: a token, written where the flags say."""

import argparse
from collections.abc import Sequence
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_inputs, of_state
from nomad_token.declared import Declared
from nomad_token.mint import mint
from nomad_token.order import read_order
from nomad_token.platforms.shell import KEPT
from nomad_token.platforms.sinks import SINKS
from nomad_token.signals import GONE_WITHIN


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    group = one.add_argument_group(
        "where the token goes",
        "A file is yours alone, replaces what was there, and is gone after the revoke.\n- is standard output.",
    )
    for sink, (metavar, about) in SINKS.items():
        group.add_argument(f"--{sink}", metavar=metavar, dest=sink, help=about)
    group.add_argument("--show", action="store_true", help="show the token even where standard output is a terminal")
    about = f"put the undo into the dotenv file too, as {KEPT}: for a revoke in another job"
    group.add_argument("--portable", action="store_true", help=about)
    of_state(one)
    of_inputs(one, declared)


def _act(asked: Asked) -> int:
    with asked.outside.signals.held(GONE_WITHIN):
        asked.platform.check_sinks()
        order = read_order(asked.platform)
    with asked.platform.section("mint"):
        mint(order, asked.platform, asked.outside)
    return 0


COMMAND: Final = Command(_act, _options)
