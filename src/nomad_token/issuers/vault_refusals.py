"""What Vault's refusals mean, in words: what happened, what it usually means, what to do (api-contract 1.5 and 3.1)."""

from dataclasses import dataclass
from typing import Final

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.vault import SECOND_FACTOR, VaultPlace, distrusts_nomad, nomad_refused, policy_denies
from nomad_token.errors import Error, NotFound, Refused, Temporary
from nomad_token.issuers.nomad_refusals import SERVERS, no_leader
from nomad_token.said import FromGo, FromNomad, FromVault
from nomad_token.text import pasted, shown
from nomad_token.unreachable import no_answer, proxy_in_between
from nomad_token.vault_auth.base import LoginRequest

_LIMIT: Final = (
    "by default Nomad takes 100 connections from one host (http_max_conns_per_client), and an older Vault, or OpenBao, "
    "keeps one open for a while for each token that it makes or deletes."
)
_MORE_CONNECTIONS: Final = (
    "Run the job again, or raise the limit of the agent that Vault asks: limits { http_max_conns_per_client = 1000 }"
)


@dataclass(frozen=True, slots=True)
class EngineRole:
    """What is read: a role of the Nomad engine."""

    mount: str
    role: str

    @property
    def path(self) -> str:
        """Where its credentials are."""
        return f"{self.mount}/creds/{self.role}"


def explain_login(failure: Failure, request: LoginRequest, place: VaultPlace, advice: str) -> Error:
    """Turn a failed login into an error; *advice* is the platform's on an address that can't be reached."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "vault", advice)
    if failure.status == 404 and FromVault.NO_NAMESPACE in failure.said:
        given_as = "vault-namespace" if place.auth_namespace == place.namespace else "vault-auth-namespace"
        return _unknown_namespace(failure, given_as, place.auth_namespace)
    known = request.explain(failure) or _of_any_request(failure)
    if known:
        return known
    if SECOND_FACTOR in failure.texts:
        return Refused(
            f"Vault wants a second factor for the login at `{request.path}`, which a job can't give.",
            why="An MFA enforcement (identity/mfa/login-enforcement) covers this auth method.",
            fix="Have it exempted: vault list identity/mfa/login-enforcement",
        )
    if failure.status == 403:
        locked = " Or too many logins failed: after five, Vault locks out for 15 minutes." if request.locks_out else ""
        return Refused(
            f"Vault refused the login at `{request.path}`: {shown(failure.said)}",
            why="No auth method is mounted there (Vault says so with a 403), the namespace is another one, or "
            f"token_bound_cidrs leaves this address out.{locked}",
            fix="Compare `vault-auth-path` and `vault-auth-namespace` with: vault auth list\n"
            f"and token_bound_cidrs with: vault read {request.terms}",
        )
    return unexpected(failure, f"to the login at `{request.path}`")


def explain_borrowed(failure: Failure, advice: str) -> Error:
    """Turn a failed look-up of a token that is lent into an error."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "vault", advice)
    known = _of_any_request(failure)
    if known is None and failure.status == 403:
        return Refused(
            f"Vault does not know `vault-token`: {shown(failure.said)}",
            why="It has expired, was revoked, is of another Vault or namespace, or was cut when it was pasted.",
            fix="Give another one, or log in with `vault-auth-method: jwt`, which takes no secret at all.",
        )
    return known or unexpected(failure, "to the look-up of `vault-token`")


