"""How a server is reached: the same inputs for Vault and for Nomad, each with the server's name before it."""

import base64
import binascii
import re
import ssl
from collections.abc import Callable
from typing import Final

from nomad_token.clients.http import Own
from nomad_token.clients.tls import Tls, context
from nomad_token.errors import InputError
from nomad_token.inputs import InputGroup, declare
from nomad_token.readers import boolean, line, text
from nomad_token.secret import SecretStr

ReadFile = Callable[[str], str]
"""Read a file that an input names, where the platform says that it is. Raises `InputError`."""

_PEM: Final = "-----BEGIN "
_HEADER: Final = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*:[ \t]*([^\x00-\x1f\x7f]*)")
_OURS: Final = frozenset(
    {
        "x-vault-token",
        "x-vault-namespace",
        "x-vault-request",
        "x-nomad-token",
        "host",
        "content-length",
        "transfer-encoding",
    }
)


class ConnectionInputs(InputGroup):
    """TLS and headers of one server."""

    ca_cert: str = declare(
        text,
        "",
        environment=["{SERVER}_CACERT"],
        about="The authorities that {Server}'s certificate is checked against, instead of the system's: PEM text, "
        "base64 of it, or a path.",
    )
    client_cert: str = declare(
        text,
        "",
        environment=["{SERVER}_CLIENT_CERT"],
        about="A certificate of our own for {Server}: PEM text, base64 of it, or a path.",
    )
    client_key: SecretStr | None = declare(
        SecretStr,
        None,
        environment=["{SERVER}_CLIENT_KEY"],
        about="The private key of `{server}-client-cert`: PEM text, base64 of it, or a path.",
    )
    tls_server_name: str = declare(
        line,
        "",
        environment=["{SERVER}_TLS_SERVER_NAME"],
        about="The name that {Server}'s certificate must hold, where it is not that of the address.",
    )
    skip_verify: bool = declare(
        boolean,
        "false",
        environment=["{SERVER}_SKIP_VERIFY"],
        about="Whether {Server}'s certificate goes unchecked: whoever is in between then gets the token.",
    )
    headers: SecretStr | None = declare(
        SecretStr, None, about="Headers for each request to {Server}, one `Name: value` a line: for a proxy before it."
    )

    def tls(self, read_file: ReadFile) -> Tls:
        """Return the settings, which are saved; files are read by now. Raises `InputError`."""
        return Tls(
            ca=self._pem("ca-cert", self.ca_cert, read_file),
            server_name=self.tls_server_name,
            skip_verify=self.skip_verify,
            certificate=self._pem("client-cert", self.client_cert, read_file),
        )

    def own(self, read_file: ReadFile) -> Own:
        """Return the key and the headers, which are never saved. Raises `InputError`."""
        key = self._pem("client-key", self.client_key.get_secret_value(), read_file) if self.client_key else ""
        return Own(SecretStr(key) if key else None, self._headers())

    def unverified(self, address: str) -> str:
        """Return what there is to say of `skip-verify`, for the server at *address*."""
        return (
            f"Whoever is in between can read the tokens: the certificate of {address} is not checked "
            f"(`{self.server}-skip-verify`). Give its authority with `{self.server}-ca-cert` instead."
        )

    def check(self, tls: Tls, own: Own) -> None:
        """Raise `InputError` where the PEMs can't be used, by the input that is wrong."""
        try:
            context(Tls(ca=tls.ca), None)
        except (ssl.SSLError, ValueError):
            raise InputError(f"`{self.server}-ca-cert` holds no certificate that can be read.") from None
        try:
            context(Tls(certificate=tls.certificate), own.key)
        except (ssl.SSLError, ValueError):
            raise InputError(
                f"`{self.server}-client-key` is not the key of `{self.server}-client-cert`, or one can't be read.",
                fix="Give both as PEM; the key without a pass phrase.",
            ) from None

    def _pem(self, name: str, given: str, read_file: ReadFile) -> str:
        """Return PEM text, however it was given."""
        path = path_in(given)
        if not path:
            return given.strip() if _PEM in given else _decoded(given)
        try:
            read = read_file(path)
        except InputError as error:
            raise InputError(f"`{self.server}-{name}`: {error.what}", why=error.why, fix=error.fix) from None
        if _PEM not in read:
            raise InputError(f"`{self.server}-{name}`: the file holds no PEM (`-----BEGIN …`).")
        return read

    def _headers(self) -> dict[str, SecretStr]:
        found: dict[str, SecretStr] = {}
        lines = self.headers.get_secret_value().splitlines() if self.headers else []
        for each in filter(str.strip, lines):
            header = _HEADER.fullmatch(each.strip())
            if header is None:
                raise InputError(f"`{self.server}-headers`: a line is not `Name: value`.")
            if header[1].lower() in _OURS:
                raise InputError(f"`{self.server}-headers`: {header[1]} is set by this program.")
            found[header[1]] = SecretStr(header[2])
        return found


class VaultConnection(ConnectionInputs):
    """Those of Vault."""

    server = "vault"


class NomadConnection(ConnectionInputs):
    """Those of Nomad."""

    server = "nomad"


def path_in(given: str) -> str:
    """Return the path that an input names; empty where it holds PEM, or base64 of it, or nothing."""
    text = given.strip()
    return "" if _PEM in text or _PEM in _decoded(text) else text.removeprefix("@")


def _decoded(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
