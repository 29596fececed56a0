"""What Nomad's refusals mean, in words (api-contract 2.3 and 2.6)."""

from pydantic import SecretStr

from nomad_token.claims import claims, displayed
from nomad_token.clients.http import Failure, Refusal
from nomad_token.errors import Error, NotFound, Refused, Temporary
from nomad_token.text import pasted, shown
from nomad_token.unreachable import no_answer


def explain_login(failure: Failure, auth_method: str, id_token: SecretStr, advice: str) -> Error:
    """Turn a failed login into an error."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "nomad", advice)
    said = failure.said
    what = f"Nomad refused the login with `{shown(auth_method)}`: {shown(said)}"
    method = pasted(auth_method)
    if "not found" in said and failure.status == 400:
        return NotFound(
            what,
            why="There is no auth method of that name in this cluster.",
            fix="Set `nomad-auth-method` to one of: nomad acl auth-method list",
        )
    if "unsupported auth-method type" in said:
        return Refused(
            what,
            why="The method is for people in a browser (OIDC).",
            fix="Make one of type JWT, with the job's issuer: nomad acl auth-method create -type=JWT …",
        )
    if "no role or policy bindings matched" in said:
        return Refused(
            what,
            why=f"The id token is good, and no binding rule fits it.\n{displayed(id_token)}",
            fix="A selector sees what ClaimMappings maps, and a rule counts only where its role or policy exists: "
            f"nomad acl binding-rule list, and nomad acl auth-method info {method}",
        )
    if "audience" in said:
        wanted = claims(id_token).get("aud")
        return Refused(
            what,
            why=displayed(id_token),
            fix=f"Add {shown(wanted)} to BoundAudiences of the method (nomad acl auth-method info {method}), "
            "or set `audience` to a value that it has already.",
        )
    if "expired" in said or "not yet valid" in said or "issued in the future" in said:
        return Temporary(
            what,
            why="The clocks of Nomad and of the id token's issuer disagree, or the id token is an old one.",
            fix="Check the time on Nomad's servers; give a fresh `id-token` where it is given as an input.",
        )
    if failure.status == 401:
        return Refused(
            what,
            why=displayed(id_token),
            fix="Nomad checks it against another issuer or other keys, or can't reach them: compare `iss` with "
            f"OIDCDiscoveryURL, JWKSURL and BoundIssuer in: nomad acl auth-method info {method}",
        )
    return _of_any_request(failure, what)


def explain_token(failure: Failure, advice: str) -> Error:
    """Turn a refused `POST /v1/acl/token` into an error."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "nomad", advice)
    said = failure.said
    what = f"Nomad refused to make a token: {shown(said)}"
    if failure.status == 403:
        return Refused(
            what,
            why="`nomad-management-token` is not a management token of this cluster, or it has expired.",
            fix="Make one: nomad acl token create -name=ci -type=management",
        )
    if "cannot find role" in said:
        return NotFound(what, why="`nomad-roles` names a role that is not there.", fix="nomad acl role list")
    if "expiration time cannot be" in said:
        return Refused(
            what,
            why="`ttl` is outside of what the servers allow (token_min_expiration_ttl, token_max_expiration_ttl).",
            fix="Choose a `ttl` between them: 1m and 24h where nothing else is configured.",
        )
    return _of_any_request(failure, what)


def _of_any_request(refusal: Refusal, what: str) -> Error:
    if "ACL support disabled" in refusal.said:
        return Refused(
            what,
            why="Nomad runs without ACLs, so there is nothing to mint.",
            fix="Set `acl { enabled = true }` on the servers and the clients of Nomad, restart them, and bootstrap: "
            "nomad acl bootstrap",
        )
    if 300 <= refusal.status < 400:
        return Refused(
            f"Nomad at {refusal.address} {shown(refusal.said)}: not followed.",
            why="A redirect elsewhere would take the job's secrets along.",
            fix="Set `nomad-addr` to the address that answers itself.",
        )
    if refusal.status == 429 or refusal.status >= 500:
        return Temporary(what, why="Nomad's servers are in trouble.", fix="Check them: nomad server members")
    return Refused(what, fix="Check that `nomad-addr` leads to Nomad: nomad status")
