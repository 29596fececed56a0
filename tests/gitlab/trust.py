"""The pages' trust for a job of GitLab, set up on the lab as it stands there."""

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from nomad_token_lab import Lab
from nomad_token_lab.trust import DEPLOYER, Trust, trust, written

_ROOT: Final = Path(__file__).parents[2]
_QUICK_START: Final = (_ROOT / "README.md").read_text("utf-8").partition("\nGitLab, ")[2].partition("\nA shell, ")[0]
GITLAB: Final = _QUICK_START + (_ROOT / "docs" / "gitlab.md").read_text("utf-8").partition("\n## Whom to trust\n")[0]
"""The quick start, and what its page says of the job."""

# The claims of a push to main, as docs.gitlab.com lists them ("ID token authentication"); none of GitHub's own.
CLAIMS: Final[dict[str, Any]] = {
    **dict.fromkeys(("repository", "repository_id", "event_name", "workflow", "actor", "run_id", "job_workflow_ref")),
    "sub": "project_path:octo-org/octo-app:ref_type:branch:ref:main",
    "namespace_id": "72",
    "namespace_path": "octo-org",
    "project_id": "22",
    "project_path": "octo-org/octo-app",
    "user_id": "1",
    "user_login": "octocat",
    "user_access_level": "maintainer",
    "pipeline_id": "574",
    "pipeline_source": "push",
    "job_id": "302",
    "ref": "main",
    "ref_type": "branch",
    "ref_path": "refs/heads/main",
    "ref_protected": "true",
    "runner_id": 1,
    "runner_environment": "self-hosted",
}


def snippets(language: str) -> list[str]:
    """Return their blocks of code in *language*."""
    return re.findall(rf"```{language}\n(.*?)```", GITLAB, re.DOTALL)


def set_up(lab: Lab, issuer: str = "", project: str = "22", branch: str = "main") -> None:
    """Have the lab trust a job as the pages say; without an *issuer*, the lab's GitHub says what GitLab would."""
    lab.github.claims = dict(CLAIMS)

    def here(text: str) -> str:
        ours = text.replace('"22"', f'"{project}"').replace("refs/heads/main", f"refs/heads/{branch}")
        return _with(lab, ours, issuer)

    github = Trust(oidc_discovery_url=lab.github.addr, audience=lab.audience, nomad_address=lab.nomad.addr)
    with lab.vault_client() as vault, lab.nomad_client() as nomad:
        trust(github, vault=vault, nomad=nomad)
        for path, body in _vault(here):
            written(vault, path, body)
        written(nomad, "acl/policy/deployer", {"Name": "deployer", "Rules": DEPLOYER})
        for path, body in _nomad(here):
            written(nomad, path, body)
    lab.mark()


def _vault(here: Callable[[str], str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what the page has `vault write` send."""
    (lines,) = [here(block) for block in snippets("sh") if "vault write auth/jwt/config" in block]
    config = re.search(r"vault write auth/jwt/config (.*?)\nvault", lines.replace("\\\n", " "), re.DOTALL)
    role = re.search(r"vault write auth/jwt/role/deploy-app - <<'JSON'\n(.*?)\nJSON", lines, re.DOTALL)

    assert config
    assert role
    settings = dict(word.split("=", 1) for word in shlex.split(config[1]))
    return [("auth/jwt/config", settings), ("auth/jwt/role/deploy-app", json.loads(role[1]))]


def _nomad(here: Callable[[str], str]) -> list[tuple[str, dict[str, Any]]]:
    """Return what the page has `nomad acl` send."""
    (lines,) = [here(block) for block in snippets("sh") if "nomad acl auth-method create" in block]
    method, rule = (_flags(line) for line in re.split(r"\n(?=nomad )", lines.replace("\\\n", " ").strip()))
    return [
        (
            "acl/auth-method",
            {
                "Name": method["name"],
                "Type": method["type"],
                "TokenLocality": method["token-locality"],
                "MaxTokenTTL": method["max-token-ttl"],
                "Config": json.loads(method["config"]),
            },
        ),
        (
            "acl/binding-rule",
            {
                "AuthMethod": rule["auth-method"],
                "BindType": rule["bind-type"],
                "BindName": rule["bind-name"],
                "Selector": rule["selector"],
            },
        ),
    ]


def _flags(line: str) -> dict[str, str]:
    words = (word.removeprefix("-").partition("=") for word in shlex.split(line) if word.startswith("-"))
    return {name: value for name, _, value in words}


def _with(lab: Lab, text: str, issuer: str = "") -> str:
    """Return *text* with the lab's addresses in the place of the example's."""
    places = {"gitlab": issuer or lab.github.addr, "vault": lab.audience, "nomad": lab.nomad.addr}
    return re.sub(r"https://(gitlab|vault|nomad)\.example\.com(?::\d+)?", lambda found: places[found[1]], text)


def local(snippet: str) -> str:
    """Return a pipeline of the pages with the template of this checkout."""
    return re.sub(r"remote: \S+", "local: nomad-token.yml", snippet)


def on(lab: Lab, snippet: str) -> str:
    """Return a pipeline of the pages as it runs here: the template of this checkout, the lab's addresses."""
    return _with(lab, local(snippet))
