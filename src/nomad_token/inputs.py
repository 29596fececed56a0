"""Inputs: declared once, each in the group of what uses it; read once, frozen.

Whatever lists inputs (action.yml, the README's table, the check for misspelt names) is made from these declarations.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, NoReturn, Self, TypeVar, overload

from nomad_token import readers
from nomad_token.declared import Declared, Lookup
from nomad_token.errors import InputError
from nomad_token.readers import OneOf
from nomad_token.secret import SecretStr
from nomad_token.text import shown

_T = TypeVar("_T")

_USERINFO: Final = re.compile(r"//[^/@\s]*@")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Input(Generic[_T]):
    """What a field of a group is until the group is read."""

    reads: Callable[[str], _T]
    default: str | None
    about: str
    environment: Sequence[str]
    name: str | None
    required: bool

    @property
    def value(self) -> _T | str | None:
        """What it is where it is not given; nothing is read of an empty text."""
        return self.reads(self.default) if self.default else self.default

    @property
    def is_secret(self) -> bool:
        """Whether what reads it makes a secret of it."""
        return SecretStr in (self.reads, getattr(self.reads, "__annotations__", {}).get("return"))


@overload
def declare(
    reads: Callable[[str], _T], *, about: str, environment: Sequence[str] = (), name: str | None = None
) -> _T: ...


@overload
def declare(
    reads: Callable[[str], _T], default: str, *, about: str, environment: Sequence[str] = (), name: str | None = None
) -> _T: ...


@overload
def declare(
    reads: Callable[[str], _T], default: None, *, about: str, environment: Sequence[str] = (), name: str | None = None
) -> _T | None: ...


def declare(
    reads: Callable[[str], _T],
    default: Any = ...,
    *,
    about: str,
    environment: Sequence[str] = (),
    name: str | None = None,
) -> Any:
    """Declare an input: *reads* makes a value of its text, and raises `ValueError` with what is wrong with it.

    The *default* is a text too, or None; without one the input must be given. *name* is for one that Python keeps for
    itself. What is returned stands for the value, as the field of a dataclass does.
    """
    required = default is ...
    return Input(reads, None if required else default, about, environment, name, required)


class InputGroup:
    """The inputs of one kind of thing. The fields' names with hyphens are the inputs' names."""

    server: ClassVar[str] = ""
    """The server whose name is before each of theirs, where a group is of one."""

    _inputs: ClassVar[Mapping[str, tuple[Input[Any], Declared]]] = {}

    def __init_subclass__(cls) -> None:
        """List what is declared, by the fields' names."""
        cls._inputs = _inputs(cls)

    def __init__(self, **values: object) -> None:
        """Take what was read, by the fields' names."""
        vars(self).update(values)

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"{name} is frozen")

    def but(self, **changes: object) -> Self:
        """Return the same with some *changes*."""
        return type(self)(**vars(self) | changes)

    @classmethod
    def read(cls, lookup: Lookup) -> Self:
        """Read the group where *lookup* finds its values. Raises `InputError` for all that is missing or impossible."""
        values: dict[str, object] = {}
        wrong: list[str] = []
        lacks_secret = False
        for field, (kind, one) in cls._inputs.items():
            found = lookup(one)
            if found is not None:
                try:
                    values[field] = kind.reads(_whole(found.value))
                except ValueError as error:
                    value = "its value" if one.secret else f"`{shown(_USERINFO.sub('//…@', found.value))}`"
                    wrong.append(f"`{one.name}`: {value} {error}.")
            elif kind.required:
                lacks_secret |= one.secret
                elsewhere = f", or set {' or '.join(one.places)}" if one.places else ""
                wrong.append(f"`{one.name}` is missing: give it under `with:`{elsewhere}. {one.about}")
            else:
                values[field] = kind.value
        if wrong:
            raise InputError("\n".join(wrong), lacks_secret=lacks_secret)
        return cls(**values)

    @classmethod
    def declared(cls) -> list[Declared]:
        """List the group's inputs, in their order."""
        return [one for _, one in cls._inputs.values()]


def _whole(value: str) -> str:
    """Refuse what was no text where it came from: nothing can be saved of it, or sent."""
    if _SURROGATE.search(value):
        raise ValueError("holds bytes that are no text in UTF-8")
    return value


def _inputs(group: type[InputGroup]) -> dict[str, tuple[Input[object], Declared]]:
    """Return the inputs of *group* by their fields, those of what it inherits from first."""
    found = {
        field: value
        for kind in reversed(group.__mro__)
        for field, value in vars(kind).items()
        if isinstance(value, Input)
    }
    return {field: (value, _declared(value, field, group.server)) for field, value in found.items()}


