"""What CHANGELOG.md says of a version, and the notes of its release."""

import re
from pathlib import Path
from typing import Final

from release.version import Version

UNRELEASED: Final = "Unreleased"
_HEADING: Final = re.compile(r"^## \[(?P<name>[^\]]+)\](?P<date> - \d{4}-\d{2}-\d{2})?$", re.MULTILINE)


def section(root: Path, name: str) -> str:
    """Return what stands below the heading of *name*, a version with its date or `Unreleased`; empty where none is."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    headings = list(_HEADING.finditer(text))
    for heading, end in zip(headings, [*(one.start() for one in headings[1:]), len(text)], strict=True):
        if heading["name"] == name and bool(heading["date"]) is (name != UNRELEASED):
            return text[heading.end() : end].strip()
    return ""


def notes(changes: str, version: Version, repository: str, images: list[str]) -> str:
    """Return the text of the release: the *changes*, the *images* by digest, and how to see where all of it is from."""
    pins = "\n".join(f"docker pull {image}" for image in images)
    verified = "\n".join(f"gh attestation verify oci://{image} --repo {repository}" for image in images[:1])
    return f"""{changes}

### The image of this version

`uses: {repository}@{version.tag}` names it by its digest:

```sh
{pins}
```

### Where it is from

```sh
{verified}
gh attestation verify nomad-token-linux-amd64 --repo {repository}
sha256sum --check --ignore-missing SHA256SUMS
```
"""
