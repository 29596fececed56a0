"""What `nomad-token setup` does, a file each; a call imports them all, and none of what they work with."""

from importlib import import_module
from typing import Final

from nomad_token.commands.base import Command

PARTS: Final = {
    "init": "write nomad-token.toml from what the job gives as inputs",
    "plan": "show what the file wants, what is there, and what would change",
    "apply": "change what differs, and prove that it works",
    "export": "print it as commands for vault, bao or nomad, as Terraform, or as requests",
}


def load(name: str) -> Command:
    """Return the part of that name."""
    part: Command = import_module(f"nomad_token.commands.of_setup.{name}").COMMAND
    return part
