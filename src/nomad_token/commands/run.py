"""`run`: a command that has the token for as long as it runs."""

import argparse
from collections.abc import Sequence
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_inputs, of_state
from nomad_token.declared import Declared
from nomad_token.order import read_order
from nomad_token.run import run
from nomad_token.signals import GONE_WITHIN


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    of_state(one)
    of_inputs(one, declared)


def _act(asked: Asked) -> int:
    with asked.outside.signals.held(GONE_WITHIN):
        order = read_order(asked.platform)
    return run(order, asked.platform, asked.outside, asked.call.words, asked.environ)


COMMAND: Final = Command(_act, _options, usage="[OPTION ...] -- COMMAND [ARGUMENT ...]", takes_words=True)
