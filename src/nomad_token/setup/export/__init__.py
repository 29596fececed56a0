"""The formats of `setup export`, one file each."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from nomad_token.setup.export import as_json, nomad, terraform, vault
from nomad_token.setup.export.base import Format

FORMATS: Final[Mapping[str, Format]] = {
    "vault": vault.written,
    "bao": partial(vault.written, cli="bao"),
    "nomad": nomad.written,
    "terraform": terraform.written,
    "json": as_json.written,
}
