"""The pages that list inputs and outputs, made from their declarations: `python -m nomad_token.pages` writes them."""

import re
import textwrap
from pathlib import Path
from typing import Final

from nomad_token.declared import Declared
from nomad_token.exports import OUTPUTS
from nomad_token.order import all_declared

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


def action_yml() -> str:
    """Return the text of action.yml. Defaults stand in the code alone: act hands none to a post-step."""
    inputs = "\n".join(
        _entry(one.name, _sentences(one), required=one.required and not one.environment) for one in all_declared()
    )
    outputs = "\n".join(_entry(name, about) for name, about in OUTPUTS.items())
    return _ACTION.format(inputs=inputs, outputs=outputs)


def inputs_table() -> str:
    """Return the README's table of inputs, as Markdown."""
    rows = [
        f"| `{one.name}` | {_default(one)} | {_escaped(one.about)}{_with(one)}{_also(one)} |" for one in all_declared()
    ]
    return "\n".join(["| input | default | meaning |", "| --- | --- | --- |", *rows])


def outputs_table() -> str:
    """Return the README's table of outputs, as Markdown."""
    rows = [f"| `{name}` | {_escaped(about)} |" for name, about in OUTPUTS.items()]
    return "\n".join(["| output | meaning |", "| --- | --- |", *rows])


def with_part(page: str, name: str, part: str) -> str:
    """Return *page* with *part* between its markers `<!-- name -->` and `<!-- /name -->`."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    return pattern.sub(lambda markers: f"{markers[1]}{part}\n{markers[2]}", page)


def written() -> dict[Path, str]:
    """Return each page that holds generated text, as it should be."""
    readme = _ROOT / "README.md"
    text = with_part(readme.read_text("utf-8"), "inputs", inputs_table())
    return {_ROOT / "action.yml": action_yml(), readme: with_part(text, "outputs", outputs_table())}


def main() -> None:
    """Write the pages."""
    for path, text in written().items():
        path.write_text(text, "utf-8")


def _entry(name: str, about: str, *, required: bool | None = None) -> str:
    folded = textwrap.fill(about, 110, initial_indent="      ", subsequent_indent="      ", break_on_hyphens=False)
    lines = [f"  {name}:", "    description: >-", folded]
    if required is not None:
        lines.append(f"    required: {str(required).lower()}")
    return "\n".join(lines)


def _sentences(one: Declared) -> str:
    read = f" {' or '.join(one.environment)} in the environment serves too." if one.environment else ""
    default = f" Default: {one.default}." if one.default else ""
    return f"{one.about}{_with(one)}{read}{default}"


def _with(one: Declared) -> str:
    return f" Read with `{'`, `'.join(one.read_with)}`." if one.read_with else ""


def _default(one: Declared) -> str:
    if one.required and not one.environment:
        return "required"
    return f"`{one.default}`" if one.default else ""


def _also(one: Declared) -> str:
    return f" Also read from `{'`, `'.join(one.environment)}`." if one.environment else ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
