"""`setup plan`: what the file wants, what is there, and what would change."""

import argparse
from collections.abc import Sequence
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.of_setup.options import of_file
from nomad_token.commands.options import of_json, of_servers
from nomad_token.declared import Declared


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    of_file(one)
    of_json(one)
    of_servers(one, declared, vault=True, nomad=True, without=("vault-mount",))  # the file names mounts


def _act(asked: Asked) -> int:
    from nomad_token.commands.of_setup.servers import meant, told  # noqa: PLC0415 - only a call of it needs them
    from nomad_token.setup.plan import plan  # noqa: PLC0415
    from nomad_token.setup.printed import as_json, as_text  # noqa: PLC0415

    of = meant(asked)
    found = plan(of.servers, of.wanted)
    asked.out.write(as_json(found) if asked.is_for_programs else as_text(found))
    told(found, of, asked, is_shown=not asked.is_for_programs)
    return 0


COMMAND: Final = Command(
    _act,
    _options,
    about="Compare what the file wants with what is on the servers, and show what `nomad-token setup apply` would do. "
    "Nothing is written, and nothing secret is shown. A diff on a terminal, JSON in a pipe.",
)
