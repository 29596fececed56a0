"""How Vault says no: statuses and texts (api-contract 1.5, 3.1)."""

from collections.abc import Mapping
from types import MappingProxyType

from nomad_token_lab.http import multierror


class Refusal(Exception):
    """Answered with `{"errors": […]}`; no text at all is Vault's "nothing there"."""

    def __init__(self, status: int, *errors: str, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        """Keep the status and the texts, and the headers that come with them."""
        super().__init__(*errors)
        self.status = status
        self.errors = errors
        self.headers = headers


class UpstreamError(Exception):
    """What a server behind Vault answered, as Go's client words it."""


def nothing_there() -> Refusal:
    """Return the answer to a read of what was never written."""
    return Refusal(404)


def denied() -> Refusal:
    """Return the refusal of a policy."""
    return Refusal(403, multierror("permission denied"))
