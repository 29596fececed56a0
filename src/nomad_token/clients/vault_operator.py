"""Vault's API as an operator's commands use it: any path, with the operator's own token (api-contract 1 and 3)."""

from collections.abc import Mapping
from typing import Any

from nomad_token.clients.failures import Answer, Refusal
from nomad_token.clients.http import READ_SECONDS, Connection
from nomad_token.clients.vault import Vault, VaultPlace
from nomad_token.secret import SecretStr


class VaultOperator(Vault):
    """One Vault or OpenBao server; what is asked of it raises `Refusal`, `NotSent`, `Lost`."""

    def __init__(self, connection: Connection, place: VaultPlace, token: SecretStr) -> None:
        """Speak over *connection*, which leads to *place*, with *token*."""
        super().__init__(connection, place)
        self.place = place
        self.token = token

    def read(self, path: str, *, of_auth: bool = False) -> dict[str, Any] | None:
        """Return the `data` at *path*; None where nothing is there. *of_auth*: in the namespace of the login."""
        answer = self._there(path, of_auth=of_auth)
        return None if answer is None else _data(answer)

    def listed(self, path: str, *, of_auth: bool = False) -> list[str]:
        """Return the keys below *path*, of which there may be none."""
        answer = self._there(path, of_auth=of_auth, params={"list": "true"})
        keys = _data(answer).get("keys") if answer else None
        return [str(key) for key in keys] if isinstance(keys, list) else []

    def write(
        self, path: str, body: Mapping[str, object], *, of_auth: bool = False, read_seconds: float = READ_SECONDS
    ) -> dict[str, Any]:
        """Write *body* to *path*, and return the `data` that is answered, most often none."""
        namespace = self._place.auth_namespace if of_auth else None
        return _data(
            self._call("POST", path, token=self.token, namespace=namespace, body=body, read_seconds=read_seconds)
        )

    def held(self, path: str, *, of_auth: bool = False) -> frozenset[str]:
        """`POST sys/capabilities-self`: return what the token may do at *path*, such as `read`, or `root` for all."""
        found = self.write("sys/capabilities-self", {"paths": [path]}, of_auth=of_auth).get(path)
        return frozenset(map(str, found)) if isinstance(found, list) else frozenset()

    def _there(self, path: str, *, of_auth: bool, params: Mapping[str, str] | None = None) -> Answer | None:
        """Return the answer, or None where Vault says that nothing is there: 404 without a text (api-contract 3.1)."""
        namespace = self._place.auth_namespace if of_auth else None
        try:
            return self._call("GET", path, token=self.token, namespace=namespace, params=params)
        except Refusal as refusal:
            if refusal.status == 404 and refusal.in_form and not refusal.said:
                return None
            raise


def _data(answer: Answer) -> dict[str, Any]:
    body = answer.json()
    data = body.get("data") if isinstance(body, dict) else None
    return data if isinstance(data, dict) else {}
