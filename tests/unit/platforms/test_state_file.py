"""State in a file: of the owner alone, and read again whatever happened to it."""

import base64
import os
import stat
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from limit import full_beyond
from nomad_token.errors import InputError
from nomad_token.platforms.base import Kept
from nomad_token.platforms.state_file import StateFile, packed, unpacked


@pytest.fixture
def file(tmp_path: Path) -> StateFile:
    """Make one that is not on disk yet."""
    return StateFile(tmp_path / "state")


def test_newest_mint_first(file: StateFile) -> None:
    """Each mint has its lines in the order in which they were kept; the mint that began last comes first."""
    file.keep("aaaa", "one")
    file.keep("bbbb", "two")
    file.keep("aaaa", "three")

    assert file.kept() == [Kept("bbbb", ["two"]), Kept("aaaa", ["one", "three"])]


def test_taken(file: StateFile) -> None:
    """A mint that was taken is gone; what it keeps afterwards is a mint anew."""
    file.keep("aaaa", "one")
    file.taken("aaaa")
    taken = file.kept()
    file.keep("aaaa", "two")

    assert taken == []
    assert file.kept() == [Kept("aaaa", ["two"])]


@pytest.mark.parametrize("torn", ["aaaa on", "aaaa", "aaaa ", "aa", " ", "\x00"])
def test_torn_entry_takes_no_other_with_it(file: StateFile, torn: str) -> None:
    """After an entry that was cut off, the next one can be read: a mint without its first fact could not be undone."""
    file.keep("cccc", "whole")
    file.keep("aaaa", "one")
    with file.path.open("a", encoding="utf-8") as end:
        end.write(torn)
    file.keep("bbbb", "two")
    file.taken("cccc")

    kept = {kept.mint: kept.lines for kept in file.kept()}
    assert kept["bbbb"] == ["two"]
    assert kept["aaaa"][0] == "one"
    assert "cccc" not in kept


def test_full_disk(file: StateFile) -> None:
    """An entry for which there is no room leaves those before it as they were, and the file is named."""
    file.keep("aaaa", "one")
    before = file.path.read_bytes()
    for room in range(len("\naaaa two\n")):
        with full_beyond(len(before) + room), pytest.raises(OSError, match=r"room|large") as error:
            file.keep("aaaa", "two")

        assert error.value.filename == str(file.path)
        assert file.path.read_bytes().startswith(before)
        assert file.kept()[0].lines[0] == "one"


def test_what_was_kept_is_gone(file: StateFile) -> None:
    """That a file lacks what was kept in it is noticed, whether it is gone, emptied, or has become something else."""
    file.keep("aaaa", "one")
    file.keep("aaaa", "two")
    file.keep("bbbb", "another's")
    file.check("aaaa")
    whole = file.path.read_text()
    for become in (
        file.path.unlink,
        file.path.touch,
        lambda: file.path.write_text(whole.replace("aaaa two", "")),
        file.path.unlink,
        file.path.mkdir,
    ):
        become()
        with pytest.raises(OSError, match=r"gone|no file") as error:
            file.check("aaaa")

        assert error.value.filename == str(file.path)


def test_foreign_lines(file: StateFile) -> None:
    """What somebody else wrote between is read as a mint of its own, whatever its bytes, and harms no other."""
    file.keep("aaaa", "one")
    with file.path.open("ab") as end:
        end.write(b"\xff\xfe\x00\r\n\n   \n# a comment\n")
    file.keep("aaaa", "two\u2028\x85three")

    kept = {kept.mint: kept.lines for kept in file.kept()}
    assert kept["aaaa"] == ["one", "two\u2028\x85three"]


def test_no_file(file: StateFile) -> None:
    """Where there is no file, nothing is kept, and nothing is made by looking."""
    assert file.kept() == []
    file.remove_when_taken()
    assert not file.path.exists()


def test_removed_when_all_is_taken(file: StateFile) -> None:
    """The file goes with the last mint in it, not before."""
    file.keep("aaaa", "one")
    file.keep("bbbb", "two")
    file.taken("bbbb")
    file.remove_when_taken()
    there = file.path.exists()
    file.taken("aaaa")
    file.remove_when_taken()

    assert there
    assert not file.path.exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_owner_alone(file: StateFile, umask: int) -> None:
    """Nobody else can read it, under any umask, nor a file that was there with looser permissions."""
    old = os.umask(umask)
    try:
        file.touch()
        new = stat.S_IMODE(file.path.stat().st_mode)
        file.path.chmod(0o666)
        file.touch()
    finally:
        os.umask(old)

    assert new == 0o600
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_behind_a_link(file: StateFile) -> None:
    """A link to a file is followed, and the file becomes its owner's alone."""
    target = file.path.with_name("target")
    target.touch(0o666)
    target.chmod(0o666)
    file.path.symlink_to(target)
    file.touch()
    file.keep("aaaa", "one")

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert file.kept() == [Kept("aaaa", ["one"])]


