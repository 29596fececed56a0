"""Files that hold secrets: the owner's alone, whole or not there, and never in the place of what is no file."""

import os
import pty
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from limit import full_beyond
from nomad_token.platforms.files import (
    append,
    irreplaceable,
    is_planted,
    is_terminal,
    make_folder,
    overwrite,
    remove_with,
    replace,
)

SECRET = "5ec7e700-0000-4000-8000-000000000001"


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set a umask for the test."""
    old = os.umask(request.param)
    yield request.param
    os.umask(old)


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("umask", [0o000, 0o022], indirect=True)
def test_folders_of_the_owner_alone(tmp_path: Path) -> None:
    """Whoever can write to a folder around the state can put another one in its place: nobody else can."""
    make_folder(tmp_path / "a/b/c")
    make_folder(tmp_path / "a/b/c")

    assert all(mode(tmp_path / each) & 0o077 == 0 for each in ("a", "a/b", "a/b/c"))


class TestReplace:
    """`replace`."""

    @pytest.mark.usefixtures("umask")
    def test_owner_alone(self, tmp_path: Path) -> None:
        """Nobody else can read it, whatever the umask, and no temporary file stays."""
        replace(tmp_path / "file", SECRET)

        assert mode(tmp_path / "file") & 0o077 == 0
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_existing_file_is_replaced(self, tmp_path: Path) -> None:
        """What was there is gone, and so are its loose permissions."""
        path = tmp_path / "file"
        path.write_text("something longer than what comes")
        path.chmod(0o666)
        replace(path, SECRET)

        assert path.read_text() == SECRET
        assert mode(path) == 0o600

    def test_other_names_of_a_file_keep_the_old(self, tmp_path: Path) -> None:
        """A file that somebody holds open, or knows under another name, doesn't get the secret."""
        path, other = tmp_path / "file", tmp_path / "other"
        path.write_text("old")
        other.hardlink_to(path)
        replace(path, SECRET)

        assert other.read_text() == "old"

    @pytest.mark.parametrize("there", [True, False])
    def test_link_is_not_followed(self, tmp_path: Path, there: bool) -> None:  # noqa: FBT001 - a parameter of the test
        """A link is replaced: it may have been laid by somebody who wants the secret elsewhere."""
        target, link = tmp_path / "target", tmp_path / "link"
        if there:
            target.write_text("theirs")
        link.symlink_to(target)
        replace(link, SECRET)

        assert not link.is_symlink()
        assert link.read_text() == SECRET
        assert not target.exists() or target.read_text() == "theirs"

    def test_failure_leaves_what_was_there(self, tmp_path: Path) -> None:
        """Where the new file can't take the place of the old, the old one stays, and no piece of the new."""
        path = tmp_path / "folder"
        (path / "in it").mkdir(parents=True)

        with pytest.raises(OSError, match="directory"):
            replace(path, SECRET)
        assert [path.name for path in tmp_path.iterdir()] == ["folder"]

    def test_pipe_is_written_to(self, tmp_path: Path) -> None:
        """A FIFO's reader gets the text, and the FIFO stays one."""
        path = tmp_path / "pipe"
        os.mkfifo(path)
        got: list[str] = []
        reader = threading.Thread(target=lambda: got.append(path.read_text()))
        reader.start()
        replace(path, SECRET)
        reader.join(10)

        assert got == [SECRET]
        assert path.is_fifo()

    def test_open_file_is_written_to(self, tmp_path: Path) -> None:
        """A name of an open file stands for it: what was redirected goes on, and the name is not replaced."""
        path = tmp_path / "file"
        path.write_text("before\n")
        with path.open("ab") as file:
            named = Path(f"/dev/fd/{file.fileno()}")
            replace(named, SECRET)
            still = named.is_symlink()

        assert path.read_text() == f"before\n{SECRET}"
        assert still

    def test_left_by_one_that_was_killed(self, tmp_path: Path) -> None:
        """What a process of the same number left, as in a container's next run, stands in no one's way."""
        (tmp_path / f".file.{os.getpid()}").write_text("half of a tok")
        replace(tmp_path / "file", SECRET)

        assert (tmp_path / "file").read_text() == SECRET

    @pytest.mark.parametrize("room", [0, 1, len(SECRET) - 1])
    def test_full_disk(self, tmp_path: Path, room: int) -> None:
        """What was there stays as it was, nothing stays beside it, and the error names the file."""
        path = tmp_path / "file"
        path.write_text("")
        with full_beyond(room), pytest.raises(OSError, match="File too large") as error:
            replace(path, SECRET)

        assert error.value.filename == str(path)
        assert path.read_text() == ""
        assert [each.name for each in tmp_path.iterdir()] == ["file"]

    def test_full_device(self) -> None:
        """A full device is an error."""
        with pytest.raises(OSError, match="No space left"):
            replace(Path("/dev/full"), SECRET)

        assert Path("/dev/full").is_char_device()


class TestIrreplaceable:
    """`irreplaceable`."""

    def test_what_can_be_written(self, tmp_path: Path) -> None:
        """A new file, a file, a pipe and a device can be."""
        (tmp_path / "file").touch()
        os.mkfifo(tmp_path / "pipe")
        found = [tmp_path / "new", tmp_path / "file", tmp_path / "pipe", Path("/dev/null"), Path("new")]

        assert [irreplaceable(path) for path in found] == [""] * 5

    def test_what_can_not(self, tmp_path: Path) -> None:
        """A directory, what lies in none, and what has no possible name can't be."""
        (tmp_path / "file").touch()

        assert irreplaceable(tmp_path) == "it is a directory"
        assert irreplaceable(tmp_path / "none" / "x") == "there is no such directory"
        assert irreplaceable(tmp_path / "file" / "x") == "there is no such directory"
        assert irreplaceable(tmp_path / ("x" * 300)) == "File name too long"
        assert irreplaceable(Path("/dev/no-such-device")) == "it can't be written to"


