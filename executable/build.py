"""Builds the self-contained executable from the action's image: `python3 executable/build.py [--image IMAGE] [FOLDER]`.

Python, the packages and the program are those of the image, file for file; needed are Docker and Go. The executable is
for the architecture of the image, which is built for this machine's where none is given.
"""  # noqa: INP001 - two scripts, no package

from __future__ import annotations

import argparse
import gzip
import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
PYTHON: Final = "/opt/nomad-token/bin/python"


def main() -> None:
    """Build the executable, and say where it is, its size and its checksum."""
    parser = argparse.ArgumentParser(prog="executable/build.py", description="Build the self-contained executable.")
    parser.add_argument("--image", help="the action's image; built first where it is not given")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "dist", help="where it goes (dist)")
    given = parser.parse_args()
    if missing := [tool for tool in ("docker", "go") if not shutil.which(tool)]:
        raise SystemExit(f"the executable is built with Docker and Go, and here is no {' and no '.join(missing)}")
    image = given.image or printed("docker", "build", "--quiet", str(ROOT)).decode().strip()
    built = build(image, given.folder)
    content = built.read_bytes()
    print(f"{hashlib.sha256(content).hexdigest()}  {built} ({len(content) / 1e6:.1f} MB)")  # noqa: T201 - the answer


def build(image: str, folder: Path) -> Path:
    """Build the executable from *image* into *folder*, and return its path: one image and one Go, the same bytes."""
    architecture = printed("docker", "image", "inspect", "--format", "{{.Architecture}}", image).decode().strip()
    # Docker's names of architectures are Go's.
    target = (folder / f"nomad-token-linux-{architecture}").absolute()
    run = ["docker", "run", "--rm", "--interactive", "--network", "none", "--entrypoint", PYTHON, image, "-I", "-"]
    tree = gzip.compress(printed(*run, given=(HERE / "tree.py").read_bytes()), mtime=0)
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary) / "launcher"
        shutil.copytree(HERE / "launcher", source)
        (source / "tree.tar.gz").write_bytes(tree)
        name = hashlib.sha256(tree).hexdigest()[:16]
        flags = ["-trimpath", "-buildvcs=false", "-ldflags", f"-s -w -buildid= -X main.name=nomad-token-{name}"]
        go = ["env", "CGO_ENABLED=0", "GOFLAGS=", "GOOS=linux", f"GOARCH={architecture}", "go", "build"]
        subprocess.run([*go, *flags, "-o", str(target), "."], cwd=source, check=True)  # noqa: S603 - the machine's Go
    return target


def printed(*command: str, given: bytes | None = None) -> bytes:
    """Return what *command* prints; raises `CalledProcessError` where it fails."""
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout  # noqa: S603 - our own


if __name__ == "__main__":
    main()
