"""What every value here has in common that is read from a server, or from what was saved."""

from datetime import datetime
from typing import Annotated, Any, TypeVar, dataclass_transform

from msgspec import Meta, Struct, convert, field

from nomad_token.secret import SecretStr

Time = Annotated[datetime, Meta(tz=True)]
"""A time as Go writes it (RFC 3339), to the microsecond."""

_Value = TypeVar("_Value", bound="Value")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value(Struct, frozen=True):
    """Never changed once it is made, and checked where it is read; what code makes is checked by the types."""


def read(kind: type[_Value], raw: object) -> _Value:
    """Make a value of *kind* out of decoded JSON. Raises `msgspec.ValidationError`, which may quote what was read."""
    return convert(raw, kind, dec_hook=as_secret)


def as_secret(kind: type, raw: Any) -> Any:  # noqa: ANN401 - msgspec's signature
    """Read a secret, for msgspec. Raises `TypeError` for anything but a text."""
    if kind is not SecretStr or not isinstance(raw, str):
        raise TypeError("no text")
    return SecretStr(raw)
