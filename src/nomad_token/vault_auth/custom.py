"""`custom`: any other login that takes a JSON object."""

import json
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from nomad_token.errors import InputError
from nomad_token.inputs import InputGroup, declare
from nomad_token.vault_auth.base import Circumstances, LoginRequest


def _json_object(payload: SecretStr) -> SecretStr:
    try:
        read = json.loads(payload.get_secret_value())
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(read, dict):
        raise ValueError("is not a JSON object")  # noqa: TRY004 - Pydantic takes a ValueError for a refusal
    return payload


class Custom(InputGroup):
    """The input of the method, and its login: `vault-auth-payload` is sent to `auth/<vault-auth-path>/login`."""

    vault_auth_payload: Annotated[SecretStr, AfterValidator(_json_object)] = declare(
        about="What is sent to log in, as a JSON object, with `vault-auth-method: custom` and `vault-auth-path`."
    )

    def login_request(self, circumstances: Circumstances) -> LoginRequest:
        """Make the request."""
        if circumstances.auth_path == "custom":
            raise InputError("`vault-auth-method: custom` needs `vault-auth-path`: the login's path below `auth/`.")
        payload = json.loads(self.vault_auth_payload.get_secret_value())
        return LoginRequest(circumstances.login(), payload, lambda _: None, locks_out=True)
