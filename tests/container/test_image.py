"""What the image holds, and what it does not."""

import json
import subprocess
from pathlib import Path

import pytest

from container.runner import action, docker
from nomad_token import __version__

_STEPS = ("entrypoint", "post-entrypoint")


def inside(image: str, *command: str, options: tuple[str, ...] = ()) -> str:
    """Return what *command* prints in a container of *image*, which has no network."""
    run = ("run", "--rm", "--network", "none", *options)
    return docker(*run, "--entrypoint", command[0], image, *command[1:]).strip()


def answered(image: str, entrypoint: str, *options: str) -> str:
    """Return what a step prints that is started outside a workflow, however it ends."""
    return docker_answered("run", "--rm", "--network", "none", *options, "--entrypoint", entrypoint, image)


def docker_answered(*words: str) -> str:
    """Return what `docker` prints, however it ends."""
    done = subprocess.run(["docker", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)  # noqa: S603, S607 - as the runner
    return done.stdout


def test_only_what_is_imported(image: str) -> None:
    """Each package that is installed is imported by one of the two steps, or by what reads a setup's file or a host."""
    script = """
import json, sys
from importlib.metadata import distributions, packages_distributions
import idna, nomad_token.mint, nomad_token.order, nomad_token.platforms.action, nomad_token.post, nomad_token.setup.file
tops = packages_distributions()
imported = {name for module in sys.modules for name in tops.get(module.partition(".")[0], [])}
print(json.dumps([sorted(imported), sorted(one.name for one in distributions())]))
"""
    imported, installed = json.loads(inside(image, "/opt/nomad-token/bin/python", "-I", "-c", script))

    assert imported == installed
    assert "httpcore" in installed


@pytest.mark.parametrize("name", ["nomad_token_lab", "pip", "rich", "httpx", "tests"])
def test_not_importable(image: str, name: str) -> None:
    """Neither the lab nor an installer is there."""
    script = f"import importlib.util; print(importlib.util.find_spec('{name}'))"

    assert inside(image, "/opt/nomad-token/bin/python", "-I", "-c", script) == "None"


def test_a_shell_finds_it(image: str) -> None:
    """A job of GitLab's, which starts a shell in the image, finds the program by its name."""
    assert inside(image, "sh", "-c", "nomad-token --version") == f"nomad-token {__version__}"


def test_no_compiler(image: str) -> None:
    """What built the image has stayed behind."""
    assert (
        inside(image, "sh", "-c", "command -v cc gcc ld make || ls -d /installer /wheel /src 2>/dev/null || true") == ""
    )


def test_what_kubernetes_runners_call(image: str) -> None:
    """The programs that actions/runner-container-hooks runs in a step's container are there."""
    wanted = ["sh", "tail", "tar", "find", "stat", "env", "mv"]
    found = inside(image, "sh", "-c", f"for name in {' '.join(wanted)}; do command -v $name; done").splitlines()

    assert [Path(path).name for path in found] == wanted


@pytest.mark.parametrize("step", _STEPS)
def test_no_shell_in_between(image: str, step: str) -> None:
    """A step is an executable of its own: a shell would drop the variables with a hyphen in their names."""
    head = inside(image, "sh", "-c", f"test -x {action()['runs'][step]} && head -n 1 {action()['runs'][step]}")

    assert head == "#!/opt/nomad-token/bin/python -I"


def test_no_shell_in_the_image_s_own_entry_point(image: str) -> None:
    """The image's entry point is in exec form."""
    inspected = json.loads(docker("image", "inspect", image))

    assert inspected[0]["Config"]["Entrypoint"] == ["/opt/nomad-token/bin/nomad-token"]
    assert inspected[0]["Config"]["User"] in {"", "root", "0"}


@pytest.mark.parametrize("step", _STEPS)
def test_an_earlier_step_s_code_is_not_loaded(image: str, step: str, tmp_path: Path) -> None:
    """PYTHONPATH, which GITHUB_ENV can set, and the working directory bring no module in."""
    for name in ("sitecustomize", "nomad_token", "httpcore"):
        (tmp_path / f"{name}.py").write_text("print('planted')\n", "utf-8")
    options = ("-v", f"{tmp_path}:/planted:ro", "--workdir", "/planted", "-e", "PYTHONPATH=/planted")

    assert "planted" in inside(image, "python3", "-c", "", options=options)
    assert "planted" not in answered(image, action()["runs"][step], *options)


def test_nothing_is_compiled_at_start(image_on_bare_python: str, tmp_path: Path) -> None:
    """A mint finds all its byte code in the image, the standard library's too: it writes none into the container."""
    files = {f"GITHUB_{name}": f"/files/{name}" for name in ("STATE", "ENV", "OUTPUT")}
    for file in files.values():
        (tmp_path / Path(file).name).touch()
    given = {"GITHUB_ACTIONS": "true", "INPUT_ROLE": "deployer", "INPUT_VAULT-ADDR": "https://127.0.0.1:1"}
    identity = {"INPUT_ID-TOKEN": "header.claims.signature", "INPUT_TIMEOUT": "1s"}
    environment = [word for name, value in (files | given | identity).items() for word in ("-e", f"{name}={value}")]
    step = ("--entrypoint", action()["runs"]["entrypoint"], image_on_bare_python)
    container = docker("create", "--network", "none", "-v", f"{tmp_path}:/files", *environment, *step).strip()
    try:
        printed = docker_answered("start", "--attach", container)
        changed = docker("diff", container)
    finally:
        docker("rm", container)

    assert "Connection refused" in printed
    assert [line for line in changed.splitlines() if line.endswith(".pyc")] == []
