"""Vault's cert auth method: the certificate that a client shows over TLS (api-contract 3.3); recorded on OpenBao 2.7.2.

The listener has to trust the client's authority (`Tls.client_ca`); a real one takes any certificate and leaves the rest
to the method.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import NameOID

from nomad_token_lab.vault import fields
from nomad_token_lab.vault.backend import Call, Operation, Path, Peer, Reply
from nomad_token_lab.vault.entries import Entries, Entry
from nomad_token_lab.vault.errors import Refusal
from nomad_token_lab.vault.state import Vault


class CertAuth:
    """One mount of the method."""

    def __init__(self, vault: Vault, type_name: str) -> None:
        """Begin without certificates."""
        self.type = type_name
        self._vault = vault
        self._certs = Entries("certs", _trusted)
        self.paths = (Path("login", {Operation.UPDATE: self._login}, open=True), *self._certs.paths())

    def _login(self, call: Call) -> Reply:
        certificate = self._shown(call.peer)
        wanted = fields.text(call.data, "name")
        known = [(name, entry) for name, entry in self._certs if wanted in {"", name}]
        chained = [(name, entry) for name, entry in known if _vouches(entry, certificate)]
        if not chained:
            raise Refusal(400, "invalid certificate or no client certificate supplied")
        common_name = _common_name(certificate)
        for name, entry in chained:
            allowed = entry.own["allowed_common_names"]
            if not allowed or any(fnmatchcase(common_name, pattern) for pattern in allowed):
                told = {"cert_name": name, **_metadata(certificate)}
                user = entry.own["display_name"] or name
                return self._vault.login(call, entry.terms, user, told, alias=common_name)
        raise Refusal(400, "no chain matching all constraints could be found for this login certificate")

    def _shown(self, peer: Peer) -> x509.Certificate:
        if peer.certificate:
            return x509.load_der_x509_certificate(peer.certificate)
        if self._vault.is_openbao:
            raise Refusal(400, "no client certificate found")
        raise Refusal(400, "client certificate must be supplied" if peer.is_tls else "tls connection required")


def _trusted(data: fields.Data) -> Mapping[str, Any]:
    pem = fields.text(data, "certificate")
    try:
        x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise Refusal(400, "failed to parse certificate") from error
    return {
        "allowed_common_names": list(fields.strings(data, "allowed_common_names")) or None,
        "certificate": pem,
        "display_name": fields.text(data, "display_name"),
    }


def _vouches(entry: Entry, certificate: x509.Certificate) -> bool:
    """Tell whether *certificate* is one of the entry's own, or signed by one."""
    for trusted in x509.load_pem_x509_certificates(entry.own["certificate"].encode()):
        if trusted == certificate:
            return True
        try:
            certificate.verify_directly_issued_by(trusted)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return True
    return False


def _common_name(certificate: x509.Certificate) -> str:
    return next((str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")


def _metadata(certificate: x509.Certificate) -> Mapping[str, str]:
    extensions = certificate.extensions
    subject = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    authority = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier or b""
    return {
        "common_name": _common_name(certificate),
        "serial_number": str(certificate.serial_number),
        "subject_key_id": subject.hex(":"),
        "authority_key_id": authority.hex(":"),
    }
