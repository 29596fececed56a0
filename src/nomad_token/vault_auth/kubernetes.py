"""`kubernetes`: the token of the pod's service account."""

from pathlib import Path

from nomad_token.claims import claims
from nomad_token.clients.failures import Refusal
from nomad_token.errors import Error, NoIdentity, NotFound, Refused, Temporary
from nomad_token.inputs import declare
from nomad_token.readers import line
from nomad_token.said import FromVault
from nomad_token.secret import SecretStr
from nomad_token.text import pasted, shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest, OfRole


class Kubernetes(OfRole):
    """The inputs of the method, and its login (api-contract 3.3)."""

    vault_kubernetes_token_path: str = declare(
        line,
        "/var/run/secrets/kubernetes.io/serviceaccount/token",
        about="The file with the pod's service account token. In a container action it is there only where the runner "
        "mounts it: in Kubernetes mode it is the step pod's.",
    )

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request; raises `NoIdentity` where there is no token."""
        path = Path(self.vault_kubernetes_token_path)
        try:
            token = SecretStr(circumstances.read_file(path).strip())
        except OSError as error:
            raise NoIdentity(
                f"There is no service account token at {shown(path)}: {error.strerror}.",
                why="This does not run in a pod, the pod has automountServiceAccountToken: false, or the runner does "
                "not mount the file into container actions.",
                fix="Give the file with `vault-kubernetes-token-path`, or log in another way (`vault-auth-method`).",
            ) from None
        mount = f"auth/{circumstances.auth_path}"
        body: dict[str, SecretStr | str] = {"jwt": token, "role": self.vault_auth_role}
        return LoginRequest(
            circumstances.login(),
            body,
            lambda refusal: _explain(refusal, mount, self.vault_auth_role, token),
            f"{mount}/role/{self.pasted_role}",
        )


def _explain(refusal: Refusal, mount: str, role: str, token: SecretStr) -> Error | None:
    said = refusal.said
    what = f"Vault refused the service account: {shown(said)}"
    who = shown(claims(token).get("sub", "unknown"))
    at = f"{mount}/role/{pasted(role) if role else 'ROLE'}"
    if FromVault.KUBERNETES_ROLE in said or FromVault.NO_ROLE_GIVEN in said:
        return NotFound(
            what,
            why=f"The auth method at `{mount}` knows no role `{shown(role)}`.",
            fix=f"Set `vault-auth-role`: vault list {mount}/role",
        )
    if FromVault.KUBERNETES_ACCOUNT in said or FromVault.AUDIENCE in said:
        return Refused(
            what,
            why=f"The token says (not verified) that it is {who}.",
            fix=f"Compare it with bound_service_account_names, bound_service_account_namespaces and audience: "
            f"vault read {at}",
        )
    if FromVault.KUBERNETES_NOT_CONFIGURED in said:
        return Temporary(
            what, why=f"`{mount}` was never configured.", fix=f"vault write {mount}/config kubernetes_host=…"
        )
    if refusal.status == 403:
        return Refused(
            what,
            why=f"Kubernetes did not confirm the token of {who} to Vault (TokenReview) or was not reached, its "
            "signature is another cluster's, token_bound_cidrs of the role leaves this address out, or no kubernetes "
            f"method is mounted at `{mount}`. Vault says the same of all of these.",
            fix="Compare `vault-auth-path` with: vault auth list\n"
            f"the cluster with: vault read {mount}/config\nand the role with: vault read {at}",
        )
    return None
