"""What the shipped policies allow, each proven at Nomad with a token that has it alone, and what they don't."""

import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from nomad_token.setup import shipped
from nomad_token_lab import Lab
from nomad_token_lab.nomad.profile import Profile
from nomad_token_lab.nomad.rules import Rules

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", params=list(Profile), ids=lambda profile: profile.name.lower())
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Serve Nomad in each profile, with the shipped policies, and a job in each of their namespaces."""
    with Lab(profile=request.param) as lab, lab.nomad_client() as nomad:
        for name in ("production", "staging", "other"):
            nomad.put(f"/v1/namespace/{name}", json={"Name": name})
        for name in shipped.ABOUT:
            body = {"Name": name, "Rules": shipped.rules(name)}
            nomad.put(f"/v1/acl/policy/{name}", json=body).raise_for_status()
        for namespace in ("default", "production", "staging", "other"):
            register(nomad, namespace).raise_for_status()
        yield lab


def register(nomad: httpx.Client, namespace: str) -> httpx.Response:
    """Run a job."""
    job = {"ID": "there", "Name": "there", "Type": "batch", "Namespace": namespace, "Datacenters": ["*"]}
    return nomad.put("/v1/jobs", json={"Job": job}, params={"namespace": namespace})


def allowed(lab: Lab, policy: str, namespace: str) -> set[str]:
    """Return what a token of that *policy* alone may do in a *namespace*, by what Nomad answers."""
    with lab.nomad_client() as nomad:
        made = nomad.post("/v1/acl/token", json={"Name": policy, "Type": "client", "Policies": [policy]}).json()
        nomad.headers["X-Nomad-Token"] = made["SecretID"]
        at = {"namespace": namespace}
        answers = {
            "run": register(nomad, namespace),
            "list": nomad.get("/v1/jobs", params=at),
            "read": nomad.get("/v1/job/there", params=at),
            "manage": nomad.get("/v1/acl/tokens"),
        }
    assert all(answer.status_code == 200 or answer.text.endswith("Permission denied") for answer in answers.values())
    return {name for name, answer in answers.items() if answer.status_code == 200}


@pytest.mark.parametrize(
    ("policy", "namespace", "may"),
    [
        ("readonly", "default", {"list", "read"}),
        ("readonly", "production", {"list", "read"}),
        ("deploy", "default", {"run", "list", "read"}),
        ("deploy", "production", set()),
        ("ns-admin", "production", {"run", "list", "read"}),
        ("ns-admin", "staging", {"run", "list", "read"}),
        ("ns-admin", "default", set()),
        ("ns-admin", "other", set()),
    ],
)
def test_what_a_token_may_do(lab: Lab, policy: str, namespace: str, may: set[str]) -> None:
    """Jobs are run, listed and read where the policy says so, and Nomad refuses the rest; none manages Nomad."""
    assert allowed(lab, policy, namespace) == may


@pytest.mark.parametrize(
    ("policy", "namespace", "capabilities"),
    [
        ("readonly", "default", set()),
        ("deploy", "default", {"read-logs", "alloc-exec"}),
        ("deploy", "other", set()),
        ("ns-admin", "production", {"read-logs", "alloc-exec", "alloc-lifecycle", "read-fs", "dispatch-job"}),
        ("ns-admin", "default", set()),
    ],
)
def test_what_it_may_do_with_allocations(policy: str, namespace: str, capabilities: set[str]) -> None:
    """Logs, files and shells of what runs are for those that deploy or manage, and for nobody who looks."""
    rules = Rules([shipped.rules(policy)])
    asked = {"read-logs", "alloc-exec", "alloc-lifecycle", "read-fs", "dispatch-job"}

    assert {each for each in asked if rules.namespace(namespace, each)} == capabilities


@pytest.mark.parametrize("policy", shipped.ABOUT)
def test_nothing_of_a_cluster_is_written(policy: str) -> None:
    """No policy writes to nodes, agents, operators or quotas; whoever looks or deploys may see the nodes."""
    rules = Rules([shipped.rules(policy)])
    subjects = ("node", "agent", "operator", "quota", "plugin")

    assert not [subject for subject in subjects if rules.level(subject, "write")]
    assert {subject for subject in subjects if rules.level(subject, "read")} == (
        {"node"} if policy != "ns-admin" else set()
    )


def test_a_wheel_holds_the_policies(tmp_path: Path) -> None:
    """What is installed from a wheel has the three files."""
    script = f"from hatchling.build import build_wheel; build_wheel({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, timeout=120)  # noqa: S603
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()

    for name in shipped.ABOUT:
        assert f"nomad_token/setup/policies/{shipped.file_name(name)}" in names
