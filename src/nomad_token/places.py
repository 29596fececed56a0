"""Where the servers are: the inputs that say so, for whatever is done there."""

from collections.abc import Collection

from nomad_token.clients.vault import VaultPlace
from nomad_token.inputs import InputGroup, declare
from nomad_token.readers import address, line, mount


class VaultInputs(InputGroup):
    """Where Vault is, and where in it."""

    vault_addr: str = declare(
        address,
        environment=["VAULT_ADDR", "VAULT_SERVER_URL"],
        about="Vault's or OpenBao's address, such as https://vault.example.com:8200.",
    )
    vault_namespace: str = declare(
        line, "", environment=["VAULT_NAMESPACE"], about="The Vault namespace of the Nomad secrets engine."
    )
    vault_auth_namespace: str = declare(
        line, "", about="The Vault namespace of the login, where it differs from `vault-namespace`."
    )
    vault_mount: str = declare(mount, "nomad", about="Where the Nomad secrets engine is mounted.")

    def vault(self) -> VaultPlace:
        """Name the server and the namespaces."""
        return VaultPlace(
            address=self.vault_addr,
            namespace=self.vault_namespace,
            auth_namespace=self.vault_auth_namespace or self.vault_namespace,
        )


class NomadInputs(InputGroup):
    """Where Nomad is."""

    nomad_addr: str = declare(
        address,
        "",
        environment=["NOMAD_ADDR"],
        about="Nomad's address, such as https://nomad.example.com:4646: used to prove that the token is accepted, and "
        "that it is dead afterwards. Given as an input, it is exported as `NOMAD_ADDR`.",
    )
    nomad_region: str = declare(
        line,
        "",
        environment=["NOMAD_REGION"],
        about="The Nomad region to ask. Given as an input, it is exported as `NOMAD_REGION`.",
    )
    nomad_namespace: str = declare(
        line,
        "",
        environment=["NOMAD_NAMESPACE"],
        about="A Nomad namespace for the next steps: given as an input, it is exported as `NOMAD_NAMESPACE`.",
    )

    def as_environment(self, names: Collection[str]) -> dict[str, str]:
        """Return those of the inputs that are among *names* under the variables that Nomad's own tools read."""
        values = zip(self.declared(), (self.nomad_addr, self.nomad_region, self.nomad_namespace), strict=True)
        return {one.environment[0]: value for one, value in values if one.name in names}
