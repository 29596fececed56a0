"""Where a command line has the token written: files, and standard output."""

import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final, TextIO

from nomad_token.errors import InputError
from nomad_token.outputs import OUTPUTS
from nomad_token.platforms.base import Export, in_json, plain
from nomad_token.platforms.files import irreplaceable, is_terminal
from nomad_token.secret import SecretStr
from nomad_token.text import pasted, shown

SINKS: Final = {
    "shell-file": ("FILE", "export lines, to be sourced: . FILE"),
    "dotenv": ("FILE", "NAME=value lines, for a program that reads such a file"),
    "json": ("FILE", "all outputs"),
    "field": ("NAME", f"one of them alone, on standard output: {', '.join(OUTPUTS)}, state"),
}
"""Each with what its flag takes, and what is written there."""
STDOUT: Final = "-"
_FIELDS: Final = (*OUTPUTS, "state")
_DOTENV_PLAIN: Final = re.compile(r"[\w./:@+,=-]*", re.ASCII)
# Not `%`: GitLab expands %NAME% in what it reads of a report.


def check(sinks: Mapping[str, str], out: TextIO, *, show: bool) -> None:
    """Raise `InputError` for what can't be written, or, unless *show*, would be seen on a terminal."""
    wanted = sinks.get("field", "")
    if wanted and wanted not in _FIELDS and not wanted.startswith("token-"):
        raise InputError(f"--field {shown(wanted)}: there is no such field; there are {', '.join(_FIELDS)}.")
    to_stdout = [sink for sink, where in sinks.items() if printed(sink, where)]
    if len(to_stdout) > 1:
        raise InputError(f"--{' and --'.join(to_stdout)} both go to standard output: give a file to one of them.")
    secret = to_stdout and (to_stdout != ["field"] or wanted.startswith("token"))
    files = {sink: Path(where) for sink, where in sinks.items() if sink not in to_stdout}
    if not show and ((secret and out.isatty()) or any(map(is_terminal, files.values()))):
        raise InputError("The token would be shown on a terminal.", fix="Add --show, or name a file.")
    for sink, path in files.items():
        if reason := irreplaceable(path):
            raise InputError(f"--{sink} {pasted(path)}: {reason}. Nothing was minted.")
    if len({os.path.realpath(path) for path in files.values()}) < len(files):
        raise InputError(f"--{' and --'.join(files)} name the same file, and one would replace the other.")


def text(sink: str, where: str, export: Export, *, most: int = 0) -> str:
    """Return what is written to *sink*; *most* are the bytes that a dotenv file may have. Raises `InputError`."""
    match sink:
        case "shell-file":
            return _shell(export.variables)
        case "dotenv":
            return _dotenv(export.variables, most)
        case "json":
            return _json(export.outputs)
        case _:
            return _field(export.outputs, where)


def named(sink: str, where: str) -> str:
    """Name a sink for the log."""
    return "standard output" if printed(sink, where) else shown(where)


def printed(sink: str, where: str) -> bool:
    """Tell whether it goes to standard output."""
    return sink == "field" or where == STDOUT


def _shell(variables: Mapping[str, SecretStr | str]) -> str:
    return "".join(f"export {name}={shlex.quote(plain(value))}\n" for name, value in variables.items())


def _dotenv(variables: Mapping[str, SecretStr | str], most: int) -> str:
    """Return lines that each reader of such files takes alike: without quotes, and without what would need them."""
    for name, value in variables.items():
        if not _DOTENV_PLAIN.fullmatch(plain(value)):
            raise InputError(
                f"{name} holds a character that a dotenv file can't carry for every reader.",
                fix="Use --shell-file, or --json.",
            )
    lines = "".join(f"{name}={plain(value)}\n" for name, value in variables.items())
    if most and len(lines.encode()) > most:
        raise InputError(
            f"The dotenv file would have {len(lines.encode())} bytes, and {most} are taken.",
            fix="Mint and revoke in the job that uses the token, or ask for fewer tokens.",
        )
    return lines


def _json(outputs: Mapping[str, object]) -> str:
    revealed = {name: plain(value) if isinstance(value, SecretStr) else value for name, value in outputs.items()}
    return in_json(revealed, indent=2) + "\n"


def _field(outputs: Mapping[str, object], name: str) -> str:
    if name not in outputs:
        raise InputError(f"--field {shown(name)}: there are {', '.join(outputs)}.")
    return f"{plain(outputs[name])}\n"
