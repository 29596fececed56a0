"""What Nomad's refusals mean, in words (api-contract 2.3 and 2.6)."""

from typing import Final

from nomad_token.claims import claims, displayed
from nomad_token.clients.failures import Failure, Refusal
from nomad_token.errors import Error, NotFound, Refused, Temporary
from nomad_token.said import FromGo, FromNomad
from nomad_token.secret import SecretStr
from nomad_token.text import pasted, shown
from nomad_token.unreachable import no_answer, proxy_in_between

SERVERS: Final = "Check them: nomad server members"


def explain_login(failure: Failure, auth_method: str, id_token: SecretStr, advice: str) -> Error:
    """Turn a failed login into an error."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "nomad", advice)
    said = failure.said
    what = f"Nomad refused the login with `{shown(auth_method)}`: {shown(said)}"
    method = pasted(auth_method)
    if FromNomad.NO_AUTH_METHOD in said and failure.status == 400:
        return unknown_method(what)
    if FromNomad.METHOD_FOR_BROWSERS in said:
        return method_for_browsers(what)
    if FromNomad.NO_RULE in said:
        return no_rule_fits(
            what, f"The id token is good, and no binding rule fits it.\n{displayed(id_token)}", auth_method
        )
    if FromNomad.AUDIENCE in said:
        return let_audience_in(what, displayed(id_token), auth_method, claims(id_token).get("aud"))
    if any(text in said for text in (FromNomad.EXPIRED, FromNomad.TOO_EARLY, FromNomad.FROM_THE_FUTURE)):
        return Temporary(
            what,
            why="The clocks of Nomad and of the id token's issuer disagree, or the id token is an old one.",
            fix="Check the time on Nomad's servers; give a fresh `id-token` where it is given as an input.",
            doubts=("nomad clock",),
        )
    if failure.status == 401:
        return Refused(
            what,
            why=displayed(id_token),
            fix="Nomad checks it against another issuer or other keys, or can't reach them: compare `iss` with "
            f"OIDCDiscoveryURL, JWKSURL and BoundIssuer in: nomad acl auth-method info {method}",
        )
    return _of_any_request(failure, what)


def unknown_method(what: str) -> Error:
    """Explain that Nomad has no such auth method."""
    return NotFound(
        what,
        why="There is no auth method of that name in this cluster.",
        fix="Set `nomad-auth-method` to one of: nomad acl auth-method list",
    )


def method_for_browsers(what: str) -> Error:
    """Explain that an auth method is not for jobs."""
    return Refused(
        what,
        why="The method is for people in a browser (OIDC).",
        fix="Make one of type JWT, with the job's issuer: nomad acl auth-method create -type=JWT …",
    )


def no_rule_fits(what: str, why: str, auth_method: str) -> Error:
    """Explain that a login gives nothing."""
    return Refused(
        what,
        why=why,
        fix="A selector sees what ClaimMappings maps, and a rule counts only where its role or policy exists: "
        f"nomad acl binding-rule list, and nomad acl auth-method info {pasted(auth_method)}",
    )


def let_audience_in(what: str, why: str, auth_method: str, audience: object) -> Error:
    """Explain that the *audience* of the id token is not one of the method's."""
    return Refused(
        what,
        why=why,
        fix=f"Add {shown(audience)} to BoundAudiences of the method (nomad acl auth-method info "
        f"{pasted(auth_method)}), or set `audience` to a value that it has already.",
    )


def no_acl_role(what: str) -> Error:
    """Explain that Nomad has no such ACL role."""
    return NotFound(what, why="`nomad-roles` names a role that is not there.", fix="nomad acl role list")


def no_leader(what: str) -> Error:
    """Explain that Nomad's servers can do nothing now."""
    return Temporary(what, why="Nomad's servers have no leader, or trouble of their own.", fix=SERVERS)


def speaks_https(what: str) -> Error:
    """Explain that Nomad was spoken to without TLS."""
    return Refused(
        what,
        why="What was sent went unencrypted to a port that wants TLS.",
        fix="Write https:// in `nomad-addr`.",
    )


def explain_token(failure: Failure, advice: str) -> Error:
    """Turn a refused `POST /v1/acl/token` into an error."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "nomad", advice)
    said = failure.said
    what = f"Nomad refused to make a token: {shown(said)}"
    if failure.status == 403:
        return Refused(
            what,
            why="`nomad-management-token` is not a management token of this cluster, it has expired, or it is a local "
            "one of another region than `nomad-region`.",
            fix="Make one: nomad acl token create -name=ci -type=management (-global=true for every region)",
        )
    if FromNomad.NO_ACL_ROLE in said:
        return no_acl_role(what)
    if FromNomad.LIFE_OUT_OF_BOUNDS in said:
        return Refused(
            what,
            why="`ttl` is outside of what the servers allow (token_min_expiration_ttl, token_max_expiration_ttl).",
            fix="Choose a `ttl` between them: 1m and 24h where nothing else is configured.",
        )
    return _of_any_request(failure, what)


def _of_any_request(refusal: Refusal, what: str) -> Error:
    if FromNomad.NO_ACLS in refusal.said:
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
    if FromGo.WANTS_TLS in refusal.said:
        return speaks_https(what)
    if refusal.status == 429 or refusal.status >= 500:
        return Temporary(
            what,
            why=proxy_in_between(refusal) or "Nomad's servers are in trouble.",
            fix=SERVERS,
        )
    return Refused(what, why=proxy_in_between(refusal), fix="Check that `nomad-addr` leads to Nomad: nomad status")
