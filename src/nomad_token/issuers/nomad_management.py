"""`nomad-management`: Nomad itself, with a management token that is lent, for a client token that ends soon."""

import re
from typing import ClassVar, Literal, cast

from nomad_token.clients.failures import Failure
from nomad_token.clients.nomad import Minted, Nomad, NomadPlace
from nomad_token.clients.vault import VaultPlace
from nomad_token.credential import Credential
from nomad_token.errors import Refused
from nomad_token.inputs import InputGroup, declare
from nomad_token.issuers.awaited import awaited
from nomad_token.issuers.base import Means, Unclear
from nomad_token.issuers.nomad_refusals import explain_token
from nomad_token.names import own_name
from nomad_token.readers import OneOf, boolean, duration
from nomad_token.retry import Verdict, of_making
from nomad_token.secret import SecretStr
from nomad_token.state import Asked, HeldToken

_NANOSECONDS = 1_000_000_000
_NAME = re.compile(r"[a-zA-Z0-9-]{1,128}")


def _names(value: str) -> str:
    """Check a list of policies or roles, by comma or by line."""
    for name in names_of(value):
        if not _NAME.fullmatch(name):
            raise ValueError(f"holds `{name[:40]}`, which is not a name: letters, digits and -")
    return value


def names_of(value: str) -> list[str]:
    """Return the names of a list, by comma or by line."""
    return [name for name in (each.strip() for each in re.split(r"[,\n]", value)) if name]


class NomadManagement(InputGroup):
    """The inputs of the issuer, and its request (api-contract 2.3)."""

    told_by: ClassVar[tuple[str, ...]] = ("policies", "nomad-roles", "type")

    nomad_management_token: SecretStr = declare(
        SecretStr,
        environment=["NOMAD_MANAGEMENT_TOKEN"],
        about="A Nomad management token: to make tokens with (`policies`, `nomad-roles`), or to delete the token of a "
        "login at the end. It is lent, and never saved.",
    )
    policies: str = declare(
        _names, "", about="The Nomad policies of the token, by comma or by line; Nomad itself makes it then."
    )
    nomad_roles: str = declare(
        _names, "", about="The Nomad ACL roles of the token, by comma or by line; Nomad itself makes it then."
    )
    type: Literal["client", "management"] = declare(
        OneOf("client", "management"),
        "client",
        about="The type of a token that Nomad itself makes: `client` or `management`.",
    )
    is_global: bool = declare(boolean, "false", name="global", about="Whether the token is known in every region.")
    ttl: float = declare(
        duration, "30m", about="The life of the token. Vault's tokens have theirs from `config/lease`."
    )

    def vault(self) -> VaultPlace | None:
        """Name none."""
        return None

    def lent(self) -> tuple[str, SecretStr | None]:
        """Return the management token: the undo needs it again."""
        return "nomad-management-token", self.nomad_management_token

    def issue(self, env_name: str, means: Means) -> tuple[Credential, ...]:
        """Have Nomad make a token. Raises `Error`, `Unclear`."""
        place = cast("NomadPlace", means.nomad)  # inputs that name none are refused (`conflicts`)
        nomad = Nomad(means.connect(place), place)
        name = own_name(means.mint, means.clock.now())
        wanted = {
            "Name": name,
            "Type": self.type,
            "Policies": names_of(self.policies),
            "Roles": [{"Name": role} for role in names_of(self.nomad_roles)],
            "Global": self.is_global,
            # a number, since 1.4.0 to 1.4.4 read nothing else (api-contract 2.2)
            "ExpirationTTL": round(self.ttl * _NANOSECONDS),
        }

        def create() -> tuple[Minted, HeldToken]:
            minted = nomad.create(self.nomad_management_token, wanted)
            held = HeldToken(
                accessor_id=minted.accessor_id, secret=minted.secret_id, ends=minted.expiration_time, manager=False
            )
            means.custody.hold([held.secret], held)
            return minted, held

        means.refuse_when_late()
        means.custody.asked(Asked(what="token", path="acl/token", named=name, at=means.clock.now()))
        try:
            minted, held = awaited(create, means)
        except Failure as failure:
            error = explain_token(failure, means.advice(failure.address))
            if of_making(failure) is Verdict.UNCLEAR:
                raise Unclear(error) from None
            means.custody.nothing_made()
            raise error from None
        if held.ends is None:
            raise Refused(
                "Nomad made a token that never ends, and it is deleted again.",
                why="Servers before 1.4 do not know ExpirationTTL, and leave it out without a word.",
                fix="Have Vault mint instead (`role`), whose lease ends it, or update Nomad.",
            )
        credential = Credential(
            secret=held.secret,
            accessor_id=held.accessor_id,
            issuer="nomad-management",
            life_set_by="Its life is `ttl`.",
            env_name=env_name,
            lease_duration=round(self.ttl),
            lease_renewable=False,
            expires_at=held.ends,
            type=minted.type,
            policies=minted.policies,
        )
        return (credential,)
