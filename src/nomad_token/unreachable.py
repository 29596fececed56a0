"""Why no answer came, by what stopped the request, with the input to change."""

import socket
import ssl

from nomad_token.clients.http import Failure, NotSent
from nomad_token.errors import Error, Temporary
from nomad_token.text import shown

# OpenSSL, x509_vfy.h
_EXPIRED = frozenset({9, 10})
_WRONG_NAME = frozenset({62, 64})


def no_answer(failure: Failure, server: str, advice: str) -> Error:
    """Explain that *server* (`vault` or `nomad`) gave no answer; *advice* is the platform's on its address."""
    why, fix = _cause(failure.cause if isinstance(failure, NotSent) else None, server)
    if "alert" in failure.reason.lower() and "certificate" in failure.reason.lower():
        why, fix = _own_certificate(server)
    return Temporary(
        f"No answer from {failure.address}: {shown(failure.reason)}",
        why="\n".join(part for part in (why, advice) if part),
        fix=fix or f"Check `{server}-addr`, from the place where the job runs.",
    )


def _cause(cause: BaseException | None, server: str) -> tuple[str, str]:
    """Return what *cause* means, and what to do about it; the second may be empty."""
    match cause:
        case ssl.SSLError():
            return _tls(cause, server)
        case socket.gaierror():
            return "The name of the host is unknown here.", ""
        case ConnectionRefusedError():
            return "Nothing listens at that port.", ""
        case TimeoutError():
            return "The host does not answer: a firewall, or a network that is not reached from here.", ""
        case _:
            return "", ""


def _tls(cause: ssl.SSLError, server: str) -> tuple[str, str]:
    match cause:
        case ssl.SSLCertVerificationError(verify_code=code) if code in _EXPIRED:
            return "The server's certificate is not valid now: it has expired, or a clock is wrong.", "Renew it."
        case ssl.SSLCertVerificationError(verify_code=code) if code in _WRONG_NAME:
            return (
                "The server's certificate is for another name than that of the address.",
                f"Use a name that it holds in `{server}-addr`, or say which to expect with `{server}-tls-server-name`.",
            )
        case ssl.SSLCertVerificationError():
            return (
                "The server's certificate was signed by an authority that is not trusted here.",
                f"Give the authority's certificate with `{server}-ca-cert`.",
            )
        case _ if "alert" in str(cause).lower():
            return _own_certificate(server)
        case _:
            return "There is no TLS at that port: http:// rather than https://, or a proxy between.", ""


def _own_certificate(server: str) -> tuple[str, str]:
    return (
        "The server refused the handshake: it wants a certificate of the client's, or another one.",
        f"Give one with `{server}-client-cert` and `{server}-client-key`.",
    )