def test_terminal(tmp_path: Path) -> None:
    """A terminal is told by its path; a device that shows nothing, and a file, are none."""
    ours, theirs = pty.openpty()
    try:
        assert is_terminal(Path(os.ttyname(theirs)))
    finally:
        os.close(ours)
        os.close(theirs)
    assert not is_terminal(Path("/dev/null"))
    assert not is_terminal(tmp_path / "none")
    assert not is_terminal(tmp_path)


class TestRemoveWith:
    """`remove_with`."""

    def test_holds_it(self, tmp_path: Path) -> None:
        """A file that holds the secret is gone, and so is the secret under another name of it."""
        path, other = tmp_path / "file", tmp_path / "other"
        path.write_text(f"export NOMAD_TOKEN={SECRET}\n")
        other.hardlink_to(path)
        remove_with(path, [b"another", SECRET.encode()])

        assert not path.exists()
        assert SECRET not in other.read_text()

    def test_is_somebody_elses_by_now(self, tmp_path: Path) -> None:
        """A file without the secret stays as it is, one that is not there is none, and without secrets nothing goes."""
        path = tmp_path / "file"
        path.write_text("export NOMAD_TOKEN=another\n")
        remove_with(path, [SECRET.encode()])
        remove_with(path, [])
        remove_with(tmp_path / "none", [SECRET.encode()])

        assert path.read_text() == "export NOMAD_TOKEN=another\n"

    def test_link_and_pipe_stay(self, tmp_path: Path) -> None:
        """What is no file is not read: a pipe would never end."""
        target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
        target.write_text(SECRET)
        link.symlink_to(target)
        os.mkfifo(pipe)
        remove_with(link, [SECRET.encode()])
        remove_with(pipe, [SECRET.encode()])

        assert target.read_text() == SECRET
        assert pipe.is_fifo()


def test_append_makes_no_file(tmp_path: Path) -> None:
    """A file that isn't there was removed with all that was in it: a new one would be half of it."""
    with pytest.raises(FileNotFoundError):
        append(tmp_path / "file", SECRET)

    assert not (tmp_path / "file").exists()


@pytest.mark.parametrize("room", range(len(SECRET)))
def test_append_is_whole_or_nothing(tmp_path: Path, room: int) -> None:
    """Where there is room for a part alone, the file is as it was, and can be appended to when there is room again."""
    file = tmp_path / "file"
    file.write_text("before\n")
    with (
        full_beyond(len("before\n") + room),
        pytest.raises(OSError, match=r"room for a part|File too large"),
    ):
        append(file, SECRET)
    torn = file.read_text()
    append(file, "after\n")

    assert torn == "before\n"
    assert file.read_text() == "before\nafter\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pipes in its folders")
def test_append_waits_for_nobody(tmp_path: Path) -> None:
    """A pipe that nobody reads is an error: a step that waits for a reader would never end."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(OSError, match="No such device"):
        append(tmp_path / "pipe", SECRET)


def test_append_to_a_full_disk() -> None:
    """A full disk is an error, not a shorter file."""
    with pytest.raises(OSError, match="No space left"):
        append(Path("/dev/full"), SECRET)


def test_overwrite_does_not_follow_a_link(tmp_path: Path) -> None:
    """A link is refused: what it points to is somebody else's."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text(SECRET)
    link.symlink_to(target)

    with pytest.raises(OSError, match="symbolic"):
        overwrite(link, [SECRET.encode()])
    assert target.read_text() == SECRET


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file to somebody else")
class TestPlanted:
    """What another user put into a folder that is shared."""

    @pytest.fixture
    def shared(self, tmp_path: Path) -> Path:
        """Make a folder like /tmp."""
        folder = tmp_path / "shared"
        folder.mkdir()
        folder.chmod(0o1777)
        return folder

    def test_pipe(self, shared: Path) -> None:
        """A pipe of somebody else's, who reads along, is no place for a token: neither in advance nor at the end."""
        path = shared / "deploy.env"
        os.mkfifo(path)
        os.chown(path, 1234, 1234)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            reason = irreplaceable(path)
            with pytest.raises(PermissionError):
                replace(path, SECRET)
            read = os.read(reader, 100)
        finally:
            os.close(reader)

        assert "somebody else" in reason
        assert read == b""

    @pytest.mark.parametrize("there", [True, False])
    def test_link(self, shared: Path, tmp_path: Path, *, there: bool) -> None:
        """A link of somebody else's is as good as a file of theirs, whatever it leads to."""
        target, link = tmp_path / "target", shared / "link"
        if there:
            target.touch()
        link.symlink_to(target)
        os.chown(link, 1234, 1234, follow_symlinks=False)

        assert is_planted(link)

    def test_not_planted(self, shared: Path, tmp_path: Path) -> None:
        """Ours, the folder's owner's, and anything in a folder that nobody else can write to, is where it should be."""
        (shared / "ours").touch()
        (tmp_path / "private").touch()
        os.chown(tmp_path / "private", 1234, 1234)
        os.chown(shared, 1234, 1234)
        (shared / "theirs").touch()
        os.chown(shared / "theirs", 1234, 1234)

        assert not any(map(is_planted, (shared / "ours", shared / "theirs", shared / "none", tmp_path / "private")))
