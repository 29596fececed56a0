"""The self-contained executable: in images that hold no Python, and as a program on this machine."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

from certificates import Authority
from container.conftest import built
from container.leaks import secrets_in
from container.runner import CHECKOUT, docker
from jobs import nothing_lives, quick_start
from nomad_token import __version__
from nomad_token_lab import Fault, Lab, Silence, Tls

IMAGES: Final = {
    "glibc": """
FROM python:3.13-slim
RUN rm -r /usr/local/bin/* /usr/local/lib/python* && rm -rf /usr/bin/python* /usr/lib/python*
""",
    "musl": """
FROM python:3.13-slim AS packages
WORKDIR /packages
RUN apt-get update -qq && apt-get download -qq busybox-static musl \\
 && for package in *.deb; do dpkg --extract "$package" /image; done \\
 && mv /image/usr/bin /image/usr/lib /image && rm -r /image/usr
FROM scratch
COPY --from=packages /image /
RUN ["/bin/busybox", "--install", "-s", "/bin"]
""",
    "nothing": "FROM scratch\n",
}
LARGEST: Final = 18_000_000


def build(folder: Path) -> Path:
    """Build the image, and the executable from it, as a release does."""
    done = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, str(CHECKOUT / "executable" / "build.py"), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"the executable can't be built:\n{done.stdout}", pytrace=False)
    (path,) = folder.iterdir()
    return path


@pytest.fixture(scope="module")
def executable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the executable once."""
    return build(tmp_path_factory.mktemp("executable"))


@pytest.fixture(scope="module", params=IMAGES)
def holder(request: pytest.FixtureRequest, executable: Path) -> str:
    """Put the executable into an image that holds no Python: one of glibc, one of busybox and musl, an empty one."""
    dockerfile = f'{IMAGES[request.param]}COPY {executable.name} /nomad-token\nENTRYPOINT ["/nomad-token"]\n'
    tag = f"nomad-token-tests:executable-on-{request.param}"
    return built(tag, "--file", "-", str(executable.parent), dockerfile=dockerfile)


def identity(lab: Lab) -> dict[str, str]:
    """Return the environment of a job that was handed an id token."""
    return {"VAULT_ID_TOKEN": lab.github.id_token(lab.audience).get_secret_value()}


def flags(lab: Lab, **more: str) -> list[str]:
    """Return the inputs of the quick start as a command line."""
    return [word for name, value in quick_start(lab, **more).items() for word in (f"--{name}", value)]


def ran(
    image: str, lab: Lab, folder: Path, *command: str, options: Sequence[str] = ()
) -> "subprocess.CompletedProcess[str]":
    """Run the executable in *image* as a job does, with *folder* in its place."""
    run = ["docker", "run", "--rm", "--network", "host", "--volume", f"{folder}:{folder}", "--env", "VAULT_ID_TOKEN"]
    environ = {**os.environ, **identity(lab)}
    return subprocess.run([*run, *options, image, *command], env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - our own


def version(executable: Path, environ: Mapping[str, str], folder: Path | None = None) -> "subprocess.Popen[str]":
    """Start the executable, to print its version, with no more than *environ*."""
    return subprocess.Popen(  # noqa: S603 - our own
        [str(executable), "--version"],
        env=environ,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def printed(executable: Path, environ: Mapping[str, str], folder: Path | None = None) -> str:
    """Return what the executable prints when it is asked for its version."""
    with version(executable, environ, folder) as process:
        return process.communicate(timeout=60)[0]


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """Name the two folders into which it may unpack, both empty."""
    for name in ("cache", "temporary"):
        (tmp_path / name).mkdir()
    return {"XDG_CACHE_HOME": str(tmp_path / "cache"), "TMPDIR": str(tmp_path / "temporary")}


def unpacked(places: Mapping[str, str]) -> Path:
    """Return the only tree in the cache."""
    (tree,) = (Path(places["XDG_CACHE_HOME"]) / "nomad-token").iterdir()
    return tree


def test_there_is_no_python(holder: str) -> None:
    """The images hold no other Python, and no C library of another kind than their name says."""
    container = docker("create", holder).strip()
    try:
        listed = subprocess.run(f"docker export {container} | tar -t", shell=True, capture_output=True, check=True)  # noqa: S602 - no word of it is another's
    finally:
        docker("rm", container)
    names = listed.stdout.decode().splitlines()
    loaders = {found[1] for name in names if (found := re.search(r"/ld-(linux|musl)-[\w-]+\.so\.\d$", name))}

    assert [name for name in names if re.search(r"/bin/python[\d.]*$|/libpython[\w.]*\.so|/os\.pyc?$", name)] == []
    assert loaders == {"glibc": {"linux"}, "musl": {"musl"}, "nothing": set()}[holder.rpartition("-")[2]]


def test_version(holder: str) -> None:
    """It starts without any file of the image's."""
    assert docker("run", "--rm", "--network", "none", holder, "--version") == f"nomad-token {__version__}\n"


def test_from_mint_to_revoke(holder: str, lab: Lab, tmp_path: Path) -> None:
    """A token is minted, handed on and revoked in an image without Python."""
    state, handed_on = str(tmp_path / "state"), tmp_path / "token.sh"
    minted = ran(holder, lab, tmp_path, "mint", *flags(lab), "--state", state, "--shell-file", str(handed_on))
    alive, written = len(lab.nomad.live_tokens()), handed_on.stat().st_size
    revoked = ran(holder, lab, tmp_path, "revoke", "--state", state)
    log = minted.stdout + minted.stderr + revoked.stdout + revoked.stderr

    assert (minted.returncode, revoked.returncode) == (0, 0), log
    assert alive == 1
    assert written > 0
    assert nothing_lives(lab)
    assert secrets_in(log, lab) == []


@pytest.mark.parametrize("holder", ["glibc", "musl"], indirect=True)
def test_what_it_starts_is_the_image_s(holder: str, lab: Lab, tmp_path: Path) -> None:
    """A command under `run` gets the token, and no variable that would hand it the libraries of the executable."""
    done = ran(holder, lab, tmp_path, "run", *flags(lab), "--", "sh", "-c", "env; exit 7")
    variables = {line.partition("=")[0] for line in done.stdout.splitlines()}

    assert done.returncode == 7, done.stderr
    assert "NOMAD_TOKEN" in variables
    assert [name for name in variables if name.startswith(("LD_", "PYTHON", "SSL_"))] == []
    assert nothing_lives(lab)


@pytest.mark.parametrize("holder", ["musl"], indirect=True)
def test_the_system_s_authorities(holder: str, tmp_path: Path) -> None:
    """Those of the image are trusted, wherever its distribution keeps them; without them, no server is."""
    authority = Authority(tmp_path)
    pair = authority.server()
    bundles = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    with Lab(trust=True, tls=Tls(pair.certificate, pair.key)) as lab:
        mint = ["mint", *flags(lab, timeout="5s"), "--shell-file", str(tmp_path / "token.sh"), "--state"]
        mounts = [("--volume", f"{authority.certificate}:{bundle}:ro") for bundle in bundles]
        trusted = [
            ran(holder, lab, tmp_path, *mint, str(tmp_path / f"state {number}"), options=mount)
            for number, mount in enumerate(mounts)
        ]
        refused = ran(holder, lab, tmp_path, *mint, str(tmp_path / "no state"))

    assert [done.returncode for done in trusted] == [0, 0, 0], trusted
    assert refused.returncode != 0
    assert "not trusted here" in refused.stdout + refused.stderr


@pytest.mark.parametrize("holder", ["nothing"], indirect=True)
def test_a_folder_that_nothing_may_run_from(holder: str) -> None:
    """Where one folder can't be written to or run from, the next is taken; without any, it says what it needs."""
    command = ("run", "--rm", "--network", "none", "--env", "XDG_CACHE_HOME=/cache")
    no_programs = docker(*command, "--tmpfs", "/cache:noexec", "--tmpfs", "/tmp:exec", holder, "--version")  # noqa: S108 - in a container
    read_only = subprocess.run(  # noqa: S603 - our own
        ["docker", *command, "--read-only", holder, "--version"],  # noqa: S607 - the machine's
        capture_output=True,
        text=True,
        check=False,
    )

    assert no_programs == f"nomad-token {__version__}\n"
    assert read_only.returncode == 75
    assert "Set XDG_CACHE_HOME or TMPDIR" in read_only.stderr


def test_the_same_bytes(executable: Path, tmp_path: Path) -> None:
    """Built twice from one image, it is the same file."""
    assert build(tmp_path).read_bytes() == executable.read_bytes()


def test_size(executable: Path) -> None:
    """Every job downloads it."""
    assert 5_000_000 < executable.stat().st_size < LARGEST


def test_one_tree_however_many_start(executable: Path, places: dict[str, str]) -> None:
    """Those that start at once don't meet each other's half of it, and later ones unpack nothing."""
    started = [version(executable, places) for _ in range(4)]
    first = [process.communicate(timeout=60)[0] for process in started]
    made = unpacked(places).stat()
    again = printed(executable, places)

    assert {*first, again} == {f"nomad-token {__version__}\n"}
    assert unpacked(places).stat() == made
    assert made.st_mode & 0o777 == 0o700
    assert list(Path(places["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize("planted", ["writable by all", "a link", "a file"])
def test_a_tree_that_is_not_ours_alone(executable: Path, places: dict[str, str], planted: str) -> None:
    """What somebody else may have put in the tree's place is not run, and nothing is written into it."""
    printed(executable, places)
    tree = unpacked(places)
    kept = tree.rename(tree.parents[2] / "kept")
    (kept / "loader").write_text("#!/bin/sh\necho planted\n", "utf-8")
    match planted:
        case "a link":
            tree.symlink_to(kept)
        case "a file":
            tree.touch(0o700)
        case _:
            kept.rename(tree).chmod(0o777)
    elsewhere = printed(executable, places)
    nowhere = printed(executable, {**places, "TMPDIR": "/nowhere"})

    assert elsewhere == f"nomad-token {__version__}\n"
    assert [path.name for path in Path(places["TMPDIR"]).iterdir()] == [tree.name]
    assert f"{tree} is not a folder that is ours alone" in nowhere


def test_an_earlier_step_s_code_is_not_loaded(executable: Path, places: dict[str, str], tmp_path: Path) -> None:
    """PYTHON* variables and the working directory bring no module in."""
    for name in ("sitecustomize", "nomad_token", "argparse"):
        (tmp_path / f"{name}.py").write_text("print('planted')\n", "utf-8")
    environ = {**places, "PYTHONPATH": str(tmp_path), "PYTHONHOME": str(tmp_path), "PYTHONSTARTUP": "sitecustomize.py"}

    assert printed(executable, environ, tmp_path) == f"nomad-token {__version__}\n"


def test_every_module_finds_what_it_imports(executable: Path, places: dict[str, str]) -> None:
    """What is left out of the standard library is missed by no module of ours, those included that few runs import."""
    printed(executable, places)
    tree = unpacked(places)
    script = """
import pkgutil
import encodings.idna, nomad_token
for found in pkgutil.walk_packages(nomad_token.__path__, "nomad_token."):
    __import__(found.name)
    print(found.name)
"""
    python = ["loader", "--library-path", "lib", "bin/python3", "-I", "-S", "-c", script]
    done = subprocess.run(python, cwd=tree, executable=tree / "loader", capture_output=True, text=True, check=False)  # noqa: S603 - our own

    assert done.returncode == 0, done.stderr
    assert "nomad_token.post" in done.stdout.split()


def test_it_becomes_the_program(executable: Path, places: dict[str, str], lab: Lab, tmp_path: Path) -> None:
    """There is one process, and a signal to it cancels the mint."""
    lab.faults.append(Fault("nomad", "GET", "/v1/acl/token/self", Silence(30), times=1))
    files = ["--state", str(tmp_path / "state"), "--shell-file", str(tmp_path / "token.sh")]
    with subprocess.Popen(  # noqa: S603 - our own
        [str(executable), "mint", *flags(lab), *files],
        env={**places, **identity(lab)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        deadline = time.monotonic() + 30
        while process.poll() is None and not lab.nomad.live_tokens() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.poll() is None, process.communicate()[0]
        folder = Path(f"/proc/{process.pid}")
        children = (folder / "task" / str(process.pid) / "children").read_text()
        runs = (folder / "exe").readlink()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)

    assert (children, process.returncode) == ("", 143)
    assert runs == unpacked(places) / "loader"
    assert nothing_lives(lab)
