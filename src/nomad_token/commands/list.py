"""`list`: the leases of Vault's engine, and Nomad's tokens that it or this program made."""

import argparse
from collections.abc import Sequence
from itertools import islice
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_json, of_servers
from nomad_token.declared import Declared
from nomad_token.errors import InputError
from nomad_token.leases.listing import (
    MOST_LEASES,
    Lease,
    Token,
    leases_of,
    leases_of_named,
    looked_up,
    roles_of,
    tokens_of,
)
from nomad_token.leases.table import printed


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    one.add_argument("roles", nargs="*", metavar="ROLE", help="a role of Vault's engine; without one: all")
    of_json(one)
    of_servers(one, declared, vault=True, nomad=True)


def _act(asked: Asked) -> int:
    operator = asked.operator()
    if not (operator.has_vault or operator.has_nomad):
        raise InputError("`vault-addr` or `nomad-addr` is missing: it says whose leases or tokens are meant.")
    leases: list[Lease] = []
    tokens: list[Token] = []
    if operator.has_vault:
        vault, mount = operator.vault(), operator.mount()
        named = asked.call.options["roles"]
        for role in named or roles_of(vault, mount):
            ids = leases_of_named(vault, mount, role) if named else leases_of(vault, mount, role)
            leases += looked_up(vault, role, islice(ids, MOST_LEASES))
            if len(ids) > MOST_LEASES:
                asked.platform.say(f"{role} has {len(ids)} leases, of which {MOST_LEASES} are shown.")
    if operator.has_nomad:
        tokens = tokens_of(operator.nomad())
    asked.out.write(printed(leases, tokens, asked.outside.clock.now(), as_json=asked.is_for_programs))
    return 0


COMMAND: Final = Command(
    _act,
    _options,
    usage="[ROLE ...] [OPTION ...]",
    about="List the leases of roles of Vault's Nomad engine, and, where `--nomad-addr` is given, Nomad's tokens that "
    "Vault or this program made. Nothing secret is shown. A table on a terminal, JSON in a pipe.",
)
