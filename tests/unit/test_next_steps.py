"""How Nomad is reached in the next steps: which variables they get, and what is done for them."""

import base64
from pathlib import Path

import pytest

from certificates import Authority, Pair
from fakes import INPUTS, World
from nomad_token.mint import mint
from nomad_token.post import post
from nomad_token.secret import SecretStr

SECURE = "https://nomad.test:4646"
NAMES = ("nomad-ca-cert", "nomad-client-cert", "nomad-client-key")
VARIABLES = ("NOMAD_CACERT", "NOMAD_CLIENT_CERT", "NOMAD_CLIENT_KEY")


@pytest.fixture
def pems(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Make an authority, and a certificate of our own with its key."""
    authority = Authority(tmp_path)
    own: Pair = authority.client("ci")
    return authority.certificate, own.certificate, own.key


def texts(pems: tuple[Path, Path, Path]) -> list[str]:
    """Read them."""
    return [path.read_text("ascii") for path in pems]


def world(values: list[str]) -> World:
    """Make a job whose Nomad speaks TLS; *values* are those of NAMES."""
    return World(INPUTS | {"nomad-addr": SECURE} | dict(zip(NAMES, values, strict=True)))


def exported(world: World) -> dict[str, SecretStr | str]:
    """Mint, and return the variables."""
    mint(world.order(), world.platform, world.outside)
    assert world.platform.exported
    return dict(world.platform.exported.variables)


def test_texts_are_placed(pems: tuple[Path, Path, Path]) -> None:
    """PEM texts, and base64 of them, become files; the key is a secret one. The post-step takes them away."""
    ca, certificate, key = texts(pems)
    job = world([ca, base64.b64encode(certificate.encode()).decode(), key])
    variables = exported(job)
    folder = f"/theirs/{job.platform.plan.mint}"
    placed = {name.rpartition("/")[2]: text for name, text in job.platform.placed.items()}
    post(job.platform, job.outside)

    assert [variables[name] for name in VARIABLES] == [
        f"{folder}/ca.pem",
        f"{folder}/client.pem",
        f"{folder}/client-key.pem",
    ]
    assert placed == {"ca.pem": ca.strip(), "client.pem": certificate, "client-key.pem": SecretStr(key.strip())}
    assert job.platform.placed == {}


def test_paths_are_named(pems: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is there is named as the next steps see it, and not written again."""
    monkeypatch.chdir(pems[0].parent)
    job = world([f"@{pems[0].name}", pems[1].name, pems[2].name])
    variables = exported(job)

    assert [variables[name] for name in VARIABLES] == [f"/theirs/{path.name}" for path in pems]
    assert job.platform.placed == {}


def test_path_that_is_not_known_is_not_exported(pems: tuple[Path, Path, Path]) -> None:
    """A path that the next steps may not have is left out, which is warned about with what to write instead."""
    job = world([str(pems[0]), *texts(pems)[1:]])
    variables = exported(job)
    (warning,) = (event for event in job.events if event[0] == "warning")

    assert "NOMAD_CACERT" not in variables
    assert {"NOMAD_CLIENT_CERT", "NOMAD_CLIENT_KEY"} < set(variables)
    assert warning[1] == "Not exported"
    assert warning[2].startswith("NOMAD_CACERT: not exported.")


def test_name_and_skip_are_exported() -> None:
    """The other settings of TLS need no file, and are exported as they were read."""
    variables = exported(World(nomad_addr=SECURE, nomad_tls_server_name="server.global.nomad", nomad_skip_verify="yes"))

    assert variables["NOMAD_TLS_SERVER_NAME"] == "server.global.nomad"
    assert variables["NOMAD_SKIP_VERIFY"] == "true"


def test_nothing_of_tls_is_exported_unasked() -> None:
    """Without such inputs there are no such variables."""
    assert set(exported(World())) == {"NOMAD_ADDR", "NOMAD_TOKEN"}


@pytest.mark.parametrize("what", ["place", "export"])
def test_failed_mint_leaves_no_file(pems: tuple[Path, Path, Path], what: str) -> None:
    """A mint that fails when it hands over takes the files away again, at once, and the token too."""
    job = world(texts(pems))
    job.platform.fails_to[what] = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space"):
        exported(job)

    assert job.platform.placed == {}
    assert job.alive == []
