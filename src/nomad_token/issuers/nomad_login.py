"""`nomad-login`: Nomad itself, with the job's id token and an auth method of type JWT."""

from typing import ClassVar, cast

from nomad_token.clients.failures import Failure
from nomad_token.clients.http import origin
from nomad_token.clients.nomad import Minted, Nomad, NomadPlace
from nomad_token.clients.vault import VaultPlace
from nomad_token.credential import Credential
from nomad_token.inputs import declare
from nomad_token.issuers.awaited import awaited
from nomad_token.issuers.base import Means
from nomad_token.issuers.nomad_refusals import explain_login
from nomad_token.readers import line
from nomad_token.retry import Verdict, of_making
from nomad_token.secret import SecretStr
from nomad_token.state import Asked, HeldToken
from nomad_token.vault_auth.jwt import IdToken


class NomadLogin(IdToken):
    """The inputs of the issuer, and its request (api-contract 2.6)."""

    told_by: ClassVar[tuple[str, ...]] = ("nomad-auth-method",)

    id_token: SecretStr | None = declare(
        SecretStr,
        None,
        environment=["NOMAD_ID_TOKEN"],
        about="An id token (JWT) to log in with, instead of one from the platform. Needed under act, which has none.",
    )
    nomad_auth_method: str = declare(line, about="The name of Nomad's JWT auth method, for a token from Nomad itself.")
    nomad_management_token: SecretStr | None = declare(
        SecretStr,
        None,
        environment=["NOMAD_MANAGEMENT_TOKEN"],
        about="A Nomad management token: to make tokens with (`policies`, `nomad-roles`), or to delete the token of a "
        "login at the end. It is lent, and never saved.",
    )

    def vault(self) -> VaultPlace | None:
        """Name none."""
        return None

    def lent(self) -> tuple[str, SecretStr | None]:
        """Return the management token, where one is given to delete with."""
        token = self.nomad_management_token
        return ("nomad-management-token" if token else "", token)

    def issue(self, env_name: str, means: Means) -> tuple[Credential, ...]:
        """Log in. Raises `Error`; a lost answer can't be undone, so it is asked for once."""
        place = cast("NomadPlace", means.nomad)  # inputs that name none are refused (`conflicts`)
        nomad = Nomad(means.connect(place), place)
        id_token = self.id_token or means.id_token(self.audience or origin(place.address))

        def log_in() -> tuple[Minted, HeldToken]:
            minted = nomad.log_in(self.nomad_auth_method, id_token)
            held = HeldToken(
                accessor_id=minted.accessor_id,
                secret=minted.secret_id,
                ends=minted.expiration_time,
                manager=minted.type == "management",
            )
            means.custody.hold([held.secret], held)
            return minted, held

        means.refuse_when_late()
        means.custody.asked(Asked(what="nomad login", path=self.nomad_auth_method, at=means.clock.now()))
        try:
            minted, held = awaited(log_in, means)
        except Failure as failure:
            if of_making(failure) is not Verdict.UNCLEAR:
                means.custody.nothing_made()
            raise explain_login(failure, self.nomad_auth_method, id_token, means.advice(failure.address)) from None
        credential = Credential(
            secret=held.secret,
            accessor_id=held.accessor_id,
            issuer="nomad-login",
            life_set_by="Its life is MaxTokenTTL of the auth method.",
            env_name=env_name,
            expires_at=held.ends,
            # Only a management token deletes tokens: one that is lent, or this one itself (api-contract 2.7).
            revocable=held.manager or self.nomad_management_token is not None,
            type=minted.type,
            policies=minted.policies,
        )
        return (credential,)
