"""What a pull of the image is: two layers on top of Python's, the same bytes each time that they are built."""

import json
import shutil
from pathlib import Path
from typing import Final

import pytest

from container.conftest import built
from container.layers import Layer, differences, ours
from container.runner import BUILT_FROM, CHECKOUT, docker

LARGEST: Final = 6_000_000
# Reads import statements alone, and takes each for one that is come to.
_UNREACHED: Final = """
import ast, json, sysconfig
from pathlib import Path

site = Path(sysconfig.get_path("purelib"))
files = {}
for path in site.rglob("*"):
    if path.suffix in {".py", ".so"}:
        parts = (*path.relative_to(site).parent.parts, path.name.partition(".")[0])
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path

def names(module, path):
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))) if path.suffix == ".py" else ():
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *filter(None, [node.module])])
            yield source
            yield from (f"{source}.{one.name}" for one in node.names)

commands = [name for name in files if name.startswith("nomad_token.commands.")]
waiting, seen = ["nomad_token.__main__", *commands], set()
while waiting:
    name = waiting.pop()
    parent = name.rpartition(".")[0]
    waiting += [parent] if parent and parent not in seen else []
    if name in seen or name not in files:
        continue
    seen.add(name)
    waiting += names(name, files[name])
print(json.dumps([sorted(seen), sorted(files.keys() - seen)]))
"""


@pytest.fixture(scope="module")
def layers(image: str) -> list[Layer]:
    """Read our layers."""
    return ours(image)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """Copy what the image is built from, with other times on the files."""
    folder = tmp_path / "context"
    for name in BUILT_FROM:
        source = CHECKOUT / name
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(source, folder / name)
    return folder


def test_size(layers: list[Layer]) -> None:
    """Every job pulls them: they are less than 6 MB, compressed."""
    assert 1_000_000 < sum(layer.compressed() for layer in layers) < LARGEST


def test_one_layer_for_packages_and_one_for_the_program(layers: list[Layer]) -> None:
    """What changes with each version is in the last of two, and that is all that is in it."""
    packages, program = (
        [name for name, told in layer.entries().items() if told[0] != b"5"]  # folders are in both
        for layer in layers
    )

    assert [name for name in packages if "nomad_token" in name or "bin/nomad-token" in name] == []
    assert [name for name in program if "nomad_token" not in name and "bin/nomad-token" not in name] == []
    assert min(len(packages), len(program)) > 50


def test_built_again_it_is_the_same(layers: list[Layer], context: Path) -> None:
    """Built without any cache, from a copy, each layer is the same bytes: names, owners, modes, times and content."""
    again = ours(built("nomad-token-tests:again", "--no-cache", str(context)))

    assert [differences(one, other) for one, other in zip(layers, again, strict=True)] == [[], []]
    assert [layer.digest for layer in again] == [layer.digest for layer in layers]


def test_a_new_version_is_a_layer(layers: list[Layer], context: Path) -> None:
    """Where a line of ours changes, and the version, a runner that has the last one pulls the last layer alone."""
    init = context / "src" / "nomad_token" / "__init__.py"
    init.write_text('"""Another."""\n\n__version__ = "99.0.0"\n', "utf-8")
    packages, program = ours(built("nomad-token-tests:changed", str(context)))

    assert packages.digest == layers[0].digest
    assert program.digest != layers[1].digest
    assert 4 * program.compressed() < packages.compressed()
    assert (
        docker("run", "--rm", "--network", "none", "nomad-token-tests:changed", "--version") == "nomad-token 99.0.0\n"
    )


def test_each_module_is_imported(image: str) -> None:
    """An import statement leads to each module that is there, from the executables or from a command."""
    run = ["run", "--rm", "--network", "none", "--entrypoint", "/opt/nomad-token/bin/python", image, "-I", "-c"]
    reached, unreached = json.loads(docker(*run, _UNREACHED))

    assert unreached == []
    assert {"nomad_token.mint", "nomad_token.post", "nomad_token.leases.sweep", "pydantic_core._pydantic_core"} <= {
        *reached
    }


def test_each_command_starts(image: str) -> None:
    """Nothing that a command imports was left out: each imports, and says what it takes."""
    script = """
import encodings.idna, pkgutil, runpy, sys
import nomad_token
for found in pkgutil.walk_packages(nomad_token.__path__, "nomad_token."):
    __import__(found.name)
from nomad_token.commands import COMMANDS
print(*COMMANDS)
"""
    run = ["run", "--rm", "--network", "none"]
    python = ["--entrypoint", "/opt/nomad-token/bin/python", image, "-I", "-c"]
    commands = docker(*run, *python, script).split()
    told = [docker(*run, image, command, "--help") for command in commands]

    assert [f"nomad-token {command}" in text for command, text in zip(commands, told, strict=True)] == [True] * len(
        commands
    )
    assert "sweep" in commands
