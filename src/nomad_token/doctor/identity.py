"""Who the job is: its login, and what the login's role binds it to."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from nomad_token.claims import claims, displayed
from nomad_token.clients.failures import Failure
from nomad_token.doctor.finding import RUN_IN_JOB, Finding, Unseen, broken, not_seen, ok, skipped, unknown, warning
from nomad_token.doctor.shapes import mapping, mappings
from nomad_token.errors import Error, NoIdentity, Refused
from nomad_token.issuers.nomad_refusals import let_audience_in as let_audience_in_at_nomad
from nomad_token.issuers.nomad_refusals import method_for_browsers, no_rule_fits, unknown_method
from nomad_token.issuers.vault import Access
from nomad_token.secret import SecretStr
from nomad_token.text import shown
from nomad_token.vault_auth.jwt import for_browsers, let_audience_in, no_such_role

_JWT: Final = "JWT"

Seen = Unseen | Failure
"""Why a fact is not there."""


def login(access: Access | Error, *, at_desk: bool, method: str) -> Finding:
    """Judge the login that was tried, or why it was not."""
    match access:
        case NoIdentity() if at_desk:
            return only_in_job(f"Only the job can log in ({method}).")
        case Error():
            return broken(access)
        case _ if access.uses:
            return ok(f"The login ({method}) is let in; its token may be used {access.uses} times.")
        case _:
            return ok(f"The login ({method}) is let in.")


def only_in_job(what: str) -> Finding:
    """Say that something takes what the job has."""
    return unknown(what, fix=RUN_IN_JOB)


def bounds(
    role: Mapping[str, Any] | Seen | None,
    id_token: SecretStr | None,
    audience: str,
    *,
    path: str,
    name: str,
    let_in: bool,
) -> Finding:
    """Judge what the role *name* of the jwt method at *path* asks, against the id token or the *audience* alone."""
    if let_in:
        return ok("The id token is within the bounds of the login's role: Vault let it in.")
    if isinstance(role, Unseen | Failure):
        return not_seen(role, "The bounds of the login's role", f'path "{path}/role/*" {{ capabilities = ["read"] }}')
    if role is None:
        return broken(no_such_role(f"Vault has no role at `{path}/role/{shown(name)}`.", path, name))
    return _within(role, id_token, audience, path, name)


def _within(role: Mapping[str, Any], id_token: SecretStr | None, audience: str, path: str, name: str) -> Finding:
    if role.get("role_type") == "oidc":
        return broken(for_browsers(f"`{path}/role/{shown(name)}` has role_type=oidc.", path, name))
    held = claims(id_token) if id_token else {"aud": audience}
    about = displayed(id_token) if id_token else f"The job would ask for an id token with aud: {shown(audience)}"
    if not _meets(role.get("bound_audiences") or [], held.get("aud")):
        what = f"The audience {shown(held.get('aud'))} is not one of bound_audiences of `{path}/role/{shown(name)}`."
        return broken(Refused(what, why=about, fix=let_audience_in(path, name, held.get("aud"))))
    if id_token is None:
        unbound = not (role.get("bound_claims") or role.get("bound_subject"))
        if unbound:
            return warning(
                f"`{path}/role/{shown(name)}` binds no claim: it lets in every job of the issuer.",
                fix="Bind repository_id, ref and event_name (GitHub), or project_id and ref_protected (GitLab).",
            )
        return ok(f"The audience {shown(audience)} is one of the role's. Its bound_claims are seen with an id token.")
    return _claims_within(role, held, f"{path}/role/{name}", about)


def _claims_within(role: Mapping[str, Any], held: Mapping[str, object], at: str, about: str) -> Finding:
    fits = _globbed if role.get("bound_claims_type") == "glob" else _same
    for claim, wanted in mapping(role.get("bound_claims")).items():
        among = wanted if isinstance(wanted, list) else [wanted]
        actual = held.get(claim)
        values = actual if isinstance(actual, list) else [actual]
        if not any(fits(one, value) for one in among for value in values):
            return broken(
                Refused(
                    f"The claim {shown(claim)} of the id token is {shown(actual)}, and `{shown(at)}` binds it to "
                    f"{shown(wanted)}.",
                    why=about,
                    fix=f"Compare them with `bound_claims` and `user_claim` of the role: vault read {shown(at)}",
                )
            )
    return ok("The id token is within the bounds of the login's role.")


def _same(wanted: object, value: object) -> bool:
    return str(wanted) == str(value)


def _globbed(wanted: object, value: object) -> bool:
    return fnmatchcase(str(value), str(wanted))


def _meets(bound: object, audience: object) -> bool:
    held = audience if isinstance(audience, list) else [audience]
    return isinstance(bound, list) and any(one in bound for one in held)


def method(stubs: object | Seen, name: str) -> Finding:
    """Judge whether Nomad has the auth method, by what it lists to anybody (api-contract 2.3)."""
    if isinstance(stubs, Unseen | Failure):
        return not_seen(stubs, "Nomad's auth methods")
    if not isinstance(stubs, list):
        return unknown("Nomad lists no auth methods: versions before 1.5 have none.")
    found = next((one for one in mappings(stubs) if one.get("Name") == name), None)
    if found is None:
        return broken(unknown_method(f"Nomad has no auth method `{shown(name)}`."))
    if found.get("Type") != _JWT:
        return broken(method_for_browsers(f"`{shown(name)}` is of type {shown(found.get('Type'))}."))
    return ok(f"Nomad has the auth method {shown(name)}, of type JWT.")


def method_bounds(described: object | Seen, id_token: SecretStr | None, audience: str, name: str) -> Finding:
    """Judge BoundAudiences of Nomad's auth method against the id token, or against the *audience* it would have."""
    if isinstance(described, Unseen | Failure):
        return not_seen(described, "What Nomad's auth method binds")
    bound = mapping(mapping(described).get("Config")).get("BoundAudiences")
    wanted = claims(id_token).get("aud") if id_token else audience
    if not _meets(bound, wanted):
        what = f"The audience {shown(wanted)} is not one of BoundAudiences of `{shown(name)}`."
        about = displayed(id_token) if id_token else f"The job would ask for an id token with aud: {shown(wanted)}"
        return broken(let_audience_in_at_nomad(what, about, name, wanted))
    return ok(f"The audience {shown(wanted)} is one of the method's.")


