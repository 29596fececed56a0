"""`jwt`: the platform's id token, checked by Vault against the issuer's keys and the role's bounds."""

import json
import shlex

from nomad_token.claims import claims, displayed
from nomad_token.clients.failures import Refusal
from nomad_token.clients.http import origin
from nomad_token.errors import Error, NotFound, Refused, Temporary
from nomad_token.inputs import InputGroup, declare
from nomad_token.readers import line
from nomad_token.said import FromVault
from nomad_token.secret import SecretStr
from nomad_token.text import pasted, shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest, OfRole


class IdToken(InputGroup):
    """The inputs about the job's id token, wherever it is shown."""

    audience: str = declare(
        line,
        "",
        about="The audience (`aud`) of the id token that is asked for; one of the role's `bound_audiences`. "
        "Without it: the scheme, host and port of the server's address.",
    )
    id_token: SecretStr | None = declare(
        SecretStr,
        None,
        environment=["VAULT_ID_TOKEN"],
        about="An id token (JWT) to log in with, instead of one from the platform. Needed under act, which has none.",
    )


class Jwt(OfRole, IdToken):
    """The method's login (api-contract 3.3)."""

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request; asks the platform for an id token where none is given."""
        audience = self.audience or origin(circumstances.vault_addr)
        id_token = self.id_token or circumstances.id_token(audience)
        body: dict[str, SecretStr | str] = {"jwt": id_token}
        if self.vault_auth_role:
            body["role"] = self.vault_auth_role
        path = f"auth/{circumstances.auth_path}"
        return LoginRequest(
            circumstances.login(),
            body,
            lambda refusal: _explain(refusal, path, self.vault_auth_role, id_token),
            f"{path}/role/{self.pasted_role}",
        )


def _explain(refusal: Refusal, path: str, role: str, id_token: SecretStr) -> Error | None:
    """Name the refusals of the jwt method, all of them 400 (api-contract 3.3)."""
    said = refusal.said
    what = f"Vault refused the id token: {shown(said)}"
    if refusal.status != 400:
        return None
    if FromVault.NO_LOGIN_ROLE in said or FromVault.NO_ROLE_GIVEN in said:
        return no_such_role(what, path, role)
    if FromVault.AUDIENCE in said:
        return Refused(what, why=displayed(id_token), fix=let_audience_in(path, role, claims(id_token).get("aud")))
    if FromVault.CLAIMS in said or FromVault.NO_USER_CLAIM in said:
        return Refused(
            what,
            why=displayed(id_token),
            fix=f"Compare them with `bound_claims` and `user_claim` of the role: vault read {path}/role/{_name(role)}\n"
            "Bind repository_id, ref and event_name rather than sub, which changes with environments and renames.",
        )
    if any(text in said for text in (FromVault.EXPIRED, FromVault.TOO_EARLY, FromVault.FROM_THE_FUTURE)):
        return Temporary(
            what,
            why="The clocks of Vault and of the id token's issuer disagree, or the id token is an old one.",
            fix="Check the time on Vault's hosts; give a fresh `id-token` where it is given as an input.",
            doubts=("vault clock",),
        )
    if FromVault.ID_TOKEN in said and not claims(id_token):
        return Refused(
            what, why=displayed(id_token), fix="Give the JWT itself as `id-token`: three parts, a dot between."
        )
    if FromVault.ID_TOKEN in said:
        return Refused(
            what,
            why=displayed(id_token),
            fix=f"Vault checks it against another issuer or other keys: compare `iss` with oidc_discovery_url and "
            f"bound_issuer in: vault read {path}/config",
        )
    if FromVault.JWT_NOT_CONFIGURED in said:
        return Refused(
            what,
            why=f"The auth method at `{path}` is enabled and was never configured.",
            fix=f"vault write {path}/config oidc_discovery_url=ISSUER bound_issuer=ISSUER, with ISSUER the `iss` of:\n"
            f"{displayed(id_token)}",
        )
    if FromVault.ROLE_FOR_BROWSERS in said:
        return for_browsers(what, path, role)
    return None


def no_such_role(what: str, path: str, role: str) -> Error:
    """Explain that the method at *path* has no such role; an empty one was not given."""
    missing = f"knows no role `{shown(role)}`" if role else "was told no role, and has no default_role"
    return NotFound(
        what,
        why=f"The auth method at `{path}` {missing}.",
        fix="Set `vault-auth-role` to the role of the login, and `vault-auth-path` where jwt is mounted elsewhere. "
        "(`role` is the role of the Nomad engine, another thing.)",
    )


def for_browsers(what: str, path: str, role: str) -> Error:
    """Explain that a role is not for jobs."""
    return Refused(
        what,
        why=f"The role `{shown(role)}` is for people in a browser (role_type=oidc, which is the default).",
        fix=f"Write it with role_type=jwt: vault read {path}/role/{_name(role)} shows the rest of it.",
    )


def let_audience_in(path: str, role: str, audience: object) -> str:
    """Name the command that adds the id token's audience to the role's, and keeps the rest (a write replaces it)."""
    wanted = shown((audience[0] if isinstance(audience, list) and audience else audience) or "AUDIENCE")
    at = f"{path}/role/{_name(role)}"
    program = shlex.quote(f".data | .bound_audiences += [{json.dumps(wanted)}]")
    return (
        f"Add {wanted} to bound_audiences of the role:\n"
        f"  vault read -format=json {at} | jq {program} | vault write {at} -\n"
        "or set `audience` to a value that the role has already."
    )


def _name(role: str) -> str:
    return pasted(role) if role else "ROLE"
