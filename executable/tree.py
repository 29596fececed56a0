"""Run by the image's own Python: writes what the executable unpacks, as a tar, to standard output.

loader             the dynamic loader that the image's libraries were built with
bin/python3        the interpreter, which finds the rest from where it is
lib/*.so*          the libraries that it and the packages are linked with
lib/pythonXY.zip   the standard library and the installed packages, as byte code: few files are soon unpacked
lib/pythonX.Y/     those of them that are libraries, or hold one
"""  # noqa: INP001 - a table; two scripts, no package

import io
import py_compile
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

# Screens, databases, compilers and tests, which nothing here asks for; half of the standard library.
LEFT_OUT: Final = (
    *("__pycache__", "site-packages", "dist-packages", "config-*", "test", "tests", "idlelib", "turtledemo"),
    *("tkinter", "_tkinter.*", "turtle.py", "curses", "_curses*", "readline.*", "pydoc.py", "pydoc_data", "doctest.py"),
    *("sqlite3", "_sqlite3.*", "dbm", "_dbm.*", "_gdbm.*", "ensurepip", "venv", "lib2to3", "_pyrepl", "unittest"),
    *("_test*", "_xx*", "xx*", "_ctypes_test.*", "nis.*", "_codecs_*", "_multibytecodec.*"),
    *("*.pyi", "py.typed", "*.a", "EXTERNALLY-MANAGED"),
)


def main() -> None:
    """Write the tree: always the same bytes for the same image."""
    python = Path(sys.executable).resolve()
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    files = {**dict(kept(Path(sysconfig.get_path("stdlib")))), **dict(kept(Path(sysconfig.get_path("purelib"))))}
    libraries = [path for path in files.values() if path.suffix == ".so"]
    loader, linked_with = linked([python, *libraries])
    # A library is loaded from a file, and a package looks for its own beside itself.
    apart = {name.partition("/")[0] for name, path in files.items() if path in libraries}
    within = {name: path for name, path in files.items() if name.partition("/")[0] in apart}
    modules = {name: path for name, path in files.items() if name not in within}
    licenses = {f"licenses/{path.parent.name}": path for path in Path("/usr/share/doc").glob("*/copyright")}
    tree = {
        "loader": loader.read_bytes(),
        "bin/python3": python.read_bytes(),
        f"lib/{version.replace('.', '')}.zip": zipped(compiled(modules | licenses)),
        **{f"lib/{path.name}": path.read_bytes() for path in linked_with},
        **{f"lib/{version}/{name}": content for name, content in compiled(within).items()},
    }
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as tar:
        for name, content in sorted(tree.items()):
            entry = tarfile.TarInfo(name)  # nothing of the time and the user
            entry.size, entry.mode = len(content), 0o700 if name in {"loader", "bin/python3"} else 0o600
            tar.addfile(entry, io.BytesIO(content))


def kept(folder: Path, name: str = "") -> Iterator[tuple[str, Path]]:
    """Yield the files below *folder* that are not left out, by their names there."""
    for path in folder.iterdir():
        if any(fnmatch(path.name, pattern) for pattern in LEFT_OUT):
            continue
        if path.is_dir():
            yield from kept(path, f"{name}{path.name}/")
        else:
            yield f"{name}{path.name}", path


def linked(binaries: list[Path]) -> tuple[Path, list[Path]]:
    """Return the loader and the libraries that *binaries* are linked with, these under the names asked for."""
    listed = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607 - the image's
    if "not found" in listed:
        raise SystemExit(f"libraries are missing:\n{listed}")
    found = [line.split() for line in listed.splitlines() if line.startswith("\t") and "/" in line]
    paths = {Path(next(word for word in words if word.startswith("/"))) for words in found}
    (loader,) = {path for path in paths if path.name.startswith("ld-")}
    return loader, sorted(paths - {loader})


def compiled(files: Mapping[str, Path]) -> dict[str, bytes]:
    """Return what is in *files*, with byte code for source; it calls itself what it is called here in a traceback."""
    contents = {}
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    with tempfile.TemporaryDirectory() as folder:
        code = Path(folder) / "code"
        for name, path in files.items():
            if path.suffix == ".py":
                py_compile.compile(str(path), str(code), dfile=name, doraise=True, invalidation_mode=unchecked)
                contents[f"{name}c"] = code.read_bytes()
            else:
                contents[name] = path.read_bytes()
    return contents


def zipped(contents: Mapping[str, bytes]) -> bytes:
    """Return a zip file that holds *contents* as they are: what is around it is compressed."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as file:
        for name, content in sorted(contents.items()):
            file.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


if __name__ == "__main__":
    main()
