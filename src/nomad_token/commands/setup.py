"""`setup`: from a file that can be reviewed to servers that trust a deploy; its parts are in `of_setup`."""

import argparse
from collections.abc import Sequence
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.of_setup import PARTS, load
from nomad_token.declared import Declared
from nomad_token.platforms.call import Call


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    parts = one.add_subparsers(prog="nomad-token setup", dest="part", metavar="PART", required=True, title="parts")
    for name, line in PARTS.items():
        part = load(name)
        about = part.about or f"{line[0].upper()}{line[1:]}."
        usage = f"nomad-token setup {name} {part.usage}"
        parser = parts.add_parser(
            name, help=line, description=about, usage=usage, formatter_class=one.formatter_class, allow_abbrev=False
        )
        part.options(parser, declared)


def _act(asked: Asked) -> int:
    return load(asked.call.options["part"]).act(asked)


def _is_whole(call: Call) -> bool:
    return load(call.options["part"]).is_whole(call)


COMMAND: Final = Command(
    _act,
    _options,
    usage="PART [OPTION ...]",
    is_whole=_is_whole,
    about="Set up Vault's Nomad engine, Nomad's policies, and the trust in GitHub's or GitLab's id tokens, as "
    "nomad-token.toml says.\nnomad-token setup PART --help tells more.",
)