@pytest.mark.parametrize("made", ["pipe", "folder", "device"])
def test_no_file_at_all(tmp_path: Path, made: str) -> None:
    """A pipe, which nobody could read twice, a directory and a device are refused, by both who write and who read."""
    path = Path("/dev/null") if made == "device" else tmp_path / made
    if made == "pipe":
        os.mkfifo(path)
    if made == "folder":
        path.mkdir()

    with pytest.raises(OSError, match="no file"):
        StateFile(path).touch()
    with pytest.raises(OSError, match="no file"):
        StateFile(path).kept()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_of_somebody_else(tmp_path: Path) -> None:
    """In a folder that is shared a file of somebody else's is neither written to nor believed."""
    tmp_path.chmod(0o1777)
    file = StateFile(tmp_path / "state")
    file.keep("aaaa", "one")
    os.chown(file.path, 1234, 1234)

    with pytest.raises(PermissionError, match="somebody else"):
        file.touch()
    with pytest.raises(PermissionError, match="somebody else"):
        file.kept()


def test_mint_that_begins_as_another_one_ends(tmp_path: Path) -> None:
    """Each of several at a time finds all that it kept: a file that another one removes takes nothing along."""

    def mints(who: int) -> int:
        file = StateFile(tmp_path / "state")
        lost = 0
        for number in range(100):
            mint = f"{who}{number:03}"
            file.touch()
            for line in ("plan", "login", "lease"):
                file.keep(mint, line)
            lost += Kept(mint, ["plan", "login", "lease"]) not in file.kept()
            file.taken(mint)
            file.remove_when_taken()
        return lost

    with ThreadPoolExecutor(4) as pool:
        lost = list(pool.map(mints, range(4)))

    assert lost == [0, 0, 0, 0]
    assert not (tmp_path / "state").exists()


def test_mint_under_way(file: StateFile) -> None:
    """What half a mint has kept is not to be had, and the file stays; once it lets go, or is gone, all of it is."""
    minting = StateFile(file.path)
    minting.touch()
    minting.attend()
    minting.keep("aaaa", "plan")
    file.remove_when_taken()
    with pytest.raises(TimeoutError):
        file.kept_whole(0.2)
    minting.keep("aaaa", "lease")
    minting.let_go()

    assert file.kept_whole(0) == [Kept("aaaa", ["plan", "lease"])]


def test_two_mints_under_way(file: StateFile) -> None:
    """Mints keep nobody from minting; the last one to end makes way."""
    one, other = StateFile(file.path), StateFile(file.path)
    for mint, each in (("aaaa", one), ("bbbb", other)):
        each.touch()
        each.attend()
        each.keep(mint, "plan")
    one.let_go()
    with pytest.raises(TimeoutError):
        file.kept_whole(0)
    other.let_go()

    assert [kept.mint for kept in file.kept_whole(0)] == ["bbbb", "aaaa"]


HANDED_OVER = Kept("aaaa", ['{"fact":"one","größe":"\u2028"}', '{"fact":"two"}'])


def test_packed() -> None:
    """A mint's state is one word that comes back as it was, and that no print shows."""
    word = packed(HANDED_OVER)

    assert unpacked(word.get_secret_value()) == HANDED_OVER
    assert set(word.get_secret_value()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert word.get_secret_value() not in f"{word!r}{word}"


@pytest.mark.parametrize("left", range(1, 40))
def test_cut(left: int) -> None:
    """A word that was cut anywhere is refused whole: half a state would be revoked as if it were all."""
    word = packed(HANDED_OVER).get_secret_value()
    with pytest.raises(InputError, match="can't be read") as refused:
        unpacked(word[: -min(left, len(word) - 1)])

    assert word[:8] not in refused.value.text


def _zipped(data: bytes) -> str:
    return base64.urlsafe_b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    "word",
    ["x", "größe", "AAAA", "$NOMAD_MINT_KEPT", "[MASKED]", _zipped(b"\xff\xfe"), _zipped(b"a" * (2 << 20))],
    ids=["short", "no ASCII", "no stream", "unexpanded", "masked", "no text", "a bomb"],
)
def test_what_is_no_packed_state(word: str) -> None:
    """Whatever else the variable holds is refused, and not quoted."""
    with pytest.raises(InputError) as refused:
        unpacked(word)

    assert refused.value.text == "What was handed over to revoke can't be read: it was cut or changed on the way."


@pytest.mark.parametrize("at", range(0, 60, 7))
def test_changed(at: int) -> None:
    """A letter that was changed is noticed."""
    word = packed(HANDED_OVER).get_secret_value()
    other = "B" if word[at] == "A" else "A"
    with pytest.raises(InputError):
        unpacked(f"{word[:at]}{other}{word[at + 1 :]}")
