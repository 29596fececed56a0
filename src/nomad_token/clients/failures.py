"""What a request ends with: a whole answer, a refusal, or a failure and what it proves."""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpcore
from msgspec.json import decode

PROXY_LOGIN: Final = 407
UNWRITABLE: Final = "what is to be asked can't be written as a request"
FAILURES: Final = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    UnicodeError,
)
"""What httpcore raises, whose exceptions have no base, and the socket below it for a host's name that can't be one."""
_ALERTS_ON_US: Final = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "HANDSHAKE_FAILURE")


class Failure(Exception):
    """A request without the answer that was hoped for; never leaves the program as it is."""

    def __init__(self, address: str, reason: str, *, proxy: str = "") -> None:
        """Keep where the request went, in words why it failed, and the *proxy* that it went through, if any."""
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason
        self.proxy = proxy


class ProxyRefusal(Exception):
    """A proxy did not let a request through: the server behind it never saw it."""

    def __init__(self, text: str) -> None:
        """Keep the *text* of its answer, which begins with the status."""
        super().__init__(text)
        self.wants_login = text.startswith(str(PROXY_LOGIN))


class NotSent(Failure):
    """The server never saw the request, or never read it: nothing was made."""

    def __init__(self, address: str, reason: str, cause: BaseException | None = None, *, proxy: str = "") -> None:
        """Keep the socket's, TLS's or the proxy's own error as `cause`, for the explanation."""
        super().__init__(address, reason, proxy=proxy)
        self.cause = cause

    @property
    def lasts(self) -> bool:
        """Whether it would go the same way again: it is a matter of certificates, of settings, or of a password."""
        match self.cause:
            case ssl.SSLCertVerificationError():
                return True
            case ssl.SSLError() as error:
                return refuses_certificate(error) or "WRONG_VERSION_NUMBER" in told(error)
            case ProxyRefusal() as refusal:
                return refusal.wants_login
            case httpcore.UnsupportedProtocol():
                return True
            case _:
                return False


def refuses_certificate(error: ssl.SSLError) -> bool:
    """Tell whether *error* is the server's alert on our certificate, or on its absence (RFC 8446, 6.2)."""
    return "ALERT" in told(error) and any(about in told(error) for about in _ALERTS_ON_US)


def told(error: ssl.SSLError) -> str:
    """Return OpenSSL's name for the *error*, which is in its text."""
    return str(error).upper()


class Lost(Failure):
    """The request was sent and no whole answer came back: something may have been made."""

    def __init__(self, address: str, reason: str, *, proxy: str = "", hung_up: bool = False) -> None:
        """Keep whether the other side *hung_up* without a word of HTTP."""
        super().__init__(address, reason, proxy=proxy)
        self.hung_up = hung_up


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer of a server, at most 1 MiB of it."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    text: str = field(repr=False)
    proxy: str = ""
    """The proxy that it came through, without its password; empty without one."""

    def json(self) -> Any:  # noqa: ANN401 - it is whatever the server sent
        """Return the decoded body, or None where it is not JSON."""
        try:
            return decode(self.text)
        except (ValueError, RecursionError):
            return None


class Refusal(Failure):
    """The server answered, and the answer is not a success."""

    def __init__(self, address: str, answer: Answer, texts: list[str], *, in_form: bool = True) -> None:
        """Keep the status, the foreign *texts* (see `text.shown`), and whether their form is the server's.

        What is not in the server's form may come from a proxy before it, and proves nothing about it.
        """
        super().__init__(address, f"HTTP {answer.status}", proxy=answer.proxy)
        self.in_form = in_form
        self.status = answer.status
        self.headers = answer.headers
        self.texts = texts

    @property
    def said(self) -> str:
        """The server's own words, foreign text."""
        return "; ".join(self.texts)


def unread(error: Exception) -> BaseException | None:
    """Return what kept the server from reading the request; None where it may have read it."""
    cause = _root_cause(error)
    match error:
        case (
            httpcore.ConnectError()
            | httpcore.ConnectTimeout()
            | httpcore.PoolTimeout()
            | httpcore.UnsupportedProtocol()
        ):
            return cause
        case httpcore.LocalProtocolError() | UnicodeError():
            # It is dropped, since what it quotes may be a secret.
            return httpcore.UnsupportedProtocol(UNWRITABLE)
        case httpcore.ProxyError():
            return ProxyRefusal(str(error))
        case _ if isinstance(cause, ssl.SSLError) and refuses_certificate(cause):
            # TLS 1.3 looks at our certificate after we have sent the request, and before it is read.
            return cause
        case _:
            return None


def hung_up(error: Exception) -> bool:
    """Tell whether the other side ended the connection without a word of HTTP."""
    match error:
        case httpcore.ReadError() | httpcore.WriteError():
            return True
        case httpcore.RemoteProtocolError():
            # An alert of TLS is no line of HTTP to h11.
            return "without sending a response" in str(error) or "illegal" in str(error)
        case _:
            return False


def _root_cause(error: BaseException) -> BaseException:
    """Return the socket's or TLS's error below httpcore's, which only repeats its text."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (ssl.SSLError, socket.gaierror, ConnectionError, TimeoutError)):
            return cause
        error, cause = cause, cause.__cause__ or cause.__context__
    return error
