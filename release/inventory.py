"""Run by the image's own Python: prints what is installed in the image, as JSON.

Python's packages are found by what their installers leave, wherever they are; Debian's are those that dpkg lists.
"""

import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

# What is no file of the image.
_NOT_HERE = {"/proc", "/sys", "/dev"}


def main() -> None:
    """Print the inventory."""
    found = {(one.metadata["Name"], one.version, _license(one)) for one in distributions()}
    print(  # noqa: T201 - the answer
        json.dumps(
            {
                "python": platform.python_version(),
                "distribution": platform.freedesktop_os_release(),
                "packages": [dict(zip(("name", "version", "license"), one, strict=True)) for one in sorted(found)],
                "system": sorted(dpkg(), key=lambda one: (one["Package"], one["Architecture"])),
            }
        )
    )


def distributions() -> Iterator[Distribution]:
    """Yield each package of Python's that is installed anywhere."""
    for folder, names, _files in os.walk("/"):
        names[:] = [name for name in names if os.path.join(folder, name) not in _NOT_HERE]  # noqa: PTH118 - of the whole image
        for name in names:
            path = Path(folder, name)
            if name.endswith((".dist-info", ".egg-info")) and any(
                (path / file).is_file() for file in ("METADATA", "PKG-INFO")
            ):
                yield Distribution.at(path)


def dpkg() -> list[dict[str, str]]:
    """List Debian's packages that are installed, each with its `Package`, `Version` and `Architecture`."""
    status = Path("/var/lib/dpkg/status")
    if not status.is_file():
        return []
    fields = [
        dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and not line.startswith(" "))
        for stanza in status.read_text("utf-8").split("\n\n")
    ]
    installed = [one for one in fields if one.get("Status", "").endswith(" installed")]
    return [{name: one[name] for name in ("Package", "Version", "Architecture")} for one in installed]


def _license(one: Distribution) -> str:
    return str(one.metadata["License-Expression"]) if "License-Expression" in one.metadata else ""


if __name__ == "__main__":
    main()
