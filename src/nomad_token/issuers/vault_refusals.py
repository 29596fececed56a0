"""What Vault's refusals mean, in words: what happened, what it usually means, what to do (api-contract 1.5 and 3.1)."""

from dataclasses import dataclass

from nomad_token.clients.http import Failure, Refusal
from nomad_token.clients.vault import VaultPlace, nomad_refused, policy_denies
from nomad_token.errors import Error, NotFound, Refused, Temporary
from nomad_token.text import pasted, shown
from nomad_token.unreachable import no_answer
from nomad_token.vault_auth.base import LoginRequest


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
    if failure.status == 404 and "namespace not found" in failure.said:
        given_as = "vault-namespace" if place.auth_namespace == place.namespace else "vault-auth-namespace"
        return _unknown_namespace(failure, given_as, place.auth_namespace)
    known = request.explain(failure) or _of_any_request(failure)
    if known:
        return known
    if "second factor" in failure.said:
        return Refused(
            f"Vault wants a second factor for the login at `{request.path}`, which a job can't give.",
            why="An MFA enforcement (identity/mfa/login-enforcement) covers this auth method.",
            fix="Have it exempted: vault list identity/mfa/login-enforcement",
        )
    if failure.status == 403:
        return Refused(
            f"Vault refused the login at `{request.path}`: {shown(failure.said)}",
            why="No auth method is mounted there (Vault says so with a 403), or the namespace is another one.",
            fix="Compare `vault-auth-path` and `vault-auth-namespace` with: vault auth list",
        )
    return _unexpected(failure, f"to the login at `{request.path}`")


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
    return known or _unexpected(failure, "to the look-up of `vault-token`")


