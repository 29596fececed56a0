"""Options that several commands have: the state's, and a flag for each input that is no secret."""

import argparse
import shutil
import textwrap
from collections.abc import Collection, Sequence
from typing import Any, Final, NoReturn

from nomad_token.connecting import NomadConnection, VaultConnection
from nomad_token.declared import Declared
from nomad_token.places import NomadInputs, VaultInputs
from nomad_token.platforms.shell import STATE
from nomad_token.platforms.spelling import spelled, spelt, variable

_GROUPS: Final = {"": "the token", "vault-": "Vault or OpenBao", "nomad-": "Nomad"}


def of_state(one: argparse.ArgumentParser) -> None:
    """Add what says where a mint is kept, and which variables are meant."""
    about = (
        f"the file that keeps what revokes the token. Also read from {STATE}. Without it: that of the job, in a "
        "CI that is known; else one that a mint makes and names. A run needs none."
    )
    one.add_argument("--state", metavar="FILE", help=about)
    of_call(one)


def of_call(one: argparse.ArgumentParser) -> None:
    """Add what each command has that asks servers."""
    about = "read variables that begin with it, such as eu_VAULT_ADDR, before those that don't: for a second cluster"
    one.add_argument("--prefix", metavar="PREFIX", help=about)
    one.add_argument("-v", "--verbose", action="store_true", help="print a line for each request")


def of_inputs(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    """Add a flag for each input that is no secret, and say where the others are read from."""
    groups = {prefix: one.add_argument_group(title) for prefix, title in _GROUPS.items()}
    for each in declared:
        prefix = next((prefix for prefix in _GROUPS if prefix and each.name.startswith(prefix)), "")
        groups[prefix].add_argument(f"--{each.name}", dest=f"input {each.name}", **_flag(each, declared))
    one.epilog = _secrets(declared)


def of_servers(
    one: argparse.ArgumentParser,
    declared: Sequence[Declared],
    *,
    vault: bool,
    nomad: bool,
    without: Collection[str] = (),
) -> None:
    """Add the inputs that say where servers are, for an operator's command, and where its tokens are read from.

    *without* are the flags that the command has no use for.
    """
    of_vault = [*VaultInputs.declared(), *VaultConnection.declared()] if vault else []
    of_nomad = [*NomadInputs.declared(), *NomadConnection.declared()] if nomad else []
    names = {each.name for each in [*of_vault, *of_nomad]} - {"nomad-namespace", *without}
    of_inputs(one, [each for each in declared if each.name in names])
    of_call(one)
    if nomad and "nomad-token-file" not in without:
        of_nomad_token(one)
    if vault:
        about = "Vault's token is read from VAULT_TOKEN, else from ~/.vault-token, where `vault login` keeps it."
        one.epilog = f"{about}\n\n{one.epilog}"


def of_nomad_token(one: argparse.ArgumentParser) -> None:
    """Add where the token of Nomad's operator may be read from."""
    about = "the file with Nomad's management token, read before NOMAD_MANAGEMENT_TOKEN and NOMAD_TOKEN"
    one.add_argument("--nomad-token-file", metavar="FILE", dest="nomad_token_file", help=about)


def of_lease(one: argparse.ArgumentParser) -> None:
    """Add the leases that are named instead of a state."""
    about = "this lease, with the operator's own token of Vault; may be given more than once. No state is read then"
    one.add_argument("--lease", metavar="LEASE", action="append", dest="leases", help=about)


def of_servers_of_leases(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    """Add where Vault is, for leases that are named; what works on a state needs none of it."""
    of_vault = {each.name for each in [*VaultInputs.declared(), *VaultConnection.declared()]}
    of_inputs(one, [each for each in declared if each.name in of_vault])
    one.epilog = (
        "With --lease, Vault's token is read from VAULT_TOKEN, else from ~/.vault-token.\n"
        "With a state, what a mint never saves is read again from its variables: a token that was lent, the key of a "
        "certificate, headers. See: nomad-token mint --help"
    )


def of_json(one: argparse.ArgumentParser) -> None:
    """Add what asks for JSON even on a terminal."""
    one.add_argument("--json", action="store_true", dest="as_json", help="print JSON, as in a pipe")


def in_flags(text: str, declared: Sequence[Declared]) -> str:
    """Name inputs in *text* as a command line does."""
    return spelled(text, {one.name: one for one in declared}, {one.name: spelt(one) for one in declared})


def _flag(one: Declared, declared: Sequence[Declared]) -> dict[str, Any]:
    """Return what argparse is told of an input."""
    if one.secret:
        return {"action": _Secret, "help": argparse.SUPPRESS, "nargs": "?", "const": one}
    about = _about(one, declared).replace("%", "%%")
    if one.environment:
        about += f" Also read from {', '.join(one.environment)}."
    if one.default:
        about += f" Default: {one.default}."
    if one.default in {"true", "false"}:
        return {"help": about, "nargs": "?", "const": "true", "metavar": "true|false"}
    return {"help": about, "metavar": "|".join(filter(None, one.choices)) or one.name.rpartition("-")[2].upper()}


def _about(one: Declared, declared: Sequence[Declared]) -> str:
    read = f" Read with `{'`, `'.join(one.read_with)}`." if one.read_with else ""
    return in_flags(one.about + read, declared)


class _Secret(argparse.Action):
    """Refuses a secret on the command line, which every process of the machine can read."""

    def __call__(self, parser: argparse.ArgumentParser, *_args: object, **_options: object) -> NoReturn:
        one: Declared = self.const
        names = " or ".join([*one.environment, variable(one.name)])
        parser.error(f"--{one.name} is a secret, and no flag: every process sees the command line. Set {names}.")


def _secrets(declared: Sequence[Declared]) -> str:
    """List the inputs that are no flags, for the end of a help text."""
    width = shutil.get_terminal_size().columns - 2
    example = next(one.name for one in declared if not one.secret)
    lines = [
        f"Each of these has a variable of its own too: --{example} is {variable(example)}.",
        "The flag comes first, then what it is also read from, then that one.",
        "",
        "Secrets are no flags, since every process sees them; their variables are:",
    ]
    for one in declared:
        if one.secret:
            lines.append(f"  {', '.join([*one.environment, variable(one.name)])}")
            lines += textwrap.wrap(
                _about(one, declared),
                width,
                initial_indent=" " * 24,
                subsequent_indent=" " * 24,
                break_on_hyphens=False,
            )
    return "\n".join(lines)
