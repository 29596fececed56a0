"""Run by the image's own Python as the image is built: lays out the two trees that are copied into it.

/layers/packages  the environment, the packages, and the byte code of the standard library that the base image lacks
/layers/program   nomad-token itself

Each is the same bytes whenever it is made of the same packages, or of the same source: it is not pulled a second time.
"""

import os
import py_compile
import subprocess
import sys
import sysconfig
from collections.abc import Collection, Iterable
from importlib.util import cache_from_source
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Final

LAYERS: Final = Path("/layers")
ENVIRONMENT: Final = Path(sys.prefix)
PACKAGES: Final = Path(sysconfig.get_path("purelib"))
OURS: Final = ("nomad_token", "nomad-token")
"""What the names of our package, of what is told about it and of its executables begin with."""
CHANGED: Final = 315532800
"""When each file was changed last: in 1980, whenever the image is built."""
# For who checks types, or wants an environment in a shell.
UNUSED: Final = (".pyi", "py.typed", ".gitignore")
# Imported by no statement: a codec.
BESIDES: Final = ("encodings.idna",)
_IMPORTED: Final = """
import sys
for name in sys.argv[1:]:
    __import__(name)
print(*filter(None, (getattr(module, "__file__", None) for module in list(sys.modules.values()))), sep="\\n")
"""


def main() -> None:
    """Remove what nothing imports, compile the rest, and move all of it into the two trees."""
    kept = {path for path in reached(commands()) if PACKAGES in path.parents}
    prune(kept)
    for path in sorted(kept):
        if path.suffix == ".py":
            compile_to(Path(cache_from_source(str(path))), path)
    for path in standard_library(kept):
        compile_to(within("packages", Path(cache_from_source(str(path)))), path)
    for path in files(ENVIRONMENT):
        ours = any(part.startswith(OURS) for part in path.relative_to(ENVIRONMENT).parts)
        path.rename(within("program" if ours else "packages", path))
    within("program", Path("/usr/local/bin/nomad-token")).symlink_to(ENVIRONMENT / "bin" / "nomad-token")
    for path in [LAYERS, *LAYERS.rglob("*")]:
        os.utime(path, (CHANGED, CHANGED), follow_symlinks=False)


def prune(kept: Collection[Path]) -> None:
    """Remove the modules that are not *kept*, and all executables but Python and ours."""
    for path in files(ENVIRONMENT):
        if path.name.endswith(UNUSED) or (path.suffix in {".py", ".so"} and path not in kept):
            path.unlink()
    for path in files(ENVIRONMENT / "bin"):
        if path.name.startswith(OURS):
            isolate(path)
        elif not path.name.startswith("python"):
            path.unlink()


def commands() -> list[str]:
    """List the modules that a call starts with: each command, and each part of one, is looked up by its name."""
    found = (
        path.relative_to(PACKAGES).with_suffix("") for path in (PACKAGES / "nomad_token" / "commands").rglob("*.py")
    )
    return ["nomad_token.__main__", *sorted(".".join(path.parts).removesuffix(".__init__") for path in found)]


def reached(roots: Iterable[str]) -> set[Path]:
    """Return the files of *roots* and of all that import statements in them reach, whether or not they are come to."""
    finder = ModuleFinder()
    for name in roots:
        finder.import_hook(name)
    found = (getattr(module, "__file__", None) for module in finder.modules.values())
    return {Path(name) for name in found if name}


def standard_library(kept: Iterable[Path]) -> list[Path]:
    """List the files of the standard library that *kept* import, and that the base image has no byte code of."""
    own = [path.relative_to(PACKAGES).with_suffix("") for path in kept if path.is_relative_to(PACKAGES / "nomad_token")]
    names = sorted(".".join(path.parts).removesuffix(".__init__") for path in own)
    command = [sys.executable, "-I", "-B", "-c", _IMPORTED, *BESIDES, *names]
    imported = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()  # noqa: S603 - our own
    found = {Path(line) for line in imported if line.endswith(".py")}
    return sorted(
        path for path in found if PACKAGES not in path.parents and not Path(cache_from_source(str(path))).exists()
    )


def compile_to(target: Path, path: Path) -> None:
    """Write the byte code of *path*, which nothing is compared with at start: nothing in the image changes."""
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(path), str(target), doraise=True, invalidation_mode=unchecked)


def isolate(executable: Path) -> None:
    """Have no `PYTHON…` variable and no module of the working directory run in it: earlier steps can choose both."""
    first, rest = executable.read_text("utf-8").split("\n", 1)
    executable.write_text(f"{first} -I\n{rest}", "utf-8")


def files(folder: Path) -> list[Path]:
    """List the files and links below *folder*, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())


def within(layer: str, path: Path) -> Path:
    """Return where *path* is laid out in *layer*, in a folder that is there."""
    target = LAYERS / layer / path.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


if __name__ == "__main__":
    main()