def rules(listed: object | Seen, policies: object | Seen, name: str) -> Finding:
    """Judge whether a binding rule of the method can count: it is skipped where its policy is not there (2.6)."""
    if isinstance(listed, Unseen | Failure):
        return not_seen(listed, "Nomad's binding rules")
    own = [one for one in mappings(listed) if one.get("AuthMethod") == name]
    if not own:
        return broken(no_rule_fits(f"No binding rule is of `{shown(name)}`.", "A login gives nothing then.", name))
    known = [str(one.get("Name")) for one in mappings(policies)]
    lacking = [
        one for one in own if one.get("BindType") == "policy" and _is_plain(one) and one.get("BindName") not in known
    ]
    if len(lacking) == len(own) and isinstance(policies, list):
        names = ", ".join(f"`{shown(one.get('BindName'))}`" for one in lacking)
        why = f"Each binding rule of `{shown(name)}` binds a policy that is not there: {names}."
        return broken(no_rule_fits("Nomad skips every binding rule of the method.", why, name))
    return ok(f"{len(own)} binding rule{'s are' if len(own) > 1 else ' is'} of the method.")


def _is_plain(rule: Mapping[str, Any]) -> bool:
    """Tell whether the rule's name is not made out of claims."""
    return "${" not in str(rule.get("BindName"))


def manager(proven: Error | None) -> Finding:
    """Judge the management token that is lent."""
    return broken(proven) if proven else ok("`nomad-management-token` is a management token.")


def no_bounds(auth_method: str) -> Finding:
    """Say that a login by other means has no claims."""
    return skipped(f"A login with {auth_method} has no claims.")
