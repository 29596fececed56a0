"""Vault's and OpenBao's API, as far as it is used (api-contract 1 and 3)."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeVar

from msgspec import Meta, ValidationError

from nomad_token.clients.failures import Answer, Lost, Refusal
from nomad_token.clients.http import READ_SECONDS, Connection, Place
from nomad_token.clients.plausible import Accessor, NomadSecret, VaultSecret
from nomad_token.said import FromVault
from nomad_token.secret import SecretStr
from nomad_token.value import Value, amiss, read

# Longer than the 90 s after which Vault itself gives a request up: what it answers, we hear (api-contract 7.2).
CREDS_SECONDS: Final = 95.0

SECOND_FACTOR: Final = "the login asks for a second factor (mfa_requirement)"
"""What such a login is refused with here: Vault's own answer to it is a success without a token."""

_LONGEST: Final = 4096
_LONGEST_LIFE: Final = 100 * 366 * 86400
"""Seconds; beyond it a time of day can't be told."""
_NOMAD_REFUSED: Final = re.compile(rf"{FromVault.NOMAD_ANSWERED}(\d{{3}}) \((.*?)\)?\s*$", re.DOTALL)


_Model = TypeVar("_Model", bound=Value)
_Life = Annotated[int, Meta(ge=0, le=_LONGEST_LIFE)]


class Login(Value, kw_only=True):
    """The `auth` object of a login (api-contract 3.2)."""

    client_token: VaultSecret
    accessor: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]*\Z", max_length=512)] = ""
    lease_duration: _Life
    """Seconds of life; 0 is for ever."""
    token_type: str = "service"  # noqa: S105 - a kind of token
    num_uses: int = 0
    """0 is without limit."""


class TokenSelf(Value, kw_only=True):
    """What `auth/token/lookup-self` says of a token (api-contract 3.2)."""

    ttl: _Life = 0
    """Seconds of life that are left; 0 is for ever."""
    num_uses: int = 0
    """The uses that are left; 0 is without limit, and -1 where the look-up was the last."""
    display_name: Annotated[str, Meta(max_length=512)] = ""


class Creds(Value, kw_only=True):
    """What `<mount>/creds/<role>` returns (api-contract 1.5)."""

    lease_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_./-]+\Z", max_length=512)]
    lease_duration: _Life
    """Seconds."""
    renewable: bool
    accessor_id: Accessor
    secret_id: NomadSecret


class Granted(Value, kw_only=True):
    """What a renewal granted (api-contract 1.6 and 3.2)."""

    lease_duration: _Life
    """Seconds from now."""


class VaultPlace(Place, kw_only=True):
    """Where a Vault is, and which namespaces hold the engine and the login."""

    namespace: str = ""
    auth_namespace: str = ""

    @property
    def below(self) -> str:
        """Where the engine's namespace is, as a policy of the login's writes it: `app/`; nothing where they are one.

        A lease below does not end with the login: OpenBao 2.7.2 keeps it, whether the login is revoked or expires.
        """
        engine, login = (_namespace(name) for name in (self.namespace, self.auth_namespace))
        return engine.removeprefix(login) if engine != login else ""


