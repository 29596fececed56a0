"""`bootstrap`: the first management token of a Nomad, in a file, and nowhere else."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from nomad_token.errors import InputError, Refused, Temporary
from nomad_token_lab import CLOSE, Fault, Lab
from nomad_token_lab.faults import Answer, Close
from nomad_token_lab.nomad.profile import Profile
from setup.site import FILE, Site


@pytest.fixture(params=list(Profile), ids=lambda profile: profile.value)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Serve a Nomad of each range of versions that nobody has bootstrapped, to an operator without a token."""
    with Lab(bootstrapped=False, profile=request.param) as lab:
        environ = {
            "HOME": str(tmp_path),
            "VAULT_ADDR": lab.vault.addr,
            "VAULT_TOKEN": lab.root_token.get_secret_value(),
            "NOMAD_ADDR": lab.nomad.addr,
        }
        yield Site(lab, tmp_path, environ)


def the_token(site: Site) -> str:
    """Return the secret of the only token that there is."""
    (token,) = site.lab.nomad.tokens.values()
    assert token.type == "management"
    return token.secret


def test_the_token_is_in_the_file(empty: Site) -> None:
    """It is its owner's alone, is not printed, and is a management token."""
    file = empty.folder / "nomad.token"
    assert empty("bootstrap", "--out", str(file)) == 0

    assert file.read_text() == f"{the_token(empty)}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert empty.out == ""
    assert f"--nomad-token-file {file}" in empty.err


def test_printed_where_it_is_asked_for(tmp_path: Path) -> None:
    """--print writes it to standard output, besides the file."""
    with Lab(bootstrapped=False) as lab:
        site = Site(lab, tmp_path, {"HOME": str(tmp_path), "NOMAD_ADDR": lab.nomad.addr})
        with pytest.raises(AssertionError):  # which `Site` makes of a secret in sight
            site("bootstrap", "--out", str(tmp_path / "t"), "--print")

        assert site.out == f"{the_token(site)}\n"


def test_what_follows(empty: Site) -> None:
    """`setup apply` works with it, and Vault gets another one."""
    file = empty.folder / "nomad.token"
    assert empty("bootstrap", "--out", str(file)) == 0
    empty.write(FILE.partition("[[nomad-role]]")[0] + "[[engine]]" + FILE.partition("[[engine]]")[2])
    assert empty.apply("--nomad-token-file", str(file)) == 0

    assert "Proven: Vault minted" in empty.err
    assert len(empty.access_tokens()) == 1


def test_a_second_time(empty: Site) -> None:
    """It is said to be done, with the index that undoes it, and the new file is gone again."""
    assert empty("bootstrap", "--out", str(empty.folder / "one")) == 0
    assert empty("bootstrap", "--out", str(empty.folder / "two")) == Refused.exit_code

    index = empty.lab.nomad.bootstrapped_at
    assert f"echo {index} > DATA_DIR/server/acl-bootstrap-reset" in empty.err
    assert not (empty.folder / "two").exists()
    assert len(empty.lab.nomad.tokens) == 1


def test_a_file_that_is_there(empty: Site) -> None:
    """It is left as it is, and nothing is asked."""
    file = empty.folder / "one"
    file.write_text("precious")
    assert empty("bootstrap", "--out", str(file)) == InputError.exit_code

    assert file.read_text() == "precious"
    assert "is not overwritten" in empty.err
    assert empty.lab.requests == []


def test_a_place_that_can_not_be_written(empty: Site) -> None:
    """That is found before anything is asked."""
    assert empty("bootstrap", "--out", str(empty.folder / "no" / "where")) == InputError.exit_code
    assert empty.lab.requests == []


def test_without_acls(empty: Site) -> None:
    """A Nomad that has none is told, with what to configure."""
    empty.lab.nomad.acl_enabled = False
    assert empty("bootstrap", "--out", str(empty.folder / "t")) == Refused.exit_code

    assert "acl { enabled = true }" in empty.err
    assert not (empty.folder / "t").exists()


def test_a_lost_answer(empty: Site) -> None:
    """The secret was chosen here, so that nothing is lost with the answer."""
    empty.lab.faults.append(Fault("nomad", "POST", "bootstrap", CLOSE, "after"))
    assert empty("bootstrap", "--out", str(empty.folder / "t")) == 0

    assert (empty.folder / "t").read_text() == f"{the_token(empty)}\n"


@pytest.mark.parametrize("answer", [CLOSE, Answer(504, "Gateway Timeout", content_type="text/plain")])
def test_a_request_that_was_lost(empty: Site, answer: Answer | Close) -> None:
    """Nomad does not know the secret so far, and may be at it still: the file is kept, and the question is told."""
    empty.lab.faults.append(Fault("nomad", "POST", "bootstrap", answer))
    assert empty("bootstrap", "--out", str(empty.folder / "t")) == Temporary.exit_code

    assert (empty.folder / "t").exists()
    assert "remove the file and run it again" in empty.err
    assert empty.lab.nomad.tokens == {}


def test_what_can_not_be_told(empty: Site) -> None:
    """Where Nomad does not answer any more, the file is kept, and the question is told."""
    empty.lab.faults.append(Fault("nomad", "POST", "bootstrap", CLOSE, "after"))
    empty.lab.faults.append(Fault("nomad", "GET", "token/self", Answer(400, "what?", content_type="text/plain")))
    assert empty("bootstrap", "--out", str(empty.folder / "t")) == Temporary.exit_code

    assert (empty.folder / "t").read_text() == f"{the_token(empty)}\n"
    assert "nomad acl token self" in empty.err


def test_a_nomad_that_chooses_the_secret(tmp_path: Path) -> None:
    """What an older one answers with is what is kept."""
    with Lab(bootstrapped=False) as lab:
        secret = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
        body = {"AccessorID": secret, "SecretID": secret, "Type": "management"}
        lab.faults.append(Fault("nomad", "POST", "bootstrap", Answer(200, body)))
        site = Site(lab, tmp_path, {"HOME": str(tmp_path), "NOMAD_ADDR": lab.nomad.addr})
        assert site("bootstrap", "--out", str(tmp_path / "t")) == 0

        assert (tmp_path / "t").read_text() == f"{secret}\n"
        assert secret not in site.out + site.err
