"""The layers of an image: those that are ours, and what is in them."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from typing import Final

from container.runner import docker

BASE: Final = "python:3.13-slim"


@dataclass(frozen=True)
class Layer:
    """A layer, as the tar that its digest is of."""

    digest: str
    content: bytes

    def entries(self) -> dict[str, tuple[object, ...]]:
        """Return all that is told about each file, by its path; the content as its checksum."""
        with tarfile.open(fileobj=io.BytesIO(self.content)) as tar:
            return {entry.name: _told(tar, entry) for entry in tar}

    def compressed(self) -> int:
        """Return the size that is pulled, in bytes."""
        return len(gzip.compress(self.content, 6))


def ours(image: str) -> list[Layer]:
    """Return the layers of *image* that are on top of its base's, in their order."""
    base, digests = digests_of(BASE), digests_of(image)
    assert digests[: len(base)] == base
    saved = subprocess.run(["docker", "save", image], stdout=subprocess.PIPE, check=True).stdout  # noqa: S603, S607 - the machine's
    with tarfile.open(fileobj=io.BytesIO(saved)) as archive:
        names = json.loads(_read(archive, "manifest.json"))[0]["Layers"]
        found = [Layer(digest, _read(archive, name)) for digest, name in zip(digests, names, strict=True)]
    return found[len(base) :]


def digests_of(image: str) -> list[str]:
    """Return the digest of each layer of *image*, uncompressed: what tells a registry's layers apart."""
    digests: list[str] = json.loads(docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image))
    return digests


def differences(one: Layer, other: Layer) -> list[str]:
    """Name each file that is told differently in two layers, with both."""
    before, after = one.entries(), other.entries()
    names = sorted(before.keys() | after.keys())
    return [f"{name}: {before.get(name)} {after.get(name)}" for name in names if before.get(name) != after.get(name)]


def _told(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> tuple[object, ...]:
    file = tar.extractfile(entry) if entry.isreg() else None
    checksum = hashlib.sha256(file.read()).hexdigest() if file else ""
    return (entry.type, oct(entry.mode), entry.uid, entry.gid, entry.mtime, entry.size, entry.linkname, checksum)


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()