class Vault:
    """One Vault or OpenBao server."""

    def __init__(self, connection: Connection, place: VaultPlace) -> None:
        """Speak over *connection*, which leads to *place*."""
        self._connection = connection
        self._place = place

    @property
    def address(self) -> str:
        """The server's address, as it was given."""
        return self._place.address

    def health(self, *, read_seconds: float) -> Answer:
        """`GET sys/health`, which takes no token: the answer as it is (api-contract 3.1). Raises `NotSent`, `Lost`.

        It is asked in no namespace, where OpenBao has none; a standby is as good as another.
        """
        standbys = {"standbyok": "true", "perfstandbyok": "true"}
        return self._connection.send(
            "GET",
            "/v1/sys/health",
            headers={"X-Vault-Request": "true"},
            params=standbys,
            read_seconds=read_seconds,
        )

    def log_in(self, path: str, body: Mapping[str, object]) -> Login:
        """`POST auth/<path>`; raises `Refusal`, also where a second factor is asked for, `NotSent`, `Lost`."""
        answer = self._call("POST", path, namespace=self._place.auth_namespace, body=body)
        auth = _object(answer.json(), "auth")
        if auth.get("mfa_requirement") and not auth.get("client_token"):
            raise Refusal(self.address, answer, [SECOND_FACTOR])
        return self._read(Login, auth)

    def look_up(self, token: SecretStr) -> TokenSelf | None:
        """`GET auth/token/lookup-self`, which costs a use; None where the token's policies don't allow it.

        Raises `Refusal` for a token that Vault does not know, `NotSent`, `Lost`.
        """
        try:
            answer = self._call("GET", "auth/token/lookup-self", token=token, namespace=self._place.auth_namespace)
        except Refusal as refusal:
            if policy_denies(refusal):
                return None
            raise
        return self._read(TokenSelf, _object(answer.json(), "data"))

    def creds(self, token: SecretStr, mount: str, role: str) -> Creds:
        """`GET <mount>/creds/<role>`: each call makes a token. Raises `Refusal`, `NotSent`, `Lost`."""
        answer = self._call("GET", f"{mount}/creds/{role}", token=token, read_seconds=CREDS_SECONDS)
        body = _object(answer.json())
        return self._read(Creds, body | _object(body, "data"))

    def may(self, token: SecretStr, capability: str, path: str, *, read_seconds: float) -> bool:
        """`POST sys/capabilities-self`: may *token* do that? A refusal counts as no."""
        try:
            answer = self._call(
                "POST", "sys/capabilities-self", token=token, body={"paths": [path]}, read_seconds=read_seconds
            )
        except Refusal:
            return False
        held = _object(answer.json(), "data").get(path)
        return isinstance(held, list) and (capability in held or "root" in held)

    def revoke_lease(self, token: SecretStr, lease_id: str, *, read_seconds: float) -> None:
        """`POST sys/leases/revoke`, waiting for the engine: a refusal by Nomad is a `Refusal` here."""
        body = {"lease_id": lease_id, "sync": True}
        self._call("POST", "sys/leases/revoke", token=token, body=body, read_seconds=read_seconds)

    def revoke_self(self, token: SecretStr, *, read_seconds: float) -> None:
        """`POST auth/token/revoke-self`: the leases of the token are queued to end with it (api-contract 3.2)."""
        self._call(
            "POST",
            "auth/token/revoke-self",
            token=token,
            namespace=self._place.auth_namespace,
            read_seconds=read_seconds,
        )

    def renew_self(self, token: SecretStr, *, read_seconds: float) -> int:
        """`POST auth/token/renew-self`; returns the whole seconds of life from now (api-contract 3.2)."""
        answer = self._call(
            "POST",
            "auth/token/renew-self",
            token=token,
            namespace=self._place.auth_namespace,
            body={},
            read_seconds=read_seconds,
        )
        return self._read(Granted, _object(answer.json(), "auth")).lease_duration

    def renew_lease(self, token: SecretStr, lease_id: str, *, read_seconds: float) -> int:
        """`POST sys/leases/renew`, by the engine's ttl; returns the seconds of life from now (api-contract 1.6)."""
        body = {"lease_id": lease_id}
        answer = self._call("POST", "sys/leases/renew", token=token, body=body, read_seconds=read_seconds)
        return self._read(Granted, _object(answer.json())).lease_duration

    def _call(  # noqa: PLR0913 - a request has as many parts
        self,
        method: str,
        path: str,
        *,
        token: SecretStr | None = None,
        namespace: str | None = None,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        read_seconds: float = READ_SECONDS,
    ) -> Answer:
        headers: dict[str, SecretStr | str] = {"X-Vault-Request": "true"}
        within = self._place.namespace if namespace is None else namespace
        if within:
            headers["X-Vault-Namespace"] = within
        if token is not None:
            headers["X-Vault-Token"] = token
        answer = self._connection.send(
            method, f"/v1/{path}", headers=headers, params=params, body=body, read_seconds=read_seconds
        )
        if answer.status not in {200, 202, 204}:
            texts = _errors(answer)
            raise Refusal(self.address, answer, [answer.text] if texts is None else texts, in_form=texts is not None)
        if answer.status == 200 and not isinstance(answer.json(), dict):
            raise Lost(self.address, "the answer is not Vault's: it is no JSON object")
        return answer

    def _read(self, model: type[_Model], raw: dict[str, Any]) -> _Model:
        """Check an answer that should hold a secret; one that does not is as good as lost."""
        try:
            return read(model, raw)
        except ValidationError:
            raise Lost(self.address, f"the answer has no plausible {', '.join(amiss(model, raw))}") from None


def _namespace(name: str) -> str:
    """Write a namespace as Vault does: with a slash at its end, the root's as nothing."""
    return "" if name.strip("/") in {"", "root"} else f"{name.strip('/')}/"


def policy_denies(refusal: Refusal) -> bool:
    """Tell a policy's 403 from that of a token which is gone (api-contract 3.1).

    A policy's says `1 error occurred:`; a dead token's is `permission denied` alone, or with `invalid token`.
    """
    said = refusal.said
    return refusal.status == 403 and FromVault.UNKNOWN_TOKEN not in said and FromVault.BY_POLICY in said


def token_is_gone(refusal: Refusal) -> bool:
    """Tell whether Vault itself says that it does not know the token; a proxy's 403 says nothing of the kind."""
    own = refusal.status == 403 and refusal.in_form and FromVault.DENIED in refusal.said
    return own and not policy_denies(refusal)


def nomad_refused(refusal: Refusal) -> tuple[int, str] | None:
    """Return Nomad's own status and text out of Vault's 500, or None where Nomad said nothing (api-contract 1.5)."""
    found = _NOMAD_REFUSED.search(refusal.said[:_LONGEST].rstrip())
    return (int(found[1]), found[2]) if found else None


def distrusts_nomad(said: str) -> bool:
    """Tell whether Vault *said* that it did not take Nomad's certificate, before it sent anything."""
    return FromVault.TO_NOMAD in said and FromVault.X509 in said


def _object(value: Any, *path: str) -> dict[str, Any]:  # noqa: ANN401 - decoded JSON
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _errors(answer: Answer) -> list[str] | None:
    """Return Vault's own texts; None where the body is not in its form."""
    errors = _object(answer.json()).get("errors")
    return [str(error) for error in errors] if isinstance(errors, list) else None
