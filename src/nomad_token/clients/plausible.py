"""What a server's answer must look like: a secret that isn't plausible is refused, not exported."""

import re
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from nomad_token.secret import SecretStr

UUID: Final = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z"
Accessor = Annotated[str, Meta(pattern=UUID)]


class _Plausible(SecretStr):
    """One that can be what it is said to be: a line break in it would be a second line of an environment file."""

    __slots__ = ()
    pattern: ClassVar[str]

    def __init__(self, text: str) -> None:
        """Hide *text*. Raises `ValueError` for what can't be one."""
        if not re.fullmatch(self.pattern, text, re.ASCII):
            raise ValueError("not plausible")
        super().__init__(text)


class VaultSecret(_Plausible):
    """A token of Vault's, which is opaque."""

    __slots__ = ()
    pattern = r"[\w.=-]{8,4096}"


class NomadSecret(_Plausible):
    """The secret of a token of Nomad's."""

    __slots__ = ()
    pattern = UUID
