"""Vault's kubernetes auth method: a service account's token (api-contract 3.3); recorded on OpenBao 2.7.2."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError

from nomad_token_lab.id_tokens import public_keys, validated
from nomad_token_lab.vault import fields
from nomad_token_lab.vault.backend import DONE, Call, Operation, Path, Reply
from nomad_token_lab.vault.entries import Entries, Entry
from nomad_token_lab.vault.errors import Refusal, UpstreamError, nothing_there
from nomad_token_lab.vault.state import Vault

_REVIEWS: Final = "/apis/authentication.k8s.io/v1/tokenreviews"
_LOCAL_CA: Final = "open /var/run/secrets/kubernetes.io/serviceaccount/ca.crt: no such file or directory"


@dataclass(frozen=True)
class _Account:
    namespace: str
    name: str
    uid: str


class KubernetesAuth:
    """One mount of the method; the cluster at `kubernetes_host` has the last word (TokenReview).

    Without `pem_keys` it has the only one: a real server then reads the claims first, unverified.
    """

    def __init__(self, vault: Vault, type_name: str) -> None:
        """Begin unconfigured."""
        self.type = type_name
        self._vault = vault
        self._config: dict[str, Any] | None = None
        self._roles = Entries("role", self._role)
        read, update = Operation.READ, Operation.UPDATE
        self.paths = (
            Path("login", {update: self._login}, open=True),
            Path("config", {read: self._read_config, update: self._write_config}),
            *self._roles.paths(),
        )

    def _read_config(self, _call: Call) -> Reply:
        if self._config is None:
            raise nothing_there()
        return Reply(self._config)

    def _write_config(self, call: Call) -> Reply:
        data = call.data
        config: dict[str, Any] = {
            "kubernetes_host": fields.text(data, "kubernetes_host"),
            "kubernetes_ca_cert": fields.text(data, "kubernetes_ca_cert"),
            "pem_keys": list(fields.strings(data, "pem_keys")),
            "issuer": fields.text(data, "issuer"),
            "disable_iss_validation": fields.flag(data, "disable_iss_validation", default=True),
            "disable_local_ca_jwt": fields.flag(data, "disable_local_ca_jwt"),
            "token_reviewer_jwt_set": bool(fields.text(data, "token_reviewer_jwt")),
        }
        if not config["kubernetes_host"]:
            raise Refusal(400, "no host provided")
        if not config["kubernetes_ca_cert"]:
            needed = "kubernetes_ca_cert must be given when disable_local_ca_jwt is true"
            raise Refusal(400, needed if config["disable_local_ca_jwt"] else _LOCAL_CA)
        try:
            public_keys(config["pem_keys"])
        except ValueError as error:
            raise Refusal(400, str(error)) from error
        self._config = config
        return DONE

    def _role(self, data: fields.Data) -> Mapping[str, Any]:
        role = {
            "alias_name_source": fields.text(data, "alias_name_source", "serviceaccount_uid"),
            "audience": fields.text(data, "audience"),
            "bound_service_account_names": list(fields.strings(data, "bound_service_account_names")),
            "bound_service_account_namespaces": list(fields.strings(data, "bound_service_account_namespaces")),
        }
        selector = ' if "bound_service_account_namespace_selector" is not set' if self._vault.is_openbao else ""
        for name, more in (("bound_service_account_names", ""), ("bound_service_account_namespaces", selector)):
            if not role[name]:
                raise Refusal(400, f'"{name}" can not be empty{more}')
        return role

    async def _login(self, call: Call) -> Reply:
        for name in ("role", "jwt"):
            if not fields.text(call.data, name):
                raise Refusal(400, f"missing {name}")
        name, token = fields.text(call.data, "role"), fields.text(call.data, "jwt")
        role = self._roles.find(name)
        if role is None:
            raise Refusal(400, f'invalid role name "{name}"')
        if self._config is None:
            raise Refusal(500, "could not load backend configuration")
        account = _account(self._claims(token, self._config, role))
        self._check_bounds(account, role)
        await self._review(token, self._config, role)
        told = {
            "role": name,
            "service_account_name": account.name,
            "service_account_namespace": account.namespace,
            "service_account_secret_name": "",
            "service_account_uid": account.uid,
        }
        user = f"{account.namespace}-{account.name}"
        return self._vault.login(call, role.terms, user, told, alias=account.uid)

    def _claims(self, token: str, config: Mapping[str, Any], role: Entry) -> Mapping[str, Any]:
        if not config["pem_keys"]:
            try:
                return dict(json.loads(jws.extract_compact(token.encode()).payload))
            except (JoseError, ValueError) as error:
                raise Refusal(403, "permission denied") from error
        try:
            return validated(
                token,
                public_keys(config["pem_keys"]),
                fetched=False,
                now=self._vault.clock(),
                issuer="" if config["disable_iss_validation"] else config["issuer"],
                audiences=[role.own["audience"]] if role.own["audience"] else [],
            )
        except ValueError as error:
            # What is wrong with a signature is logged, not told.
            text = "permission denied" if "verifying token signature" in str(error) else str(error)
            raise Refusal(403, text) from error

    def _check_bounds(self, account: _Account, role: Entry) -> None:
        names = ("service account name", account.name, role.own["bound_service_account_names"])
        namespaces = ("namespace", account.namespace, role.own["bound_service_account_namespaces"])
        # Vault 1.14 looks at the namespace first, OpenBao 2.7 at the name.
        for what, actual, bound in (names, namespaces) if self._vault.is_openbao else (namespaces, names):
            if not any(fnmatchcase(actual, pattern) for pattern in bound):
                raise Refusal(403, f"{what} not authorized")

    async def _review(self, token: str, config: Mapping[str, Any], role: Entry) -> None:
        audiences = [role.own["audience"]] if role.own["audience"] else []
        spec = {"token": token, **({"audiences": audiences} if audiences else {})}
        body = {"metadata": {}, "spec": spec}
        headers = {"Authorization": f"Bearer {token}"}
        url = config["kubernetes_host"].rstrip("/") + _REVIEWS
        try:
            answer = await self._vault.upstream.request("POST", url, headers=headers, body=body)
            authenticated = answer.is_success and answer.json()["status"].get("authenticated")
        except (UpstreamError, ValueError, KeyError) as error:
            raise Refusal(403, "permission denied") from error
        if not authenticated:
            raise Refusal(403, "permission denied")


def _account(claims: Mapping[str, Any]) -> _Account:
    """Return whose token it is; a token that is no service account's has no name."""
    known = claims.get("kubernetes.io") or {}
    account = known.get("serviceaccount") or {}
    return _Account(known.get("namespace", ""), account.get("name", ""), account.get("uid", ""))
