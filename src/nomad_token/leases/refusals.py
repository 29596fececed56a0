"""What a server's refusal of an operator's request means, in words (api-contract 3.1)."""

from nomad_token.clients.failures import Failure, Refusal
from nomad_token.clients.vault import policy_denies, token_is_gone
from nomad_token.errors import Error, Refused, Temporary
from nomad_token.said import FromVault
from nomad_token.text import shown
from nomad_token.unreachable import no_answer


def explain(failure: Failure, wanted: str, rule: str, *, server: str = "vault") -> Error:
    """Explain why *server* did not do what was *wanted*; *rule* is the line of a policy that allows it."""
    if not isinstance(failure, Refusal):
        return no_answer(failure, server, "")
    what = f"{server.capitalize()} refused to {wanted}: {shown(failure.said or failure.reason)}"
    if server == "vault" and policy_denies(failure):
        return Refused(what, why="No policy of the operator's token allows it.", fix=f"Add to one: {rule}")
    if server == "vault" and token_is_gone(failure):
        return Refused(what, why="The operator's token has ended, or is another Vault's.", fix="vault login")
    if FromVault.SEALED in failure.said and failure.status == 503:
        return Temporary(what, why="Vault is sealed, or was never initialised.", fix="vault status")
    return (Temporary if failure.status >= 500 or failure.status in {412, 429} else Refused)(what)
