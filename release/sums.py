"""Checksums, in the form that `sha256sum --check` reads."""

import hashlib
from pathlib import Path
from typing import Final

SUMS: Final = "SHA256SUMS"


def line(path: Path) -> str:
    """Return the checksum of the file *path*, with its name and the end of the line."""
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n"


def write(folder: Path) -> Path:
    """Write the checksums of all files in *folder*, and beside each executable its own; returns the first file."""
    for executable in folder.glob("nomad-token-linux-*64"):
        executable.with_name(f"{executable.name}.sha256").write_text(line(executable), "utf-8")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS)
    (folder / SUMS).write_text("".join(line(path) for path in files), "utf-8")
    return folder / SUMS
