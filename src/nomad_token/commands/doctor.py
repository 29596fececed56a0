"""`doctor`: why a mint does not work, or that it would."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nomad_token.commands.base import Asked, Command
from nomad_token.commands.options import of_call, of_inputs, of_json, of_nomad_token
from nomad_token.declared import Declared
from nomad_token.doctor.deploy import wanted_by
from nomad_token.doctor.facts import Facts
from nomad_token.doctor.finding import Finding
from nomad_token.doctor.printed import asked_with, printed
from nomad_token.doctor.walk import examined, prepared
from nomad_token.errors import InputError
from nomad_token.order import read_order
from nomad_token.places import NomadInputs
from nomad_token.platforms import JOBS
from nomad_token.platforms.local import LocalJob
from nomad_token.signals import GONE_WITHIN
from nomad_token.text import shown


def _options(one: argparse.ArgumentParser, declared: Sequence[Declared]) -> None:
    group = one.add_argument_group("what is looked at")
    about = "mint a token too, and revoke it at once; without it nothing is made but a login"
    group.add_argument("--mint", action="store_true", dest="mints", help=about)
    about = "the job that is to be deployed, as `nomad job run -output` writes it (JSON): its namespace is looked at"
    group.add_argument("--job", metavar="FILE", dest="job_file", help=about)
    about = "the namespace that is to be deployed to. Without it: the job's, else `--nomad-namespace`"
    group.add_argument("--namespace", metavar="NAME", dest="namespace", help=about)
    of_json(one)
    of_call(one)
    of_nomad_token(one)
    of_inputs(one, declared)


def _act(asked: Asked) -> int:
    namespace = _namespace(asked)
    with asked.outside.signals.held(GONE_WITHIN):
        order = read_order(asked.platform)
    platform = asked.platform
    known = Facts(
        prepared(order, platform, asked.outside),
        asked.operator(),
        at_desk=_is_at_desk(asked),
        namespace=namespace or NomadInputs.read(platform.lookup).nomad_namespace,
        mints=bool(asked.call.options["mints"]),
    )

    def show(found: list[Finding]) -> None:
        for line in asked_with(found):
            platform.say(line)
        asked.out.write(printed(found, platform.spelled, as_json=asked.is_for_programs))

    broken = examined(known, show)
    return broken.exit_code if broken else 0


def _is_at_desk(asked: Asked) -> bool:
    """Tell whether this is no job that is known, which could have an id token."""
    return next(kind for kind in JOBS if kind.is_here(asked.environ)) is LocalJob


def _namespace(asked: Asked) -> str:
    """Return the namespace that is named, by itself or by the job. Raises `InputError`."""
    if named := asked.call.options["namespace"]:
        return str(named)
    file = asked.call.options["job_file"]
    if not file:
        return ""
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, ValueError):
        raise InputError(f"--job: {shown(file)} can't be read.") from None
    return wanted_by(text) or "default"


COMMAND: Final = Command(
    _act,
    _options,
    about="Find out why a mint does not work: with the inputs of the mint, inside the failing job or at a desk, walk "
    "from the address to the deploy, and stop at the first broken link with its cause and the line that mends it. "
    "Nothing is written, and nothing secret is shown. At a desk, what a job may not read is read with VAULT_TOKEN, "
    "else ~/.vault-token, and with a management token of Nomad's (NOMAD_MANAGEMENT_TOKEN, else NOMAD_TOKEN).",
)
