"""What the parts of `setup` that ask servers begin with: the file, and the servers that it wants something of."""

from dataclasses import dataclass
from pathlib import Path

from nomad_token.commands.base import Asked
from nomad_token.errors import InputError, Refused
from nomad_token.setup.current import Servers
from nomad_token.setup.file import ReadFile, Setup, load
from nomad_token.setup.objects import Object, wanted
from nomad_token.setup.plan import Plan
from nomad_token.setup.printed import refused, total
from nomad_token.setup.trusts import unmade_roles, unproven_issuers


@dataclass(frozen=True, slots=True)
class Meant:
    """A file, and where it is meant for."""

    setup: Setup
    read: ReadFile
    servers: Servers
    wanted: tuple[Object, ...]


def meant(asked: Asked) -> Meant:
    """Read the file, and name the servers. Raises `Error`."""
    setup, read = load(Path(asked.call.options["setup_file"]))
    if not (setup.has_vault or setup.has_nomad):
        raise InputError("The file wants nothing.", fix="nomad-token setup init writes one that does.")
    operator = asked.operator()
    vault = operator.vault() if setup.has_vault else None
    below = vault.place.below if vault else ""
    objects = wanted(setup, read, below)  # what is wrong with the file is told before any request
    return Meant(setup, read, Servers(vault, operator.nomad() if setup.has_nomad else None), objects)


def told(plan: Plan, of: Meant, asked: Asked, *, is_shown: bool) -> None:
    """Say what is to be warned about. Raises `Refused` for a plan that is not to be done, with its reasons.

    Where the plan *is_shown*, the reasons are in it.
    """
    for warning in (*plan.warnings, *unmade_roles(of.setup), *unproven_issuers(of.setup)):
        asked.platform.say(f"Note: {warning}")
    if plan.stops:
        raise Refused(total(plan) if is_shown else f"{total(plan)}\n{refused(plan.stops)}")