def explain_creds(failure: Failure, place: VaultPlace, engine: EngineRole, advice: str) -> Error:
    """Turn a failed creds read into an error."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "vault", advice)
    nomad = nomad_refused(failure)
    if nomad is not None:
        return _nomad_refused_vault(*nomad, mount=engine.mount)
    if failure.status == 404 and FromVault.NO_NAMESPACE in failure.said:
        return _unknown_namespace(failure, "vault-namespace", place.namespace)
    return (
        _of_creds(failure, engine, place.below)
        or _of_any_request(failure)
        or unexpected(failure, f"to `{engine.path}`")
    )


def _of_creds(refusal: Refusal, engine: EngineRole, below: str) -> Error | None:
    said, mount = refusal.said, engine.mount
    what = f"Vault refused `{engine.path}`: {shown(said)}"
    access = f"{mount}/config/access"
    if refusal.status == 400 and FromVault.NO_ROLE in said:
        return no_engine_role(what, engine)
    if refusal.status == 400 and FromVault.LAST_USE in said:
        return Refused(
            what,
            why="The login's token had no use left but this one.",
            fix="Set token_num_uses to 0, or higher, on the role of the login.",
        )
    if refusal.status == 403 and policy_denies(refusal):
        return policy_refuses(f"Vault refused `{engine.path}` by policy: {shown(said)}", engine, below)
    if refusal.status == 403:
        return Refused(
            what,
            why="The login's token is gone already: its token_ttl is a few seconds, or somebody revoked it. Or it is "
            "bound to other addresses (token_bound_cidrs) than this one.",
            fix="Set token_ttl on the role of the login to the job's length, and compare its token_bound_cidrs.",
        )
    if refusal.status == 404:
        return no_engine(what, mount)
    if FromVault.HEADER_WITH_LINE_BREAK in said:
        return Refused(
            f"Vault can't use the token that it holds for Nomad: {shown(said)}",
            why=f"The token in `{access}` was written with a line break at its end.",
            fix="Write it again without one:\n"
            "  nomad acl token create -name=vault -type=management -json | jq -rj .SecretID | "
            f"vault write {access} token=-",
        )
    if FromVault.NOT_DIALLED in said:
        return Temporary(
            f"Vault can't reach Nomad: {shown(said)}",
            why=f"The address in `{access}` is the one that Vault uses, not the job's `nomad-addr`.",
            fix=f"Check it: vault read {access}",
            doubts=("nomad address", "leader"),
        )
    if distrusts_nomad(said):
        return Refused(
            f"Vault does not trust Nomad's certificate: {shown(said)}",
            why=f"It has expired, `ca_cert` in `{access}` is not its authority, or the address there has another name.",
            fix=f"Compare the two: vault read {access}",
        )
    if FromVault.TO_NOMAD in said:
        return Temporary(
            f"Vault had no answer from Nomad: {shown(said)}",
            why="The last words say why. A connection that is cut off (EOF, reset) is a Nomad that restarts or, where "
            f"many jobs run at once, its limit: {_LIMIT}",
            fix=f"{_MORE_CONNECTIONS}. Else compare the address and the certificates there: vault read {access}",
        )
    return None


def no_engine_role(what: str, engine: EngineRole) -> Error:
    """Explain that the engine has no such role."""
    mount = engine.mount
    return NotFound(
        what,
        why="The Nomad engine has no such role. A role that was written to "
        f"`{mount}/roles/…` went nowhere: the engine knows `{mount}/role/…` alone. "
        "And vault-action's `role` is called `vault-auth-role` here.",
        fix=f"vault list {mount}/role shows the roles; one is made with: "
        f"vault write {mount}/role/{pasted(engine.role)} policies=POLICY",
    )


def policy_refuses(what: str, engine: EngineRole, below: str) -> Error:
    """Explain that no policy of the login's allows the read; *below* is the engine's namespace, as a policy has it."""
    return Refused(
        what,
        why="The login worked, and its policies don't allow this read: `role` is misspelt, the policy is for "
        f"another role, or there is no mount `{engine.mount}`, of which Vault says the same.",
        fix="Where `role` is right, add to a policy of the login's role:\n"
        f'  path "{below}{engine.path}" {{ capabilities = ["read"] }}\n'
        "and compare `vault-mount` and `vault-namespace` with: vault secrets list",
    )


def no_engine(what: str, mount: str) -> Error:
    """Explain that the Nomad engine is not at *mount*."""
    return NotFound(
        what,
        why=f"No secrets engine is mounted at `{mount}`, or it is not the Nomad engine.",
        fix="Compare `vault-mount` with: vault secrets list",
    )


def _nomad_refused_vault(status: int, said: str, *, mount: str) -> Error:
    """Name what Nomad said to Vault, which passes it on in a 500."""
    what = f"Nomad refused Vault: {shown(said)} (HTTP {status})"
    if FromNomad.NO_ACLS in said:
        return Refused(
            what,
            why="The Nomad servers run without ACLs, so there is nothing to mint.",
            fix="Set `acl { enabled = true }` on the servers and the clients of Nomad, restart them, and bootstrap: "
            "nomad acl bootstrap",
        )
    if status == 403 or FromNomad.ABOUT_A_TOKEN in said:
        return Refused(
            what,
            why=f"The token that Vault holds in `{mount}/config/access` is not a management token of this Nomad, "
            "or it has expired or was deleted. (Vault let the job in; its policies are not the trouble.)",
            fix="Give Vault a new one:\n"
            "  nomad acl token create -name=vault -type=management -json | jq -rj .SecretID | "
            f"vault write {mount}/config/access token=-",
        )
    if FromNomad.NAME_TOO_LONG in said:
        return Refused(
            what,
            why=f"`max_token_name_length` in `{mount}/config/access` is more than the 256 bytes that Nomad takes.",
            fix=f"Lower it: vault write {mount}/config/access max_token_name_length=256",
        )
    if status == 429:
        return Temporary(
            what,
            why=f"Too many connections from Vault's host at once: {_LIMIT}",
            fix=_MORE_CONNECTIONS,
        )
    return no_leader(what) if status >= 500 else Temporary(what, fix=SERVERS)


def _unknown_namespace(refusal: Refusal, given_as: str, namespace: str) -> Error:
    return NotFound(
        f"Vault at {refusal.address} knows no namespace `{shown(namespace)}`.",
        fix=f"Check `{given_as}`: vault namespace list",
    )


def of_any_request(refusal: Refusal, to: str) -> Error:
    """Explain a refusal of a request that needs no right, or an answer that is none of Vault's."""
    return _of_any_request(refusal) or unexpected(refusal, to)


