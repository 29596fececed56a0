"""`token`: a Vault token that the user lends. It is never revoked here; its lease is."""

from nomad_token.inputs import InputGroup, declare
from nomad_token.secret import SecretStr
from nomad_token.vault_auth.base import Borrowed, Circumstances


class Token(InputGroup):
    """The input of the method."""

    vault_token: SecretStr = declare(
        SecretStr,
        environment=["VAULT_TOKEN"],
        about="A Vault token to use as it is. It is left alone afterwards: only the lease is revoked, which its "
        "policies must allow (`update` on `sys/leases/revoke`).",
    )

    def login_request(self, _circumstances: Circumstances) -> Borrowed:
        """Lend the token."""
        return Borrowed(self.vault_token)
