"""The bill of materials of an image (SBOM, in CycloneDX 1.6): all that is installed in it."""

import json
import subprocess
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from release.version import Version

_SCRIPT: Final = Path(__file__).with_name("inventory.py")


def inventory(image: str) -> dict[str, Any]:
    """Ask the image's own Python, without a network, what is installed in it."""
    python = ["--entrypoint", "/opt/nomad-token/bin/python", image, "-I", "-"]
    done = subprocess.run(  # noqa: S603 - our own
        ["docker", "run", "--rm", "--interactive", "--network", "none", *python],  # noqa: S607 - the machine's
        input=_SCRIPT.read_bytes(),
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def bill(found: dict[str, Any], version: Version, digest: str, epoch: int) -> str:
    """Return the bill of what was *found* in the image that *digest* names; it is from *epoch* (seconds since 1970)."""
    image = Component(
        name="nomad-token",
        version=str(version),
        type=ComponentType.CONTAINER,
        purl=PackageURL("oci", name="nomad-token", version=digest),
        bom_ref="image",
    )
    parts = list(components(found))
    made = Bom(components=parts, serial_number=uuid.uuid5(uuid.NAMESPACE_OID, digest))
    made.metadata.component = image
    made.metadata.timestamp = datetime.fromtimestamp(epoch, UTC)
    made.register_dependency(image, parts)
    return JsonV1Dot6(made).output_as_string(indent=2) + "\n"


def components(found: dict[str, Any]) -> Iterator[Component]:
    """Yield a component for Python, and for each package that was *found*."""
    licenses = LicenseFactory()
    python = found["python"]
    yield _component("python", python, PackageURL("generic", name="python", version=python))
    for one in found["packages"]:
        name, version = one["name"], one["version"]
        part = _component(name, version, PackageURL("pypi", name=name, version=version))
        if one["license"]:
            part.licenses.add(licenses.make_from_string(one["license"]))
        yield part
    release = found["distribution"]
    for one in found["system"]:
        name, version, where = one["Package"], one["Version"], {"arch": one["Architecture"]}
        where |= {"distro": f"{release['ID']}-{release['VERSION_ID']}"} if "VERSION_ID" in release else {}
        yield _component(name, version, PackageURL("deb", release["ID"], name, version, where))


def _component(name: str, version: str, purl: PackageURL) -> Component:
    return Component(name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl))