def sealed(address: str) -> Error:
    """Say that Vault is sealed."""
    return Temporary(f"Vault at {address} is sealed, or was never initialised.", fix="Unseal it: vault operator unseal")


def _of_any_request(refusal: Refusal) -> Error | None:
    said = refusal.said
    if 300 <= refusal.status < 400:
        return Refused(
            f"Vault at {refusal.address} {shown(said)}: not followed.",
            why="A redirect elsewhere would take the job's secrets along. A standby node answers so, and so does a "
            "proxy that wants https.",
            fix="Set `vault-addr` to the address that answers itself.",
        )
    if refusal.status == 503 and FromVault.SEALED in said:
        return sealed(refusal.address)
    if refusal.status == 429:
        return Temporary(
            f"Vault at {refusal.address} limits the rate: {shown(said)}",
            why="Too many requests at once, or the address is a standby's health check.",
            fix="Run fewer jobs at once, or have the quota raised: vault list sys/quotas/rate-limit",
        )
    if refusal.status == 412:
        return Temporary(f"Vault at {refusal.address} is not up to date yet: {shown(said)}", fix="Run the job again.")
    return None


def unexpected(refusal: Refusal, to: str) -> Error:
    """Explain an answer that is none of Vault's, or none that it gives *to* that request."""
    if FromGo.WANTS_TLS in refusal.said:
        return Refused(
            f"Vault at {refusal.address} speaks https alone: {shown(refusal.said)}",
            why="What was sent went unencrypted to a port that wants TLS.",
            fix="Write https:// in `vault-addr`.",
        )
    kind = Temporary if refusal.status >= 500 else Refused
    return kind(
        f"Vault answered {refusal.status} {to}: {shown(refusal.said) or 'nothing more'}",
        why="Not an answer that Vault's documentation names; "
        f"{proxy_in_between(refusal) or 'a proxy may stand before it.'}",
        fix=f"Check that `vault-addr` leads to Vault: vault status -address={pasted(refusal.address)}",
    )
