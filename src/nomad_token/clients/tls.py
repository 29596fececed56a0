"""TLS: how a server proves itself to us, and we to it."""

import os
import ssl
import tempfile
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, SecretStr

# The system's certificates as a folder, looked up by their hashes: one big file would be parsed whole (0.05 s).
_SYSTEM_FOLDER: Final = Path("/etc/ssl/certs")


class Tls(BaseModel):
    """The settings of one server. Nothing of it is secret: the post-step gets it from the saved state."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca: str = ""
    """PEM of the authorities that are trusted instead of the system's."""
    server_name: str = ""
    """The name that the certificate must hold, where it is not the address's."""
    skip_verify: bool = False
    certificate: str = ""
    """PEM of our own certificate, whose key is never saved."""


def context(tls: Tls, key: SecretStr | None) -> ssl.SSLContext:
    """Make the context for *tls*, with the private *key* of our own certificate.

    Raises `ssl.SSLError` for a PEM that can't be read, and for a key that is not the certificate's.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    if tls.skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif tls.ca:
        made.load_verify_locations(cadata=tls.ca)
    elif any(_SYSTEM_FOLDER.glob("*.0")):
        made.load_verify_locations(capath=_SYSTEM_FOLDER)
    else:
        made.load_default_certs()
    if tls.certificate and key is not None:
        _load_own(made, tls.certificate, key)
    return made


def _load_own(made: ssl.SSLContext, certificate: str, key: SecretStr) -> None:
    """Load our own certificate; OpenSSL takes the key from a file alone, which is gone when this returns."""
    descriptor, name = tempfile.mkstemp(prefix="nomad-token-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{certificate}\n{key.get_secret_value()}\n")
        # A key with a pass phrase would be asked for on the terminal; there is nobody to answer.
        made.load_cert_chain(name, password="")
    finally:
        Path(name).unlink()
