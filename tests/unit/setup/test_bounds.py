"""What a trust has to bind: each way in that is refused, by its text."""

import pytest

from nomad_token.setup.bounds import check_bounds

GITHUB = {"repository_id": ("7",), "event_name": ("push",)}
GITLAB = {"project_id": ("7",), "ref_protected": ("true",)}
WORKFLOW = "octo-org/deploy/.github/workflows/deploy.yml"


@pytest.mark.parametrize(
    ("platform", "claims"),
    [
        ("github", GITHUB),
        ("github", {"repository_id": ("7",), "environment": ("production",)}),
        ("github", {"repository_id": ("7",), "environment": ("prod",), "event_name": ("pull_request",)}),
        ("github", {"repository_id": ("7",), "job_workflow_ref": (f"{WORKFLOW}@refs/heads/main",)}),
        ("github", {"repository_owner_id": ("6",), "job_workflow_ref": (f"{WORKFLOW}@refs/heads/main",)}),
        (
            "github",
            {"repository_owner_id": ("6",), "job_workflow_ref": (f"{WORKFLOW}@*",), "environment": ("production",)},
        ),
        ("github", {**GITHUB, "ref": ("refs/heads/*",)}),
        ("github", {"repository_id": ("7",), "job_workflow_ref": ("octo-org/deploy/*@refs/heads/main",)}),
        ("gitlab", GITLAB),
        ("gitlab", {"project_id": ("7",), "environment_protected": ("true",)}),
    ],
)
def test_what_is_enough(platform: str, claims: dict[str, tuple[str, ...]]) -> None:
    """A project, by what outlives a rename, and a run that not everybody starts."""
    check_bounds(platform, claims, "role `x`")


@pytest.mark.parametrize(
    ("platform", "claims", "why"),
    [
        ("github", {"sub": ("repo:octo-org/octo-app:ref:refs/heads/main",)}, "binds `sub` alone"),
        ("gitlab", {"sub": ("x",)}, "bind one of `project_id`, and one of `ref_protected`, `environment_protected`"),
        ("github", {"repository": ("octo-org/octo-app",), "event_name": ("push",)}, "is not bound to a project"),
        ("github", {"repository_id": ("7*",), "event_name": ("push",)}, "is not bound to a project"),
        ("github", {"repository_id": ("7",), "ref": ("refs/heads/main",)}, "is not bound to trusted runs"),
        ("github", {"repository_id": ("7",)}, "which a stranger's pull request starts"),
        ("github", {"repository_id": ("7",), "job_workflow_ref": (f"{WORKFLOW}@*",)}, "is not bound to trusted runs"),
        ("github", {"repository_id": ("7",), "job_workflow_ref": (WORKFLOW,)}, "is not bound to trusted runs"),
        (
            "github",
            {"repository_id": ("7",), "job_workflow_ref": ("*@refs/heads/main",)},
            "is not bound to trusted runs",
        ),
        (
            "github",
            {"repository_id": ("7",), "job_workflow_ref": ("octo-org/deploy*@refs/heads/main",)},
            "is not bound to trusted runs",
        ),
        (
            "github",
            {"job_workflow_ref": (f"{WORKFLOW}@refs/heads/main",)},
            "binds `job_workflow_ref` without `repository_owner_id` or `repository_id`: a repository of anybody's",
        ),
        (
            "github",
            {"job_workflow_ref": ("octo-org/*@refs/heads/main",), "repository_owner_id": ("6",)},
            "is not bound to a project",
        ),
        ("github", {**GITHUB, "event_name": ("push", "pull_request_target")}, "to `pull_request_target` without"),
        ("github", {**GITHUB, "event_name": ("pull*",)}, "to `pull_request` without `environment`"),
        ("github", {**GITHUB, "event_name": ("issue_comment",)}, "to `issue_comment` without `environment`"),
        ("github", {**GITHUB, "event_name": ("workflow_run",)}, "to `workflow_run` without `environment`"),
        ("github", {**GITHUB, "event_name": ("discussion_comment", "push")}, "to `discussion_comment` without"),
        ("github", {**GITHUB, "event_name": ("wa*",)}, "to `watch` without `environment`"),
        ("github", {**GITHUB, "event_name": ("*",)}, "binds `event_name` to any value at all"),
        ("github", {**GITHUB, "ref": ("refs/heads/main", "**")}, "binds `ref` to any value at all"),
        ("gitlab", {"project_id": ("7",), "ref": ("main",)}, "anybody who may push"),
        ("gitlab", {"project_id": ("7",), "ref_protected": ("false",)}, 'to something else than "true"'),
        ("gitlab", {"project_id": ("7",), "ref_protected": ("true", "false")}, 'to something else than "true"'),
        ("gitlab", {**GITLAB, "environment_protected": ("false",)}, "binds `environment_protected` to something else"),
        ("gitlab", {"namespace_id": ("7",), "ref_protected": ("true",)}, "is not bound to a project"),
    ],
)
def test_what_is_not(platform: str, claims: dict[str, tuple[str, ...]], why: str) -> None:
    """Each lets somebody in who is not meant, and is told with the reason."""
    with pytest.raises(ValueError, match=r"^role `x` ") as error:
        check_bounds(platform, claims, "role `x`")

    assert why in str(error.value)