def _declared(one: Input[object], field: str, server: str) -> Declared:
    """Describe *one*; the texts of what is the same for each server name it."""
    names = {"server": server, "Server": server.capitalize(), "SERVER": server.upper()}
    return Declared(
        name=one.name or "-".join(filter(None, (server, field.replace("_", "-")))),
        about=one.about.format_map(names) if server else one.about,
        default=one.default or "",
        environment=tuple(name.format_map(names) for name in one.environment),
        secret=one.is_secret,
        required=one.required,
        choices=getattr(one.reads, "choices", ()),
    )


class JobInputs(InputGroup):
    """What holds for every issuer: where the token goes, how long we try, how it ends."""

    env_name: str = declare(
        readers.env_name, "NOMAD_TOKEN", about="The environment variable that holds the token in the job's next steps."
    )
    export_env: Literal["auto", "true", "false"] = declare(
        OneOf("auto", "true", "false"),
        "auto",
        about="Whether the token is put into that variable. `auto` does so unless Nomad says that it is a management "
        "token, which has to be asked for with `true`.",
    )
    export_output: bool = declare(
        readers.boolean,
        "true",
        about="Whether the token is put into the output `token`, or several into `token-ENV-NAME` each.",
    )
    verify: Literal["auto", "required", "off"] = declare(
        OneOf("auto", "required", "off"),
        "auto",
        about="Whether to wait until Nomad accepts the token, which needs `nomad-addr`. `auto` warns when Nomad can't "
        "be reached from here, `required` fails then, and `off` does not ask.",
    )
    min_ttl: float | None = declare(
        readers.duration,
        None,
        about="The life that the token must have at least, such as 30m: a shorter one is undone, before the deploy.",
    )
    max_ttl: float | None = declare(
        readers.duration,
        None,
        about="The life that the token may have at most: a longer one is undone. Without it, more than 24h is warned "
        "about.",
    )
    timeout: float = declare(
        readers.timeout,
        "120s",
        about="How long to try. After it no request is begun; a credential that is under way is still awaited.",
    )
    revoke: bool = declare(
        readers.boolean, "true", about="Whether the token is revoked at the end. A failed mint is undone anyway."
    )
    on_revoke_failure: Literal["warn", "fail"] = declare(
        OneOf("warn", "fail"),
        "warn",
        about="What a token does that could not be revoked: `warn`, or `fail` the post-step or `nomad-token run`. "
        "(`nomad-token revoke` fails in any case.)",
    )
    summary: Literal["auto", "always", "never"] = declare(
        OneOf("auto", "always", "never"),
        "auto",
        about="When to write to the job summary: `always`, `never`, or with `auto` when something needs attention.",
    )


def check_names(given: Iterable[str], declared: Iterable[Declared]) -> None:
    """Raise `InputError` where an input was *given* that is not *declared*, with the name that was likely meant.

    The runner only warns about such a name, and hands it over.
    """
    known = {one.name for one in declared}
    unknown = [name for name in given if name not in known]
    if unknown:
        raise InputError("\n".join(_unknown(name, known) for name in unknown))


# vault-action's names, as the runner spells them, and what they are called here. Its `role`, which is the role of the
# login, has the name of our role of the engine: the text for an unknown role says so.
_OF_VAULT_ACTION: Final = {
    "url": "`vault-addr`",
    "method": "`vault-auth-method`",
    "path": "`vault-auth-path`",
    "namespace": "`vault-namespace`",
    "jwtgithubaudience": "`audience`",
    "exportenv": "`export-env`",
    "outputtoken": "`export-output`",
    "secrets": "`role`: the ROLE of `nomad/creds/ROLE`, and `vault-mount` where the mount is not `nomad`",
    "token": "`vault-token`, with `vault-auth-method: token`",
    "roleid": "`vault-role-id`",
    "secretid": "`vault-secret-id`",
    "githubtoken": "`vault-github-token`",
    "kubernetestokenpath": "`vault-kubernetes-token-path`",
    "username": "`vault-username`",
    "password": "`vault-password`",
    "authpayload": "`vault-auth-payload`",
    "extraheaders": "`vault-headers`",
    "cacertificate": "`vault-ca-cert`",
    "clientcertificate": "`vault-client-cert`",
    "clientkey": "`vault-client-key`",
    "tlsskipverify": "`vault-skip-verify`",
}
_OF_VAULT_ACTION_ALONE: Final = re.compile(
    "exporttoken|jwtprivatekey|jwtkeypassword|jwtttl|secretencodingtype|ignorenotfound|pki"
)


def _unknown(name: str, known: set[str]) -> str:
    if meant := _OF_VAULT_ACTION.get(name):
        return f"`{shown(name)}` is vault-action's name; here it is called {meant}."
    if _OF_VAULT_ACTION_ALONE.fullmatch(name):
        return f"`{shown(name)}` is an input of vault-action, and has no counterpart here."
    import difflib  # noqa: PLC0415 - most names are known

    close = difflib.get_close_matches(name.replace("_", "-"), sorted(known), n=1)
    return f"`{shown(name)}` is not an input" + (f": did you mean `{close[0]}`?" if close else ".")
