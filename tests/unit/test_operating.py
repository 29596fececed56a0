"""An operator's tokens: where they are found, in which order, and when they are used."""

from pathlib import Path

import httpx
import pytest

from fakes import NOMAD, FakeClock, RecordingPlatform, nomad_error
from nomad_token.clients.http import Connections
from nomad_token.errors import InputError, Refused, Temporary
from nomad_token.operating import Operator
from nomad_token.outside import Outside
from nomad_token.signals import Signals
from through import answering

TOKEN = {"AccessorID": "acce5500-0000-4000-8000-000000000001", "SecretID": "x", "Type": "management"}


def operator(
    environ: dict[str, str], file: str = "", *, prefix: str = "", answer: httpx.Response | Exception | None = None
) -> Operator:
    """Make an operator of a Nomad that answers everything alike."""

    def answered(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, Exception):
            raise answer
        return answer or httpx.Response(200, json=TOKEN)

    clock = FakeClock()
    outside = Outside(Connections(clock, lambda _: None, answering(answered)), clock, Signals())
    return Operator(RecordingPlatform([], {"nomad-addr": NOMAD}), outside, environ, prefix, file)


@pytest.mark.parametrize(
    ("environ", "kept", "found"),
    [
        ({"VAULT_TOKEN": "s.first"}, "s.second", "s.first"),
        ({"VAULT_TOKEN": " "}, "s.second\n", "s.second"),
        ({"eu_VAULT_TOKEN": "s.prefixed", "VAULT_TOKEN": "s.first"}, "", "s.prefixed"),
    ],
)
def test_where_vaults_token_is(tmp_path: Path, environ: dict[str, str], kept: str, found: str) -> None:
    """The variable comes first, the one with the prefix before it, then what `vault login` kept; it is masked."""
    (tmp_path / ".vault-token").write_text(kept)
    one = operator(environ | {"HOME": str(tmp_path)}, prefix="eu_")

    assert one.vault_token().get_secret_value() == found
    assert found not in repr(one)


def test_there_is_no_token_of_vaults(tmp_path: Path) -> None:
    """Both places are named."""
    with pytest.raises(InputError) as caught:
        operator({"HOME": str(tmp_path)}).vault_token()

    assert "VAULT_TOKEN, else from ~/.vault-token" in caught.value.text


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({"NOMAD_MANAGEMENT_TOKEN": "m", "NOMAD_TOKEN": "t"}, "m"),
        ({"NOMAD_MANAGEMENT_TOKEN": "", "NOMAD_TOKEN": "t"}, "t"),
    ],
)
def test_where_nomads_token_is(environ: dict[str, str], found: str) -> None:
    """The one that says what it is comes before the one that may be a job's."""
    assert operator(environ).nomad_token().get_secret_value() == found


def test_a_file_comes_first(tmp_path: Path) -> None:
    """A file that is named is read before any variable; one that can't be is an error, not a fall-back."""
    (tmp_path / "token").write_text("f\n")
    environ = {"NOMAD_MANAGEMENT_TOKEN": "m"}

    assert operator(environ, str(tmp_path / "token")).nomad_token().get_secret_value() == "f"
    with pytest.raises(InputError, match="--nomad-token-file"):
        operator(environ, str(tmp_path / "nothing")).nomad_token()


def test_there_is_no_token_of_nomads() -> None:
    """All three places are named."""
    with pytest.raises(InputError) as caught:
        operator({}).nomad_token()

    assert "--nomad-token-file, else from NOMAD_MANAGEMENT_TOKEN, else from NOMAD_TOKEN" in caught.value.text


def test_a_management_token_is_used() -> None:
    """Once Nomad says that it is one."""
    found = operator({"NOMAD_TOKEN": "t"}).nomad()

    assert found.token is not None
    assert found.token.get_secret_value() == "t"


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (httpx.Response(200, json=TOKEN | {"Type": "client"}), Refused, "of type client, and was used for nothing"),
        (httpx.Response(200, json=TOKEN | {"AccessorID": "acls-disabled"}), Refused, "acl { enabled = true }"),
        (nomad_error(400, "ACL support disabled"), Refused, "acl { enabled = true }"),
        (nomad_error(403, "Permission denied"), Refused, "does not know the operator's token"),
        (httpx.ConnectError("no"), Temporary, "No answer"),
    ],
)
def test_any_other_token_is_not(answer: httpx.Response | Exception, kind: type[Exception], said: str) -> None:
    """A job's token, a Nomad without ACLs, an unknown token, no answer: each in its own words."""
    with pytest.raises(kind) as caught:
        operator({"NOMAD_TOKEN": "t"}, answer=answer).nomad()

    assert said in getattr(caught.value, "text", "")
