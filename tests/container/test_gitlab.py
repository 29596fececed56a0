"""The executable in jobs as gitlab-runner runs them, downloaded by the template."""

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from container.test_executable import build
from gitlab.scenarios import pair, same_job
from gitlab.site import ENDINGS, SHELLS, Site, shell
from nomad_token_lab import Lab


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Print nothing."""


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Build the executable once, and serve it on loopback; return the template's inputs."""
    path = build(tmp_path_factory.mktemp("executable"))
    kind = functools.partial(_Quiet, directory=str(path.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {
            "tool": "download",
            "tool_url": f"http://127.0.0.1:{server.server_port}/{path.name}",
            "tool_sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        server.shutdown()


@pytest.fixture(params=SHELLS)
def site(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Site:
    """Make a project whose jobs have a shell, and no tool and no Python."""
    return Site(tmp_path, shell(request.param, tmp_path, None), lab)


@pytest.mark.parametrize("trace", ["quiet", "CI_DEBUG_TRACE"])
@pytest.mark.parametrize("ending", ENDINGS)
def test_same_job(site: Site, tool: dict[str, str], ending: str, trace: str) -> None:
    """Minted before the script and revoked after it, however that ended."""
    same_job(site, ending, trace, **tool)


@pytest.mark.parametrize("ending", ENDINGS)
def test_pair(site: Site, tool: dict[str, str], ending: str) -> None:
    """A report hands the token on; a canceled pipeline leaves it to its lease."""
    pair(site, ending, "quiet", **tool)
