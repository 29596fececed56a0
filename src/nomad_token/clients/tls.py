"""TLS: how a server proves itself to us, and we to it."""

import os
import ssl
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from nomad_token.secret import SecretStr
from nomad_token.value import Value

# The system's certificates as a folder, looked up by their hashes: one big file would be parsed whole (0.05 s).
_SYSTEM_FOLDER: Final = Path("/etc/ssl/certs")
# Where distributions keep them in one file (Go's crypto/x509, root_linux.go). An OpenSSL knows the place of its own
# distribution: the self-contained executable brings one of Debian's to others.
_SYSTEM_FILES: Final = (
    Path("/etc/ssl/certs/ca-certificates.crt"),
    Path("/etc/pki/tls/certs/ca-bundle.crt"),
    Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
    Path("/etc/ssl/ca-bundle.pem"),
    Path("/etc/ssl/cert.pem"),
)

_PIPES: Final = Path("/dev/fd")


class Tls(Value, kw_only=True, forbid_unknown_fields=True):
    """The settings of one server. Nothing of it is secret: the post-step gets it from the saved state."""

    ca: str = ""
    """PEM of the authorities that are trusted instead of the system's."""
    server_name: str = ""
    """The name that the certificate must hold, where it is not the address's."""
    skip_verify: bool = False
    certificate: str = ""
    """PEM of our own certificate, whose key is never saved."""


class _Named(ssl.SSLContext):
    """Checks the certificate for the name that was given, where one was: behind a proxy too, and not the proxy's."""

    name = ""

    def wrap_socket(self, *args: Any, **how: Any) -> ssl.SSLSocket:  # noqa: ANN401 - as in the base
        return super().wrap_socket(*args, **self._named(how))

    def wrap_bio(self, *args: Any, **how: Any) -> ssl.SSLObject:  # noqa: ANN401 - as in the base
        return super().wrap_bio(*args, **self._named(how))

    def _named(self, how: Mapping[str, Any]) -> dict[str, Any]:
        return {**how, "server_hostname": self.name or how.get("server_hostname")}


def context(tls: Tls, key: SecretStr | None) -> ssl.SSLContext:
    """Make the context for *tls*, with the private *key* of our own certificate.

    Raises `ssl.SSLError` for a PEM that can't be read, and for a key that is not the certificate's.
    """
    made = _Named(ssl.PROTOCOL_TLS_CLIENT)
    made.name = tls.server_name
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(["http/1.1"])
    if tls.skip_verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    elif tls.ca:
        made.load_verify_locations(cadata=_in_ascii(tls.ca))
    elif any(_SYSTEM_FOLDER.glob("*.0")):
        made.load_verify_locations(capath=_SYSTEM_FOLDER)
    else:
        made.load_default_certs()
        if file := next((file for file in _SYSTEM_FILES if file.is_file()), None):
            made.load_verify_locations(cafile=file)
    if tls.certificate and key is not None:
        _load_own(made, tls.certificate, key)
    return made


def _in_ascii(pem: str) -> str:
    """Leave out what is not ASCII: it stands in comments, and OpenSSL takes none of it."""
    return pem.encode("ascii", errors="ignore").decode()


def _load_own(made: ssl.SSLContext, certificate: str, key: SecretStr) -> None:
    """Load our own certificate: OpenSSL takes paths alone."""
    with _path_of(certificate) as certificate_path, _path_of(key.get_secret_value()) as key_path:
        try:
            # A key with a pass phrase would be asked for on the terminal; there is nobody to answer.
            made.load_cert_chain(certificate_path, key_path, password="")
        except ssl.SSLError:
            raise
        except OSError:  # what OpenSSL tried with the pipe, which Python takes for the reason
            raise ssl.SSLError("the certificate and its key can't be read, or are no pair") from None


@contextmanager
def _path_of(text: str) -> Iterator[str]:
    """Make a path that *text* can be read from once: that of a pipe, so that a key reaches no disk, and needs no room.

    Raises `ValueError` for what no pipe holds.
    """
    if not _PIPES.is_dir():  # pragma: no cover - Windows, or a root without its /proc
        with _file_of(text) as name:
            yield name
        return
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        data = f"{text}\n".encode()
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            if pipe.write(data) != len(data):
                raise ValueError("too long")
        yield str(_PIPES / str(reading))
    finally:
        os.close(reading)


@contextmanager
def _file_of(text: str) -> Iterator[str]:  # pragma: no cover - see above
    descriptor, name = tempfile.mkstemp(prefix="nomad-token-")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
        yield name
    finally:
        Path(name).unlink()
