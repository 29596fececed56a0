"""Certificates for tests of TLS: an authority of the test's own, and what it signs, as PEM files."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY: Final = timedelta(days=1)
LOOPBACK: Final = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, each a PEM file."""

    certificate: Path
    key: Path


class Authority:
    """A CA whose certificate is the PEM file `certificate`; everything that it makes goes into one directory."""

    def __init__(self, directory: Path, name: str = "test authority", *, above: "Authority | None" = None) -> None:
        """Make the CA, valid for a day before and after now; it is an intermediate one of the CA *above*, if any."""
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = above or self
        now = datetime.now(UTC)
        made = (
            _builder(self._name, issuer._name, self._key.public_key(), issuer._key.public_key(), now - DAY, now + DAY)  # noqa: SLF001 - its own class's
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .sign(issuer._key, hashes.SHA256())  # noqa: SLF001
        )
        self.certificate = self._written(f"{name}.crt", made.public_bytes(Encoding.PEM))

    def server(
        self, names: Sequence[str] = LOOPBACK, *, begins: datetime | None = None, ends: datetime | None = None
    ) -> Pair:
        """Return a server's pair for *names*, addresses among them; it is good for a client too, as Nomad's own are."""
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        return self._signed(names[0], usages, names, begins, ends)

    def client(self, common_name: str, *, begins: datetime | None = None, ends: datetime | None = None) -> Pair:
        """Return a client's pair whose subject is *common_name*."""
        return self._signed(common_name, [ExtendedKeyUsageOID.CLIENT_AUTH], (), begins, ends)

    def _signed(
        self,
        common_name: str,
        usages: list[x509.ObjectIdentifier],
        names: Sequence[str],
        begins: datetime | None,
        ends: datetime | None,
    ) -> Pair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        now = datetime.now(UTC)
        begin, end = begins or now - DAY, ends or now + DAY
        builder = (
            _builder(subject, self._name, key.public_key(), self._key.public_key(), begin, end)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        )
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_name(name) for name in names]), critical=False
            )
        made = builder.sign(self._key, hashes.SHA256())
        file = f"{common_name}-{made.serial_number:x}"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        certificate = self._written(f"{file}.crt", made.public_bytes(Encoding.PEM))
        return Pair(certificate, self._written(f"{file}.key", pem))

    def _written(self, name: str, pem: bytes) -> Path:
        path = self._directory / name
        path.touch(0o600)
        path.write_bytes(pem)
        return path


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    issuer_key: ec.EllipticCurvePublicKey,
    begin: datetime,
    end: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
