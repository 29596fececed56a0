"""What has to be bound, so that an id token of the CI's is one of this project's, and of a run that it trusts."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import BeforeValidator, Field


@dataclass(frozen=True, slots=True)
class CiPlatform:
    """Whose id tokens these are; the claims are those of its documentation, "OpenID Connect reference"."""

    issuer: str
    who: Mapping[str, tuple[str, ...]]
    """Of these, one has to be bound, without a `*`: they outlive a rename. Some say whose it is only beside another."""
    when: tuple[str, ...]
    """Of these, one has to be bound: each tells a trusted run from one that anybody can start."""
    everybodys: str
    """Why the branch alone is not enough."""
    user: str
    """Which claim names the login."""
    also: tuple[str, ...]
    """Which claims are kept with the login, for whoever reads an audit log."""
    always: Mapping[str, str] = field(default_factory=dict)
    """Which claims have but one value that binds anything."""


_WORKFLOW: Final = "job_workflow_ref"
_AT_ONE_REF: Final = re.compile(r"[^/@*]+/[^/@*]+/[^@]+@[^*]+")
"""Of one repository, and at one ref: a job may call a workflow of anybody's, which `*@refs/heads/main` fits."""

PLATFORMS: Final[Mapping[str, CiPlatform]] = {
    "github": CiPlatform(
        issuer="https://token.actions.githubusercontent.com",
        who={"repository_id": (), _WORKFLOW: ("repository_owner_id", "repository_id")},
        when=("event_name", "environment", _WORKFLOW),
        everybodys="With `ref` alone a workflow of `pull_request_target` fits, which a stranger's pull request starts.",
        user="repository_id",
        also=("repository", "ref", "event_name", "run_id"),
    ),
    "gitlab": CiPlatform(
        issuer="https://gitlab.com",
        who={"project_id": ()},
        when=("ref_protected", "environment_protected"),
        everybodys="With `ref` alone a branch or a tag fits that anybody who may push makes.",
        user="project_id",
        also=("project_path", "ref", "pipeline_source", "job_id"),
        always={"ref_protected": "true", "environment_protected": "true"},
    ),
}
_OF_STRANGERS: Final = (
    "pull_request",
    "pull_request_target",
    "pull_request_review",
    "pull_request_review_comment",
    "workflow_run",
    "issue_comment",
    "issues",
    "discussion",
    "discussion_comment",
    "watch",
    "fork",
)
"""Events that somebody without a right to write can start (GitHub's documentation, "Events that trigger workflows").

A `workflow_run` is one: it follows the run of a pull request too, with the rights of the default branch.
"""


def _each(value: object) -> object:
    """Read a text as a list of one; a number or a boolean stays what it is, and is refused."""
    if isinstance(value, dict):
        return {name: [one] if isinstance(one, str) else one for name, one in value.items()}
    return value


ClaimName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
ClaimValue = Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f\"\\`$^]*$")]
Claims = Annotated[
    dict[ClaimName, Annotated[tuple[ClaimValue, ...], Field(min_length=1)]],
    Field(min_length=1),
    BeforeValidator(_each),
]
"""Each claim with the values that it may have; `*` in one stands for any text."""


def check_bounds(platform: str, claims: Claims, whose: str) -> None:
    """Raise `ValueError` where *claims* would let somebody in who is not meant, saying why."""
    known = PLATFORMS[platform]
    if set(claims) == {"sub"}:
        raise ValueError(
            f"{whose} binds `sub` alone, whose form a repository's or group's settings choose, and which a rename "
            f"changes: bind one of {_listed(known.who)}, and one of {_listed(known.when)}"
        )
    for name, values in claims.items():
        if any(not value.strip("*") for value in values):
            raise ValueError(f"{whose} binds `{name}` to any value at all, which binds nothing")
        if name in known.always and set(values) != {known.always[name]}:
            raise ValueError(
                f'{whose} binds `{name}` to something else than "{known.always[name]}", which lets in what is not'
            )
    _check_project(known, claims, whose)
    _check_run(known, claims, whose)


def _check_project(known: CiPlatform, claims: Claims, whose: str) -> None:
    closed = [name for name in known.who if _is_closed(claims, name)]
    if not closed:
        raise ValueError(
            f"{whose} is not bound to a project: bind one of {_listed(known.who)}, without `*`. A name can be given "
            "to another project after a rename"
        )
    if not any(not known.who[name] or any(_is_closed(claims, beside) for beside in known.who[name]) for name in closed):
        raise ValueError(
            f"{whose} binds `{closed[0]}` without {_listed(known.who[closed[0]], ' or ')}: a repository of anybody's "
            "that calls the workflow has id tokens with the same value"
        )


def _check_run(known: CiPlatform, claims: Claims, whose: str) -> None:
    if not any(name in claims and not _is_of_any_branch(claims, name) for name in known.when):
        raise ValueError(f"{whose} is not bound to trusted runs: bind one of {_listed(known.when)}. {known.everybodys}")
    strangers = [
        event for event in _OF_STRANGERS if any(fnmatchcase(event, value) for value in claims.get("event_name", ()))
    ]
    if strangers and "environment" not in claims:
        raise ValueError(
            f"{whose} binds `event_name` to `{strangers[0]}` without `environment`: somebody without a right to "
            "write starts it, as by a pull request or a comment, and only an environment's rules have it approved"
        )


def _is_closed(claims: Claims, name: str) -> bool:
    """Tell whether a project is bound; a workflow may leave its own ref open (`owner/repo/.github/x.yml@*`)."""
    values = [value.partition("@")[0] if name == _WORKFLOW else value for value in claims.get(name, ())]
    return bool(values) and not any("*" in value for value in values)


def _is_of_any_branch(claims: Claims, name: str) -> bool:
    return name == _WORKFLOW and not all(_AT_ONE_REF.fullmatch(value) for value in claims[name])


def _listed(names: "Mapping[str, object] | tuple[str, ...]", between: str = ", ") -> str:
    return between.join(f"`{name}`" for name in names)
