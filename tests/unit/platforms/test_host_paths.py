"""What the next steps see of a file here, and what is placed for them."""

import os
import stat
from pathlib import Path

import pytest

from nomad_token.platforms.host_paths import DEFAULT, HostPaths
from nomad_token.secret import SecretStr

TOLD = DEFAULT.replace("${{ github.workspace }}", "/home/runner/work/app/app").replace(
    "${{ runner.temp }}", "/home/runner/work/_temp"
)
RUNNER = {
    "GITHUB_WORKSPACE": "/github/workspace",
    "GITHUB_STATE": "/github/file_commands/save_state_1",
}


def of_runner(told: str = TOLD) -> HostPaths:
    """Return those of a container action that was *told* its runner's paths."""
    return HostPaths.of_step(RUNNER | {"INPUT_HOST-PATHS": told}, under_act=False)


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ("ca.pem", "/home/runner/work/app/app/ca.pem"),
        ("./tls//ca.pem", "/home/runner/work/app/app/tls/ca.pem"),
        ("/github/workspace/tls/ca.pem", "/home/runner/work/app/app/tls/ca.pem"),
        ("/github/runner_temp/ca.pem", "/home/runner/work/_temp/ca.pem"),
        ("/github/home/ca.pem", "/home/runner/work/_temp/_github_home/ca.pem"),
        ("../home/ca.pem", "/home/runner/work/_temp/_github_home/ca.pem"),
        ("/github/workflow/event.json", "/home/runner/work/_temp/_github_workflow/event.json"),
        ("/github/file_commands/x", "/home/runner/work/_temp/_runner_file_commands/x"),
        ("/github/workspaces/ca.pem", None),
        ("../ca.pem", None),
        ("/etc/ssl/ca.pem", None),
    ],
)
def test_container_action(here: str, there: str | None) -> None:
    """A path in a mounted folder is the runner's own path; any other is not seen by the next steps."""
    assert of_runner().seen(here) == there


@pytest.mark.parametrize(
    "told", ["", "host:", "host:/work", "host:work:temp", "/github/workspace:/github/runner_temp", "HOST:/a:/b"]
)
def test_runner_that_does_not_tell(told: str) -> None:
    """Without the runner's word, whole, nothing is guessed."""
    assert of_runner(told).seen("ca.pem") is None


def test_act(tmp_path: Path) -> None:
    """Under act the workspace and the folder of the state have the same path everywhere, and nothing else is shared."""
    environ = {"GITHUB_WORKSPACE": "/home/me/app", "GITHUB_STATE": str(tmp_path / "state"), "INPUT_HOST-PATHS": TOLD}
    paths = HostPaths.of_step(environ, under_act=True)

    assert paths.seen("ca.pem") == "/home/me/app/ca.pem"
    assert paths.seen(tmp_path / "x") == f"{tmp_path}/x"
    assert paths.seen("/tmp/ca.pem") is None  # noqa: S108 - never opened


def test_no_container(tmp_path: Path) -> None:
    """Where the step runs on the machine itself, a path is the same for all, and absolute."""
    paths = HostPaths.of_step({"GITHUB_WORKSPACE": str(tmp_path)}, under_act=False)

    assert paths.seen("tls/ca.pem") == f"{tmp_path}/tls/ca.pem"
    assert paths.seen("/etc/ssl/ca.pem") == "/etc/ssl/ca.pem"
    assert HostPaths.of_step({}, under_act=False).seen("ca.pem") == str(Path.cwd() / "ca.pem")


class TestPlaced:
    """Files for the next steps."""

    def test_written_and_removed(self, tmp_path: Path) -> None:
        """Each mint has a folder of its own; only what was placed for the mint is removed with it."""
        paths = HostPaths(tmp_path, tmp_path, None)
        kept = paths.place("0badcafe", "ca.pem", "PEM")
        placed = paths.place("1badcafe", "ca.pem", "PEM\n")
        paths.clear("1badcafe")

        assert kept == str(tmp_path / "nomad-token-0badcafe" / "ca.pem")
        assert Path(kept).read_text("utf-8") == "PEM\n"
        assert placed
        assert list(tmp_path.rglob("*.pem")) == [Path(kept)]
        assert not Path(placed).parent.exists()

    def test_secret_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        """A secret text is readable by the owner, any other by all."""
        paths = HostPaths(tmp_path, tmp_path, None)
        modes = [
            stat.S_IMODE(Path(path).stat().st_mode)
            for name, text in (("key.pem", SecretStr("KEY")), ("ca.pem", "PEM"))
            if (path := paths.place("0badcafe", name, text))
        ]

        assert modes == [0o600, 0o644]

    def test_nothing_is_written_where_nobody_sees_it(self, tmp_path: Path) -> None:
        """Where the next steps don't see the folder, or there is none, no file is left."""
        unseen = HostPaths(tmp_path, tmp_path, {})
        nowhere = HostPaths(tmp_path, None, None)

        assert unseen.place("0badcafe", "key.pem", SecretStr("KEY")) is None
        assert nowhere.place("0badcafe", "key.pem", SecretStr("KEY")) is None
        assert list(tmp_path.iterdir()) == []

    def test_file_that_is_there_is_not_written_to(self, tmp_path: Path) -> None:
        """A file that somebody else put there, or a link, is no place for a key."""
        (tmp_path / "nomad-token-0badcafe").mkdir()
        (tmp_path / "nomad-token-0badcafe" / "key.pem").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(FileExistsError):
            HostPaths(tmp_path, tmp_path, None).place("0badcafe", "key.pem", SecretStr("KEY"))

        assert not (tmp_path / "elsewhere").exists()

    @pytest.mark.parametrize("mint", ["", "..", "x/../../app", "0badcafe/../../app", "."])
    def test_forged_mint_removes_nothing(self, tmp_path: Path, mint: str) -> None:
        """What is removed is named by the saved state, which under act any step can write to: only our form counts."""
        folder = tmp_path / "runner"
        (tmp_path / "app").mkdir()
        (folder / "nomad-token-").mkdir(parents=True)
        HostPaths(tmp_path, folder, None).clear(mint)

        assert (tmp_path / "app").exists()
        assert (folder / "nomad-token-").exists()


def test_umask_that_is_open(tmp_path: Path) -> None:
    """Nobody else can put another authority into what is placed, whatever the umask."""
    old = os.umask(0)
    try:
        seen = HostPaths(tmp_path, tmp_path, None).place("0a", "ca.pem", "PEM")
    finally:
        os.umask(old)

    assert seen == str(tmp_path / "nomad-token-0a/ca.pem")
    assert stat.S_IMODE((tmp_path / "nomad-token-0a").stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "nomad-token-0a/ca.pem").stat().st_mode) == 0o644
