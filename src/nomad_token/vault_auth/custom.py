"""`custom`: any other login that takes a JSON object."""

import json

from nomad_token.clients.failures import Refusal
from nomad_token.errors import Error, Refused
from nomad_token.inputs import InputGroup, declare
from nomad_token.secret import SecretStr
from nomad_token.text import shown
from nomad_token.vault_auth.base import Circumstances, LoginRequest


def _json_object(payload: str) -> SecretStr:
    try:
        read = json.loads(payload)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(read, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - it is what a reader raises
    return SecretStr(payload)


class Custom(InputGroup):
    """The input of the method, and its login: `vault-auth-payload` is sent to `auth/<vault-auth-path>/login`."""

    vault_auth_payload: SecretStr = declare(
        _json_object,
        about="What is sent to log in, as a JSON object, with `vault-auth-method: custom` and `vault-auth-path`.",
    )

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request."""
        given = json.loads(self.vault_auth_payload.get_secret_value())
        payload = {name: SecretStr(value) if isinstance(value, str) else value for name, value in given.items()}
        mount = f"auth/{circumstances.auth_path}"
        return LoginRequest(
            circumstances.login(),
            payload,
            lambda refusal: _explain(refusal, mount),
            f"{mount}/role/ROLE",
            locks_out=True,
        )


def _explain(refusal: Refusal, mount: str) -> Error | None:
    if refusal.status != 400 or not refusal.in_form:
        return None
    return Refused(
        f"Vault refused the login: {shown(refusal.said)}",
        why=f"The method at `{mount}` says so of `vault-auth-payload`: a field is missing, or holds a wrong value.",
        fix=f"Compare it with: vault path-help {mount}/login",
    )
