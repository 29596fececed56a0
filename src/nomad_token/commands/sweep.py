"""`sweep`: what `nomad-management` left over in Nomad."""

import argparse
from collections.abc import Sequence
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_json, of_servers
from nomad_token.declared import Declared
from nomad_token.errors import InputError, LiveTokenLeft
from nomad_token.leases.listing import tokens_of
from nomad_token.leases.sweep import leftovers, why_not_deleted
from nomad_token.leases.table import printed
from nomad_token.readers import seconds

_AGE: Final = "1h"


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    about = f"how old a token is at least that counts as left over, such as 30m or 12h. Default: {_AGE}."
    one.add_argument("--older-than", metavar="AGE", default=_AGE, dest="older_than", help=about)
    one.add_argument("--delete", action="store_true", help="delete them; without it they are listed alone")
    of_json(one)
    of_servers(one, declared, vault=False, nomad=True)


def _act(asked: Asked) -> int:
    age, now = _age(asked.call.options["older_than"]), asked.outside.clock.now()
    nomad = asked.operator().nomad()
    tokens = tokens_of(nomad)
    found = leftovers(tokens, older_than=age, now=now)
    asked.out.write(printed([], found, now, as_json=asked.is_for_programs))
    if of_vault := sum(token.by == "vault" for token in tokens):
        asked.platform.say(
            f"{of_vault} more have a name as Vault's engine gives it: their leases end them, and a token that is "
            "deleted here fails its lease's revoke. See: nomad-token list, and nomad-token revoke --all-of ROLE"
        )
    if not asked.call.options["delete"]:
        asked.platform.say("Nothing was deleted: --delete does it." if found else "Nothing is left over.")
        return 0
    left = [reason for token in found if (reason := why_not_deleted(nomad, token, asked.outside.clock))]
    asked.platform.say(f"Deleted {len(found) - len(left)} of {len(found)}.")
    if left:
        raise LiveTokenLeft("\n".join(left))
    return 0


def _age(text: str) -> float:
    try:
        return seconds(text)
    except ValueError as error:
        raise InputError(f"--older-than: `{text[:40]}` {error}.") from None


COMMAND: Final = Command(
    _act,
    _options,
    about="Find the tokens that `nomad-management` mints left over in Nomad, by the names that only this program "
    "gives, and delete them with --delete.",
)
