"""Nomad's API as an operator's commands use it: any path, with the operator's own token (api-contract 2)."""

from collections.abc import Mapping
from typing import Any

from nomad_token.clients.failures import Answer, Refusal
from nomad_token.clients.http import READ_SECONDS, Connection
from nomad_token.clients.nomad import Minted, Nomad, NomadPlace, said
from nomad_token.secret import SecretStr


class NomadOperator(Nomad):
    """One Nomad agent; what is asked of it raises `Refusal`, `NotSent`, `Lost`."""

    def __init__(self, connection: Connection, place: NomadPlace, token: SecretStr | None) -> None:
        """Speak over *connection*, which leads to *place*, with *token*, or as nobody."""
        super().__init__(connection, place)
        self.token = token

    def read(  # decoded JSON
        self, path: str, *, params: Mapping[str, str] | None = None, read_seconds: float = READ_SECONDS
    ) -> Any:  # noqa: ANN401
        """Return what is at *path* below `/v1/`; None where nothing is there."""
        answer = self._send("GET", f"/v1/{path}", self.token, params=params, read_seconds=read_seconds)
        return None if answer.status == 404 else self._succeeded(answer).json()

    def write(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - decoded JSON
        """Write *body* to *path* below `/v1/`, and return what is answered, None where that is nothing."""
        return self._succeeded(
            self._send("POST", f"/v1/{path}", self.token, body=body, read_seconds=READ_SECONDS)
        ).json()

    def token_of(self, accessor_id: str) -> Minted:
        """`GET /v1/acl/token/<accessor>`: a management token reads the secret too (api-contract 2.3)."""
        return self._minted(self.read(f"acl/token/{accessor_id}"), f"acl/token/{accessor_id}")

    def bootstrap(self, secret: SecretStr) -> Minted:
        """`POST /v1/acl/bootstrap`: make the first token, whose secret is *secret* from 1.3.2 on (nomad#12520)."""
        return self._made("/v1/acl/bootstrap", {"BootstrapSecret": secret})

    def _succeeded(self, answer: Answer) -> Answer:
        if answer.status != 200:
            raise Refusal(self.address, answer, [said(answer)])
        return answer
