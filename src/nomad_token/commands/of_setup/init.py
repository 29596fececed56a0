"""`setup init`: the first file, made from what a job gives as inputs."""

import argparse
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nomad_token.commands import terminal
from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_inputs
from nomad_token.declared import Declared
from nomad_token.errors import InputError
from nomad_token.platforms.project import project
from nomad_token.setup import shipped
from nomad_token.setup.answering import INPUTS, Given, answers
from nomad_token.setup.file import NAME, parse
from nomad_token.setup.first import PolicyFile, written
from nomad_token.text import pasted, shown

# Each flag that has one value, and what it is.
_FLAGS: Final = {
    "--platform": (
        "NAME",
        "whose jobs are trusted: github or gitlab. Default: as the other flags say, else this job's",
    ),
    "--repository": ("OWNER/NAME", "GitHub's repository, for a remark in the file; its id is what is bound"),
    "--repository-id": ("ID", "the id of GitHub's repository, which outlives a rename. Default: this job's"),
    "--project-id": ("ID", "the id of GitLab's project. Default: this job's"),
    "--environment": ("NAME", "trust jobs of this environment, on any branch that its own rules allow"),
    "--ref": ("REF", "trust jobs of this ref. Default on GitHub, without --environment: refs/heads/main"),
    "--github-server": ("URL", "a GitHub Enterprise Server"),
    "--gitlab": ("URL", "a GitLab of your own. Default: https://gitlab.com"),
    "--issuer": ("URL", "the issuer of the id tokens, where it is another still, such as an enterprise's own"),
    "--plugin": ("NAME", "what the engine is called in the server's catalog, where it is not nomad"),
    "--nomad-address-for-vault": ("ADDR", "Nomad's address as Vault reaches it, where it is not the job's"),
}


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    one.add_argument("--file", metavar="FILE", default=NAME, dest="setup_file", help=f"what to write. Default: {NAME}.")
    one.add_argument("--force", action="store_true", help="replace files that are there already")
    names = ", ".join(shipped.ABOUT)
    about = f"the policy of the token: {names}, or a file NAME.policy.hcl beside the setup's; with ROLE=, of that role "
    about += "alone. May be given more than once. Default: deploy."
    one.add_argument("--policy", metavar="[ROLE=]POLICY", action="append", dest="policy", help=about)
    about = "trust runs that this event began (pipeline_source on GitLab). May be given more than once. Default on "
    about += "GitHub, without --environment: push and workflow_dispatch"
    one.add_argument("--event", metavar="EVENT", action="append", dest="events", help=about)
    one.add_argument("--without-vault", action="store_true", dest="without_vault", help="Nomad itself grants the token")
    for flag, (what, about) in _FLAGS.items():
        one.add_argument(flag, metavar=what, dest=f"of setup {flag}", help=about)
    of_inputs(one, [each for each in declared if each.name in INPUTS])
    one.epilog = None


def _act(asked: Asked) -> int:
    options = asked.call.options
    inputs = {one.name: asked.platform.lookup(one) for one in asked.declared if one.name in INPUTS}
    found = {name: one.value for name, one in inputs.items() if one}
    found |= {flag: str(options[f"of setup {flag}"] or "") for flag in _FLAGS}
    made = answers(
        Given(
            found,
            policies=options["policy"] or (),
            events=options["events"] or (),
            without_vault=options["without_vault"],
            project=project(asked.environ),
            ask=_ask if terminal.is_there() else None,
        )
    )
    path = Path(options["setup_file"])
    text = written(made)
    parse(text, path.name)
    _write({**_policy_files(made.policies, path.parent), path: text}, force=options["force"], say=asked.platform.say)
    at = "" if str(path) == NAME else f" --file {pasted(path)}"
    asked.platform.say(f"Read what was written, and see what would change with: nomad-token setup plan{at}")
    return 0


def _ask(question: str) -> str:
    """Ask on the terminal. Raises `InputError`."""
    if line := terminal.ask(question):
        return line
    raise InputError("The terminal was closed. Nothing was written.")


def _policy_files(policies: Sequence[PolicyFile], folder: Path) -> dict[Path, str]:
    """Return the shipped policies that are to be written; a file of the user's has to be there. Raises `InputError`."""
    found = {}
    for policy in policies:
        path = folder / policy.rules
        if policy.is_shipped:
            found[path] = shipped.rules(policy.name)
        elif not path.is_file():
            raise InputError(
                f"--policy: there is no file {shown(path)}.", why="It is looked for beside the setup's own."
            )
    return found


def _write(files: Mapping[Path, str], *, force: bool, say: Callable[[str], None]) -> None:
    """Write *files*, or none where one is there that differs; the last is the one that names the others."""
    there = [path for path, text in files.items() if path.exists() and not (path.is_file() and _has(path, text))]
    if there and not force:
        raise InputError(
            f"{', '.join(shown(path) for path in there)}: there already. Nothing was written.",
            fix="Give another --file, or --force to replace what is there.",
        )
    for path, text in files.items():
        if path not in there and path.exists():
            continue
        try:
            _put(path, text, anew=path not in there)
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it holds what is no text"
            raise InputError(f"{shown(path)} can't be written: {why}.") from None
        say(f"Wrote {shown(path)}.")


def _has(path: Path, text: str) -> bool:
    try:
        return path.read_bytes() == text.encode()
    except OSError:
        return False


def _put(path: Path, text: str, *, anew: bool) -> None:
    """Write a file; one that appeared meanwhile stays. Raises `OSError`, `ValueError`."""
    body = text.encode()
    if anew:
        with path.open("xb") as file:
            file.write(body)
        return
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        beside = Path(folder, path.name)
        beside.write_bytes(body)
        beside.chmod(path.stat().st_mode & 0o777)
        beside.replace(path)


COMMAND: Final = Command(
    _act,
    _options,
    about="Write nomad-token.toml, and the policies that it names beside it, from what the job gives as inputs (the "
    "same flags and variables as for a mint) and from whose jobs they are. What is missing is asked for, on a terminal "
    "alone. No server is asked anything.",
)
