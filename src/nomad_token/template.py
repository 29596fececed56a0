"""The inputs of the GitLab template that are ours, made from their declarations."""

import json
import textwrap
from typing import Final

from nomad_token.declared import Declared
from nomad_token.order import all_declared
from nomad_token.platforms.spelling import variable

# Why an input is none of the template's: what an input holds is neither masked nor longer than 1 KB.
NOT_INPUTS: Final = {
    "audience": "id-token-aud is what GitLab makes the id token for",
    "export-output": "a job of GitLab has no outputs",
    "on-revoke-failure": "ignore-revoke-failure is what GitLab does then",
    "summary": "GitLab has no summary of a job",
    "vault-ca-cert": "a PEM is a file variable",
    "vault-client-cert": "a PEM is a file variable",
    "nomad-ca-cert": "a PEM is a file variable",
    "nomad-client-cert": "a PEM is a file variable",
}
# Nothing that ends a YAML string, a line or a shell word; `$` is for a variable of the project.
_LETTERS: Final = "A-Za-z0-9_./:@,|$ +=*-"


def template_inputs() -> list[Declared]:
    """List the inputs that the template takes."""
    return [one for one in all_declared() if not one.secret and one.name not in NOT_INPUTS]


def inputs_part() -> str:
    """Return the part of `spec:inputs` that is ours; each is checked by GitLab before any job is made."""
    return "\n".join(_input(one) for one in template_inputs())


def variables_part() -> str:
    """Return the variables that hand the inputs to the program."""
    names = (one.name for one in template_inputs())
    return "\n".join(f'    "$[[ inputs.job-prefix ]]{variable(name)}": "$[[ inputs.{name} ]]"' for name in names)


def _input(one: Declared) -> str:
    about = f"{one.about}{f' Default: {one.default}.' if one.default else ''}"
    folded = textwrap.indent(textwrap.fill(about, 102, break_on_hyphens=False), "        ")
    return f'    {one.name}:\n      description: >-\n{folded}\n      default: ""\n      {_bounds(one)}'


def _bounds(one: Declared) -> str:
    choices = one.choices or (("true", "false") if one.default in {"true", "false"} else ())
    if choices:
        return f"options: {json.dumps(['', *filter(None, choices)])}"
    return f'regex: "^[{_LETTERS}]*$"'
