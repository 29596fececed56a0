"""What every value here has in common that is read from a server, or from what was saved."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeVar, dataclass_transform

from msgspec import Meta, Struct, ValidationError, convert, field
from msgspec.structs import FieldInfo, fields

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


def amiss(kind: type[Value], raw: Mapping[str, object]) -> list[str]:
    """Name the fields of *kind* that *raw* lacks, or holds something else for."""
    return sorted(field.encode_name for field in fields(kind) if not _fits(field, raw))


def _fits(field: FieldInfo, raw: Mapping[str, object]) -> bool:
    if field.encode_name not in raw:
        return not field.required
    try:
        convert(raw[field.encode_name], field.type, dec_hook=as_secret)
    except ValidationError:
        return False
    return True


def as_secret(kind: type, raw: Any) -> Any:  # noqa: ANN401 - msgspec's signature
    """Read a secret of *kind*, for msgspec. Raises `TypeError` for anything but a text, and what *kind* raises."""
    if not issubclass(kind, SecretStr) or not isinstance(raw, str):
        raise TypeError("no text")
    return kind(raw)