def explain_creds(failure: Failure, place: VaultPlace, engine: EngineRole, advice: str) -> Error:
    """Turn a failed creds read into an error."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, "vault", advice)
    nomad = nomad_refused(failure)
    if nomad is not None:
        return _nomad_refused_vault(*nomad, mount=engine.mount)
    if failure.status == 404 and "namespace not found" in failure.said:
        return _unknown_namespace(failure, "vault-namespace", place.namespace)
    return _of_creds(failure, engine) or _of_any_request(failure) or _unexpected(failure, f"to `{engine.path}`")


def _of_creds(refusal: Refusal, engine: EngineRole) -> Error | None:
    said, mount = refusal.said, engine.mount
    what = f"Vault refused `{engine.path}`: {shown(said)}"
    access = f"{mount}/config/access"
    if refusal.status == 400 and "not found" in said:
        return NotFound(
            what,
            why="The Nomad engine has no such role. A role that was written to "
            f"`{mount}/roles/…` went nowhere: the engine knows `{mount}/role/…` alone. "
            "And vault-action's `role` is called `vault-auth-role` here.",
            fix=f"vault list {mount}/role shows the roles; one is made with: "
            f"vault write {mount}/role/{pasted(engine.role)} policies=POLICY",
        )
    if refusal.status == 400 and "one use left" in said:
        return Refused(
            what,
            why="The login's token had no use left but this one.",
            fix="Set token_num_uses to 0, or to 4 or more, on the role of the login.",
        )
    if refusal.status == 403 and policy_denies(refusal):
        return Refused(
            f"Vault refused `{engine.path}` by policy: {shown(said)}",
            why="The login worked, and its policies don't allow this read: `role` is misspelt, the policy is for "
            f"another role, or there is no mount `{mount}`, of which Vault says the same.",
            fix="Where `role` is right, add to a policy of the login's role:\n"
            f'  path "{engine.path}" {{ capabilities = ["read"] }}\n'
            "and compare `vault-mount` and `vault-namespace` with: vault secrets list",
        )
    if refusal.status == 403:
        return Refused(
            what,
            why="The login's token is gone already: its token_ttl is a few seconds, or somebody revoked it.",
            fix="Set token_ttl on the role of the login to the job's length.",
        )
    if refusal.status == 404:
        return NotFound(
            what,
            why=f"No secrets engine is mounted at `{mount}`, or it is not the Nomad engine.",
            fix="Compare `vault-mount` with: vault secrets list",
        )
    if "invalid header field value" in said:
        return Refused(
            f"Vault can't use the token that it holds for Nomad: {shown(said)}",
            why=f"The token in `{access}` was written with a line break at its end.",
            fix="Write it again without one:\n"
            "  nomad acl token create -name=vault -type=management -json | jq -rj .SecretID | "
            f"vault write {access} token=-",
        )
    if "dial tcp" in said or "no such host" in said:
        return Temporary(
            f"Vault can't reach Nomad: {shown(said)}",
            why=f"The address in `{access}` is the one that Vault uses, not the job's `nomad-addr`.",
            fix=f"Check it: vault read {access}",
        )
    return None


def _nomad_refused_vault(status: int, said: str, *, mount: str) -> Error:
    """Name what Nomad said to Vault, which passes it on in a 500."""
    what = f"Nomad refused Vault: {shown(said)} (HTTP {status})"
    if "ACL support disabled" in said:
        return Refused(
            what,
            why="The Nomad servers run without ACLs, so there is nothing to mint.",
            fix="Set `acl { enabled = true }` on the servers and the clients of Nomad, restart them, and bootstrap: "
            "nomad acl bootstrap",
        )
    if status == 403 or "ACL token" in said:
        return Refused(
            what,
            why=f"The token that Vault holds in `{mount}/config/access` is not a management token of this Nomad, "
            "or it has expired or was deleted. (Vault let the job in; its policies are not the trouble.)",
            fix="Give Vault a new one:\n"
            "  nomad acl token create -name=vault -type=management -json | jq -rj .SecretID | "
            f"vault write {mount}/config/access token=-",
        )
    if "token name too long" in said:
        return Refused(
            what,
            why=f"`max_token_name_length` in `{mount}/config/access` is more than the 256 bytes that Nomad takes.",
            fix=f"Lower it: vault write {mount}/config/access max_token_name_length=256",
        )
    if status == 429:
        return Temporary(
            what,
            why="Too many connections to Nomad from Vault's host at once (http_max_conns_per_client).",
            fix="Run the job again, or raise Nomad's limit.",
        )
    return Temporary(
        what,
        why="Nomad's servers have no leader, or trouble of their own." if status >= 500 else "",
        fix="Check them: nomad server members",
    )


def _unknown_namespace(refusal: Refusal, given_as: str, namespace: str) -> Error:
    return NotFound(
        f"Vault at {refusal.address} knows no namespace `{shown(namespace)}`.",
        fix=f"Check `{given_as}`: vault namespace list",
    )


def _of_any_request(refusal: Refusal) -> Error | None:
    said = refusal.said
    if 300 <= refusal.status < 400:
        return Refused(
            f"Vault at {refusal.address} {shown(said)}: not followed.",
            why="A redirect elsewhere would take the job's secrets along. A standby node answers so, and so does a "
            "proxy that wants https.",
            fix="Set `vault-addr` to the address that answers itself.",
        )
    if refusal.status == 503 and "sealed" in said:
        return Temporary(
            f"Vault at {refusal.address} is sealed, or was never initialised.", fix="Unseal it: vault operator unseal"
        )
    if refusal.status == 429:
        return Temporary(
            f"Vault at {refusal.address} limits the rate: {shown(said)}",
            why="Too many requests at once, or the address is a standby's health check.",
            fix="Run fewer jobs at once, or have the quota raised: vault list sys/quotas/rate-limit",
        )
    if refusal.status == 412:
        return Temporary(f"Vault at {refusal.address} is not up to date yet: {shown(said)}", fix="Run the job again.")
    return None


def _unexpected(refusal: Refusal, to: str) -> Error:
    if "HTTP request to an HTTPS server" in refusal.said:
        return Refused(
            f"Vault at {refusal.address} speaks https alone: {shown(refusal.said)}",
            why="What was sent went unencrypted to a port that wants TLS.",
            fix="Write https:// in `vault-addr`.",
        )
    kind = Temporary if refusal.status >= 500 else Refused
    return kind(
        f"Vault answered {refusal.status} {to}: {shown(refusal.said) or 'nothing more'}",
        why="Not an answer that Vault's documentation names; a proxy may stand before it.",
        fix=f"Check that `vault-addr` leads to Vault: vault status -address={pasted(refusal.address)}",
    )
