"""The commands, one file each; a call imports the one that it names."""

from importlib import import_module
from typing import Final

from nomad_token.commands.base import Command

COMMANDS: Final = {
    "mint": "mint a token, and write it where the flags say",
    "revoke": "revoke what mints have kept in their state, or leases that are named",
    "renew": "renew what mints have kept in their state, or leases that are named",
    "run": "mint, run a command that has the token, and revoke",
    "list": "list the leases of Vault's engine, and Nomad's tokens",
    "sweep": "delete what mints without Vault left over in Nomad",
    "doctor": "find out why a mint does not work",
    "setup": "set up Vault's engine, Nomad's policies, and the trust in id tokens, from a file",
    "bootstrap": "bootstrap Nomad's ACLs, and keep the first management token in a file",
    "completion": "print a completion script: bash, zsh or tcsh",
}
OF_THE_LAB: Final = {
    "lab": "serve Vault's, Nomad's and GitHub's APIs on loopback",
    "demo": "walk the main job on the lab, from trust to a dead token",
}
"""Those that the lab brings, which is another package."""


def load(name: str) -> Command:
    """Return the command of that name."""
    command: Command = import_module(f"nomad_token.commands.{name}").COMMAND
    return command
