"""What servers say, as far as it decides anything here: each text has a conformance test, and no other is looked for.

A text is a part of the server's, short enough to be in what every version of it says.
"""

from enum import StrEnum


class FromVault(StrEnum):
    """Parts of what Vault and OpenBao say (api-contract 1.5, 1.6, 3.1 to 3.3)."""

    DENIED = "permission denied"
    BY_POLICY = "error occurred"
    UNKNOWN_TOKEN = "invalid token"  # noqa: S105 - a text
    SEALED = "sealed"
    NO_NAMESPACE = "namespace not found"

    NO_ROLE = "not found"
    NO_LEASE = "invalid lease"
    LEASE_NOT_FOUND = "lease not found"
    NOT_REVOKED = "failed to revoke entry"
    LAST_USE = "one use left"
    NOMAD_ANSWERED = "Unexpected response code: "
    NOT_DIALLED = "dial tcp"
    X509 = "x509: "
    TO_NOMAD = "/v1/acl/token"
    HEADER_WITH_LINE_BREAK = "invalid header field value"

    NO_LOGIN_ROLE = "could not be found"
    NO_ROLE_GIVEN = "missing role"
    AUDIENCE = "audience"
    CLAIMS = "error validating claims"
    NO_USER_CLAIM = "not found in token"
    EXPIRED = "expired"
    TOO_EARLY = "not yet valid"
    FROM_THE_FUTURE = "issued in the future"
    ID_TOKEN = "error validating token"  # noqa: S105 - a text
    JWT_NOT_CONFIGURED = "could not load configuration"
    ROLE_FOR_BROWSERS = "role_type is not allowed"

    APPROLE = "invalid role or secret ID"
    NO_SECRET_ID = "missing secret_id"  # noqa: S105 - a text
    OLD_ROLE_ID = "invalid role ID"
    OLD_SECRET_ID = "invalid secret id"  # noqa: S105 - a text
    OLD_NO_ROLE_ID = "failed to determine alias name"

    KUBERNETES_ROLE = "invalid role name"
    KUBERNETES_ACCOUNT = "not authorized"
    KUBERNETES_NOT_CONFIGURED = "could not load backend configuration"

    GITHUB_ORGANISATION = "required org"
    GITHUB_TOKEN = "Bad credentials"  # noqa: S105 - a text

    LDAP_NOT_REACHED = "error connecting to host"

    CERTIFICATE = "certificate"
    CERTIFICATE_REFUSED = "failed to verify client's certificate"
    NO_CERTIFICATE = "no client certificate found"
    NO_CERTIFICATE_WITH_TLS = "must be supplied"
    NO_TLS = "tls connection required"


class FromNomad(StrEnum):
    """Parts of what Nomad says, to us or through Vault (api-contract 1.5, 2.3, 2.5, 2.6)."""

    NO_ACLS = "ACL support disabled"
    ACLS_DISABLED = "acls-disabled"
    DENIED = "Permission denied"
    UNKNOWN_TOKEN = "ACL token not found"  # noqa: S105 - a text
    EXPIRED_TOKEN = "ACL token expired"  # noqa: S105 - a text
    ABOUT_A_TOKEN = "ACL token"  # noqa: S105 - a text
    ABOUT_ACLS = "ACL "
    ONE_HOP = "rpc error: "
    BOOTSTRAPPED = "bootstrap already done"
    ALREADY_GONE = "Cannot delete nonexistent tokens"
    NAME_TOO_LONG = "token name too long"
    NO_ACL_ROLE = "cannot find role"
    LIFE_OUT_OF_BOUNDS = "expiration time cannot be"

    NO_AUTH_METHOD = "not found"
    METHOD_FOR_BROWSERS = "unsupported auth-method type"
    NO_RULE = "no role or policy bindings matched"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    TOO_EARLY = "not yet valid"
    FROM_THE_FUTURE = "issued in the future"


class FromGo(StrEnum):
    """Parts of what the HTTP server below both of them says."""

    WANTS_TLS = "HTTP request to an HTTPS server"
