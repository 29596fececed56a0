"""The pages that list inputs and outputs, made from their declarations: `python -m nomad_token.pages` writes them."""

import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from nomad_token.conflicts import CONFLICTS, ELSEWHERE
from nomad_token.connecting import NomadConnection, VaultConnection
from nomad_token.declared import Declared
from nomad_token.inputs import JobInputs
from nomad_token.issuers import ISSUERS
from nomad_token.order import IssuerInputs, all_declared
from nomad_token.outputs import OUTPUTS
from nomad_token.places import NomadInputs
from nomad_token.platforms.host_paths import ABOUT, DEFAULT, INPUT
from nomad_token.template import inputs_part, variables_part
from nomad_token.vault_auth import METHODS

_ROOT: Final = Path(__file__).parents[2]
_ACTION: Final = """\
# Written by `python3 dev.py generate` from the declarations in src/nomad_token.
name: Nomad token
description: A Nomad ACL token that lives as long as the job; minted by Vault, masked, exported, and revoked at the end.
author: the nomad-token authors
branding:
  icon: lock
  color: green
inputs:
{inputs}
outputs:
{outputs}
runs:
  using: docker
  image: Dockerfile
  entrypoint: /opt/nomad-token/bin/nomad-token-mint
  post-entrypoint: /opt/nomad-token/bin/nomad-token-revoke
"""
_INPUTS: Final = """\
<!-- Written by `python3 dev.py generate` from the declarations in src/nomad_token. -->

# Inputs

Each input, by what reads it.
An empty input is an unset one.
The variables in brackets are for the command line, which reads `NOMAD_MINT_<NAME>` for every input too.
An input that is given, and that nothing reads with the issuer and the auth method of the job, is an error.

{groups}

## What can't stand together

Such inputs are refused before anything is requested, with exit code 2.

{conflicts}

## What the issuer can't be asked for

Where the value lives that an input would set, if the issuer read it.

{elsewhere}
"""


def action_yml() -> str:
    """Return the text of action.yml. Defaults stand in the code alone, since act hands none to a post-step.

    One stands there: it is no input, but the way in which the runner tells what a container can't see.
    """
    inputs = "\n".join(
        _entry(one.name, _sentences(one), required=one.required and not one.places) for one in all_declared()
    )
    inputs += "\n" + "\n".join([_entry(INPUT, ABOUT, required=False), f'    default: "{DEFAULT}"'])
    outputs = "\n".join(_entry(name, about) for name, about in OUTPUTS.items())
    return _ACTION.format(inputs=inputs, outputs=outputs)


def inputs_table() -> str:
    """Return the README's table of inputs, as Markdown."""
    rows = [
        f"| `{one.name}` | {_default(one)} | {_variables(one)} | {_escaped(one.about)}{_with(one)} |"
        for one in all_declared()
    ]
    return "\n".join(["| input | default | environment | meaning |", "| --- | --- | --- | --- |", *rows])


def inputs_page() -> str:
    """Return the page of all inputs, grouped by what reads them, and of those that can't stand together."""
    groups = "\n\n".join(f"{heading}\n\n{_rows(group)}" for heading, group in _groups())
    conflicts = [f"| {_escaped(one.together)} | {_escaped(_capital(one.because))} |" for one in CONFLICTS]
    elsewhere = [f"| `{name}` | `{issuer}` | {_capital(where)}. |" for (name, issuer), where in ELSEWHERE.items()]
    return _INPUTS.format(
        groups=groups,
        conflicts="\n".join(["| together | why not, and what to do |", "| --- | --- |", *conflicts]),
        elsewhere="\n".join(["| input | `issuer` | where its value is |", "| --- | --- | --- |", *elsewhere]),
    )


def _groups() -> Iterator[tuple[str, Sequence[Declared]]]:
    yield "## Who grants the token", IssuerInputs.declared()
    for issuer, granting in ISSUERS.items():
        yield f"## With `issuer: {issuer}`", granting.declared()
        if issuer == "vault":
            for method, login in METHODS.items():
                yield f"### With `vault-auth-method: {method}`", login.declared()
            yield "### The connection to Vault", VaultConnection.declared()
    yield "## Nomad, with any issuer", [*NomadInputs.declared(), *NomadConnection.declared()]
    yield "## In any case", JobInputs.declared()


def _rows(group: Sequence[Declared]) -> str:
    rows = [f"| `{one.name}` | {_needed(one)} | {_variables(one)} | {_escaped(one.about)} |" for one in group]
    return "\n".join(["| input | default | environment | meaning |", "| --- | --- | --- | --- |", *rows])


def outputs_table() -> str:
    """Return the README's table of outputs, as Markdown."""
    rows = [f"| `{name}` | {_escaped(about)} |" for name, about in OUTPUTS.items()]
    return "\n".join(["| output | meaning |", "| --- | --- |", *rows])


def with_part(page: str, name: str, part: str) -> str:
    """Return *page* with *part* between its markers `<!-- name -->` and `<!-- /name -->`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return pattern.sub(lambda markers: f"{markers[1]}{part}\n{markers[2]}", page)


def template() -> str:
    """Return the GitLab template, what is ours of it made anew."""
    text = (_ROOT / "gitlab" / "nomad-token.yml").read_text("utf-8")
    for name, part in (("inputs", inputs_part()), ("variables", variables_part())):
        before, begin, rest = text.partition(f"    # {name}\n")
        _, end, after = rest.partition(f"    # /{name}\n")
        text = f"{before}{begin}{part}\n{end}{after}"
    return text


def written() -> dict[Path, str]:
    """Return each page that holds generated text, as it should be."""
    readme = _ROOT / "README.md"
    text = with_part(readme.read_text("utf-8"), "inputs", inputs_table())
    return {
        _ROOT / "action.yml": action_yml(),
        readme: with_part(text, "outputs", outputs_table()),
        _ROOT / "docs" / "inputs.md": inputs_page(),
        _ROOT / "gitlab" / "nomad-token.yml": template(),
        _ROOT / "templates" / "nomad-token.yml": template(),
    }


def main() -> None:
    """Write the pages."""
    for path, text in written().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")


def _entry(name: str, about: str, *, required: bool | None = None) -> str:
    folded = textwrap.fill(about, 110, initial_indent="      ", subsequent_indent="      ", break_on_hyphens=False)
    lines = [f"  {name}:", "    description: >-", folded]
    if required is not None:
        lines.append(f"    required: {str(required).lower()}")
    return "\n".join(lines)


def _sentences(one: Declared) -> str:
    read = f" {' or '.join(one.places)} in the environment serves too." if one.places else ""
    default = f" Default: {one.default}." if one.default else ""
    return f"{one.about}{_with(one)}{read}{default}"


def _with(one: Declared) -> str:
    return f" Read with `{'`, `'.join(one.read_with)}`." if one.read_with else ""


def _default(one: Declared) -> str:
    if one.required and not one.places:
        return "required"
    return f"`{one.default}`" if one.default else ""


def _variables(one: Declared) -> str:
    """List the standard variables; in brackets those that the action does not read."""
    return ", ".join(f"`{name}`" if name in one.places else f"(`{name}`)" for name in one.environment)


def _needed(one: Declared) -> str:
    return "required" if one.required else _default(one)


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
