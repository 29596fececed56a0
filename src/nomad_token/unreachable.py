"""Why no answer came, by what stopped the request, with the input to change."""

import socket
import ssl
from urllib.parse import urlsplit

from nomad_token.clients.failures import Failure, Lost, NotSent, ProxyRefusal, refuses_certificate, told
from nomad_token.errors import Error, Temporary
from nomad_token.text import shown

# OpenSSL, x509_vfy.h
_NOT_YET_VALID = 9
_EXPIRED = 10
_WRONG_NAME = frozenset({62, 64})


def no_answer(failure: Failure, server: str, advice: str) -> Error:
    """Explain that *server* (`vault` or `nomad`) gave no answer; *advice* is the platform's on its address."""
    through = f" (through the proxy {shown(failure.proxy)})" if failure.proxy else ""
    why, fix = _cause(failure, server)
    return Temporary(
        f"No answer from {failure.address}{through}: {shown(failure.reason)}",
        why="\n".join(part for part in (why, advice) if part),
        fix=fix or f"Check `{server}-addr`, from the place where the job runs.",
    )


def proxy_in_between(failure: Failure) -> str:
    """Tell that a *failure* may be the proxy's own, by its variable; empty where there is no proxy."""
    return f"The proxy {shown(failure.proxy)} may have said so ({_variable(failure)})." if failure.proxy else ""


def _variable(failure: Failure) -> str:
    return f"{urlsplit(failure.address).scheme.upper()}_PROXY or ALL_PROXY"


def _cause(failure: Failure, server: str) -> tuple[str, str]:
    """Return what stopped the request, and what to do about it; both may be empty."""
    if isinstance(failure, Lost) and failure.hung_up:
        return _hung_up(failure, server)
    cause = failure.cause if isinstance(failure, NotSent) else None
    if isinstance(cause, ssl.SSLError):
        return _tls(cause, failure, server)
    if failure.proxy:
        return _of_proxy(cause, failure, server)
    match cause:
        case socket.gaierror():
            why = "The name of the host is unknown here."
        case ConnectionRefusedError():
            why = "Nothing listens at that port."
        case TimeoutError():
            why = "The host does not answer: a firewall, or a network that is not reached from here."
        case _:
            why = ""
    return why, ""


def _hung_up(failure: Lost, server: str) -> tuple[str, str]:
    """Explain a silent end, which has no reason of its own: what is wrong with TLS may end so, or begin to."""
    if urlsplit(failure.address).scheme == "http":
        return (
            "The other side ended the connection without an HTTP answer, as one that speaks TLS there may do.",
            f"Write https:// in `{server}-addr` where that is so; else run the job again.",
        )
    return (
        "The other side ended the connection without an HTTP answer: it may want our certificate, or another one.",
        f"Give one with `{server}-client-cert` and `{server}-client-key` where that is so; else run the job again.",
    )


def _of_proxy(cause: BaseException | None, failure: Failure, server: str) -> tuple[str, str]:
    """Explain what is the proxy's own: it is the proxy that is connected to."""
    variable, host = _variable(failure), urlsplit(failure.address).hostname or ""
    around = f"set NO_PROXY={shown(host)}, where the way without it is open"
    check = f"Check {variable} of the runner's environment, or {around}."
    match cause:
        case ProxyRefusal(wants_login=True):
            return (
                "The proxy wants a user and a password, or others.",
                f"Give them in {variable}, as http://USER:PASSWORD@HOST:PORT, or {around}.",
            )
        case ProxyRefusal():
            return (
                "The proxy does not reach that address, or does not let it through.",
                f"Check `{server}-addr` and the proxy's rules ({variable}), or {around}.",
            )
        case socket.gaierror():
            return "The name of the proxy's host is unknown here.", check
        case ConnectionRefusedError():
            return "Nothing listens at the proxy's port.", check
        case TimeoutError():
            return "The proxy does not answer: a firewall, or a network that is not reached from here.", check
        case _:
            return "", f"Check `{server}-addr`, and {variable} of the runner's environment."


def _tls(cause: ssl.SSLError, failure: Failure, server: str) -> tuple[str, str]:
    match cause:
        case ssl.SSLCertVerificationError():
            return _not_proven(cause, failure, server)
        case _ if refuses_certificate(cause):
            return _own_certificate(told(cause), server)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "The server ended the connection in the middle of the handshake.", ""
        case _:
            return (
                "There is no TLS at that port, or none that both sides speak.",
                f"Write http:// in `{server}-addr` where the server has no TLS; else check what is in between.",
            )


def _not_proven(cause: ssl.SSLCertVerificationError, failure: Failure, server: str) -> tuple[str, str]:
    match cause:
        case ssl.SSLCertVerificationError(verify_code=code) if code == _EXPIRED:
            return (
                "A certificate of the server has expired, or the clock of this machine is wrong.",
                f"Renew the server's certificate; an authority's new one is given with `{server}-ca-cert`.",
            )
        case ssl.SSLCertVerificationError(verify_code=code) if code == _NOT_YET_VALID:
            return (
                "A certificate of the server is not valid yet, or the clock of this machine is wrong.",
                f"Compare this machine's time with that of the server at `{server}-addr`.",
            )
        case ssl.SSLCertVerificationError(verify_code=code) if code in _WRONG_NAME:
            return (
                "The server's certificate is for another name than that of the address.",
                f"Use a name that it holds in `{server}-addr`, or say which to expect with `{server}-tls-server-name`.",
            )
        case _:
            looks_into = ", or by a proxy that looks into TLS" if failure.proxy else ""
            return (
                f"The server's certificate was signed by an authority that is not trusted here{looks_into}.",
                f"Give the authority's certificate with `{server}-ca-cert`.",
            )


def _own_certificate(alert: str, server: str) -> tuple[str, str]:
    both = f"`{server}-client-cert` and `{server}-client-key`"
    if "CERTIFICATE_EXPIRED" in alert:
        return "The server refused our certificate: it has expired.", f"Give a new one with {both}."
    if "UNKNOWN_CA" in alert:
        return (
            "The server refused our certificate: it trusts another authority.",
            f"Give one that its authority signed with {both}.",
        )
    return (
        "The server refused the handshake: it wants a certificate of the client's, or another one.",
        f"Give one with {both}.",
    )
