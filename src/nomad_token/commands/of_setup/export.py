"""`setup export`: what the file wants, as commands or code for whoever gives no tool an operator's tokens."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.of_setup.options import of_file
from nomad_token.commands.options import of_inputs
from nomad_token.declared import Declared
from nomad_token.setup.export import FORMATS
from nomad_token.setup.export.base import Namespaces
from nomad_token.setup.file import load
from nomad_token.setup.objects import wanted

_ENGINE: Final = "vault-namespace"
_LOGIN: Final = "vault-auth-namespace"


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    names = ", ".join(FORMATS)
    about = f"{names}: commands for that program, resources of Terraform's, or HTTP requests"
    one.add_argument("--format", choices=list(FORMATS), metavar="FORMAT", required=True, help=about)
    of_file(one)
    of_inputs(one, [each for each in declared if each.name in {_ENGINE, _LOGIN}])
    one.epilog = "Files that the file names are looked for beside it, and by the commands in the folder they run in."


def _act(asked: Asked) -> int:
    setup, read = load(Path(asked.call.options["setup_file"]))
    found = {one.name: asked.platform.lookup(one) for one in asked.declared if one.name in {_ENGINE, _LOGIN}}
    given = {name: one.value for name, one in found.items() if one}
    engine = given.get(_ENGINE, "")
    namespaces = Namespaces(engine, given.get(_LOGIN, engine))
    objects = wanted(setup, read, namespaces.below)
    asked.out.write(FORMATS[asked.call.options["format"]](objects, namespaces))
    return 0


COMMAND: Final = Command(
    _act,
    _options,
    usage="--format FORMAT [OPTION ...]",
    about="Print what nomad-token.toml wants as commands or code to review and to run elsewhere. Nothing is asked or "
    "changed, no token is needed, and no secret is printed.",
)
