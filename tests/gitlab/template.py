"""What GitLab makes of an included template: its inputs checked and put in, its jobs merged with the pipeline's."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

TEMPLATE: Final = Path(__file__).parents[2] / "gitlab" / "nomad-token.yml"
_INTERPOLATION: Final = re.compile(r"\$\[\[\s*inputs\.([\w-]+)\s*\]\]")

Jobs = dict[str, dict[str, Any]]


class Refused(Exception):
    """GitLab makes no pipeline."""


@dataclass(frozen=True)
class Reference:
    """What `!reference [JOB, KEYWORD]` is."""

    job: str
    keyword: str


def included(path: Path = TEMPLATE, /, **inputs: str) -> Jobs:
    """Return the jobs of the template at *path* with *inputs* (with `_` for `-`). Raises `Refused`."""
    head, body = path.read_text("utf-8").split("\n---\n", 1)
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    declared: dict[str, dict[str, Any]] = yaml.safe_load(head)["spec"]["inputs"]
    if unknown := sorted(set(given) - set(declared)):
        raise Refused(f"unknown input arguments: {', '.join(unknown)}")
    values = {name: _checked(name, rules or {}, given) for name, rules in declared.items()}
    jobs: Jobs = _put_in(yaml.safe_load(body), values)
    return jobs


def merged(*files: Jobs) -> Jobs:
    """Return the jobs of several files, those of one name merged, `extends` followed and references replaced.

    Raises `Refused` for a job that is not there.
    """
    jobs: Jobs = {}
    for file in files:
        jobs = _over(jobs, file)
    whole = {name: _extended(name, jobs) for name in jobs}
    return {name: {keyword: _replaced(value, whole) for keyword, value in job.items()} for name, job in whole.items()}


def _checked(name: str, rules: Mapping[str, Any], given: Mapping[str, str]) -> str:
    if name not in given and "default" not in rules:
        raise Refused(f"`{name}` input: required value has not been provided")
    value = given.get(name, rules.get("default"))
    if not isinstance(value, str):
        raise Refused(f"`{name}` input: provided value is not a string")
    if "options" in rules and value not in rules["options"]:
        raise Refused(f"`{name}` input: `{value}` cannot be used because it is not in the list of allowed options")
    # RE2's `$` is the end of the text, before no line feed.
    if "regex" in rules and not re.search(re.sub(r"\$$", r"\\Z", rules["regex"]), value):
        raise Refused(f"`{name}` input: provided value does not match required RegEx pattern")
    return value


def _put_in(node: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401 - YAML
    match node:
        case dict():
            return {_put_in(key, values): _put_in(value, values) for key, value in node.items()}
        case list():
            return [_put_in(value, values) for value in node]
        case str():
            return _INTERPOLATION.sub(lambda found: _value(found[1], values), node)
        case _:
            return node


def _value(name: str, values: Mapping[str, str]) -> str:
    if name not in values:
        raise Refused(f"unknown interpolation key: `{name}`")
    return values[name]


def _over(below: Any, above: Any) -> Any:  # noqa: ANN401 - YAML
    """Merge hashes, and let all else replace what was there."""
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _over(below.get(key), above[key]) if key in above else below[key] for key in {**below, **above}}
    return copy.deepcopy(above)


def _extended(name: str, jobs: Jobs) -> dict[str, Any]:
    if name not in jobs:
        raise Refused(f"unknown key in `extends` ({name})")
    extends = jobs[name].get("extends", [])
    whole: dict[str, Any] = {}
    for base in [extends] if isinstance(extends, str) else extends:
        whole = _over(whole, _extended(base, jobs))
    return {keyword: value for keyword, value in _over(whole, jobs[name]).items() if keyword != "extends"}


def _replaced(value: Any, jobs: Jobs) -> Any:  # noqa: ANN401 - YAML
    match value:
        case Reference():
            if value.keyword not in jobs.get(value.job, {}):
                raise Refused(f"!reference {[value.job, value.keyword]} could not be found")
            return _replaced(jobs[value.job][value.keyword], jobs)
        case dict():
            return {key: _replaced(each, jobs) for key, each in value.items()}
        case list():
            return [_replaced(each, jobs) for each in value]
        case _:
            return value


def commands(script: str | Sequence[Any]) -> list[str]:
    """Return a script's commands, lists in it flattened as GitLab does."""
    if isinstance(script, str):
        return [script]
    return [command for each in script for command in commands(each)]
