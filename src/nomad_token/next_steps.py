"""How the next steps reach Nomad: what the inputs say of TLS, under the variables that Nomad's own tools read.

Nomad's `api/api.go`, `DefaultConfig`: certificates and the key are paths of files there.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from nomad_token.clients.http import Own
from nomad_token.clients.tls import Tls
from nomad_token.connecting import NomadConnection, path_in
from nomad_token.platforms.base import Platform
from nomad_token.secret import SecretStr

_CA, _CERTIFICATE, _KEY = "NOMAD_CACERT", "NOMAD_CLIENT_CERT", "NOMAD_CLIENT_KEY"
_FILES: Final = {_CA: "ca.pem", _CERTIFICATE: "client.pem", _KEY: "client-key.pem"}


@dataclass(frozen=True, slots=True)
class PemFile:
    """A file that the next steps are to have, by its variable."""

    variable: str
    path: str
    """As an input names it; empty where the input holds the text itself."""
    pem: SecretStr | str = field(repr=False)


def settings(inputs: NomadConnection, given: Collection[str]) -> dict[str, str]:
    """Return the variables without a file, for those of the *inputs* that were *given*."""
    values = {
        "nomad-tls-server-name": ("NOMAD_TLS_SERVER_NAME", inputs.tls_server_name),
        "nomad-skip-verify": ("NOMAD_SKIP_VERIFY", str(inputs.skip_verify).lower()),
    }
    return dict(variable for name, variable in values.items() if name in given)


def files(inputs: NomadConnection, tls: Tls, own: Own, given: Collection[str]) -> tuple[PemFile, ...]:
    """Return the files for those of the *inputs* that were *given*; *tls* and *own* are what was read of them."""
    key = inputs.client_key.get_secret_value() if inputs.client_key else ""
    found = {
        "nomad-ca-cert": PemFile(_CA, path_in(inputs.ca_cert), tls.ca),
        "nomad-client-cert": PemFile(_CERTIFICATE, path_in(inputs.client_cert), tls.certificate),
        "nomad-client-key": PemFile(_KEY, path_in(key), own.key or ""),
    }
    return tuple(file for name, file in found.items() if name in given)


def handed_over(wanted: Iterable[PemFile], platform: Platform, mint: str) -> tuple[dict[str, str], list[str]]:
    """Return the variables with their paths, and the names of those whose path can't be told.

    A text becomes a file, which is removed with the mint; a file that is there already is left where it is. Raises
    `OSError`.
    """
    paths = {
        file.variable: platform.host_path(file.path)
        if file.path
        else platform.place(mint, _FILES[file.variable], file.pem)
        for file in wanted
    }
    told = {variable: path for variable, path in paths.items() if path is not None}
    return told, [variable for variable in paths if variable not in told]
