"""Whether the checkout is the version that is asked for."""

from pathlib import Path

from release.changelog import section
from release.version import Unready, Version, of_the_package


def check(root: Path, version: Version) -> None:
    """Raise `Unready` where the checkout *root* is not ready to be *version*: in the package, or in the changelog."""
    missing = []
    if (package := of_the_package(root)) != version:
        missing.append(f'src/nomad_token/__init__.py says {package}: set `__version__ = "{version}"`.')
    if not section(root, str(version)):
        missing.append(f"CHANGELOG.md has nothing below a heading `## [{version}] - YYYY-MM-DD`: write it there.")
    if missing:
        raise Unready("\n".join(missing))
