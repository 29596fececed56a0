"""The project's own pipeline: the template as it uses it, and what it would release."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gitlab import trust
from gitlab.pipelines import CHECKOUT, Project, installed
from nomad_token_lab import Lab

PIPELINE = (CHECKOUT / ".gitlab-ci.yml").read_text("utf-8")


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Serve what GitLab is to the job: who says whose it is."""
    with Lab() as running:
        running.github.claims = dict(trust.CLAIMS)
        yield running


@pytest.fixture
def project(tmp_path: Path, lab: Lab) -> Project:
    """Make a project with this checkout's files in it."""
    made = Project(tmp_path, installed(), lab)
    listed = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "src", "tests", "templates", "gitlab", "README.md", "docs"]
    files = subprocess.run(listed, capture_output=True, text=True, check=True).stdout  # noqa: S603 - the machine's git
    for name in filter(None, files.split("\0")):
        (made.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(CHECKOUT / name, made.folder / name)
    return made


def free_port() -> str:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return str(server.getsockname()[1])


def test_it_uses_its_own_template(lab: Lab, project: Project) -> None:
    """The job `template` mints on a lab of its own, deploys and revokes, and the lab is gone with it."""
    ports = {"8200": free_port(), "4646": free_port()}
    served = project.folder / "tests" / "gitlab" / "lab.py"
    here = PIPELINE.replace("python3 dev.py demo", "echo installed").replace(
        '"$CI_PROJECT_DIR/.venv/bin', f'"{Path(sys.executable).parent}'
    )
    here = re.sub(r"^  image: .*\n", "", here, flags=re.MULTILINE).replace('"$CI_PROJECT_ID"', "22")
    for usual, port in ports.items():
        here = here.replace(usual, port)
        served.write_text(served.read_text("utf-8").replace(usual, port), "utf-8")
    token = lab.github.id_token(f"http://127.0.0.1:{ports['8200']}").get_secret_value()
    done = project.run(here.replace('"$CI_SERVER_URL"', lab.github.addr), "template", VAULT_ID_TOKEN=token)

    assert done.code == 0, done.log
    assert "deployed hello: 200" in done.log
    assert "Nomad refuses it" in done.log
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(ports["8200"])))


def test_it_releases_versions_alone(project: Project) -> None:
    """A tag that is a version is released, with the keyword that the catalog asks for; the merged pipeline is valid."""
    release = yaml.safe_load(project.expanded(PIPELINE))["release"]
    pattern = re.fullmatch(r"\$CI_COMMIT_TAG =~ /(.*)/", release["rules"][0]["if"])

    assert release["release"]["tag_name"] == "$CI_COMMIT_TAG"
    assert pattern
    assert [tag for tag in ("1.2.3", "v1.2.3", "v1", "1.2", "1.2.3-rc1", "x1.2.3") if re.search(pattern[1], tag)] == [
        "1.2.3",
        "v1.2.3",
    ]
