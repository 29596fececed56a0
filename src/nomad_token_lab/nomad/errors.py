"""A refusal of Nomad's: a status and a bare text (api-contract 2.1)."""


class NomadError(Exception):
    """Answered as `text/plain`, the text being the whole body."""

    def __init__(self, status: int, text: str) -> None:
        """Keep the status beside the text."""
        super().__init__(text)
        self.status = status
        self.text = text


def denied() -> NomadError:
    """Return the refusal of a token that may not, or that isn't one."""
    return NomadError(403, "Permission denied")
