"""An image of this machine's Docker as an OCI archive, as a registry would hold it; the same bytes for the same image.

OCI image format 1.1: `image-layout.md`, `manifest.md`.
"""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"


def write(image: str, path: Path) -> str:
    """Write *image* to the archive *path*, and return the digest of its manifest, as `sha256:…`."""
    with tempfile.TemporaryFile() as saved:
        subprocess.run(["docker", "save", image], stdout=saved, check=True)  # noqa: S603, S607 - the machine's Docker
        saved.seek(0)
        with tarfile.open(fileobj=saved) as source, tarfile.open(path, "w") as target:
            listed = json.loads(_read(source, "manifest.json"))[0]
            blobs = _Blobs(target)
            manifest = {
                "schemaVersion": 2,
                "mediaType": _MANIFEST,
                "config": blobs.add(_CONFIG, _read(source, listed["Config"])),
                "layers": [
                    blobs.add(_LAYER, gzip.compress(_read(source, name), 6, mtime=0)) for name in listed["Layers"]
                ],
            }
            described = blobs.add(_MANIFEST, json.dumps(manifest).encode())
            index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [described]}
            _add(target, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
            _add(target, "index.json", json.dumps(index).encode())
    return str(described["digest"])


class _Blobs:
    """The blobs of an archive, each once."""

    def __init__(self, target: tarfile.TarFile) -> None:
        self._target = target
        self._there: set[str] = set()

    def add(self, media_type: str, content: bytes) -> dict[str, Any]:
        """Add *content*, and return what describes it."""
        digest = hashlib.sha256(content).hexdigest()
        if digest not in self._there:
            self._there.add(digest)
            _add(self._target, f"blobs/sha256/{digest}", content)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file of what docker save wrote")
    return file.read()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)  # nothing of the time and the user
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))
