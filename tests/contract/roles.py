"""The roles of a login that docs/github.md and docs/gitlab.md have an operator write, and whom each lets in."""

import json
from collections.abc import Mapping
from typing import Any, Final

import httpx

from contract.pages import ROOT, blocks
from gitlab import trust
from nomad_token_lab import Lab
from nomad_token_lab.trust import written

Claims = Mapping[str, Any]
ROLES: Final[dict[str, list[dict[str, Any]]]] = {
    name: [json.loads(block.text) for block in blocks([ROOT / "docs" / f"{name}.md"], "json")]
    for name in ("github", "gitlab")
}
_PRODUCTION: Final = {"repository_id": "123456789", "environment": "production"}
_FILE: Final = "octo-org/deploy/.github/workflows/deploy.yml"
_CALLED: Final = {"repository_owner_id": "987654321", "job_workflow_ref": f"{_FILE}@refs/tags/v1.4.0"}
_AT_GITLAB: Final = trust.CLAIMS | {"environment": "production", "environment_protected": "true"}
CASES: Final[list[tuple[str, int, Claims, bool]]] = [
    ("github", 0, _PRODUCTION, True),
    ("github", 0, _PRODUCTION | {"ref": "refs/heads/other", "sub": "repo:octo/app:environment:production"}, True),
    ("github", 0, _PRODUCTION | {"environment": "staging"}, False),
    ("github", 0, _PRODUCTION | {"environment": None}, False),
    ("github", 0, _PRODUCTION | {"repository_id": "123456780"}, False),
    ("github", 1, _CALLED, True),
    ("github", 1, _CALLED | {"repository": "octo-org/another", "repository_id": "5"}, True),
    ("github", 1, _CALLED | {"job_workflow_ref": f"{_FILE}@refs/tags/v2.0.0"}, False),
    ("github", 1, _CALLED | {"job_workflow_ref": f"{_FILE}@refs/heads/main"}, False),
    ("github", 1, _CALLED | {"job_workflow_ref": f"octo-org/octo-app/{_FILE}@refs/tags/v1.4.0"}, False),
    ("github", 1, _CALLED | {"repository_owner_id": "987654320"}, False),
    ("gitlab", 0, _AT_GITLAB, True),
    ("gitlab", 0, _AT_GITLAB | {"ref_path": "refs/heads/other", "ref_protected": "false"}, True),
    ("gitlab", 0, _AT_GITLAB | {"environment": "staging"}, False),
    ("gitlab", 0, _AT_GITLAB | {"environment_protected": "false"}, False),
    ("gitlab", 0, trust.CLAIMS, False),
    ("gitlab", 0, _AT_GITLAB | {"project_id": "23"}, False),
    ("gitlab", 1, trust.CLAIMS, True),
    ("gitlab", 1, trust.CLAIMS | {"project_id": "23", "project_path": "octo-org/another"}, True),
    ("gitlab", 1, trust.CLAIMS | {"ref_protected": "false"}, False),
    ("gitlab", 1, trust.CLAIMS | {"ref_type": "tag"}, False),
    ("gitlab", 1, trust.CLAIMS | {"namespace_id": "73"}, False),
]
"""A page, the number of a role in it, a job's claims (None: it has no such one), and whether it is let in."""


def logged_in(lab: Lab, page: str, number: int, claims: Claims) -> httpx.Response:
    """Write the role, and log in as a job with those *claims*."""
    with lab.vault_client() as vault:
        written(vault, "auth/jwt/role/deploy-app", ROLES[page][number] | {"bound_audiences": [lab.audience]})
    lab.github.claims = dict(claims)
    jwt = lab.github.id_token(lab.audience).get_secret_value()
    with lab.vault_client() as vault:
        return vault.post("/v1/auth/jwt/login", json={"role": "deploy-app", "jwt": jwt})
