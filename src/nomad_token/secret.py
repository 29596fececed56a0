"""A secret, from birth to the last moment: a type of our own, since pydantic's takes as long to import as a revoke."""


class SecretStr:
    """A text that nothing shows: no `str`, no `repr`, no traceback with its variables."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Hide *text*."""
        self._text = text

    def get_secret_value(self) -> str:
        """Reveal it: where it leaves the program, and nowhere else."""
        return self._text

    def __str__(self) -> str:
        return "**********" if self._text else ""

    def __repr__(self) -> str:
        return f"SecretStr('{self}')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __len__(self) -> int:
        return len(self._text)
