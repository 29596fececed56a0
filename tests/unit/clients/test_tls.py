"""Our own certificate, and the key that no disk sees."""

import ssl
from pathlib import Path

import pytest

from certificates import Authority
from limit import full_beyond
from nomad_token.clients.tls import Tls, context
from nomad_token.secret import SecretStr


def test_key_needs_no_disk(tmp_path: Path) -> None:
    """A revoke with a client's certificate goes on where the disk is full: nothing is written for it."""
    own = Authority(tmp_path).client("ci")
    tls = Tls(certificate=own.certificate.read_text("ascii"))
    with full_beyond(0):
        made = context(tls, SecretStr(own.key.read_text("ascii")))

    assert made.verify_mode is ssl.CERT_REQUIRED


def test_key_of_another(tmp_path: Path) -> None:
    """A key that is not the certificate's is refused."""
    authority = Authority(tmp_path)
    one, other = authority.client("one"), authority.client("other")

    with pytest.raises(ssl.SSLError):
        context(Tls(certificate=one.certificate.read_text("ascii")), SecretStr(other.key.read_text("ascii")))


def test_key_that_is_too_long(tmp_path: Path) -> None:
    """What is longer than any key is refused, and not waited for."""
    own = Authority(tmp_path).client("ci")

    with pytest.raises(ValueError, match="too long"):
        context(Tls(certificate=own.certificate.read_text("ascii")), SecretStr("x" * (2 << 20)))
