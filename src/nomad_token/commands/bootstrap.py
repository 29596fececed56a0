"""`bootstrap`: Nomad's ACL bootstrap, with the token in a file."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nomad_token.bootstrap import bootstrap
from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_servers
from nomad_token.declared import Declared
from nomad_token.text import pasted, shown


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    about = "the new file that gets the token, for its owner alone; one that is there is not overwritten"
    one.add_argument("--out", metavar="FILE", required=True, help=about)
    one.add_argument("--print", action="store_true", dest="prints", help="print the token too")
    of_servers(one, declared, vault=False, nomad=True, without=("nomad-token-file",))  # there is no token yet


def _act(asked: Asked) -> int:
    path, outside, platform = Path(asked.call.options["out"]), asked.outside, asked.platform
    nomad = asked.operator().nomad_with(None)
    # The answer is kept before anything ends the program: nobody can show that token again.
    with outside.signals.held(_WAITED):
        secret = bootstrap(nomad, path, outside.clock, platform.unreachable)
    if asked.call.options["prints"]:
        asked.out.write(f"{secret.get_secret_value()}\n")
    else:
        platform.mask(secret)
    platform.say(f"Bootstrapped the ACLs of Nomad at {nomad.address}. The management token is in {shown(path)}.")
    platform.say(
        f"It is yours alone. Vault gets one of its own: nomad-token setup apply --nomad-token-file {pasted(path)}"
    )
    return 0


_WAITED: Final = 60.0
"""Seconds for which a signal waits."""

COMMAND: Final = Command(
    _act,
    _options,
    usage="--out FILE [OPTION ...]",
    about="Bootstrap the ACLs of a new Nomad cluster, and write its first management token to a file. The token is not "
    "shown, unless --print asks for it.",
)
